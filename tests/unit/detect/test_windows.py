"""Windows: `(t - W, t]`, late events, caps; and the same answers as a model that keeps everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.detect.outcome import LATE, UNDER, Late, Outcome, Over
from nightporter.detect.windows import (
    KEPT_PER_THRESHOLD,
    Track,
    chain,
    held_at_end,
    observe,
)
from nightporter.model import SECOND
from nightporter.rule import Count, Distinct

LATENESS = 120 * SECOND


def outcomes(spec: Count | Distinct, seconds: list[float], values: list[int] | None = None) -> list[Outcome]:
    track = Track(stamps=[], values=[] if isinstance(spec, Distinct) else None)
    return [
        observe(track, spec, LATENESS, round(second * SECOND), values[i] if values else 0)
        for i, second in enumerate(seconds)
    ]


def fires(spec: Count | Distinct, seconds: list[float], values: list[int] | None = None) -> bool:
    return any(isinstance(one, Over) for one in outcomes(spec, seconds, values))


FIVE_A_MINUTE = Count(5, 60 * SECOND)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(
            [100, 110, 120, 130, 115], True, id="late one completes a window it stands in the middle of"
        ),
        pytest.param([500, 101, 102, 103, 104], False, id="all but the newest are late"),
        pytest.param([0, 15, 30, 45, 60], False, id="an event exactly W old is out"),
        pytest.param([0, 15, 30, 45, 59.999999999], True, id="one nanosecond less is in"),
        pytest.param([0, 10, 20, 30], False, id="one short"),
        pytest.param([50, 50, 50, 50, 50], True, id="equal stamps count each"),
        pytest.param([0, 1, 2, 100, 101, 102], False, id="two windows do not add up"),
    ],
)
def test_count_judges_every_window_that_contains_the_event(seconds: list[float], expected: bool) -> None:
    assert fires(FIVE_A_MINUTE, seconds) is expected


def test_fires_on_the_nth_event_and_says_where_its_window_began() -> None:
    judged = outcomes(FIVE_A_MINUTE, [10, 11, 12, 13, 14])
    assert judged[:4] == [UNDER] * 4
    assert judged[4] == Over(start=10 * SECOND, held=5)


def test_distinct_counts_a_value_once() -> None:
    spec = Distinct(3, "path", 60 * SECOND)
    assert not fires(spec, [1, 2, 3, 4, 5], [7, 7, 7, 8, 8])
    assert fires(spec, [1, 2, 3, 4, 5], [7, 7, 7, 8, 9])


def test_distinct_keeps_the_newest_stamp_of_a_value() -> None:
    spec = Distinct(3, "path", 60 * SECOND)
    assert not fires(spec, [0, 10, 70], [1, 2, 3])
    assert fires(spec, [0, 10, 50, 65], [1, 2, 1, 3])


def test_what_a_full_key_no_longer_knows_is_late() -> None:
    spec = Count(2, 1000 * SECOND)
    track = Track(stamps=[])
    kept = KEPT_PER_THRESHOLD * spec.threshold
    for second in range(100, 100 + kept):
        observe(track, spec, LATENESS, second * SECOND)
    assert observe(track, spec, LATENESS, 99 * SECOND) == LATE
    assert len(track.stamps) == kept


def test_a_flood_does_not_grow_a_key() -> None:
    track = Track(stamps=[])
    for i in range(10_000):
        observe(track, FIVE_A_MINUTE, LATENESS, i)
    assert len(track.stamps) == KEPT_PER_THRESHOLD * 5


def test_chain_stops_at_the_first_gap_over_quiet() -> None:
    assert chain([1, 2, 3, 10, 11], 2, quiet=5) == (2, 3)
    assert chain([1, 2, 3, 8, 11], 1, quiet=5) == (5, 11)


def test_held_at_end_counts_the_newest_window() -> None:
    track = Track(stamps=[0, 5, 10])
    assert held_at_end(track, 10) == 2
    assert held_at_end(track, 11) == 3


class Model:
    """Keeps every admitted event for ever, and asks each window by counting."""

    def __init__(self, spec: Count | Distinct) -> None:
        self.spec = spec
        self.kept: list[tuple[int, int]] = []

    def observe(self, stamp: int, value: int) -> bool | None:
        """None: late; else whether a window that contains the event is over. What is older than the newest
        stamp - W - lateness is forgotten (RULES §4.3)."""
        if self.kept and stamp < max(s for s, _ in self.kept) - self.spec.within - LATENESS:
            return None
        if isinstance(self.spec, Distinct):
            newest = max([s for s, v in self.kept if v == value], default=stamp)
            stamp = max(stamp, newest)
            self.kept = [(s, v) for s, v in self.kept if v != value]
        self.kept.append((stamp, value))
        horizon = max(s for s, _ in self.kept) - self.spec.within - LATENESS
        self.kept = [(s, v) for s, v in self.kept if s >= horizon]
        ends = [s for s, _ in self.kept if s >= stamp and s - self.spec.within < stamp]
        return any(
            sum(end - self.spec.within < s <= end for s, _ in self.kept) >= self.spec.threshold
            for end in ends
        )


@given(
    threshold=st.integers(1, 6),
    within=st.integers(1, 100),
    events=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5)), max_size=23),
    kind=st.sampled_from(["count", "distinct"]),
)
def test_equals_a_model_that_keeps_everything(
    threshold: int, within: int, events: list[tuple[int, int]], kind: str
) -> None:
    # At most 23 events: below the cap of any threshold of 6, so that model and window keep the same.
    spec = Count(threshold, within * SECOND) if kind == "count" else Distinct(threshold, "x", within * SECOND)
    track, model = Track(stamps=[], values=[] if kind == "distinct" else None), Model(spec)
    for second, value in events:
        if len(track.stamps) >= KEPT_PER_THRESHOLD * threshold:
            return
        expected = model.observe(second * SECOND, value)
        outcome = observe(track, spec, LATENESS, second * SECOND, value)
        assert (None if isinstance(outcome, Late) else isinstance(outcome, Over)) == expected
        assert track.stamps == sorted(track.stamps)
