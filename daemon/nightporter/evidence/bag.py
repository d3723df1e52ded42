"""What is gathered of one source: masked lines on the disk, their hashes, and what has to be said of them.

Lines are kept in one nameless temporary file, masked before they are written. Memory stays small whatever
the logs are.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Final, Self

from nightporter.evidence.masking import shown

COPY_BYTES: Final = 1024 * 1024
MOST_NOTES: Final = 50


class Full(Exception):
    """There is no more room for this source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What lay there before it was masked: how to find those bytes again, and their hash."""

    bytes: int
    sha256: str
    where: Mapping[str, str | int]
    """`path`, `start`, `end` of a file; `command` of what can be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The lines of one stream."""

    name: str
    """What it is called, before that is made safe for a file's name."""
    lines: int
    bytes: int
    sha256: str
    original: Original
    at: int
    """Where its masked text begins in the bag."""


@dataclass(slots=True)
class Spool:
    """Takes the lines of one stream. `line` and `original` are told apart, since of a long line only the
    beginning is kept, while the hash is of all that lay there."""

    bag: Bag
    start: int
    where: dict[str, str | int]
    lines: int = 0
    size: int = 0
    """Bytes of masked text."""
    original_size: int = 0
    masked: hashlib._Hash = field(default_factory=hashlib.sha256)
    unmasked: hashlib._Hash = field(default_factory=hashlib.sha256)

    def original(self, data: bytes) -> None:
        """Bytes as they lay there, in order, of lines that were taken."""
        self.unmasked.update(data)
        self.original_size += len(data)

    def line(self, line: bytes) -> None:
        """Take one line, without its line end. Raises Full: then it was not taken."""
        text = shown(line.removesuffix(b"\r")) + b"\n"
        self.bag.write(text)
        self.masked.update(text)
        self.lines += 1
        self.size += len(text)


@dataclass(slots=True)
class Bag:
    """All that one source gave. `room`: bytes of masked text that it may give."""

    source: str
    kind: str
    room: int
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader should know: what is not there, and why."""
    troubles: list[str] = field(default_factory=list)
    """What could not be read."""
    is_full: bool = False
    final: bool = False
    """Whether what does not fit any more is left out; else the caller will try again with a shorter span."""
    _file: IO[bytes] | None = None
    _at: int = 0

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def used(self) -> int:
        """Bytes of masked text."""
        return self._at

    def note(self, text: str) -> None:
        """Say something once; only so much is said."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)

    def trouble(self, text: str) -> None:
        if text not in self.troubles and len(self.troubles) < MOST_NOTES:
            self.troubles.append(text)

    def empty(self) -> None:
        """Begin anew."""
        assert self._file is not None
        self._file.seek(0)
        self._file.truncate()
        self._at = 0
        self.is_full = False
        for kept in (self.parts, self.notes, self.troubles):
            kept.clear()

    def overflow(self) -> None:
        """There is more than there is room for. Raises Full, unless as much as fits shall be taken."""
        self.is_full = True
        if not self.final:
            raise Full

    def write(self, text: bytes) -> None:
        assert self._file is not None
        if self._at + len(text) > self.room:
            self.is_full = True
            raise Full
        self._file.write(text)
        self._at += len(text)

    @contextmanager
    def stream(self, name: str, **where: str | int) -> Iterator[Spool]:
        """A stream whose lines come now; one that gives none leaves no trace. What came before there was no
        more room, or before the stream broke, is kept."""
        spool = Spool(self, self._at, where)
        try:
            yield spool
        finally:
            if spool.lines:
                self.parts.append(_part(name, spool))

    def copy(self, part: Part, to: IO[bytes]) -> None:
        """The masked text of a part."""
        assert self._file is not None
        self._file.seek(part.at)
        left = part.bytes
        while left:
            data = self._file.read(min(left, COPY_BYTES))
            to.write(data)
            left -= len(data)


def _part(name: str, spool: Spool) -> Part:
    return Part(
        name=name,
        lines=spool.lines,
        bytes=spool.size,
        sha256=spool.masked.hexdigest(),
        original=Original(bytes=spool.original_size, sha256=spool.unmasked.hexdigest(), where=spool.where),
        at=spool.start,
    )
