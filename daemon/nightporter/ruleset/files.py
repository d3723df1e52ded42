"""Rule files on disk → `SourceText`. The only part of this package that reads files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from nightporter.errors import Place, Problem, nearest
from nightporter.plainfile import read_head
from nightporter.yamltext.composing import MAX_BYTES

SUFFIXES: Final = frozenset({".yaml", ".yml"})
MAX_FILES: Final = 2000
"""Files of one folder that are read; more is surely the wrong folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """One rule file, not yet looked at. `shipped` files alone may hold `renamed:`."""

    name: str
    text: str | bytes
    shipped: bool = False


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """What was found, and what could not be read."""

    texts: tuple[SourceText, ...]
    problems: tuple[Problem, ...]


def read(paths: Iterable[Path], *, shipped: bool = False) -> ReadFiles:
    """The rule files of folders (sorted by name, not below) and single files, in the order given.

    Hidden files and what editors leave behind (`#x.yaml#`, `x.yaml~`, `.x.yaml.swp`) are left out. A path
    that is not there or may not be read is a problem, as is a link in a folder that leads nowhere: rules
    must not go missing unsaid. So is a folder of more than `MAX_FILES` rule files.
    A file that vanishes between listing and reading counts as not there.
    """
    texts: list[SourceText] = []
    problems: list[Problem] = []
    seen: set[tuple[int, int]] = set()
    for path in paths:
        try:
            files = _files_of(path)
        except OSError as err:
            problems.append(_unreadable(path, err))
            continue
        if len(files) > MAX_FILES:
            found = f"{len(files)} rule files in one folder"
            problems.append(Problem(place=Place(str(path)), found=found, expected=f"at most {MAX_FILES}"))
            continue
        for file in files:
            try:
                content, status = read_head(file, MAX_BYTES + 1)
            except OSError as err:
                if file == path or os.path.lexists(file):
                    problems.append(_unreadable(file, err))
                continue
            identity = (status.st_dev, status.st_ino)
            if identity not in seen:  # a file may be named beside its own folder
                seen.add(identity)
                texts.append(SourceText(name=str(file), text=content, shipped=shipped))
    return ReadFiles(tuple(texts), tuple(problems))


def is_rule_file(path: Path) -> bool:
    """Whether a folder's file is one of rules, by its name."""
    return path.suffix in SUFFIXES and not path.name.startswith((".", "#"))


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted((p for p in path.iterdir() if is_rule_file(p) and not p.is_dir()), key=lambda p: p.name)


def _unreadable(path: Path, err: OSError) -> Problem:
    reason = (err.strerror or type(err).__name__).lower()
    fix, near = "check the path and its permissions", ""
    if isinstance(err, FileNotFoundError) and path.is_symlink():
        reason, fix = f"it leads to {path.readlink()}, which is not there", "mend the link, or take it out"
    elif isinstance(err, FileNotFoundError):
        near = nearest(path.name, _beside(path))
    return Problem(place=Place(str(path)), found=f"cannot be read: {reason}", nearest=near, fix=fix)


def _beside(path: Path) -> list[str]:
    """What the folder of a path holds that could be meant by it."""
    try:
        with os.scandir(path.parent) as entries:
            return [entry.name for entry in islice(entries, MAX_FILES)]
    except OSError:
        return []
