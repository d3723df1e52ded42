"""The picture of a review: lines, incidents and outages, day by day. Drawn with Pillow, which is an extra.

Made for a phone: few words, large, on a ground of its own, so that it reads alike in a light and a dark
Discord. Nothing of it is anybody's text but ours and the dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Final

from nightporter.history.rows import Gap
from nightporter.model import SECOND, Severity, Stamp
from nightporter.notify.localtime import day_of, stamp_of
from nightporter.review.facts import Facts
from nightporter.review.page import figures

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    Font = FreeTypeFont | BitmapFont

EXTRA: Final = "nightporter[chart]"
"""What brings Pillow."""
WIDTH: Final = 1000
LEFT: Final = 110
RIGHT: Final = WIDTH - 36
EDGE: Final = 36
BARS: Final = (242, 500)
"""Top and bottom of the panel of lines."""
PANEL: Final = 56
"""What a panel's name takes above it."""
DOT: Final = 26
NARROW: Final = 20
"""Of less room a number would touch the next one: a plus alone says that there are more."""
SHORTEST: Final = 5
"""Pixels of an outage that would not be seen otherwise."""
NARROWEST: Final = 2
"""Pixels of a time without a watch; what is less cannot be told from a line."""
BAND: Final = 44
LEGEND_LINE: Final = 48
ENTRIES_A_LINE: Final = 5
BELOW: Final = 174
"""What dates and legend take below the band."""
NAME: Final = 30
LABEL: Final = 32
"""Sizes of letters: a phone shows the picture at a third."""
MOST_DOTS: Final = 5
"""Squares on one another; of more, a number tells."""
MOST_DATES: Final = 10
DAYS_APART: Final = 62
"""A longer period is drawn by the week."""

