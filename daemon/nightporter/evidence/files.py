"""Lines of log files: of those that the config names, and of the rotated copies beside them. Blocking."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from nightporter.config import FileSource
from nightporter.evidence.bag import Bag, Spool
from nightporter.evidence.ranges import Content, Found, StampOf, find, first_stamped, lines
from nightporter.evidence.span import Span, exactly
from nightporter.formats import make_format
from nightporter.model import Origin, Stamp
from nightporter.sources.files.finder import explain
from nightporter.sources.files.group import Members, is_glob, origin_of, stream_of
from nightporter.sources.files.opened import open_regular, unpacking
from nightporter.sources.files.siblings import is_compressed, list_siblings

MOST_FILES: Final = 500
"""Files of one source that are looked at, the newest."""
UNPACKED_BYTES: Final = 1024 * 1024 * 1024
"""Bytes of one compressed file that are unpacked: a file may be made to unpack for ever."""
TAIL_BYTES: Final = 256 * 1024
"""What is taken of a log without stamps that was written to in the span."""
_READ: Final = 256 * 1024


class FileContent:
    """Implements `ranges.Content` for an open file, plain or gzip. What is appended later is not seen."""

    def __init__(
        self, raw: IO[bytes], path: Path, *, compressed: bool, modified: Stamp | None = None
    ) -> None:
        """`modified`: when it was last written, where that is not what the system says of the open file."""
        self._path = path
        self._raw = raw
        raw.seek(0)
        self._unpacked = gzip.GzipFile(fileobj=raw) if compressed else None
        seen = os.fstat(raw.fileno())
        self._length = seen.st_size
        self.modified: Stamp = seen.st_mtime_ns if modified is None else modified
        self.key = (seen.st_dev, seen.st_ino)

    @property
    def size(self) -> int | None:
        return None if self._unpacked is not None else self._length

    def read(self, offset: int, length: int) -> bytes:
        if self._unpacked is None:
            return os.pread(self._raw.fileno(), max(0, min(length, self._length - offset)), offset)
        with unpacking(self._path):
            if offset >= UNPACKED_BYTES:
                return b""
            self._unpacked.seek(offset)
            return self._unpacked.read(length)


@contextmanager
def opened(path: Path) -> Iterator[FileContent]:
    """A log or a rotated copy. Raises OSError, also for what is no regular file."""
    with open_regular(path) as raw:
        yield FileContent(raw, path, compressed=is_compressed(path))


def collect(config: FileSource, span: Span, bag: Bag) -> None:
    """Put the span's lines of all the source's files into the bag, oldest file first. Raises Full."""
    seen: set[tuple[int, int]] = set()
    oldest: list[Stamp] = []
    for log in _logs(config, bag):
        origin = origin_of(config, stream_of(log))
        paths = [*(sibling.path for sibling in list_siblings(log)), log]
        if len(paths) > MOST_FILES:
            bag.note(f"{log} has {len(paths):,} rotated copies; the newest {MOST_FILES} were looked at")
        for path in paths[-MOST_FILES:]:
            if path != log and path.is_symlink():
                bag.note(f"{path} is a link, which no rotation makes; it was not followed")
                continue
            try:
                with opened(path) as content:
                    if content.key not in seen:
                        seen.add(content.key)
                        oldest += take(content, path.name, str(path), origin, span, bag)
            except FileNotFoundError:
                bag.note(f"{path} is not there")
            except OSError as err:
                bag.trouble(explain(err, path))
    if oldest and min(oldest) > span.first:
        bag.note(f"the oldest line that is still there is of {exactly(min(oldest))}")


def take(content: FileContent, name: str, path: str, origin: Origin, span: Span, bag: Bag) -> list[Stamp]:
    """Put the span's lines of one file into the bag; gives its first stamp, where that is known. Raises Full
    and OSError."""
    if content.size is None and content.modified < span.first:
        return []  # not worth unpacking: a copy's time is never older than its lines
    form = make_format(origin)

    def stamp_of(line: bytes) -> Stamp | None:
        return form.parse(line.removesuffix(b"\r"), content.modified).time

    first = first_stamped(content, 0, stamp_of)
    if first is None or first.stamp <= span.last:
        found = _found(content, path, span, stamp_of, bag)
        with bag.stream(name, path=path, start=found.start) as spool:
            _copy(content, found, spool)
    return [] if first is None else [first.stamp]


def _found(content: FileContent, path: str, span: Span, stamp_of: StampOf, bag: Bag) -> Found:
    found = find(content, span, stamp_of, most=bag.room)
    match found.why:
        case "cut":
            bag.overflow()
        case "gave up":
            bag.trouble(f"{path}: the lines of that time were not found; it may be out of order")
        case "unstamped" if content.size and span.first <= content.modified:
            bag.note(f"{path}: its lines tell no time; these are its last {TAIL_BYTES >> 10} KiB")
            return _tail(content, content.size)
    return found


def _tail(content: Content, size: int) -> Found:
    start = max(0, size - TAIL_BYTES)
    if start:
        start += content.read(start, TAIL_BYTES).find(b"\n") + 1
    return Found(start, size)


def _copy(content: Content, found: Found, spool: Spool) -> None:
    """Raises Full, with the lines that there was room for taken. The hash is of those lines' bytes."""
    end = found.start
    try:
        for _, high, line in lines(content, found.start, found.end):
            spool.line(line)
            end = high
    finally:
        spool.where["end"] = end
        at = found.start
        while at < end and (data := content.read(at, min(_READ, end - at))):
            spool.original(data)
            at += len(data)


def _logs(config: FileSource, bag: Bag) -> list[Path]:
    """The logs that the config's paths mean now, without their rotated copies."""
    found: dict[Path, None] = {}
    for path in config.paths:
        if not is_glob(path):
            found[Path(path)] = None
            continue
        try:
            members = Members(path, known=True)
            listed = members.list()
        except OSError as err:
            bag.trouble(explain(err, Path(path)))
            continue
        # Who may write to the folder could have a link lead to anything that we may read: a private key, say.
        found |= dict.fromkeys(member for member in listed if members.covers(str(member)))
        if away := sum(not members.covers(str(member)) for member in listed):
            bag.note(f"{path}: {away:,} links lead out of that folder; they were not followed")
    if len(found) > MOST_FILES:
        bag.note(f"{len(found):,} files fit; the newest {MOST_FILES} were looked at")
    return list(found)[-MOST_FILES:]
