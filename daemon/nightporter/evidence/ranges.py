"""Which bytes of a log belong to a span of time, without reading all of it. Pure over a `Content`.

A line without a stamp belongs to the nearest line before it that has one; what stands before the first stamp
goes with that. Lines may stand out of order by `DISORDER`, as those of long requests do: a small log is read
from end to end, of a large one both ends of the search keep that much distance from the span. What is found
is one stretch of bytes, from the first line that belongs to the span to the last, so that anyone can cut
the same bytes out of the file again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from nightporter.evidence.span import Span
from nightporter.model import MINUTE, Nanos, Stamp
from nightporter.sources.files.lines import Block, LineSplitter

DISORDER: Final[Nanos] = 10 * MINUTE
SMALL_BYTES: Final = 4 * 1024 * 1024
"""Up to this size a log is read from end to end."""
STEP_BYTES: Final = 1024 * 1024
"""From the end of a large log backwards, the first step; each further one is twice as long."""
STRIDE_BYTES: Final = 2 * 1024 * 1024
"""How far apart the looks into a compressed log are, which has no end to begin from; a look reads less."""
NEAR_BYTES: Final = 256 * 1024
"""The search ends when no more than this lies between its bounds."""
LOOK_BYTES: Final = (64 * 1024, 1024 * 1024)
"""How much is read to find a line with a stamp: this, and where that holds none, so much."""
UNSTAMPED_BYTES: Final = 16 * 1024 * 1024
"""Lines that are read without meeting a stamp before a log counts as one without stamps."""
UNFOUND_BYTES: Final = 256 * 1024 * 1024
"""Lines that are read without meeting the span before it is given up."""

StampOf = Callable[[bytes], Stamp | None]
"""A line without its line end → when it was written, where it says so."""


class Content(Protocol):
    """Bytes that can be read at any offset; they do not change meanwhile, but may grow."""

    @property
    def size(self) -> int | None:
        """None: not known before its end, and every way back is a long one (a compressed file)."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes, fewer only at the end. Raises OSError."""
        ...


class Found(NamedTuple):
    """The bytes `[start, end)`; none where both are the same. `why` says what is not as it should be:
    `cut` (the span goes on), `unstamped` (no line has a stamp), `gave up`."""

    start: int = 0
    end: int = 0
    why: str = ""


class Stamped(NamedTuple):
    """A line that has a stamp: where it begins, and when it was written."""

    at: int
    stamp: Stamp


def find(content: Content, span: Span, stamp_of: StampOf, *, most: int) -> Found:
    """The stretch of `content` that belongs to the span, of which at most about `most` bytes are wanted."""
    if content.size is not None and content.size <= SMALL_BYTES:
        return _stretch(content, 0, span, stamp_of, most=most, until=None)
    before = span.first - DISORDER
    start = (
        _onwards(content, before, stamp_of)
        if content.size is None
        else _backwards(content, content.size, before, stamp_of)
    )
    return _stretch(content, start, span, stamp_of, most=most, until=span.last + DISORDER)


def first_stamped(content: Content, offset: int, stamp_of: StampOf) -> Stamped | None:
    """The first line at or after `offset` that has a stamp; None where there is none nearby."""
    base = max(0, offset - 1)  # one byte before, which says whether a line begins at the offset
    data = b""
    for length in LOOK_BYTES:
        data += content.read(base + len(data), length - len(data))
        whole = len(data) if len(data) < length else data.rfind(b"\n") + 1
        at = 0 if offset == 0 else data.find(b"\n", 0, whole) + 1
        if at == 0 and offset > 0:
            continue
        while at < whole:
            end = data.find(b"\n", at, whole)
            end = whole if end < 0 else end
            stamp = stamp_of(data[at:end])
            if stamp is not None:
                return Stamped(base + at, stamp)
            at = end + 1
    return None


def lines(content: Content, start: int, end: int | None = None) -> Iterator[tuple[int, int, bytes]]:
    """The lines from `start` on, each with where it begins and ends (its newline included); of a long one the
    first mebibyte."""
    splitter = LineSplitter(start)
    while data := content.read(
        splitter.at, NEAR_BYTES if end is None else min(NEAR_BYTES, end - splitter.at)
    ):
        for block in splitter.feed(data, len(data)):
            yield from _of(block)
    last = splitter.finish()
    if last is not None:
        yield from _of(last)


def _of(block: Block) -> Iterator[tuple[int, int, bytes]]:
    low = block.start
    pieces = block.data.split(b"\n")[:-1]
    for piece in pieces[:-1]:
        yield low, low + len(piece) + 1, piece
        low += len(piece) + 1
    yield low, block.end, pieces[-1]


def _backwards(content: Content, size: int, before: Stamp, stamp_of: StampOf) -> int:
    """Where a line older than `before` begins, as late in the log as can be found; 0 without one.

    From the end, since what people ask of is mostly new, and a log that was emptied under its writer may
    begin with a hole of any size.
    """
    low, high, step = 0, size, STEP_BYTES
    while step < size:
        found = first_stamped(content, size - step, stamp_of)
        if found is not None and found.stamp < before:
            low = found.at
            break
        high = size - step
        step *= 2
    while high - low > NEAR_BYTES:
        middle = (low + high) // 2
        found = first_stamped(content, middle, stamp_of)
        if found is None:
            break
        if found.stamp < before:
            low = found.at
        else:
            high = middle
    return low


def _onwards(content: Content, before: Stamp, stamp_of: StampOf) -> int:
    """The same, of a log that can only be read from its beginning."""
    low, at = 0, 0
    while True:
        found = first_stamped(content, at, stamp_of)
        if found is not None and found.stamp >= before:
            return low
        low = low if found is None else found.at
        at += STRIDE_BYTES
        if not content.read(at - 2, 1):  # before the next look begins: a step back would be a long one
            return low


def _stretch(
    content: Content, start: int, span: Span, stamp_of: StampOf, *, most: int, until: Stamp | None
) -> Found:
    """Read lines from `start` on. `until`: a line with a later stamp ends the search."""
    begin = end = read = 0
    current: Stamp | None = None
    for low, high, line in lines(content, start):
        read += len(line) + 1
        stamp = stamp_of(line)
        if stamp is not None and until is not None and stamp > until:
            break
        if current is None and stamp is None:
            if read > UNSTAMPED_BYTES:
                return Found(why="unstamped")
            continue
        is_first = current is None
        current = current if stamp is None else stamp
        if current is not None and span.holds(current):
            begin = begin if end else start if is_first else low
            end = high
            if end - begin > most:
                return Found(begin, end, "cut")
        elif not end and read > UNFOUND_BYTES:
            return Found(why="gave up")
    return Found(begin, end, "unstamped" if current is None and read else "")
