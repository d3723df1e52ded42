"""The small notations inside values."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.model import DAY, HOUR, MINUTE, SECOND, Severity
from nightporter.ruleset import values
from nightporter.ruleset.values import NotA

GOOD: list[tuple[Callable[[str], object], str, object]] = [
    (values.duration, "0s", 0),
    (values.duration, "250ms", SECOND // 4),
    (values.duration, "10m", 10 * MINUTE),
    (values.duration, "1h30m", 90 * MINUTE),
    (values.duration, "7d", 7 * DAY),
    (values.duration, "2w", 14 * DAY),
    (values.size, "5GB", 5 * 10**9),
    (values.size, "1.5 KiB", 1536),
    (values.size, "300b", 300),
    (values.clock_minute, "08:00", 480),
    (values.clock_minute, "7:05", 425),
    (values.clock_range, "23:00-07:30", (1380, 450)),
    (values.clock_range, "08:00 - 09:00", (480, 540)),
    (values.status, "404", 404),
    (values.status, "5XX", "5xx"),
    (values.status, "400-499", "400-499"),
    (values.hours, "22-6", "22-6"),
    (values.hours, "7", "7-8"),
    (values.hours, "23", "23-24"),
    (values.hours, "0 - 24", "0-24"),
    (values.weekdays, "Mon-Fri", "mon-fri"),
    (values.weekdays, "sunday", "sun-sun"),
    (values.network, "203.0.113.9", "203.0.113.9"),
    (values.network, "203.0.113.9/32", "203.0.113.9"),
    (values.network, "10.0.0.7/8", "10.0.0.0/8"),
    (values.network, "::FFFF:1.2.3.4", "1.2.3.4"),
    (values.network, "::ffff:10.0.0.0/104", "10.0.0.0/8"),
    (values.network, "[2001:DB8::1]", "2001:db8::1"),
    (values.network, "::1/128", "::1"),
    (values.severity, "High", Severity.high),
]
BAD: list[tuple[Callable[[str], object], str]] = [
    *(
        (values.duration, text)
        for text in ("", "10", "10 m", "1.5h", "-1s", "m", "10y", "9" * 10 + "d", "5000w")
    ),
    *((values.size, text) for text in ("", "5", "5 gigs", "-1GB", "1e3MB", "GB")),
    *((values.clock_minute, text) for text in ("", "24:00", "8", "08:60", "1350")),
    *((values.clock_range, text) for text in ("", "08:00", "08:00-08:00", "22-6", "08:00-09:00-10:00")),
    *((values.status, text) for text in ("", "4x", "600", "499-400", "4xx-5xx", "-404", "040")),
    *((values.hours, text) for text in ("", "25", "24", "7-7", "-6", "a-b", "22-25")),
    *((values.weekdays, text) for text in ("", "mo", "mon-", "mon-fri-sun", "1-5")),
    *((values.network, text) for text in ("", "010.1.1.1", "10.0.0.0/33", "trusted", "1.2.3", "::1%lo", "*")),
    (values.severity, "urgent"),
]


@pytest.mark.parametrize(("parser", "text", "value"), GOOD, ids=lambda v: getattr(v, "__name__", str(v)))
def test_what_is_one(parser: Callable[[str], object], text: str, value: object) -> None:
    assert parser(text) == value


@pytest.mark.parametrize(("parser", "text"), BAD, ids=lambda v: getattr(v, "__name__", str(v)))
def test_what_is_none(parser: Callable[[str], object], text: str) -> None:
    with pytest.raises(NotA) as caught:
        parser(text)
    assert caught.value.expected


@given(st.integers(0, 400 * DAY // 1_000_000).map(lambda millis: millis * 1_000_000))
def test_a_duration_that_is_written_is_read_back(nanos: int) -> None:
    assert values.duration(values.duration_text(nanos)) == nanos


@pytest.mark.parametrize(
    ("text", "zone", "stamp"),
    [
        ("2027-01-31", "UTC", 1_801_440_000),
        ("2027-01-31", "Europe/Berlin", 1_801_436_400),
        ("2027-03-28", "Europe/Berlin", 1_806_271_200),  # the day of 23 hours ends by summer time
        ("2027-01-31T18:00", "UTC", 1_801_418_400),
        ("2027-01-31T18:00+02:00", "Europe/Berlin", 1_801_411_200),
    ],
)
def test_a_day_ends_with_its_last_moment(text: str, zone: str, stamp: int) -> None:
    assert values.until(text, ZoneInfo(zone)) == stamp * SECOND


@pytest.mark.parametrize("text", ["31.01.2027", "2027-02-30", "soon", "", "9999-12-31", "2027-01-31T25:00"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(NotA):
        values.until(text, ZoneInfo("UTC"))


def test_units_are_what_they_say() -> None:
    assert values.duration("1d") == 24 * HOUR
