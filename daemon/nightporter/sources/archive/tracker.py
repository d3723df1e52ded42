"""What of a file is new: known by the head of its content, whatever its name. Pure.

A file that is renamed, or comes back with a recreated container, goes on where it was; a copy is no news. Its
last line is given out when its newline has come.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from nightporter.model import Chunk, Origin, Position, Stamp
from nightporter.sources.archive.known import KnownFiles
from nightporter.sources.base import Marks
from nightporter.sources.files.lines import Block, LineSplitter
from nightporter.sources.files.marks import HEAD_BYTES, FileMark, Head, Mark, decode, encode, head_of

CHUNK_BYTES: Final = 64 * 1024


class Tracker:
    """How far each file was read. `marks` are the committed ones; those of another container or path under
    the same source's name say nothing here."""

    def __init__(self, origin: Origin, marks: Marks, *, at_end: bool) -> None:
        self.origin = origin
        self._at_end = at_end
        self._known = KnownFiles()
        for stream, data in marks.items():
            mark = decode(data) if data and stream.startswith(f"{origin.stream}#") else None
            for file in mark.files if mark else ():
                self._known.put(file)
        self.begun = bool(marks.get(origin.stream))
        """Whether the files were ever seen: then one that is not known is new, and read from its start."""

    @property
    def identities(self) -> list[str]:
        """The files that are known."""
        return list(self._known)

    def content(self, size: int, *, only_known: bool = False) -> Content:
        """A file of `size` bytes begins. `only_known`: nothing is given out of one that was never seen."""
        return Content(self, size, silent=self._at_end and not self.begun, only_known=only_known)

    def seen_all(self, identities: Collection[str], arrived: Stamp) -> list[Chunk]:
        """Every file was looked at: forget those that are gone, and note the first sight."""
        chunks = [] if self.begun else [self._note(self.origin.stream, Mark(), arrived)]
        self.begun = True
        for identity in set(self._known).difference(identities):
            self._known.drop(identity)
            chunks.append(self._note(self._stream(identity), None, arrived))
        return chunks

    def find(self, first: bytes) -> FileMark | None:
        """The mark of the file that begins with `first`; the longest head that fits."""
        return self._known.find(first)

    def moved(self, mark: FileMark) -> None:
        """A file was read up to here."""
        self._known.put(mark)

    def chunk(self, mark: FileMark, block: Block | None, arrived: Stamp) -> Chunk:
        """The lines of a block with the position they end at; without one, the position alone."""
        end = Position(self.origin.source, self._stream(mark.identity), encode(Mark((mark,))))
        return Chunk(
            origin=self.origin,
            data=block.data if block else b"",
            start=block.start if block else mark.offset,
            identity=mark.identity,
            end=end,
            arrived=arrived,
        )

    def _stream(self, identity: str) -> str:
        return f"{self.origin.stream}#{identity}"

    def _note(self, stream: str, mark: Mark | None, arrived: Stamp) -> Chunk:
        end = Position(self.origin.source, stream, encode(mark) if mark is not None else b"")
        return Chunk(origin=self.origin, data=b"", start=0, identity="", end=end, arrived=arrived)


class Content:
    """One file's content as it comes from its first byte on; what was given out before is passed over."""

    def __init__(self, tracker: Tracker, size: int, *, silent: bool, only_known: bool) -> None:
        self.size = size
        self.identity = ""
        """Names the file, once its head has come and tells it from others."""
        self.is_unknown = False
        """Whether it was to be a known one, and is not."""
        self._tracker = tracker
        self._only_known = only_known
        self._silent = silent
        self._first = bytearray()
        self._seen = 0
        self._mark: FileMark | None = None
        self._lines: LineSplitter | None = None

    @property
    def complete(self) -> bool:
        return self._seen >= self.size

    def feed(self, data: bytes, arrived: Stamp) -> list[Chunk]:
        """The new whole lines that this piece brings; the last piece of a file whose lines are only counted
        (its first sight) gives its position."""
        self._seen += len(data)
        if self._lines is None:
            self._first += data
            if len(self._first) < min(self.size, HEAD_BYTES):
                return []
            data = bytes(self._first)
            self._first.clear()
            self._begin(head_of(data), data)
        if self._mark is None or self._lines is None:
            return []
        chunks = self._read(data, self._mark, self._lines, arrived)
        if self._silent and self.complete:
            chunks.append(self._at(self._mark, self._lines.start, None, arrived))
        return chunks

    def _begin(self, head: Head, first: bytes) -> None:
        known = self._tracker.find(first)
        if known is not None:
            self._silent = False
            self._mark = msgspec.structs.replace(known, head=head)
        elif self._only_known:
            self.is_unknown = True
        elif head.telling:
            self._mark = FileMark(identity=str(head), head=head, offset=0)
        self.identity = self._mark.identity if self._mark else ""
        if self._mark is not None and self._mark.offset > self.size:
            # Shorter than what was read of it, with the same head: cut, but not emptied. The rest was read.
            self._mark = msgspec.structs.replace(self._mark, offset=self.size)
            self._tracker.moved(self._mark)
        self._lines = LineSplitter(self._mark.offset if self._mark else 0)

    def _read(self, data: bytes, mark: FileMark, lines: LineSplitter, arrived: Stamp) -> list[Chunk]:
        passed = max(0, lines.at - (self._seen - len(data)))
        chunks: list[Chunk] = []
        for low in range(passed, len(data), CHUNK_BYTES):
            piece = data[low : low + CHUNK_BYTES]
            for block in lines.feed(piece, len(piece)):
                if not self._silent:
                    chunks.append(self._at(mark, block.end, block, arrived))
        return chunks

    def _at(self, mark: FileMark, offset: int, block: Block | None, arrived: Stamp) -> Chunk:
        mark = msgspec.structs.replace(mark, offset=offset)
        self._tracker.moved(mark)
        return self._tracker.chunk(mark, block, arrived)
