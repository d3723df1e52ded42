"""Pollers: who is one, after how long, and how little it takes to be none."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, repeat

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightporter.detect.pollers import PollerMemory, is_poller
from nightporter.model import HOUR, MINUTE, SECOND, Stamp

START: Stamp = 1_780_315_200 * SECOND

intervals = st.integers(5 * SECOND, 20 * MINUTE)
seeds = st.integers(0, 2**32)


def poll(interval: int, jitter: float, seed: int, begin: Stamp = START) -> Iterator[Stamp]:
    """Requests without end, each so long after the one before, give or take the jitter."""
    dice = random.Random(seed)
    return accumulate(
        (round(interval * dice.uniform(1 - jitter, 1 + jitter)) for _ in repeat(0)), initial=begin
    )


def judged(memory: PollerMemory, requests: Iterable[tuple[Stamp, int]], until: Stamp) -> dict[Stamp, bool]:
    """Stamp → whether the key was a poller at it."""
    found = {}
    for at, path in requests:
        if at > until:
            break
        found[at] = is_poller(memory, at, path)
    return found


def steady(interval: int = MINUTE, hours: int = 3, path: int = 1) -> tuple[PollerMemory, Stamp]:
    """A poller, and when its next request is due."""
    memory = PollerMemory()
    found = judged(memory, ((at, path) for at in poll(interval, 0, 0)), START + hours * HOUR)
    assert found[max(found)]
    return memory, max(found) + interval


@settings(max_examples=40, deadline=None)
@given(intervals, st.floats(0, 0.1), seeds)
def test_a_steady_one_is_recognised_after_two_hours_and_not_before(
    interval: int, jitter: float, seed: int
) -> None:
    requests = ((at, 7) for at in poll(interval, jitter, seed))
    for at, found in judged(PollerMemory(), requests, START + 3 * HOUR).items():
        assert found is (at - START >= 2 * HOUR)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(20 * SECOND, 10 * MINUTE), min_size=2, max_size=3), seeds)
def test_so_is_one_that_asks_two_or_three_paths_each_at_its_own_pace(own: list[int], seed: int) -> None:
    polls = [
        [
            (at, path)
            for _, at in zip(range(4 * HOUR // interval), poll(interval, 0.1, seed + path), strict=False)
        ]
        for path, interval in enumerate(own)
    ]
    found = judged(PollerMemory(), sorted(chain(*polls)), START + 3 * HOUR)
    assert [at for at in found if found[at]] == [at for at in found if at - START >= 2 * HOUR]


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 12), st.integers(1, 20), seeds)
def test_who_asks_more_than_three_paths_is_none(paths: int, interval: int, seed: int) -> None:
    dice = random.Random(seed)
    requests = ((at, dice.randrange(paths)) for at in poll(interval * SECOND, 0.05, seed))
    assert not any(judged(PollerMemory(), requests, START + 5 * HOUR).values())


@settings(max_examples=40, deadline=None)
@given(st.integers(5 * SECOND, 2 * MINUTE), seeds)
def test_nor_is_who_asks_one_at_any_odd_time(interval: int, seed: int) -> None:
    """As people do: gaps without a beat (exponential ones). Whoever asks only every twenty minutes keeps a
    beat by chance in one of twenty such spans, every seven in one of two thousand, every five in none of ten
    thousand."""
    dice = random.Random(seed)
    gaps = (round(dice.expovariate(1 / interval)) for _ in range(5 * HOUR // interval))
    requests = ((at, 7) for at in accumulate(gaps, initial=START))
    assert not any(judged(PollerMemory(), requests, START + 5 * HOUR).values())


@pytest.mark.parametrize("missed", [1, 2])
def test_a_missed_request_does_not_end_it(missed: int) -> None:
    memory, due = steady()
    assert is_poller(memory, due + missed * MINUTE, 1)
    assert is_poller(memory, due + (missed + 1) * MINUTE, 1)


@pytest.mark.parametrize(
    ("after", "path"),
    [
        pytest.param(6 * MINUTE, 1, id="a longer silence"),
        pytest.param(-30 * SECOND, 1, id="one in between"),
        pytest.param(-MINUTE, 1, id="two at once"),
        pytest.param(-2 * MINUTE, 1, id="a stamp that goes back"),
        pytest.param(-21 * SECOND, 1, id="a third too soon"),
    ],
)
def test_an_interval_that_is_off_ends_it_for_two_hours(after: int, path: int) -> None:
    memory, due = steady()
    begin = due + after
    assert not is_poller(memory, begin, path)
    requests = ((at, 1) for at in poll(MINUTE, 0, 0, begin + MINUTE))
    found = judged(memory, requests, begin + 3 * HOUR)
    assert [at for at in found if found[at]] == [at for at in found if at - begin >= 2 * HOUR]


def test_a_new_path_must_be_steady_for_two_hours_too() -> None:
    memory, due = steady()
    assert not is_poller(memory, due - 30 * SECOND, 2)
    assert not is_poller(memory, due, 1)
    requests = sorted((due + i * MINUTE - (0 if path == 1 else 30 * SECOND), path)
                      for i in range(1, 180) for path in (1, 2))  # fmt: skip
    found = judged(memory, requests, due + 3 * HOUR)
    assert min(at for at in found if found[at]) == due - 30 * SECOND + 2 * HOUR


def test_a_fourth_path_ends_it() -> None:
    memory = PollerMemory()
    requests = [(START + i * MINUTE + path, path) for i in range(150) for path in (1, 2, 3)]
    assert judged(memory, requests, START + 3 * HOUR)[requests[-1][0]]
    assert not is_poller(memory, START + 150 * MINUTE, 4)
    assert [beat.path for beat in memory.beats] == [4]


def test_a_path_asked_once_is_overdue_after_half_an_hour() -> None:
    memory, due = steady()
    is_poller(memory, due - 30 * SECOND, 2)
    found = judged(memory, ((at, 1) for at in poll(MINUTE, 0, 0, due)), due + 4 * HOUR)
    assert not found[due + 2 * HOUR]
    assert min(at for at in found if found[at]) == due + 2 * HOUR + 30 * MINUTE


def test_a_page_opened_twice_a_day_has_no_beat() -> None:
    memory = PollerMemory()
    assert not any(is_poller(memory, START + i * 12 * HOUR, 1) for i in range(20))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2 * 60), st.integers(0, 2**64 - 1)), max_size=50))
def test_it_stays_small_and_passes_through_a_restart(requests: list[tuple[int, int]]) -> None:
    through, restarted = PollerMemory(), PollerMemory()
    at = START
    for step, path in requests:
        at += step * SECOND
        packed = msgspec.msgpack.encode(restarted)
        assert len(packed) <= 300
        restarted = msgspec.msgpack.decode(packed, type=PollerMemory)
        assert is_poller(restarted, at, path) == is_poller(through, at, path)
    assert restarted == through
