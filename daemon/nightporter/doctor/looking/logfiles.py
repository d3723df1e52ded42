"""Tries every path of the config's file sources."""

from __future__ import annotations

import glob
import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from nightporter.config import Config, FileSource
from nightporter.doctor.logfiles import PathFacts
from nightporter.doctor.looking.view import word
from nightporter.sources.files.group import is_glob

_MOST: Final = 200
"""Files of one glob that are tried."""


def look(config: Config) -> tuple[PathFacts, ...]:
    """Blocking."""
    return tuple(
        look_at(source.name, path)
        for source in config.sources
        if isinstance(source, FileSource)
        for path in source.paths
    )


def look_at(source: str, path: str) -> PathFacts:
    """One path or glob, by opening what it means."""
    plain = not is_glob(path)
    files = [path] if plain else sorted(glob.glob(path, recursive=True))[:_MOST]  # noqa: PTH207 - an absolute one
    found, refused = 0, []
    for file in files:
        try:
            with open(file, "rb", opener=_without_waiting):
                found += 1
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as err:
            refused.append((file, word(err)))
    folder = _fixed_folder(path)
    if not files and folder.is_dir():
        refused += _closed(folder)
    return PathFacts(
        source=source,
        path=path,
        found=found,
        refused=tuple(refused),
        folder=folder.is_dir() or bool(refused),
        mode=_mode(refused[0][0]) if refused else "",
    )


def _without_waiting(path: str, flags: int) -> int:
    """To open a pipe that nobody writes to would hang."""
    return os.open(path, flags | os.O_NONBLOCK)


def _closed(folder: Path) -> list[tuple[str, str]]:
    """A glob in a folder that may not be listed finds nothing, and says nothing."""
    try:
        with os.scandir(folder):
            return []
    except OSError as err:
        return [(str(folder), word(err))]


def _fixed_folder(path: str) -> Path:
    """The nearest folder above a path without a wildcard in it."""
    folder = Path(path).parent
    while glob.has_magic(str(folder)):
        folder = folder.parent
    return folder


def _mode(file: str) -> str:
    """`, root:adm 0640`; empty where even that is refused."""
    with suppress(OSError, KeyError):
        seen = os.stat(file)  # noqa: PTH116 - a text in, a text out
        owner, group = pwd.getpwuid(seen.st_uid).pw_name, grp.getgrgid(seen.st_gid).gr_name
        return f", {owner}:{group} {stat.S_IMODE(seen.st_mode):04o}"
    return ""
