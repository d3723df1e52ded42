"""A tar archive taken apart as it comes, a piece at a time: what the engine's archive endpoint sends.

Pure. Python's `tarfile` wants to read by itself, which would need a thread and a pipe; it only reads headers
here. Formats: ustar with PAX and GNU long names, as Go's archive/tar writes them (engine 20.10, 26.1).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final, NamedTuple

BLOCK: Final = 512
_LONGEST_NAME: Final = 64 * 1024
"""Bytes of an extended header that are kept; a name longer than that is no log's."""
_EXTENDED: Final = (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME)


class BadArchive(ValueError):
    """What came is no tar archive."""


class Entry(NamedTuple):
    """A plain file begins; `size` bytes of content follow."""

    name: str
    size: int
    modified_s: int
    """Its mtime, whole seconds since the epoch."""


class TarFiles:
    """Feed it the archive; it gives each plain file's `Entry`, then its content in pieces. All else in the
    archive (folders, links, devices) is passed over."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0
        """Bytes of the current entry's content that have not come yet."""
        self._padding = 0
        self._kind = b""
        self._extended = bytearray()
        self._long_name = ""

    def feed(self, data: bytes) -> Iterator[Entry | bytes]:
        """What the next bytes of the archive hold. Raises BadArchive."""
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                yield from self._content(piece)
            elif self._padding:
                skipped = min(self._padding, len(data) - at)
                at += skipped
                self._padding -= skipped
            else:
                piece = data[at : at + BLOCK - len(self._header)]
                at += len(piece)
                self._header += piece
                if len(self._header) == BLOCK:
                    yield from self._begin()

    def _begin(self) -> Iterator[Entry]:
        block = bytes(self._header)
        self._header.clear()
        if not any(block):  # the archive's end: blocks of zeros
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as err:
            raise BadArchive(f"no tar header: {err}") from err
        if info.size < 0:
            raise BadArchive(f"a tar entry of {info.size} bytes")
        self._kind, self._left, self._padding = info.type, info.size, -info.size % BLOCK
        if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
            yield Entry(self._long_name or info.name, info.size, int(info.mtime))
        if info.type not in _EXTENDED:
            self._long_name = ""
        self._extended.clear()

    def _content(self, piece: bytes) -> Iterator[bytes]:
        if self._kind in (tarfile.REGTYPE, tarfile.AREGTYPE):
            yield piece
        elif self._kind in _EXTENDED:
            self._extended += piece[: _LONGEST_NAME - len(self._extended)]
            if not self._left:
                read = _pax_path if self._kind == tarfile.XHDTYPE else _gnu_name
                self._long_name = read(bytes(self._extended)) or self._long_name


def _gnu_name(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "surrogateescape")


def _pax_path(data: bytes) -> str:
    """The value of `path` in records of `LENGTH KEY=VALUE\\n` (POSIX.1-2001, pax); "" where there is none."""
    while data:
        digits, blank, _ = data.partition(b" ")
        if not blank or not digits.isdigit() or not 0 < int(digits) <= len(data):
            return ""
        record, data = data[len(digits) + 1 : int(digits)], data[int(digits) :]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        if key == b"path":
            return value.decode("utf-8", "surrogateescape")
    return ""
