"""The picture: it can be drawn of every state, its size is bounded, and its numbers are round."""

from __future__ import annotations

import io
import sys
from datetime import UTC, date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.parts.reviewing import NOW, PERIOD, counts, incident, well

from nightporter.history import Gap, Outage
from nightporter.model import DAY, HOUR, MINUTE, Severity
from nightporter.review import chart
from nightporter.review.facts import Facts
from nightporter.review.periods import between


def drawn(facts: Facts) -> Image.Image:
    data = chart.png(facts)
    assert len(data) < 200_000
    return Image.open(io.BytesIO(data)).convert("RGB")


def colours(image: Image.Image) -> set[str]:
    found = image.getcolors(1_000_000)
    assert found is not None
    return {"#{:02x}{:02x}{:02x}".format(*colour) for _, colour in found if isinstance(colour, tuple)}


def count(image: Image.Image, colour: str) -> int:
    """Its pixels of this colour."""
    wanted = tuple(bytes.fromhex(colour[1:]))
    return sum(n for n, found in image.getcolors(1_000_000) or () if found == wanted)


def test_a_month_shows_its_lines_incidents_and_outages() -> None:
    facts = well(
        incidents=(incident(1), incident(2, severity=Severity.critical)),
        outages={"plex": [Outage("plex", PERIOD.since, PERIOD.since + HOUR)]},
    )
    seen = colours(drawn(facts))
    shown = {
        chart.LINES,
        chart.OUTAGE,
        chart.SEVERITIES[Severity.medium],
        chart.SEVERITIES[Severity.critical],
    }
    assert shown <= seen
    assert chart.SEVERITIES[Severity.high] not in seen
    assert chart.UNKNOWN not in seen


def test_a_short_outage_can_be_seen() -> None:
    start = PERIOD.since + 77 * HOUR
    image = drawn(well(outages={"plex": [Outage("plex", start, start + 1)]}))
    pixels = image.load()
    assert pixels is not None
    columns = {
        x
        for x in range(chart.LEFT, chart.RIGHT)
        if any(pixels[x, y] == (0xB4, 0x8C, 0xFF) for y in range(chart.BARS[1], image.height - chart.BELOW))
    }
    assert len(columns) >= 5


def test_what_nobody_watched_lies_over_an_outage() -> None:
    week = between(date(2026, 11, 24), date(2026, 11, 30), NOW, UTC)
    down = {"plex": [Outage("plex", week.since + DAY, week.since + 3 * DAY)]}
    gap = Gap(week.since + DAY, week.since + 3 * DAY)
    seen = colours(drawn(well(period=week, outages=down, unwatched=(gap,))))
    # In the legend it still stands: the outage was, however little of it was seen.
    assert chart.UNKNOWN in seen
    half = Gap(week.since + 2 * DAY, week.since + 3 * DAY)
    whole, less, least = (
        count(drawn(well(period=week, outages=down, unwatched=gaps)), chart.OUTAGE)
        for gaps in ((), (half,), (gap,))
    )
    assert whole > less > least
    minute = {"plex": [Outage("plex", week.since + DAY, week.since + DAY + MINUTE)]}
    after = Gap(week.since + DAY + MINUTE, week.since + 3 * DAY)
    none, some = (
        count(drawn(well(period=week, outages=down, unwatched=(after,))), chart.OUTAGE)
        for down in ({}, minute)
    )
    legend = 27 * 27
    assert some - none >= legend + chart.SHORTEST * chart.BAND, "a minute before a long silence can be seen"


def test_days_without_a_watch_are_marked() -> None:
    some = {key: n for key, n in counts().items() if key[0] != "2026-11-15"}
    assert chart.UNKNOWN in colours(drawn(well(counts=some)))


def test_an_attack_does_not_blow_it_up() -> None:
    many = tuple(incident(n % 200, severity=Severity.high) for n in range(5_000))
    flood = {(d, w, n): c * 10**12 if w == "lines" else c for (d, w, n), c in counts().items()}
    image = drawn(well(incidents=many, counts=flood))
    assert image.size[0] == chart.WIDTH
    assert image.size[1] < 1_200


@pytest.mark.parametrize("days", [1, 7, 31, 62, 63, 400])
def test_any_length_can_be_drawn(days: int) -> None:
    last = date(2026, 11, 30)
    period = between(last - timedelta(days=days - 1), last, NOW, UTC)
    facts = well(period=period)
    buckets = chart.bucketed(facts)
    assert sum(bucket.lines for bucket in buckets) == facts.total("lines") - _before(facts)
    drawn(facts)


def _before(facts: Facts) -> int:
    return sum(
        n for (day, what, _), n in facts.counts.items() if what == "lines" and day < facts.period.days[0]
    )


@given(st.integers(0, 10**15))
def test_the_axis_ends_at_a_round_even_number(most: int) -> None:
    top = chart.scale(most)
    assert top >= max(most, 4)
    assert top % 2 == 0
    assert top <= max(2 * most, 4)
    assert len(str(top).rstrip("0")) <= 2


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (800, "800"), (2_500, "2.5k"), (40_000, "40k"), (1_200_000, "1.2M")]
)
def test_numbers_are_short(number: int, text: str) -> None:
    assert chart.short(number) == text


def test_without_pillow_there_is_no_picture_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chart.available()
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.features", raising=False)
    assert not chart.available()
