"""What a scanner is, the two that need no library, and how literals are made ready for the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

Span = tuple[int, int]
"""Where a line stands in the data: its first byte, and the byte after its last, the newline left out."""

NEWLINE: Final = b"\n"


class Scanner(Protocol):
    """Finds candidate lines. Safe to share between threads; keeps no reference to the data."""

    @property
    def name(self) -> str:
        """The backend's name, for `doctor`."""
        ...

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        """The lines of `data[:end]` that hold one of the literals, ASCII case aside: in order, each once.

        A line ends at a newline alone (the CR of a CRLF is part of it), the last one also at `end`.
        At most one span a line, so the answer is bounded by the chunk's size. Never raises.
        """
        ...


class EveryLine:
    """For rules that no literal can be promised for: every line is a candidate, empty ones too."""

    name = "every line"

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        block = as_bytes(data, end)
        spans: list[Span] = []
        start, find = 0, block.find
        while start < end:
            stop = find(NEWLINE, start)
            if stop < 0:
                stop = end
            spans.append((start, stop))
            start = stop + 1
        return spans


class NoLine:
    """For an empty set of literals: no line can fit any rule."""

    name = "no line"

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        return []


def as_bytes(data: bytes | memoryview, end: int) -> bytes:
    """`data[:end]` as bytes: free where `data` is bytes of that length, else a copy (5 µs for 256 KiB)."""
    if isinstance(data, bytes):
        return data if end == len(data) else data[:end]
    return bytes(data[:end])


def essential(literals: Iterable[bytes]) -> tuple[bytes, ...]:
    """The literals in lower case, sorted, without those that hold another one.

    A line that holds `/.env.bak` also holds `/.env`, so the longer adds nothing. What is left cannot match
    twice at the same end, which bounds the work of a hostile line by its length. Raises ValueError for a
    literal with a newline: no line can hold one, so it is a bug of the planner's.
    """
    kept: set[bytes] = set()
    lengths: list[int] = []
    for literal in sorted({one.lower() for one in literals}, key=len):
        if NEWLINE in literal:
            raise ValueError(f"no line can hold the literal {literal!r}")
        if _holds(literal, kept, lengths):
            continue
        kept.add(literal)
        if len(literal) not in lengths:
            lengths.append(len(literal))
    return tuple(sorted(kept))


def _holds(literal: bytes, kept: set[bytes], lengths: Iterable[int]) -> bool:
    """Whether one of `kept`, whose lengths are `lengths`, stands in `literal`. By lookup, not pair by pair,
    so that lists of thousands of words stay cheap."""
    return any(
        literal[start : start + length] in kept
        for length in lengths
        for start in range(len(literal) - length + 1)
    )


def line_around(block: bytes, hit: int, floor: int) -> Span:
    """The line of `block` in which a match ended at `hit`; `floor` is the start of some line at or before."""
    start = block.rfind(NEWLINE, floor, hit) + 1 or floor
    stop = block.find(NEWLINE, hit)
    return start, (len(block) if stop < 0 else stop)
