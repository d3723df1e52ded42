"""Which days, and when: over the ends of months, daylight saving, sleeps and clocks that jump."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.config import Turn
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Stamp
from nightporter.review.periods import Kind, due, ending_now, last_turn, of_turn

SUNDAY_18 = Turn(6, 18 * 60)
FIRST_9 = Turn(1, 9 * 60)
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> Stamp:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def test_the_last_thirty_days_have_today_among_them() -> None:
    period = ending_now(30, at("2026-11-24 10:00"), UTC)
    assert (period.days[0], period.days[-1], len(period.days)) == ("2026-10-26", "2026-11-24", 30)
    assert (period.since, period.until) == (at("2026-10-26"), at("2026-11-24 10:00"))
    assert period.title == "26 Oct to 24 Nov 2026"


@pytest.mark.parametrize(
    ("kind", "turn", "first", "last", "title"),
    [
        ("monthly", date(2026, 12, 1), "2026-11-01", "2026-11-30", "November 2026"),
        ("monthly", date(2026, 3, 1), "2026-02-01", "2026-02-28", "February 2026"),
        ("monthly", date(2026, 1, 15), "2025-12-15", "2026-01-14", "15 Dec 2025 to 14 Jan 2026"),
        ("monthly", date(2026, 3, 28), "2026-02-28", "2026-03-27", "28 Feb to 27 Mar 2026"),
        ("weekly", date(2026, 11, 22), "2026-11-16", "2026-11-22", "16 Nov to 22 Nov 2026"),
    ],
)
def test_the_days_of_a_turn(kind: Kind, turn: date, first: str, last: str, title: str) -> None:
    period = of_turn(kind, turn, at("2027-01-01"), UTC)
    assert (period.days[0], period.days[-1], period.title) == (first, last, title)


def test_a_day_of_25_hours_is_a_whole_day() -> None:
    period = of_turn("weekly", date(2026, 10, 25), at("2026-12-01"), BERLIN)
    assert period.until - period.since == 7 * DAY + HOUR


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-22 17:59", date(2026, 11, 15)),
        ("2026-11-22 18:00", date(2026, 11, 22)),
        ("2026-11-28 03:00", date(2026, 11, 22)),
    ],
)
def test_the_last_sunday_evening(now: str, day: date) -> None:
    assert last_turn("weekly", SUNDAY_18, at(now), UTC) == day


def test_the_last_28th_in_march() -> None:
    assert last_turn("monthly", Turn(28, 0), at("2026-03-27 23:59"), UTC) == date(2026, 2, 28)


def weekly(now: str, sent: str | None, began: str | None = "2026-01-01") -> date | None:
    return due("weekly", SUNDAY_18, at(now), UTC, sent=sent, began=began)


def test_it_is_due_once() -> None:
    assert weekly("2026-11-22 18:00", "2026-11-15") == date(2026, 11, 22)
    assert weekly("2026-11-22 18:01", "2026-11-22") is None


def test_what_was_missed_is_made_up_for_once() -> None:
    assert weekly("2026-11-25 07:00", "2026-11-01") == date(2026, 11, 22)


def test_not_in_the_first_week() -> None:
    assert weekly("2026-11-22 18:00", None, began=None) is None
    assert weekly("2026-11-22 18:00", None, began="2026-11-16") is None
    assert weekly("2026-11-22 18:00", None, began="2026-11-15") == date(2026, 11, 22)


def test_a_clock_set_back_sends_nothing_again() -> None:
    assert weekly("2026-11-17 12:00", "2026-11-15") is None
    assert weekly("2026-11-17 12:00", "2026-11-22") is None


def test_what_a_wrong_clock_sent_in_the_future_stands_in_nobodys_way() -> None:
    assert weekly("2026-11-22 18:00", "2031-04-06") == date(2026, 11, 22)


@given(
    st.lists(st.sampled_from([-3 * DAY, -HOUR, 0, HOUR, 2 * DAY, 7 * DAY, 20 * DAY]), max_size=40),
    st.sampled_from([("weekly", SUNDAY_18), ("monthly", FIRST_9), ("monthly", Turn(28, 0))]),
)
def test_no_turn_is_ever_sent_twice(steps: list[int], what: tuple[Kind, Turn]) -> None:
    """Whatever the clock does, as long as it is not set back by more than weeks."""
    kind, turn = what
    now, sent = at("2026-06-01"), None
    seen: list[str] = []
    latest = now
    for step in steps:
        now = max(now + step, latest - 5 * DAY)
        latest = max(latest, now)
        day = due(kind, turn, now, BERLIN, sent=sent, began="2026-01-01")
        if day is not None:
            seen.append(day.isoformat())
            sent = day.isoformat()
    assert len(seen) == len(set(seen))


@given(st.integers(at("2024-01-01"), at("2030-01-01")))
def test_a_turn_is_over_and_the_next_one_is_not(now: Stamp) -> None:
    day = last_turn("weekly", SUNDAY_18, now, UTC)
    turn = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=18)
    begun = round(turn.timestamp()) * SECOND
    assert begun <= now < begun + 7 * DAY + MINUTE
