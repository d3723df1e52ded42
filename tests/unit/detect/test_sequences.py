"""Sequences: the steps in order, each event for one step, a completion used once."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.engines import Bench

from nightporter.detect.outcome import LATE, Over
from nightporter.detect.sequences import KEPT_PER_TIME, STEP, Steps, observe
from nightporter.model import SECOND
from nightporter.rule import ALWAYS, Sequence, Step

LATENESS = 120 * SECOND
FAILURES_THEN_SUCCESS = Sequence((Step(ALWAYS, 3), Step(ALWAYS)), 60 * SECOND)
FAILURE, SUCCESS, BOTH = 0b01, 0b10, 0b11


def over(spec: Sequence, events: list[tuple[float, int]]) -> list[bool]:
    memory = Steps()
    return [
        isinstance(observe(memory, spec, LATENESS, round(second * SECOND), fits), Over)
        for second, fits in events
    ]


@pytest.mark.parametrize(
    ("events", "fires"),
    [
        pytest.param([(0, 1), (1, 1), (2, 1), (3, 2)], 1, id="in order"),
        pytest.param([(0, 1), (1, 1), (3, 2), (4, 1)], 0, id="the success came too soon"),
        pytest.param([(0, 1), (1, 1), (2, 1), (60, 2)], 0, id="exactly W after the first is out"),
        pytest.param([(0, 1), (1, 1), (2, 1), (59.9, 2)], 1, id="just within"),
        pytest.param([(0, 1), (1, 1), (2, 1), (2, 2)], 1, id="equal stamps keep the order of arrival"),
        pytest.param([(2, 2), (2, 1), (2, 1), (2, 1)], 0, id="the success arrived before the failures"),
        pytest.param([(0, 1), (1, 1), (5, 2), (2, 1)], 1, id="a late failure completes it"),
        pytest.param([(0, 1), (1, 1), (2, 1), (3, 2), (1.5, 1)], 1, id="a success completes once"),
        pytest.param([(0, 3), (1, 3), (2, 3)], 0, id="an event serves one step"),
        pytest.param([(0, 3), (1, 3), (2, 3), (3, 3)], 1, id="of events that fit both, one more"),
    ],
)
def test_what_completes_a_sequence(events: list[tuple[float, int]], fires: int) -> None:
    assert sum(over(FAILURES_THEN_SUCCESS, events)) == fires


def test_says_where_it_began_and_how_many_events_it_took() -> None:
    memory = Steps()
    for second in (0, 1, 2, 3):
        observe(memory, FAILURES_THEN_SUCCESS, LATENESS, second * SECOND, FAILURE)
    assert observe(memory, FAILURES_THEN_SUCCESS, LATENESS, 4 * SECOND, SUCCESS) == Over(1 * SECOND, 4)


def test_too_late_is_late() -> None:
    memory = Steps()
    assert observe(memory, FAILURES_THEN_SUCCESS, LATENESS, 1000 * SECOND, FAILURE) == STEP
    assert observe(memory, FAILURES_THEN_SUCCESS, LATENESS, 1000 * SECOND - 181 * SECOND, FAILURE) == LATE


def test_a_flood_of_one_step_does_not_push_out_another() -> None:
    spec = Sequence((Step(ALWAYS), Step(ALWAYS), Step(ALWAYS)), 3600 * SECOND)
    memory = Steps()
    observe(memory, spec, LATENESS, 0, 0b001)
    for second in range(1, 500):
        observe(memory, spec, LATENESS, second * SECOND, 0b010)
    assert isinstance(observe(memory, spec, LATENESS, 600 * SECOND, 0b100), Over)
    assert len(memory.stamps) <= 3 * KEPT_PER_TIME + 1


def test_a_failure_after_the_success_does_not_take_the_place_of_who_got_in() -> None:
    bench = Bench("""
    rules:
      guessed: {title: t, from: traefik, by: client_ip, message: "as {user}, {count}",
                sequence: {steps: [{when: {status: 401}, times: 2}, {when: {status: 200}}], within: 15m}}
    """)
    for second, (status, user) in enumerate([(401, "x"), (401, "x"), (200, "ada"), (401, "root")]):
        bench.feed(second, client_ip="203.0.113.9", status=status, user=user)
    assert [episode.message for episode in bench.episodes()] == ["as ada, 3"]


@given(
    times=st.lists(st.integers(1, 2), min_size=2, max_size=3),
    within=st.integers(1, 40),
    events=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 7)), max_size=9),
)
def test_the_first_completion_equals_a_model_that_tries_every_choice(
    times: list[int], within: int, events: list[tuple[int, int]]
) -> None:
    spec = Sequence(tuple(Step(ALWAYS, n) for n in times), within * SECOND)
    mask = (1 << len(times)) - 1
    events = [(second, fits & mask) for second, fits in events if fits & mask]
    needed = [number for number, n in enumerate(times) for _ in range(n)]

    def complete(seen: list[tuple[int, int]]) -> bool:
        ordered = sorted(seen, key=lambda event: event[0])
        return any(
            all(event[1] >> step & 1 for event, step in zip(chosen, needed, strict=True))
            and chosen[-1][0] - chosen[0][0] < within
            for chosen in combinations(ordered, len(needed))
        )

    memory, seen = Steps(), list[tuple[int, int]]()
    for second, fits in events:
        outcome = observe(memory, spec, LATENESS, second * SECOND, fits)
        if outcome == LATE:
            continue
        seen.append((second, fits))
        assert isinstance(outcome, Over) == complete(seen)
        if isinstance(outcome, Over):
            return