GROUND: Final = "#22252b"
TRACK: Final = "#31353d"
GRID: Final = "#454b55"
TEXT: Final = "#f2f3f5"
SOFT: Final = "#b5bac4"
LINES: Final = "#5b9bd5"
UNKNOWN: Final = "#565c66"
OUTAGE: Final = "#b48cff"
"""No red: that is critical's."""
SEVERITIES: Final = {
    Severity.low: "#6cc5ff",
    Severity.medium: "#ffd34d",
    Severity.high: "#ff9a3d",
    Severity.critical: "#ff4d4d",
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A day, or a week of a long period."""

    first: date
    begin: Stamp
    end: Stamp
    lines: int
    incidents: dict[Severity, int]
    is_known: bool
    """Whether anything was counted on any of its days."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the time axis."""

    begin: Stamp
    end: Stamp

    def x(self, stamp: Stamp) -> float:
        """Where a stamp lies between LEFT and RIGHT."""
        share = (stamp - self.begin) / max(self.end - self.begin, 1)
        return LEFT + min(max(share, 0.0), 1.0) * (RIGHT - LEFT)


def available() -> bool:
    """Whether Pillow is there, with what draws letters (a build of one's own may lack it)."""
    try:
        from PIL import features
    except ImportError:
        return False
    return features.check("freetype2") is True


def png(facts: Facts) -> bytes:
    """The picture. Raises ImportError without Pillow."""
    from PIL import Image, ImageDraw

    buckets = bucketed(facts)
    rows = max(1, *(min(sum(bucket.incidents.values()), MOST_DOTS) for bucket in buckets))
    dots = (BARS[1] + PANEL, BARS[1] + PANEL + rows * DOT + 6)
    band = (dots[1] + PANEL, dots[1] + PANEL + BAND)
    entries = _entries(facts, buckets)
    lines = 1 if len(entries) <= ENTRIES_A_LINE else 2
    image = Image.new("RGB", (WIDTH, band[1] + BELOW + (lines - 1) * LEGEND_LINE), GROUND)
    draw = ImageDraw.Draw(image)
    span = Span(buckets[0].begin, buckets[-1].end)
    _head(draw, facts)
    _bars(draw, buckets, span)
    _dots(draw, buckets, span, dots)
    _band(draw, facts, buckets, span, band)
    _dates(draw, buckets, span, band[1])
    _legend(draw, entries, band[1] + 98)
    out = BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def bucketed(facts: Facts) -> list[Bucket]:
    """The period in days or weeks."""
    days = [date.fromisoformat(day) for day in facts.period.days]
    lines, watched = facts.by_day("lines"), facts.by_day("watched_s")
    length = 1 if len(days) <= DAYS_APART else 7
    buckets = []
    for start in range(0, len(days), length):
        part = days[start : start + length]
        names = {day.isoformat() for day in part}
        severities = [i.severity for i in facts.told if day_of(i.first, facts.zone) in names]
        buckets.append(
            Bucket(
                part[0],
                stamp_of(part[0], 0, facts.zone),
                stamp_of(part[-1] + timedelta(days=1), 0, facts.zone),
                sum(lines[start : start + length]),
                {severity: severities.count(severity) for severity in SEVERITIES},
                any((*lines[start : start + length], *watched[start : start + length])),
            )
        )
    return buckets


def scale(most: int) -> int:
    """The number at the top of the axis: the next round one, and even, since its half is told too."""
    step = 1
    while True:
        for factor in (4, 6, 8, 10, 12, 16, 20, 30):
            if factor * step >= most:
                return factor * step
        step *= 10


def short(number: int) -> str:
    """`800`, `2.5k`, `40k`, `1.2M`."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return str(number)


# --- the parts


def _font(size: int) -> Font:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _head(draw: ImageDraw, facts: Facts) -> None:
    draw.text((EDGE, 26), facts.period.title, fill=TEXT, font=_font(54))
    font, line, y = _font(LABEL), "", 96
    for piece in figures(facts).split(", "):
        longer = f"{line}, {piece}" if line else piece
        if line and draw.textlength(longer, font=font) > RIGHT - EDGE:
            draw.text((EDGE, y), f"{line},", fill=SOFT, font=font)
            line, y = piece, y + LABEL + 8
        else:
            line = longer
    draw.text((EDGE, y), line, fill=SOFT, font=font)


def _bars(draw: ImageDraw, buckets: Sequence[Bucket], span: Span) -> None:
    top, bottom = BARS
    highest = scale(max(bucket.lines for bucket in buckets))
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line([(LEFT, y), (RIGHT, y)], fill=GRID, width=2)
        draw.text((LEFT - 14, y), short(round(share * highest)), fill=SOFT, font=_font(LABEL), anchor="rm")
    _row_name(draw, "lines a week" if _is_weekly(buckets) else "lines a day", top)
    for bucket in buckets:
        left, right = _inside(bucket, span)
        if bucket.lines:
            height = max((bottom - top) * bucket.lines / highest, 2)
            draw.rectangle([left, bottom - height, right, bottom], fill=LINES)
        elif not bucket.is_known:
            draw.rectangle([left, bottom - 6, right, bottom], fill=UNKNOWN)


def _dots(draw: ImageDraw, buckets: Sequence[Bucket], span: Span, place: tuple[int, int]) -> None:
    top, bottom = place
    draw.line([(LEFT, bottom), (RIGHT, bottom)], fill=GRID, width=2)
    _row_name(draw, "incidents", top)
    worst_first = sorted(SEVERITIES, reverse=True)
    for bucket in buckets:
        pile = [severity for severity in worst_first for _ in range(bucket.incidents[severity])]
        shown = pile if len(pile) <= MOST_DOTS else pile[: MOST_DOTS - 1]
        left, right = _inside(bucket, span)
        middle, half = (left + right) / 2, min((right - left) / 2, DOT / 2 - 2)
        y = bottom - 4
        for severity in shown:  # the worst lies lowest, where it always is seen
            draw.rectangle([middle - half, y - DOT + 4, middle + half, y], fill=SEVERITIES[severity])
            y -= DOT
        if len(pile) > len(shown):
            rest = f"+{len(pile) - len(shown)}" if right - left >= NARROW else "+"
            draw.text((middle, y - 2), rest, fill=TEXT, font=_font(22), anchor="ms")


def _band(
    draw: ImageDraw, facts: Facts, buckets: Sequence[Bucket], span: Span, place: tuple[int, int]
) -> None:
    top, bottom = place
    _row_name(draw, "outages", top)
    draw.rectangle([LEFT, top, RIGHT, bottom], fill=TRACK)
    for bucket in buckets:
        if not bucket.is_known:
            draw.rectangle([span.x(bucket.begin), top, span.x(bucket.end), bottom], fill=UNKNOWN)
    down = [outage for each in facts.outages.values() for outage in each]
    for outage in down:
        draw.rectangle([span.x(outage.start), top, span.x(outage.end), bottom], fill=OUTAGE)
    for gap in visible_gaps(facts, span):
        draw.rectangle([span.x(gap.start), top, span.x(gap.end), bottom], fill=UNKNOWN)
    for outage in down:  # its beginning was seen, however short it was, and whatever nobody watched after it
        left = span.x(outage.start)
        draw.rectangle([left, top, left + SHORTEST, bottom], fill=OUTAGE)


def visible_gaps(facts: Facts, span: Span) -> list[Gap]:
    """Times without a watch that are wide enough to be seen; they lie over outages, of which nobody saw that
    part."""
    return [gap for gap in facts.unwatched if span.x(gap.end) - span.x(gap.start) >= NARROWEST]


def _dates(draw: ImageDraw, buckets: Sequence[Bucket], span: Span, y: int) -> None:
    """Each day of a week, each week of a month, about five dates of a longer time."""
    few, weekly = len(buckets) <= MOST_DATES, _is_weekly(buckets)
    step = 1 if few else max(1, round(len(buckets) / 5)) if weekly else 7 * max(1, len(buckets) // 42)
    for bucket in buckets[::step]:
        x = sum(_inside(bucket, span)) / 2
        draw.line([(x, y + 2), (x, y + 10)], fill=SOFT, width=2)
        text = f"{bucket.first:%-d}" if few and not weekly else f"{bucket.first:%-d %b}"
        draw.text((x, y + 16), text, fill=TEXT, font=_font(LABEL), anchor="ma")


def _entries(facts: Facts, buckets: Sequence[Bucket]) -> list[tuple[str, str]]:
    """Colour and name of what is in the picture."""
    seen = [s for s in SEVERITIES if any(bucket.incidents[s] for bucket in buckets)]
    entries = [(SEVERITIES[severity], severity.name) for severity in seen]
    entries += [(OUTAGE, "outage")] if facts.outages else []
    gaps = visible_gaps(facts, Span(buckets[0].begin, buckets[-1].end))
    entries += [(UNKNOWN, "not watched")] if gaps or not all(bucket.is_known for bucket in buckets) else []
    return entries


def _legend(draw: ImageDraw, entries: Sequence[tuple[str, str]], y: int) -> None:
    x, font = float(EDGE), _font(LABEL)
    for colour, name in entries:
        if x + 36 + draw.textlength(name, font=font) > RIGHT:
            x, y = float(EDGE), y + LEGEND_LINE
        draw.rectangle([x, y + 4, x + 26, y + 30], fill=colour)
        draw.text((x + 36, y + 17), name, fill=TEXT, font=font, anchor="lm")
        x += 36 + draw.textlength(name, font=font) + 30


def _row_name(draw: ImageDraw, name: str, y: float) -> None:
    """What a panel shows, above its left end."""
    draw.text((LEFT, y - 10), name, fill=SOFT, font=_font(NAME), anchor="lb")


def _inside(bucket: Bucket, span: Span) -> tuple[float, float]:
    """Left and right of a bucket's bar: a sixth of its room is left free."""
    left, right = span.x(bucket.begin), span.x(bucket.end)
    gap = (right - left) / 12
    return left + gap, right - gap


def _is_weekly(buckets: Sequence[Bucket]) -> bool:
    return buckets[0].end - buckets[0].begin > 2 * 86_400 * SECOND
