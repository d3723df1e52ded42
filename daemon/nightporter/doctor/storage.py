"""Where Nightporter remembers: the folder, the room on its disk, the database in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.doctor.finding import Finding, Voice
from nightporter.model import HOUR, Nanos, Stamp
from nightporter.notify.localtime import span

_SAY: Final = Voice("storage")
_FULL_BYTES: Final = 256 << 20
_LOW_BYTES: Final = 2 << 30
_BIG_BYTES: Final = 1 << 30
_OLD: Final[Nanos] = 24 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFacts:
    """The state folder and the database."""

    folder: str
    free: int | None
    """Bytes; None: not known."""
    writable: bool
    database: str = ""
    """Its path; empty: there is none yet."""
    size: int = 0
    """Bytes, with its journal."""
    verdict: str = ""
    """What SQLite's quick_check says: `ok`, or what is broken; empty: it was not asked."""
    trouble: str = ""
    """Why it could not be opened or asked."""
    private: bool = True
    """Whether only its owner may read it."""
    last_commit: Stamp = 0
    now: Stamp = 0
    alive: bool = False
    """Whether the daemon runs: else an old commit is no news."""


def findings(facts: StorageFacts) -> Iterator[Finding]:
    """All checks."""
    yield from about_folder(facts)
    yield from about_database(facts)
    yield from about_commit(facts)


def about_folder(facts: StorageFacts) -> Iterator[Finding]:
    """May we write, and is there room."""
    if not facts.writable:
        yield _SAY.wrong(f"{facts.folder} cannot be written", f'sudo chown -R "$USER" {facts.folder}')
    if facts.free is None:
        yield _SAY.blind(f"{facts.folder}: how much room there is cannot be asked")
    elif facts.free < _LOW_BYTES:
        # Below the first limit nothing is committed any more, so nothing is told.
        stops = "; when it is full, reading stops" if facts.free < _FULL_BYTES else ""
        yield _SAY.wrong(
            f"{facts.folder}: only {_size(facts.free)} are free{stops}",
            "docker system df    # then: docker image prune, docker builder prune",
        )
    else:
        yield _SAY.right(f"{facts.folder}: {_size(facts.free)} are free")


def about_database(facts: StorageFacts) -> Iterator[Finding]:
    """Is it whole, private, and of a sane size."""
    away = f"nightporter uninstall\nmv {facts.database} {facts.database}.broken\nnightporter install"
    if not facts.database:
        yield _SAY.note(f"{facts.folder}: no database yet; the first run makes it")
    elif facts.trouble:
        yield _SAY.wrong(f"{facts.database}: {facts.trouble}", away)
    elif facts.verdict not in ("ok", ""):
        yield _SAY.wrong(f"{facts.database} is damaged: {facts.verdict}", away)
    else:
        checked = "whole" if facts.verdict else "too large to be checked here"
        yield _SAY.right(f"{facts.database}: {checked}, {_size(facts.size)}")
    if facts.database and not facts.private:
        yield _SAY.wrong(f"{facts.database} can be read by others", f"chmod 600 {facts.database}")
    if facts.size > _BIG_BYTES:
        yield _SAY.note(f"{facts.database} has grown to {_size(facts.size)}")


def about_commit(facts: StorageFacts) -> Iterator[Finding]:
    """When it last wrote down what it had found."""
    age = facts.now - facts.last_commit
    if facts.alive and facts.last_commit and age > _OLD:
        yield _SAY.blind(f"nothing was committed for {span(age)}: no source has brought a line since")


def _size(count: int) -> str:
    if count >= 1 << 30:
        return f"{count / (1 << 30):.1f} GB"
    return f"{count / (1 << 20):.0f} MB" if count >= 1 << 20 else f"{max(1, count >> 10)} kB"
