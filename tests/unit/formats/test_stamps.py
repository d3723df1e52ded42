"""Stamps in every shape that the services of a home server write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.formats.origins import ARRIVED, stamp

from nightporter.formats import stamps
from nightporter.formats.stamps import Zone
from nightporter.model import SECOND

HEADS = [
    ("2026-11-24T10:00:00Z msg", "2026-11-24T10:00:00+00:00", " msg"),
    ("2026-11-24T10:00:00.123456789Z x", "2026-11-24T10:00:00.123456+00:00", " x"),
    ("2026-11-24 10:00:00,517] x", "2026-11-24T10:00:00.517+00:00", "] x"),
    ("2026-11-24 10:00:00.5|Warn|", "2026-11-24T10:00:00.5+00:00", "|Warn|"),
    ("2026-09-21 07:25:51.112 -05:00 [WRN] x", "2026-09-21T12:25:51.112+00:00", " [WRN] x"),
    ("2026-10-15T12:09:26-04:00 [AUTH] x", "2026-10-15T16:09:26+00:00", " [AUTH] x"),
    ("2026-10-09T17:34:29+0200 x", "2026-10-09T15:34:29+00:00", " x"),
    ("2026-10-13 22:45:43.323 UTC [28775] x", "2026-10-13T22:45:43.323+00:00", " [28775] x"),
    ("2026-10-13 11:45:48+00:00 [Note] x", "2026-10-13T11:45:48+00:00", " [Note] x"),
    ("2026-10-12  0:34:04 29556 [Warning] x", "2026-10-12T00:34:04+00:00", " 29556 [Warning] x"),
    ("2026-10-11 17:58:07 67172 [Warning] x", "2026-10-11T17:58:07+00:00", " 67172 [Warning] x"),
    ("130324  0:04:00 [Note] x", "2013-03-24T00:04:00+00:00", " [Note] x"),
    ("[2026-11-24 10:15:06 +0000] [26645] x", "2026-11-24T10:15:06+00:00", "] [26645] x"),
    ("[2026-10-21 17:44:18.934][vaultwarden] x", "2026-10-21T17:44:18.934+00:00", "][vaultwarden] x"),
    ("[W 2026-11-24 10:15:12.026 ServerApp] x", "2026-11-24T10:15:12.026+00:00", " ServerApp] x"),
    ("(W) 2026-10-05T10:11:17 - WebAPI x", "2026-10-05T10:11:17+00:00", " - WebAPI x"),
    ("[26/Oct/2026:03:19:30 +0000] - 200", "2026-10-26T03:19:30+00:00", "] - 200"),
    ("04/Nov/2026:10:00:00 -0900 x", "2026-11-04T19:00:00+00:00", " x"),
    ("22-Feb-2016 14:32:15 - ERROR x", "2016-02-22T14:32:15+00:00", " - ERROR x"),
    ("2026/11/24 10:00:00 [error] x", "2026-11-24T10:00:00+00:00", " [error] x"),
    ("2026/10/28 03:43:08.378639 [error] x", "2026-10-28T03:43:08.378639+00:00", " [error] x"),
    ("2026/10/07 12:58AM DBG x", "2026-10-07T00:58:00+00:00", " DBG x"),
    ("2026/10/07 03:04PM DBG x", "2026-10-07T15:04:00+00:00", " DBG x"),
    ("Sep 19, 2026 13:23:04.567 [14] DEBUG", "2026-09-19T13:23:04.567+00:00", " [14] DEBUG"),
    ("Nov 24 09:05:01 nas sshd[1]: x", "2026-11-24T09:05:01+00:00", " nas sshd[1]: x"),
    ("Nov  4 09:05:01 nas sshd[1]: x", "2026-11-04T09:05:01+00:00", " nas sshd[1]: x"),
    ("<34>Nov  4 09:05:01 nas sshd[1]: x", "2026-11-04T09:05:01+00:00", " nas sshd[1]: x"),
]


@pytest.mark.parametrize(("line", "instant", "rest"), HEADS, ids=[head[0][:28] for head in HEADS])
def test_a_line_begins_with_a_stamp(line: str, instant: str, rest: str) -> None:
    found, end = stamps.head(line, Zone("UTC"), ARRIVED)
    assert found is not None
    assert found // 1000 == stamp(instant) // 1000
    assert line[end:] == rest


def test_nanoseconds_are_exact() -> None:
    assert stamps.rfc3339("2026-11-24T10:01:30.36587509Z") == stamp("2026-11-24T10:01:30+00:00") + 365_875_090
    assert stamps.whole("2026-11-24T10:01:30.365875091Z", Zone("UTC"), 0) == (
        stamp("2026-11-24T10:01:30+00:00") + 365_875_091
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Authentication failed",
        "[Warn] Auth: x",
        "2026-02-31 10:00:00 x",
        "2026-13-01 10:00:00 x",
        "2026-11-24 25:00:00 x",
        "2026-11-24 10:61:00 x",
        "2026/11/24 13:04PM x",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "31/Feb/2026:10:00:00 +0000",
        "Feb 30 10:00:00 host x",
        "[00:12:26] [INF] x",
        "1234567890123456",
    ],
)
def test_what_is_no_stamp(line: str) -> None:
    assert stamps.head(line, Zone("UTC"), ARRIVED)[0] is None
    assert stamps.rfc3339(line) is None
    assert stamps.access(line) is None


@pytest.mark.parametrize(
    ("wall", "arrived", "instant"),
    [
        # Berlin goes back from 03:00 to 02:00 on 25 October 2026, at 01:00 UTC.
        ("2026-10-25 02:30:00", "2026-10-25T00:30:01+00:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25 02:30:00", "2026-10-25T01:30:01+00:00", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25 02:30:00", "2026-11-24T00:00:00+00:00", "2026-10-25T01:30:00+00:00"),
        ("2026-10-25 01:59:59", "2026-10-25T00:30:01+00:00", "2026-10-24T23:59:59+00:00"),
        ("2026-10-25 03:00:00", "2026-10-25T02:00:00+00:00", "2026-10-25T02:00:00+00:00"),
        # It went forward from 02:00 to 03:00 on 29 March: 02:30 never was.
        ("2026-03-29 02:30:00", "2026-03-29T02:00:00+00:00", "2026-03-29T01:30:00+00:00"),
        ("2026-07-01 12:00:00", "2026-07-01T12:00:00+00:00", "2026-07-01T10:00:00+00:00"),
    ],
)
def test_the_hour_that_comes_twice_is_told_by_the_arrival(wall: str, arrived: str, instant: str) -> None:
    found, _ = stamps.head(wall, Zone("Europe/Berlin"), stamp(arrived))
    assert found == stamp(instant)


@pytest.mark.parametrize(
    ("line", "arrived", "instant"),
    [
        ("Dec 31 23:59:59 x", "2027-01-01T00:00:05+00:00", "2026-12-31T23:59:59+00:00"),
        ("Jan  1 00:00:01 x", "2026-12-31T23:59:59+00:00", "2027-01-01T00:00:01+00:00"),
        ("Jan 15 00:00:01 x", "2026-11-24T00:00:00+00:00", "2026-01-15T00:00:01+00:00"),
        ("Nov 26 00:00:01 x", "2026-11-24T00:00:00+00:00", "2025-11-26T00:00:01+00:00"),
        ("Feb 29 12:00:00 x", "2026-11-24T00:00:00+00:00", "2024-02-29T12:00:00+00:00"),
    ],
)
def test_a_missing_year_is_told_by_the_arrival(line: str, arrived: str, instant: str) -> None:
    assert stamps.head(line, Zone("UTC"), stamp(arrived))[0] == stamp(instant)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (1_795_514_400, "2026-11-24T10:00:00+00:00"),
        (1_795_514_400.25, "2026-11-24T10:00:00.25+00:00"),
        (1_795_514_400_123, "2026-11-24T10:00:00.123+00:00"),
        (1_795_514_400_123_456, "2026-11-24T10:00:00.123456+00:00"),
        (1_795_514_400_123_456_000, "2026-11-24T10:00:00.123456+00:00"),
        ("1795514400", "2026-11-24T10:00:00+00:00"),
        ("1795514400.5", "2026-11-24T10:00:00.5+00:00"),
        ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00+00:00"),
        ("2026-11-24 10:00:00", "2026-11-24T10:00:00+00:00"),
    ],
)
def test_values_of_json(value: object, instant: str) -> None:
    assert stamps.of_value(value, Zone("UTC"), ARRIVED) == stamp(instant)


@pytest.mark.parametrize(
    "value", [0, -1, 12, True, None, [], "", "soon", "2026-11-24T10:00:00Z?", 1e30, "9" * 24]
)
def test_values_that_are_no_stamp(value: object) -> None:
    assert stamps.of_value(value, Zone("UTC"), ARRIVED) is None


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2199, 1, 1)),  # noqa: DTZ001 - made aware
    st.integers(-14 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters)),
)
def test_any_offset_gives_the_same_instant(moment: datetime, offset: timedelta) -> None:
    utc = moment.replace(tzinfo=UTC)
    seconds = int(offset.total_seconds())
    sign, of = ("-", -seconds) if seconds < 0 else ("+", seconds)
    local = (moment + offset).isoformat(timespec="microseconds")
    text = f"{local}{sign}{of // 3600:02}:{of % 3600 // 60:02}"
    exact = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    assert stamps.whole(text, Zone("Europe/Berlin"), ARRIVED) == exact
    assert stamps.rfc3339(text) == exact


@given(st.text(max_size=90), st.integers(-(2**70), 2**70))
def test_no_text_and_no_arrival_raises(text: str, arrived: int) -> None:
    found, end = stamps.head(text, Zone("Europe/Berlin"), arrived)
    assert 0 <= end <= len(text)
    assert found is None or abs(found) < 8_000_000_000 * SECOND


def test_local_is_this_machine() -> None:
    expected = int(datetime(2026, 7, 1, 12).astimezone().timestamp()) * SECOND
    assert stamps.whole("2026-07-01 12:00:00", Zone("local"), ARRIVED) == expected


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe", "\0"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Zone(name)
