"""Bytes in, whole lines out: the one place that cuts a stream into lines, live and in replay.

Only `\\n` ends a line; a CR before it, NUL bytes and invalid UTF-8 are the format's affair and pass
untouched.
"""

from __future__ import annotations

from typing import Final, NamedTuple

LINE_CAP: Final = 1024 * 1024
"""Bytes of one line that are kept; what a longer line has beyond is skipped and counted."""


class Block(NamedTuple):
    """Whole lines that stand together in the stream, at `[start, end)`.

    `data` is the same bytes as in the stream but for its last line, which may have been cut at the cap or
    given the newline that it lacked.
    """

    data: bytes
    start: int
    end: int


class LineSplitter:
    """Cuts what it is fed at the last newline and carries the rest, never more than `cap` bytes of it.

    A line that is longer than `cap` (its newline not counted) comes out as its first `cap` bytes once its
    newline has come, at the end of a block of its own, so that offsets inside a block are always true.
    """

    __slots__ = ("_tail", "at", "cap", "cut_bytes", "cut_lines", "start")

    def __init__(self, at: int = 0, *, cap: int = LINE_CAP) -> None:
        self.cap = cap
        self.start = at
        """Offset of the first byte that has not been given out: where to go on reading after a restart."""
        self.at = at
        """Offset of the next byte to be fed."""
        self.cut_lines = 0
        self.cut_bytes = 0
        self._tail = bytearray()

    def feed(self, buffer: bytes | bytearray, size: int) -> list[Block]:
        """The whole lines that the first `size` bytes of `buffer` complete, in order."""
        blocks: list[Block] = []
        # A slice of at most `cap` bytes cannot hold a whole line that is too long: only the carried one can
        # be.
        for low in range(0, size, self.cap):
            self._feed(buffer, low, min(low + self.cap, size), blocks)
        return blocks

    def _feed(self, buffer: bytes | bytearray, low: int, high: int, blocks: list[Block]) -> None:
        last = buffer.rfind(b"\n", low, high)
        with memoryview(buffer) as view:
            if last < 0:
                self._carry(view[low:high])
                return
            if self.at > self.start:
                first = buffer.find(b"\n", low, high)
                if self.at - self.start + first - low > self.cap:
                    self._carry(view[low:first])
                    self.at += 1
                    blocks.append(self._give(cut=self.at - 1 - self.start - len(self._tail)))
                    low = first + 1
            if low <= last:
                self._tail += view[low : last + 1]
                self.at += last + 1 - low
                blocks.append(Block(bytes(self._tail), self.start, self.at))
                self._tail.clear()
                self.start = self.at
            self._carry(view[last + 1 : high])

    def _carry(self, piece: memoryview) -> None:
        self._tail += piece[: self.cap - len(self._tail)]
        self.at += len(piece)

    def _give(self, *, cut: int) -> Block:
        block = Block(bytes(self._tail) + b"\n", self.start, self.at)
        if cut > 0:
            self.cut_lines += 1
            self.cut_bytes += cut
        self._tail.clear()
        self.start = self.at
        return block

    def finish(self) -> Block | None:
        """The last line of a stream that has ended without a newline, with one added; None if there is
        none."""
        if self.at == self.start:
            return None
        return self._give(cut=self.at - self.start - len(self._tail))

    def forget(self) -> None:
        """Drop the unfinished line: it will be read anew from elsewhere."""
        self._tail.clear()
        self.at = self.start
