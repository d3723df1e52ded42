"""The rotated copies beside a log: which names they have, which is older, and which of them a mark speaks
of."""

from __future__ import annotations

import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from nightporter.sources.files.marks import HEAD_BYTES, FileMark

NEWEST: Final = 1000
"""Copies of one log that are looked at, the newest; nobody keeps more."""

_DATE: Final = (
    r"\d{4}-?\d{2}-?\d{2}"  # logrotate's dateext, Python's TimedRotatingFileHandler, Serilog
    r"(?:[T_.-]?\d{2}[-.:]?\d{2}(?:[-.:]?\d{2}(?:[.,]\d{3})?)?)?"  # with a time: lumberjack, Caddy
    r"(?:\.\d{1,3})?"  # and a number within the day: logback
    r"|\d{10}"  # seconds since the epoch: logrotate's `dateformat -%s`
)
_ROTATED: Final = re.compile(
    rf"(?P<stem>.+?)(?:\.(?P<number>\d{{1,6}})|[-._](?P<date>{_DATE})|\.(?P<old>old))"
    r"(?P<ext>\.(?!gz$)[A-Za-z]\w*)?(?P<gz>\.gz)?"
)


@dataclass(frozen=True, slots=True)
class RotatedName:
    """What the name of a rotated copy says: `access.log.2.gz`, `access.log-20261124`, `sonarr.0.txt`."""

    live: str
    """The name of the log that it is a copy of."""
    number: int | None
    date: tuple[int, ...]
    compressed: bool


def rotated_name(name: str) -> RotatedName | None:
    """Read a file's name as that of a rotated copy; None if it is not like one."""
    found = _ROTATED.fullmatch(name)
    if found is None:
        return None
    number = 1 if found["old"] else int(found["number"]) if found["number"] else None
    date = tuple(int(part) for part in re.findall(r"\d+", found["date"] or ""))
    return RotatedName(found["stem"] + (found["ext"] or ""), number, date, found["gz"] is not None)


@dataclass(frozen=True, slots=True)
class Sibling:
    """A rotated copy that stood there when the folder was listed."""

    path: Path
    name: RotatedName
    device: int
    inode: int
    size: int
    """Bytes on the disk; of a compressed one, compressed."""
    modified: int

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode


def places(path: Path) -> list[Path]:
    """The log by its own path and, where that is a link, by the real one: copies may stand beside either."""
    real = Path(os.path.realpath(path))
    return [path] if real.parent == path.parent and real.name == path.name else [path, real]


