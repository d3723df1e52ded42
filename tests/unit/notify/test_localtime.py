"""A person's wall clock, over daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.config import QuietHours
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Stamp
from nightporter.notify.backoff import CAP_S, asked_s, wait_s
from nightporter.notify.localtime import last_at, next_at, quiet_until, shown, span, wall

BERLIN = ZoneInfo("Europe/Berlin")
STAMPS = st.integers(1_700_000_000, 1_900_000_000).map(lambda s: s * SECOND)
ZONES = st.sampled_from([UTC, BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe"), None])


def at(text: str) -> Stamp:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND


@given(STAMPS, st.integers(0, 1439), ZONES)
def test_next_and_last_stand_on_either_side_within_a_day(
    stamp: Stamp, minute: int, zone: ZoneInfo | None
) -> None:
    after, before = next_at(stamp, minute, zone), last_at(stamp, minute, zone)
    assert before <= stamp < after
    assert after - stamp <= DAY + 2 * HOUR
    assert stamp - before <= DAY + 2 * HOUR
    assert wall(after, zone).minute in {minute % 60, (minute + 30) % 60}


@given(STAMPS, st.integers(0, 1439), st.integers(0, 1439), ZONES)
def test_quiet_hours_end_later_and_then_it_is_not_quiet(
    stamp: Stamp, start: int, end: int, zone: ZoneInfo | None
) -> None:
    until = quiet_until(stamp, QuietHours(start=start, end=end), zone)
    assert until is None or stamp < until <= stamp + DAY + 2 * HOUR


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-24T22:59+01:00", None),
        ("2026-11-24T23:00+01:00", "2026-11-25T07:30+01:00"),
        ("2026-11-25T07:29+01:00", "2026-11-25T07:30+01:00"),
        ("2026-11-25T07:30+01:00", None),
        ("2026-03-28T23:30+01:00", "2026-03-29T07:30+02:00"),
        ("2026-10-24T23:30+02:00", "2026-10-25T07:30+01:00"),
    ],
)
def test_quiet_hours(now: str, until: str | None) -> None:
    quiet = QuietHours(start=23 * 60, end=7 * 60 + 30)
    assert quiet_until(at(now), quiet, BERLIN) == (at(until) if until else None)


def test_a_stamp_reads_as_short_as_it_can() -> None:
    now = at("2026-11-24T12:00+01:00")
    assert shown(at("2026-11-24T03:19:30+01:00"), BERLIN, now) == "03:19:30"
    assert shown(at("2026-11-23T03:19:30+01:00"), BERLIN, now) == "Mon 23 Nov 03:19"
    assert shown(at("2025-11-23T03:19:30+01:00"), BERLIN, now) == "23 Nov 2025 03:19"


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (-1, "0 s"),
        (45 * SECOND, "45 s"),
        (MINUTE, "1 min"),
        (200 * MINUTE, "3 h 20 min"),
        (50 * HOUR, "2 d 2 h"),
    ],
)
def test_a_span_in_words(duration: int, words: str) -> None:
    assert span(duration) == words


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waits_grow_to_half_an_hour_and_keep_their_jitter(failures: int, chance: float) -> None:
    wait = wait_s(failures, chance)
    assert 3.75 <= wait <= CAP_S
    assert failures < 10 or wait >= CAP_S * 0.75
    assert wait_s(failures, 0) <= wait_s(failures + 1, 0)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, None),
        (0.0, 0.0),
        (3.5, 3.5),
        (-1.0, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e9, 86400),
    ],
)
def test_what_a_receiver_asks(said: float | None, meant: float | None) -> None:
    assert asked_s(said) == meant
