"""Sums and ratios: the same answers as a model that keeps every event."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.detect.outcome import LATE, Late, Over, Under
from nightporter.detect.weighed import ENTRIES, Weighed, at_end, observe_ratio, observe_sum
from nightporter.model import SECOND
from nightporter.rule import ALWAYS, Ratio, Sum

LATENESS = 120 * SECOND
TEN_A_MINUTE = Sum(10, "bytes", 60 * SECOND)
HALF = Ratio(0.5, ALWAYS, 60 * SECOND, 4)

Events = list[tuple[int, int]]


def windows(events: Events, at: int, within: int) -> list[list[int]]:
    """The weights in every window `(end - W, end]` over all events that ends at an event and holds `at`."""
    ends = {stamp for stamp, _ in events if at <= stamp < at + within}
    return [[weight for stamp, weight in events if end - within < stamp <= end] for end in ends]


def remembered(events: Events, within: int) -> Events:
    """What is older than the newest stamp - W - lateness is forgotten (RULES §4.3)."""
    horizon = max(second for second, _ in events) - within - 120
    return [event for event in events if event[0] >= horizon]


EVENTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 6)), max_size=60)


@given(events=EVENTS, threshold=st.integers(1, 30), within=st.integers(1, 150))
def test_a_sum_equals_a_model_that_keeps_everything(events: Events, threshold: int, within: int) -> None:
    memory, kept, spec = Weighed(), list[tuple[int, int]](), Sum(threshold, "bytes", within * SECOND)
    for second, amount in events:
        outcome = observe_sum(memory, spec, LATENESS, second * SECOND, amount)
        if kept and second < max(s for s, _ in kept) - within - 120:
            assert outcome == LATE
            continue
        kept = remembered([*kept, (second, amount)], within)
        expected = any(sum(each) >= threshold for each in windows(kept, second, within))
        assert isinstance(outcome, Over) == expected


@given(
    events=EVENTS,
    above=st.sampled_from([0.0, 0.2, 0.29, 0.5]),
    least=st.integers(1, 8),
    within=st.integers(1, 150),
)
def test_a_ratio_equals_a_model_that_keeps_everything(
    events: Events, above: float, least: int, within: int
) -> None:
    memory, kept, spec = Weighed(), list[tuple[int, int]](), Ratio(above, ALWAYS, within * SECOND, least)
    for second, dice in events:
        fits = dice > 3
        outcome = observe_ratio(memory, spec, LATENESS, second * SECOND, fits)
        if kept and second < max(s for s, _ in kept) - within - 120:
            assert isinstance(outcome, Late)
            continue
        kept = remembered([*kept, (second, int(fits))], within)
        expected = any(
            len(each) >= least and Fraction(sum(each), len(each)) > Fraction(str(above))
            for each in windows(kept, second, within)
        )
        assert isinstance(outcome, Over) == expected


def test_exactly_the_share_is_not_above_it() -> None:
    memory = Weighed()
    answers = [observe_ratio(memory, HALF, LATENESS, i * SECOND, i % 2 == 0) for i in range(4)]
    assert not any(isinstance(one, Over) for one in answers)
    assert isinstance(observe_ratio(memory, HALF, LATENESS, 5 * SECOND, True), Over)


def test_what_is_ordinary_belongs_to_no_episode() -> None:
    assert observe_ratio(Weighed(), HALF, LATENESS, 0, False) == Under(grows=False, shown=False)
    assert observe_ratio(Weighed(), HALF, LATENESS, 0, True) == Under(grows=False, shown=True)


@pytest.mark.parametrize("amounts", [[-5, 9], [0, 9]])
def test_a_negative_amount_takes_nothing_away(amounts: list[int]) -> None:
    memory = Weighed()
    for amount in amounts:
        observe_sum(memory, TEN_A_MINUTE, LATENESS, 0, amount)
    assert at_end(memory).weight == 9


@given(gaps=st.lists(st.integers(0, 50_000_000), min_size=ENTRIES, max_size=2 * ENTRIES))
def test_a_flood_is_folded_and_nothing_is_lost(gaps: list[int]) -> None:
    """All within one window: it holds every event, in bounded memory."""
    memory, stamp = Weighed(), 0
    for gap in gaps:
        stamp += gap
        observe_sum(memory, Sum(2**62, "bytes", 10**15), LATENESS, stamp, 3)
    held = at_end(memory)
    assert (held.events, held.weight) == (len(gaps), 3 * len(gaps))
    assert len(memory.stamps) == len(memory.events) == len(memory.weights) <= ENTRIES
    assert memory.stamps == sorted(memory.stamps)
