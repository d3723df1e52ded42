"""The stretch of a log that belongs to a span: the same as a naive look at every line, whatever the log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.evidence import ranges
from nightporter.evidence.ranges import DISORDER, Found, find, first_stamped, lines
from nightporter.evidence.span import Span
from nightporter.model import MINUTE, SECOND, Stamp


@dataclass
class Memory:
    """A content of bytes, and how much was asked of it."""

    data: bytes
    sized: bool = True
    asked: int = 0
    backwards: int = 0
    _at: int = field(default=0)

    @property
    def size(self) -> int | None:
        return len(self.data) if self.sized else None

    def read(self, offset: int, length: int) -> bytes:
        self.backwards += offset < self._at
        piece = self.data[offset : offset + length]
        self._at = offset + len(piece)
        self.asked += len(piece)
        return piece


def stamp_of(line: bytes) -> Stamp | None:
    found = re.match(rb"(\d+)s ", line)
    return int(found[1]) * SECOND if found else None


def a_log(entries: Sequence[tuple[int | None, int]]) -> bytes:
    """Entries of second (None: unstamped) and length of text."""
    return b"".join((b"" if s is None else b"%ds " % s) + b"x" * n + b"\n" for s, n in entries)


def naively(data: bytes, span: Span) -> tuple[int, int]:
    """From the first line that belongs to the span to the last."""
    owners: list[tuple[int, int, Stamp | None]] = []
    at, current = 0, None
    for line in data.splitlines(keepends=True):
        stamp = stamp_of(line.rstrip(b"\n"))
        current = current if stamp is None else stamp
        owners.append((at, at + len(line), current))
        at += len(line)
    first = next((owner for _, _, owner in owners if owner is not None), None)
    inside = [
        (low, high)
        for low, high, owner in owners
        if (belongs := first if owner is None else owner) is not None and span.holds(belongs)
    ]
    return (inside[0][0], inside[-1][1]) if inside else (0, 0)


ENTRIES = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 300)), st.sampled_from([0, 3, 40, 700])), max_size=60
)


@given(ENTRIES, st.integers(0, 300), st.integers(0, 120), st.booleans())
def test_a_small_log_in_any_order_is_found_as_by_looking_at_each_line(
    entries: list[tuple[int | None, int]], first: int, length: int, unfinished: bool
) -> None:
    data = a_log(entries)
    data = data[:-1] if unfinished and not data.endswith(b"\n\n") else data
    span = Span(first * SECOND, (first + length) * SECOND)
    found = find(Memory(data), span, stamp_of, most=10**9)
    assert found[:2] == naively(data, span)


@st.composite
def disordered(draw: st.DrawFn) -> list[tuple[int | None, int]]:
    """Lines over days, each at most DISORDER behind the newest before it."""
    now, entries = 0, []
    for _ in range(draw(st.integers(0, 80))):
        now += draw(st.sampled_from([0, 1, 60, 600, 4000]))
        behind = draw(st.integers(0, DISORDER // SECOND))
        stamp = draw(st.sampled_from([None, now, max(0, now - behind)]))
        entries.append((stamp, draw(st.sampled_from([0, 10, 300]))))
    return entries


@pytest.fixture
def tiny_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search's distances shrunk, so that a log of a few kilobytes is a large one."""
    for name, value in (("SMALL_BYTES", 100), ("STEP_BYTES", 256), ("STRIDE_BYTES", 600), ("NEAR_BYTES", 64)):
        monkeypatch.setattr(ranges, name, value)
    monkeypatch.setattr(ranges, "LOOK_BYTES", (128, 512))


@pytest.mark.usefixtures("tiny_steps")
@pytest.mark.parametrize("sized", [True, False], ids=["plain", "compressed"])
def test_a_large_log_is_found_as_by_looking_at_each_line(sized: bool) -> None:
    @given(disordered(), st.integers(0, 40_000), st.integers(0, 5_000))
    def law(entries: list[tuple[int | None, int]], first: int, length: int) -> None:
        data = a_log(entries)
        span = Span(first * SECOND, (first + length) * SECOND)
        found = find(Memory(data, sized), span, stamp_of, most=10**9)
        assert found[:2] == naively(data, span)

    law()


