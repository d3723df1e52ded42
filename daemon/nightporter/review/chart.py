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
WIDTH: Final = 1200
HEIGHT: Final = 900
LEFT: Final = 132
RIGHT: Final = WIDTH - 40
BARS: Final = (150, 470)
"""Top and bottom of the panel of lines; so the two below."""
DOTS: Final = (510, 650)
BAND: Final = (690, 730)
DATES_Y: Final = 742
LEGEND_Y: Final = 820
MOST_DOTS: Final = 5
"""Squares on one another; of more, a number tells."""
DAYS_APART: Final = 62
"""A longer period is drawn by the week."""

GROUND: Final = "#22252b"
TRACK: Final = "#31353d"
GRID: Final = "#454b55"
TEXT: Final = "#f2f3f5"
SOFT: Final = "#b5bac4"
LINES: Final = "#5b9bd5"
UNKNOWN: Final = "#565c66"
OUTAGE: Final = "#ff5c5c"
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
    """Whether Pillow is there."""
    try:
        import PIL.Image  # noqa: F401 - asked only whether it is there
    except ImportError:
        return False
    return True


def png(facts: Facts) -> bytes:
    """The picture. Raises ImportError without Pillow."""
    from PIL import Image, ImageDraw

    buckets = bucketed(facts)
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    draw = ImageDraw.Draw(image)
    span = Span(buckets[0].begin, buckets[-1].end)
    _head(draw, facts)
    _bars(draw, buckets, span)
    _dots(draw, buckets, span)
    _band(draw, facts, buckets, span)
    _dates(draw, buckets, span)
    _legend(draw, facts, buckets)
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
    """The number at the top of the axis: 1, 2, 4 or 5 with noughts, at least 4."""
    step = 1
    while True:
        for factor in (4, 5, 10, 20):
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
    draw.text((40, 28), facts.period.title, fill=TEXT, font=_font(46))
    draw.text((40, 88), figures(facts), fill=SOFT, font=_font(30))


def _bars(draw: ImageDraw, buckets: Sequence[Bucket], span: Span) -> None:
    top, bottom = BARS
    highest = scale(max(bucket.lines for bucket in buckets))
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        draw.line([(LEFT, y), (RIGHT, y)], fill=GRID, width=2)
        draw.text((LEFT - 14, y), short(round(share * highest)), fill=SOFT, font=_font(26), anchor="rm")
    draw.text(
        (LEFT, top - 8),
        "lines a week" if _is_weekly(buckets) else "lines a day",
        fill=SOFT,
        font=_font(24),
        anchor="lb",
    )
    for bucket in buckets:
        left, right = _inside(bucket, span)
        if bucket.lines:
            height = max((bottom - top) * bucket.lines / highest, 2)
            draw.rectangle([left, bottom - height, right, bottom], fill=LINES)
        elif not bucket.is_known:
            draw.rectangle([left, bottom - 6, right, bottom], fill=UNKNOWN)


def _dots(draw: ImageDraw, buckets: Sequence[Bucket], span: Span) -> None:
    top, bottom = DOTS
    step = (bottom - top) / MOST_DOTS
    draw.line([(LEFT, bottom), (RIGHT, bottom)], fill=GRID, width=2)
    _row_name(draw, "incidents", (top + bottom) / 2)
    for bucket in buckets:
        worst_first = sorted(SEVERITIES, reverse=True)
        pile = [severity for severity in worst_first for _ in range(bucket.incidents[severity])]
        shown = pile if len(pile) <= MOST_DOTS else pile[: MOST_DOTS - 1]
        middle = sum(_inside(bucket, span)) / 2
        half = min((_inside(bucket, span)[1] - _inside(bucket, span)[0]) / 2, step / 2 - 2)
        for place, severity in enumerate(shown):  # the worst lies lowest, where it always is seen
            y = bottom - 4 - place * step
            draw.rectangle([middle - half, y - step + 5, middle + half, y], fill=SEVERITIES[severity])
        if len(pile) > len(shown):
            y = bottom - 4 - len(shown) * step
            draw.text((middle, y), f"+{len(pile) - len(shown)}", fill=TEXT, font=_font(20), anchor="ms")


def _band(draw: ImageDraw, facts: Facts, buckets: Sequence[Bucket], span: Span) -> None:
    top, bottom = BAND
    _row_name(draw, "outages", (top + bottom) / 2)
    draw.rectangle([LEFT, top, RIGHT, bottom], fill=TRACK)
    for bucket in buckets:
        if not bucket.is_known:
            draw.rectangle([span.x(bucket.begin), top, span.x(bucket.end), bottom], fill=UNKNOWN)
    for outage in (outage for each in facts.outages.values() for outage in each):
        left, right = span.x(outage.start), span.x(outage.end)
        draw.rectangle([left, top, max(right, left + 5), bottom], fill=OUTAGE)


def _dates(draw: ImageDraw, buckets: Sequence[Bucket], span: Span) -> None:
    step = max(1, round(len(buckets) / 5)) if len(buckets) > 8 else 1
    if len(buckets) > 8 and not _is_weekly(buckets):
        step = 7
    for bucket in buckets[::step]:
        x = sum(_inside(bucket, span)) / 2
        draw.line([(x, BAND[1] + 2), (x, BAND[1] + 10)], fill=SOFT, width=2)
        draw.text((x, DATES_Y), f"{bucket.first:%-d %b}", fill=TEXT, font=_font(26), anchor="ma")


def _legend(draw: ImageDraw, facts: Facts, buckets: Sequence[Bucket]) -> None:
    """Only what is in the picture."""
    seen = [s for s in SEVERITIES if any(bucket.incidents[s] for bucket in buckets)]
    entries = [(SEVERITIES[severity], severity.name) for severity in seen]
    entries += [(OUTAGE, "outage")] if facts.outages else []
    entries += [(UNKNOWN, "not watched")] if not all(bucket.is_known for bucket in buckets) else []
    x, font = float(LEFT), _font(26)
    for colour, name in entries:
        draw.rectangle([x, LEGEND_Y + 4, x + 24, LEGEND_Y + 28], fill=colour)
        draw.text((x + 34, LEGEND_Y + 16), name, fill=TEXT, font=font, anchor="lm")
        x += 34 + draw.textlength(name, font=font) + 36


def _row_name(draw: ImageDraw, name: str, y: float) -> None:
    draw.text((LEFT - 14, y), name, fill=SOFT, font=_font(22), anchor="rm")


def _inside(bucket: Bucket, span: Span) -> tuple[float, float]:
    """Left and right of a bucket's bar: a sixth of its room is left free."""
    left, right = span.x(bucket.begin), span.x(bucket.end)
    gap = (right - left) / 12
    return left + gap, right - gap


def _is_weekly(buckets: Sequence[Bucket]) -> bool:
    return buckets[0].end - buckets[0].begin > 2 * 86_400 * SECOND
