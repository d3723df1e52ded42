"""Spikes: the same answers as a model that keeps every event, and what a person is promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import fmean, median

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightporter.detect.outcome import APART, LATE, Outcome, Over
from nightporter.detect.spike import DISTINCT_CAP, OF_MEAN, OF_MEDIAN, SpikeMemory, describe, observe
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Nanos, Stamp
from nightporter.rule import Spike

LATENESS = 2 * MINUTE
START: Stamp = 1_780_315_200 * SECOND
"""Midnight is 12 hours before it."""
SIX_HOURS = Spike(factor=5, within=10 * MINUTE, baseline=6 * HOUR, least=100)
TWO_WEEKS = Spike(factor=5, within=10 * MINUTE, baseline=14 * DAY, least=100, same_hour=True)


class Naive:
    """Keeps every event, and counts all anew for each."""

    def __init__(self, spec: Spike) -> None:
        self.spec = spec
        self.width = spec.within // 10
        self.length = self.width * 10
        self.events: list[tuple[Stamp, int]] = []
        self.late = 0
        self.spikes: set[int] = set()

    def observe(self, stamp: Stamp, amount: int) -> Outcome:
        newest = max((at for at, _ in self.events), default=0)
        if stamp < newest - self.spec.within - LATENESS:
            return LATE
        self.events.append((stamp, amount))
        newest = max(newest, stamp)
        kept = (newest - self.spec.within - LATENESS) // self.length
        slot = stamp // self.width
        ends = range(slot, min(slot + 9, newest // self.width) + 1)
        values = {end: self.value(max(end - 9, kept * 10), end) for end in ends}
        last = max(values, key=lambda end: (values[end], -end))
        if not self.over(values[last], newest, kept):
            return APART
        self.spikes |= {block for block in ((last - 9) // 10, last // 10) if block >= kept}
        held = [at // self.width for at, _ in self.events if kept * 10 <= at // self.width]
        return Over(min(s for s in held if last - 9 <= s <= last) * self.width, values[last])

    def value(self, first: int, last: int) -> int:
        amounts = [n for at, n in self.events if first <= at // self.width <= last]
        return len(set(amounts)) if self.spec.measure == "distinct" else sum(amounts)

    def over(self, value: int, newest: Stamp, kept: int) -> bool:
        begun = self.events[0][0] // self.length + 1
        oldest = kept - self.spec.baseline // self.length
        if value < self.spec.least or oldest < begun:
            return False
        level, spread = self.usual(newest, range(oldest, kept))
        return value >= self.spec.factor * level and value > level + self.spec.factor * spread

    def usual(self, newest: Stamp, blocks: range) -> tuple[float, float]:
        """Of the calm blocks, and of the recent ones: one span a block, or a day at this hour."""
        now = newest // self.length
        spans: dict[int, list[int]] = {}
        for block in blocks:
            ago = (now - block) * self.length
            days = round(ago / DAY)
            if not self.spec.same_hour:
                spans[block] = [block]
            elif days and abs(ago - days * DAY) <= HOUR:
                spans.setdefault(days, []).append(block)
        lasts_from = blocks.stop - DAY // self.length
        recent = [span for n, span in spans.items() if (n <= 3 if self.spec.same_hour else n >= lasts_from)]
        calm = [[block for block in span if block not in self.spikes] for span in spans.values()]
        usuals = []
        for some in (calm, recent):
            held = [max(self.value(b * 10, b * 10 + 9) for b in span) for span in some if span]
            if held:
                level = median(held)
                off = [abs(total - level) for total in held]
                usuals.append((level, max(OF_MEDIAN * median(off), OF_MEAN * fmean(off))))
        return max(usuals, key=lambda usual: usual[0], default=(0.0, 0.0))


class Key:
    """A key's memory with its spec, fed in seconds after START."""

    def __init__(self, spec: Spike) -> None:
        self.spec = spec
        self.memory = SpikeMemory()

    def feed(self, second: float, amount: int = 1) -> Outcome:
        return observe(self.memory, self.spec, LATENESS, START + round(second * SECOND), amount)

    def level(self, begin: Nanos, end: Nanos, a_block: int) -> list[Stamp]:
        """So many events in each ten minutes between two moments; gives when it was over."""
        times = range(begin, end, 10 * MINUTE // a_block)
        return [at for at in times if isinstance(self.feed(at / SECOND), Over)]


# --- the same answers as the model -------------------------------------------------------------------------

specs = st.builds(
    Spike,
    factor=st.sampled_from([1.5, 3]),
    within=st.sampled_from([10 * MINUTE, 10 * MINUTE + 10]),
    baseline=st.sampled_from([30 * MINUTE, HOUR, 2 * HOUR]),
    least=st.integers(1, 5),
    measure=st.sampled_from(["events", "sum", "distinct"]),
)
daily = st.builds(
    Spike,
    factor=st.just(1.5),
    within=st.sampled_from([30 * MINUTE, 2 * HOUR]),
    baseline=st.sampled_from([2 * DAY, 5 * DAY]),
    least=st.integers(1, 4),
    measure=st.sampled_from(["events", "distinct"]),
    same_hour=st.just(True),
)
amounts = st.lists(st.integers(0, 5), max_size=8)
"""Of events that come together, 20 seconds apart."""
minutes = st.lists(st.tuples(st.sampled_from([-11, -2, 3, 9, 10, 11, 20, 200]), amounts), max_size=40)
days = st.lists(
    st.tuples(st.sampled_from([-11, 20, 60, 120, 1310, 1380, 1440, 1500, 1560, 2880]), amounts), max_size=40
)
"""Minutes from one burst to the next, and the burst."""


def agree(spec: Spike, bursts: list[tuple[int, list[int]]]) -> None:
    key, naive = Key(spec), Naive(spec)
    for second, amount in events(spec, bursts):
        assert key.feed(second, amount) == naive.observe(START + second * SECOND, amount)


def events(spec: Spike, bursts: list[tuple[int, list[int]]]) -> Iterator[tuple[int, int]]:
    """When, and how much; a first one so long ago that the baseline is as good as full."""
    yield 0, 1
    begin = (spec.baseline + spec.within) // SECOND
    for step, held in bursts:
        begin += step * 60
        yield from ((begin + 20 * i, 1 if spec.measure == "events" else n) for i, n in enumerate(held))


@settings(max_examples=150, deadline=None)
@given(specs, minutes)
def test_the_same_as_keeping_every_event(spec: Spike, bursts: list[tuple[int, list[int]]]) -> None:
    agree(spec, bursts)


@settings(max_examples=100, deadline=None)
@given(daily, days)
def test_the_same_at_this_hour(spec: Spike, bursts: list[tuple[int, list[int]]]) -> None:
    agree(spec, bursts)


@settings(max_examples=50, deadline=None)
@given(specs, minutes)
def test_a_restart_changes_nothing(spec: Spike, bursts: list[tuple[int, list[int]]]) -> None:
    through, restarted = Key(spec), Key(spec)
    for second, amount in events(spec, bursts):
        packed = msgspec.msgpack.encode(restarted.memory)
        restarted.memory = msgspec.msgpack.decode(packed, type=SpikeMemory)
        assert restarted.feed(second, amount) == through.feed(second, amount)
    assert restarted.memory == through.memory


# --- what a person is promised -----------------------------------------------------------------------------


def test_five_times_the_usual_is_over() -> None:
    key = Key(SIX_HOURS)
    assert key.level(0, 8 * HOUR, 30) == []
    over = key.level(8 * HOUR, 9 * HOUR, 300)
    assert 8 * HOUR < over[0] < 8 * HOUR + 10 * MINUTE
    assert describe(key.memory, SIX_HOURS)[1] == 30


def test_four_times_the_usual_is_not() -> None:
    key = Key(SIX_HOURS)
    assert key.level(0, 8 * HOUR, 30) == []
    assert key.level(8 * HOUR, 10 * HOUR, 120) == []


def test_nor_is_a_multiple_of_next_to_nothing() -> None:
    key = Key(SIX_HOURS)
    assert key.level(0, 8 * HOUR, 2) == []
    assert key.level(8 * HOUR, 10 * HOUR, 90) == []


def test_nothing_is_over_before_the_baseline_is_full() -> None:
    key = Key(SIX_HOURS)
    assert key.level(0, 5 * HOUR, 10) == []
    assert key.level(5 * HOUR, 6 * HOUR, 1000) == []


def test_empty_blocks_count_and_cost_nothing() -> None:
    key = Key(TWO_WEEKS)
    key.feed(0)
    key.feed(1_000_000_000)
    assert key.memory.totals == [-14 * 24 * 6]
    assert isinstance([key.feed(1_000_000_000 + i) for i in range(100)][-1], Over)
    assert describe(key.memory, TWO_WEEKS) == (101, 0)


def test_a_spike_does_not_become_the_usual() -> None:
    key = Key(SIX_HOURS)
    key.level(0, 8 * HOUR, 30)
    assert key.level(8 * HOUR, 9 * HOUR, 300)
    key.level(9 * HOUR, 10 * HOUR, 30)
    assert describe(key.memory, SIX_HOURS)[1] == 30
    assert key.level(10 * HOUR, 11 * HOUR, 300)


def test_a_level_that_lasts_does() -> None:
    day = replace(SIX_HOURS, baseline=2 * DAY)
    key = Key(day)
    key.level(0, 3 * DAY, 30)
    over = key.level(3 * DAY, 6 * DAY, 300)
    assert 12 * HOUR < over[-1] - 3 * DAY < 13 * HOUR
    assert not any(later - at > 10 * MINUTE for at, later in pairwise(over))


def test_what_happens_every_evening_is_no_spike_in_the_evening() -> None:
    key = Key(TWO_WEEKS)
    for day in range(16):
        begin = day * DAY
        assert key.level(begin, begin + 8 * HOUR, 30) == []
        assert key.level(begin + 8 * HOUR, begin + 10 * HOUR, 600) == []
        assert key.level(begin + 10 * HOUR, begin + DAY, 30) == []
    assert key.level(16 * DAY, 16 * DAY + 2 * HOUR, 600), "the same at noon is"


@pytest.mark.parametrize("shift", [-HOUR, HOUR])
def test_nor_an_hour_off_when_the_clocks_are_changed(shift: Nanos) -> None:
    key = Key(TWO_WEEKS)
    for day in range(16):
        begin = day * DAY
        key.level(begin, begin + 8 * HOUR, 30)
        key.level(begin + 8 * HOUR, begin + 10 * HOUR, 600)
        key.level(begin + 10 * HOUR, begin + DAY - 2 * HOUR, 30)
    begin = 16 * DAY + 8 * HOUR + shift
    key.level(16 * DAY - 2 * HOUR, begin, 30)
    assert key.level(begin, begin + 2 * HOUR, 600) == []


def test_a_new_habit_is_told_for_two_days() -> None:
    key = Key(TWO_WEEKS)
    key.level(0, 16 * DAY, 30)
    told = Counter[int]()
    for day in range(16, 22):
        told[day] += len(key.level(day * DAY, day * DAY + 2 * HOUR, 600))
        key.level(day * DAY + 2 * HOUR, (day + 1) * DAY, 30)
    assert [day for day, times in sorted(told.items()) if times] == [16, 17]


def test_seldom_and_heavy_use_is_no_spike() -> None:
    """Most blocks are empty, median and median deviation 0: the mean deviation knows of the heavy ones."""
    key = Key(replace(SIX_HOURS, baseline=2 * DAY))
    for day in range(6):
        begin = day * DAY
        assert key.level(begin, begin + 4 * HOUR, 150) == []
    assert key.level(6 * DAY, 6 * DAY + HOUR, 1500)


def test_an_event_too_old_is_late() -> None:
    key = Key(SIX_HOURS)
    key.feed(1000)
    assert key.feed(1000 - 720) == APART
    assert key.feed(1000 - 721) == LATE


def test_sum_adds_and_a_number_below_zero_does_not_take_away() -> None:
    spec = replace(SIX_HOURS, measure="sum", field="bytes", least=10**10)
    key = Key(spec)
    key.feed(0, 5)
    key.feed(7 * 3600, 6 * 10**9)
    key.feed(7 * 3600 + 1, -(10**12))
    assert key.feed(7 * 3600 + 2, 6 * 10**9) == Over(START + 7 * HOUR, 12 * 10**9)


def test_distinct_counts_a_value_once_and_is_capped() -> None:
    spec = replace(SIX_HOURS, measure="distinct", field="client_ip")
    key = Key(spec)
    key.feed(0)
    for i in range(3 * DISTINCT_CAP):
        key.feed(7 * 3600, i)
        key.feed(7 * 3600 + 60, i)
    assert describe(key.memory, spec)[0] == DISTINCT_CAP
    assert len(msgspec.msgpack.encode(key.memory)) < 8 * 1024


@pytest.mark.parametrize("amount", [1, 2**22])
def test_two_weeks_of_a_busy_key_are_small(amount: int) -> None:
    """A block of 100 events, of 400 MB."""
    key = Key(replace(TWO_WEEKS, measure="events" if amount == 1 else "sum"))
    for at in range(0, 15 * DAY, 6 * SECOND):
        key.feed(at / SECOND, amount)
    assert key.memory.known == 14 * 24 * 6
    assert len(msgspec.msgpack.encode(key.memory)) < 11 * 1024


def test_another_window_begins_anew() -> None:
    key = Key(SIX_HOURS)
    key.level(0, 8 * HOUR, 30)
    for spec in (replace(SIX_HOURS, within=5 * MINUTE), replace(SIX_HOURS, measure="distinct")):
        key.spec = spec
        key.feed(8 * 3600)
        assert (key.memory.known, describe(key.memory, spec)[0]) == (0, 1)
