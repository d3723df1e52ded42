"""First sights: learning, remembering, forgetting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightporter.detect.firstseen import KEPT, REFRESHED_AFTER, Seen, observe
from nightporter.detect.outcome import APART, Over
from nightporter.model import DAY
from nightporter.rule import FirstSeen, KeyPart

SPEC = FirstSeen((KeyPart("user"),), learn=7 * DAY, remember=90 * DAY)


def test_nothing_is_new_while_it_learns() -> None:
    memory = Seen(began=0)
    assert observe(memory, SPEC, 0, 1) == APART
    assert observe(memory, SPEC, 7 * DAY - 1, 2) == APART
    assert observe(memory, SPEC, 7 * DAY, 3) == Over(7 * DAY, 1)


def test_what_was_seen_is_not_new_until_it_is_forgotten() -> None:
    memory = Seen(began=0)
    observe(memory, SPEC, 0, 1)
    assert observe(memory, SPEC, 89 * DAY, 1) == APART
    assert observe(memory, SPEC, 179 * DAY, 1) == APART
    assert isinstance(observe(memory, SPEC, 180 * DAY + REFRESHED_AFTER + 90 * DAY, 1), Over)


def test_the_longest_unseen_makes_room() -> None:
    memory = Seen(began=0)
    for combination in range(KEPT + 1):
        observe(memory, SPEC, combination, combination)
    assert len(memory.last) == KEPT
    assert 0 not in memory.last


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)), max_size=40))
def test_equals_a_model_that_keeps_every_sight(events: list[tuple[int, int]]) -> None:
    """In order of time; sights are refreshed once a day, so the model's days are whole."""
    spec = FirstSeen((KeyPart("user"),), learn=5 * DAY, remember=12 * DAY)
    memory: Seen | None = None
    sights: dict[int, int] = {}
    for day, value in sorted(events):
        stamp = day * DAY
        memory = memory or Seen(began=stamp)
        last = sights.get(value)
        if last is None or stamp - last > min(REFRESHED_AFTER, spec.remember // 4):
            sights[value] = stamp
        new = last is None or stamp - last > spec.remember
        expected = new and stamp - memory.began >= spec.learn
        assert isinstance(observe(memory, spec, stamp, value), Over) == expected
