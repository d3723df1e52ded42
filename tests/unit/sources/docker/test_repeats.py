"""Every line once: over repeats, crossing stamps, clocks that step back, reconnects and restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.sources.docker.repeats import Mark, Position, Repeats, decode_mark

Entry = tuple[int, bytes]
NEW = Mark(id="c", floor=0)


def admitted(repeats: Repeats, entries: list[Entry]) -> list[Entry]:
    return [(stamp, line) for stamp, line in entries if repeats.admit(stamp, line)]


def log_of(*stamps: int) -> list[Entry]:
    return [(stamp, b"line %d\n" % at) for at, stamp in enumerate(stamps)]


def advance(position: Position, entries: list[Entry]) -> Mark:
    stamps, lines = [s for s, _ in entries], [line for _, line in entries]
    return position.advance(stamps, lines, sum(map(len, lines)))


# Rising, but neighbours may cross or be equal, as two writers' stamps do.
# Short logs, and such as outgrow the lines that a mark holds.
wobbly = (
    st.lists(st.integers(-15, 15), min_size=1, max_size=20) | st.lists(st.integers(-15, 15), min_size=50)
).map(lambda jitter: log_of(*(1000 + 10 * at + by for at, by in enumerate(jitter))))


# Rising, but the clock steps back now and then.
stepping = st.lists(st.integers(0, 20) | st.just(-400), min_size=1, max_size=120).map(
    lambda steps: log_of(*(100_000 + sum(steps[: at + 1]) for at in range(len(steps))))
)


@given(wobbly | stepping, st.integers(0, 120), st.integers(0, 120))
def test_what_the_engine_sends_again_is_dropped(log: list[Entry], start: int, end: int) -> None:
    repeats = Repeats(NEW)
    again = log[start : start + end]
    assert admitted(repeats, [*log, *again]) == log
    assert repeats.dropped == len(again)


@given(wobbly | stepping, st.lists(st.integers(1, 40), min_size=1))
def test_a_restart_anywhere_loses_and_repeats_nothing(log: list[Entry], lives: list[int]) -> None:
    """Each life reads on from the last mark: the engine sends every line from the floor on, in file order."""
    mark, told, at = NEW, list[Entry](), 0
    while len(told) < len(log):
        repeats, position = Repeats(mark), Position(mark)
        sent = [entry for entry in log if entry[0] >= position.floor]
        fresh = admitted(repeats, sent)[: lives[at % len(lives)]]
        assert fresh, "no progress"
        told += fresh
        mark = advance(position, fresh)
        at += 1
    assert told == log
    assert mark.offset == sum(len(line) for _, line in log)


@given(wobbly)
def test_a_mark_survives_its_spelling(log: list[Entry]) -> None:
    mark = advance(Position(NEW), log)
    assert decode_mark(mark.encode()) == mark


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b"\xff", b'{"id": 3, "floor": "x"}'])
def test_a_mark_that_is_none_is_as_never_seen(raw: bytes) -> None:
    assert decode_mark(raw) is None


def test_a_clock_that_steps_back_loses_nothing_and_is_counted() -> None:
    repeats = Repeats(NEW)
    log = log_of(100, 200, 300, 150, 160, 310)
    assert admitted(repeats, log) == log
    assert repeats.stepped_back == 2
    assert admitted(repeats, log) == []


def test_after_a_restart_older_lines_are_taken_as_seen() -> None:
    mark = advance(Position(NEW), log_of(*range(100, 200)))
    repeats = Repeats(mark)
    assert not repeats.admit(mark.floor - 1, b"whatever\n")
    assert repeats.admit(mark.floor, b"another line of that instant\n")
    assert repeats.admit(500, b"new\n")


def test_equal_stamps_at_a_marks_edge_are_all_kept() -> None:
    log = [(7, b"line %d\n" % i) for i in range(100)]
    mark = advance(Position(NEW), log)
    assert len(mark.seen) == 100
    assert admitted(Repeats(mark), [*log, (7, b"line 100\n")]) == [(7, b"line 100\n")]


def test_the_ring_has_an_end() -> None:
    repeats = Repeats(NEW, ring=100)
    log = log_of(*range(1000))
    assert admitted(repeats, log) == log
    assert admitted(repeats, log[-100:]) == []
    assert admitted(repeats, log[:1]) == log[:1]


def test_known_asks_and_remembers_nothing() -> None:
    repeats = Repeats(advance(Position(NEW), [(5, b"a\n")]))
    assert repeats.known(5, b"a\n")
    assert not repeats.known(6, b"b\n")
    assert repeats.admit(6, b"b\n")
    assert repeats.known(6, b"b\n")
    assert repeats.dropped == 0