def steady(count: int, *, before: bytes = b"") -> bytes:
    """One line a second, of a hundred bytes."""
    return before + b"".join(b"%ds " % i + b"y" * 90 + b"\n" for i in range(count))


def test_of_a_large_log_little_is_read() -> None:
    data = steady(400_000)  # 39 MB, four and a half days
    content = Memory(data)
    span = Span(200_000 * SECOND, 200_600 * SECOND)
    found = find(content, span, stamp_of, most=10**9)
    assert stamp_of(data[found.start :]) == span.first
    assert data[: found.end].splitlines()[-1].startswith(b"200600s ")
    assert content.asked < 4_000_000


def test_of_a_compressed_one_it_goes_back_once() -> None:
    content = Memory(steady(120_000), sized=False)
    find(content, Span(60_000 * SECOND, 60_100 * SECOND), stamp_of, most=10**9)
    assert content.backwards == 1
    assert content.asked < len(content.data)


def test_a_hole_before_the_lines_costs_nothing_but_looks() -> None:
    data = steady(100_000, before=b"\0" * 60_000_000 + b"\n")
    content = Memory(data)
    span = Span(99_000 * SECOND, 99_100 * SECOND)
    found = find(content, span, stamp_of, most=10**9)
    assert stamp_of(data[found.start :]) == span.first
    assert content.asked < 6_000_000


def test_what_is_too_much_ends_soon_after_that() -> None:
    data = steady(1_000)
    found = find(Memory(data), Span(0, 10**15), stamp_of, most=10_000)
    assert found.why == "cut"
    assert 10_000 < found.end - found.start < 10_200


def test_lines_without_stamps_are_said_to_have_none() -> None:
    assert find(Memory(b"a\nb\n"), Span(0, 10**15), stamp_of, most=100) == Found(why="unstamped")
    assert find(Memory(b""), Span(0, 10**15), stamp_of, most=100) == Found()
    content = Memory(b"nothing\n" * 6_000_000)
    assert find(content, Span(0, 10**15), stamp_of, most=100).why == "unstamped"
    assert content.asked < 60_000_000


def test_a_line_that_ends_the_log_without_a_newline_counts() -> None:
    found = find(Memory(b"1s a\n2s b"), Span(2 * SECOND, 2 * SECOND), stamp_of, most=100)
    assert found == Found(5, 9)


def test_looks_know_where_a_line_begins() -> None:
    data = b"1s a\n2s b\nno\n3s c\n"
    content = Memory(data)
    assert first_stamped(content, 0, stamp_of) == (0, SECOND)
    assert first_stamped(content, 1, stamp_of) == (5, 2 * SECOND)
    assert first_stamped(content, 5, stamp_of) == (5, 2 * SECOND)
    assert first_stamped(content, 6, stamp_of) == (13, 3 * SECOND)
    assert first_stamped(content, 14, stamp_of) is None


def test_a_long_line_keeps_its_true_end() -> None:
    data = b"1s " + b"z" * 3_000_000 + b"\n2s b\n"
    found = list(lines(Memory(data), 0))
    assert [(low, high) for low, high, _ in found] == [(0, 3_000_004), (3_000_004, 3_000_009)]
    assert len(found[0][2]) == 1024 * 1024


def test_lines_out_of_order_by_minutes_are_of_the_span_too() -> None:
    data = steady(100_000)
    late = b"50000s late\n"
    behind = 50_000 + (DISORDER - MINUTE) // SECOND
    at = data.index(b"%ds " % behind)
    found = find(
        Memory(data[:at] + late + data[at:]), Span(50_000 * SECOND, 50_000 * SECOND), stamp_of, most=10**9
    )
    assert found.end == at + len(late)