def list_siblings(path: Path) -> list[Sibling]:
    """The rotated copies of the log at `path`, oldest first. A folder that cannot be listed has none."""
    found: dict[Path, Sibling] = {}
    for live in places(path):
        for entry in _entries(live.parent):
            name = rotated_name(entry.name) if entry.name.startswith(live.name[:1]) else None
            if name is not None and name.live == live.name and (sibling := _sibling(entry, name)):
                found[sibling.path] = sibling
    plain = {path for path, sibling in found.items() if not sibling.name.compressed}
    # While a copy is being compressed both stand there: the plain one is whole.
    kept = [s for s in found.values() if not (s.name.compressed and s.path.with_suffix("") in plain)]
    return _by_age(kept)[-NEWEST:]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _sibling(entry: os.DirEntry[str], name: RotatedName) -> Sibling | None:
    try:
        seen = entry.stat()
    except OSError:  # renamed or deleted meanwhile
        return None
    if not stat.S_ISREG(seen.st_mode):
        return None
    return Sibling(Path(entry.path), name, seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _by_age(siblings: Iterable[Sibling]) -> list[Sibling]:
    """Oldest first. Names are believed before mtimes, which a copy or a clock may have disturbed."""
    by_time = sorted(siblings, key=lambda s: (s.modified, s.path.name))
    if all(s.name.date for s in by_time):
        return sorted(by_time, key=lambda s: s.name.date)
    numbers = [s.name.number for s in by_time]
    if any(number is None for number in numbers):
        return by_time  # two schemes side by side: only the mtimes compare
    counts_up = len(by_time) > 2 and all(
        a.modified < b.modified and (a.name.number or 0) < (b.name.number or 0) for a, b in pairwise(by_time)
    )
    return sorted(by_time, key=lambda s: (s.name.number or 0) * (1 if counts_up else -1))


def first_bytes(path: Path, length: int = HEAD_BYTES) -> bytes:
    """Up to `length` bytes of a file's content, unpacked; raises OSError as `open` does.

    A compressed file that is broken gives what could be unpacked.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not is_compressed(path):
            return file.read(length)
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return unpacked.read(length)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return b""


def is_compressed(path: Path) -> bool:
    return path.suffix == ".gz"


def has_head(path: Path, mark: FileMark) -> bool:
    """Whether the content of the file at `path` begins as the mark's did; an empty head fits nothing."""
    try:
        return mark.head.length > 0 and mark.head.fits(first_bytes(path, mark.head.length))
    except OSError:
        return False


def fits(path: Path, mark: FileMark) -> bool:
    """Whether the file at `path` has the mark's head and, unless compressed, is long enough for its
    offset."""
    try:
        if not is_compressed(path) and path.stat().st_size < mark.offset:
            return False
    except OSError:
        return False
    return has_head(path, mark)


def find(mark: FileMark, path: Path, siblings: Iterable[Sibling]) -> Path | None:
    """Where the file that `mark` speaks of is now: the log itself, a sibling, or renamed to anything beside
    it.

    None: nowhere; or it was empty, or its only line was an unfinished one that was given out, and it may be
    any.
    """
    if mark.head.length == 0 or (mark.offset > 0 and not mark.head.telling):
        return None
    listed = list(siblings)
    for candidate in _same_inode(mark, path):
        if fits(candidate, mark):
            return candidate
    for sibling in reversed(listed):
        # A short head, of a file of which no line was read, fits many: then only a copy made since will do.
        if (mark.head.telling or sibling.modified >= mark.modified) and fits(sibling.path, mark):
            return sibling.path
    if mark.head.telling and fits(path, mark):
        return path  # the same content under a new inode, as an editor or a restored backup leaves it
    if mark.head.length == HEAD_BYTES and has_head(path, mark):
        return path  # cut, but not emptied: what it still has was read
    return None


def _same_inode(mark: FileMark, path: Path) -> list[Path]:
    folders = {place.parent for place in places(path)}
    return [
        Path(entry.path)
        for folder in folders
        for entry in _entries(folder)
        if entry.inode() == mark.inode and not entry.is_symlink() and _is_file_on(entry, mark.device)
    ]


def _is_file_on(entry: os.DirEntry[str], device: int) -> bool:
    try:
        seen = entry.stat()
    except OSError:
        return False
    return stat.S_ISREG(seen.st_mode) and seen.st_dev == device


def newer_than(mark: FileMark, siblings: Iterable[Sibling], known: Iterable[FileMark] = ()) -> list[Sibling]:
    """The siblings that were written after the file that `mark` speaks of, oldest first.

    Where that file is among them, it is their order that tells; where it is not (deleted, emptied before it
    was copied) or could be any by its head, their mtimes.
    Then `known`, the files that were read or are being read, are left out: their last lines may have come
    late.
    """
    listed = list(siblings)
    if mark.head.telling:
        # Not `fits`: a copy that was made before our last look is shorter than our offset, and no news.
        own = [s for s in listed if s.key == (mark.device, mark.inode)]
        for sibling in [*own, *reversed(listed)]:
            if has_head(sibling.path, mark):
                return listed[listed.index(sibling) + 1 :]
    read = [other for other in known if other.head.telling]
    later = [s for s in listed if s.modified > mark.modified]
    return [s for s in later if not any(has_head(s.path, other) for other in read)]
