"""Who a file is, and where reading goes on: what is committed for a stream.

A file is known by its head, a hash of its content's first bytes (unpacked, for a compressed one) together
with how many were hashed: so it is the same file after a rename, a copy, a compression, and after it has
grown. Device and inode only tell files with equal heads apart, and find a renamed one quickly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec

HEAD_BYTES: Final = 4096


class Head(msgspec.Struct, frozen=True):
    """The hash of the first `length` bytes; length 0 says nothing of the content."""

    digest: str = ""
    length: int = 0
    telling: bool = False
    """Whether it can tell this file from others: it holds a whole line, or all that a head can hold."""

    def fits(self, content: bytes) -> bool:
        """Whether `content`, a file's first bytes, begins with what was hashed."""
        return len(content) >= self.length and head_of(content[: self.length]) == self

    def __str__(self) -> str:
        return f"{self.digest}-{self.length}"


NO_HEAD: Final = Head()


def head_of(content: bytes) -> Head:
    """The head of a file that begins with `content` (what is beyond HEAD_BYTES is left out)."""
    return next(heads_of(content, [min(len(content), HEAD_BYTES)]))


def heads_of(content: bytes, lengths: Iterable[int]) -> Iterator[Head]:
    """The heads of those lengths, which must rise and not exceed the content's or HEAD_BYTES; in one pass."""
    hashed, at, telling = blake2b(digest_size=12), 0, False
    for length in lengths:
        piece = content[at:length]
        hashed.update(piece)
        at, telling = length, telling or b"\n" in piece
        yield Head(hashed.hexdigest(), length, telling or length == HEAD_BYTES) if length else NO_HEAD


class FileMark(msgspec.Struct, frozen=True, kw_only=True):
    """How far one file was read."""

    identity: str
    """The head as it was when the first line was given out: it names the file in ids for good."""
    head: Head
    """The head as it is now known; grows with the file up to HEAD_BYTES."""
    offset: int
    """In bytes of content: everything before has been given out."""
    device: int = 0
    inode: int = 0
    modified: int = 0
    """The file's mtime when it was last looked at, nanoseconds: siblings written later are news."""


class Mark(msgspec.Struct, frozen=True):
    """What a stream's position holds: its files that are not done with, oldest first.

    Mostly one. Two around a rotation, while a writer may still hold the old file open. A file that is newer
    than the last of them has not been touched.
    """

    files: tuple[FileMark, ...] = ()


def encode(mark: Mark) -> bytes:
    """The mark as JSON."""
    return msgspec.json.encode(mark)


def decode(data: bytes) -> Mark | None:
    """The mark in `data`, or None for what is no mark of ours (a stream that is then seen for the first
    time)."""
    try:
        return msgspec.json.decode(data, type=Mark)
    except msgspec.DecodeError:
        return None
