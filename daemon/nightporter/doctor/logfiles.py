"""The files of the config's sources: are they there, and may the one who runs read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.doctor.finding import Finding, Voice, listed

_SAY: Final = Voice("files")
GUARDED: Final = (
    "Desktop",
    "Documents",
    "Downloads",
    "Library/Mail",
    "Library/Messages",
    "Library/Safari",
    "Library/Containers",
    "Library/Mobile Documents",
    "Library/Group Containers",
)
"""Folders of a home that macOS's privacy (TCC) keeps from agents; and all of /Volumes/NAME that is no
internal disk (support.apple.com/guide/mac-help/mchl07a1d9b8, 2026-11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFacts:
    """One path or glob of a file source, as this process sees it."""

    source: str
    path: str
    found: int = 0
    """Files that it means now."""
    refused: tuple[tuple[str, str], ...] = ()
    """(file or folder, the system's word) of what is there and may not be read."""
    folder: bool = True
    """Whether the folder that it lies in is there."""
    mode: str = ""
    """Owner, group and mode of the first that is refused, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """All of them; `blind` is what the running daemon said of its own, by source: it may not see what a shell
    sees."""

    paths: tuple[PathFacts, ...]
    blind: tuple[tuple[str, str], ...] = ()
    platform: str = ""
    home: str = ""
    user: str = ""
    python: str = ""
    """The program that macOS judges: the real Python that runs the agent."""


def findings(facts: FileFacts) -> Iterator[Finding]:
    """All checks."""
    for path in facts.paths:
        yield from about_refusals(path, facts)
        yield from about_absence(path)
    yield from about_guarded(facts)
    yield from about_blind(facts)
    well = [path.path for path in facts.paths if path.found and not path.refused]
    if well:
        yield _SAY.right(f"{listed(well)}: can be read")


def about_refusals(path: PathFacts, facts: FileFacts) -> Iterator[Finding]:
    """EPERM is macOS's privacy; EACCES is the mode, or, in a guarded folder, privacy too."""
    for file, why in path.refused:
        if facts.platform == "darwin" and (why == "EPERM" or is_guarded(file, facts.home)):
            yield _SAY.wrong(
                f"{file} ({path.source}): macOS's privacy refuses it ({why})", full_disk_access(facts.python)
            )
        else:
            mend = f"sudo chmod o+r {file}"
            if facts.platform != "darwin":
                mend = f"sudo setfacl -m u:{facts.user}:rX {file}    # or add {facts.user} to its group"
            yield _SAY.wrong(f"{file} ({path.source}): its mode refuses us ({why}{path.mode})", mend)


def about_absence(path: PathFacts) -> Iterator[Finding]:
    """Nothing there: a lost folder is a mistake, a file may come."""
    if path.found or path.refused:
        return
    if not path.folder:
        yield _SAY.wrong(
            f"{path.path} ({path.source}): there is no such folder",
            f"name the right one under 'paths' of the source '{path.source}', or take it out",
        )
    else:
        yield _SAY.blind(f"{path.path} ({path.source}): no such file yet; it is read as soon as it is there")


def about_guarded(facts: FileFacts) -> Iterator[Finding]:
    """A shell may read what an agent may not: say so before it is found out."""
    if facts.platform != "darwin":
        return
    told = {source for source, _ in facts.blind}
    for path in facts.paths:
        if path.found and not path.refused and path.source not in told and is_guarded(path.path, facts.home):
            yield _SAY.note(
                f"{path.path} lies in a folder that macOS guards: this shell may read it, an agent may not",
                full_disk_access(facts.python),
            )


def about_blind(facts: FileFacts) -> Iterator[Finding]:
    """What the daemon itself could not read, though this process may."""
    refused = {file for path in facts.paths for file, _ in path.refused}
    for source, said in facts.blind:
        if any(file in said for file in refused):
            continue  # told already, with its mend
        privacy = facts.platform == "darwin" and ("not permitted" in said or is_guarded(said, facts.home))
        mend = full_disk_access(facts.python) if privacy else "nightporter restart"
        yield _SAY.wrong(f"the running Nightporter cannot read a file of {source}: {said}", mend)


def is_guarded(path: str, home: str) -> bool:
    """Whether a path lies where macOS lets agents not read without a permission."""
    return path.startswith("/Volumes/") or any(f"{home}/{name}/" in f"{path}/" for name in GUARDED)


def full_disk_access(python: str) -> str:
    """The way through System Settings, whose panels open by an address of Apple's."""
    return (
        "open 'x-apple.systempreferences:com.apple.preference.security?Privacy_AllFiles'\n"
        f"# Full Disk Access > + > {python}\n"
        "nightporter restart"
    )
