"""Which days a review is of, and when one is due. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import Final, Literal

from nightporter.config import Turn
from nightporter.history.rows import Day
from nightporter.model import Stamp
from nightporter.notify.localtime import day_of, stamp_of

Kind = Literal["weekly", "monthly"]
FIRST_AFTER: Final = timedelta(days=7)
"""So long Nightporter must have run before it sends a review: of less there is little to say."""
_LONGEST_WAIT: Final = 32
"""Days between two turns, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole days, both included, and the stamps at which they begin and end (or now, if that is earlier)."""

    first: date
    last: date
    since: Stamp
    until: Stamp

    @property
    def days(self) -> tuple[Day, ...]:
        """Its days in order."""
        length = (self.last - self.first).days + 1
        return tuple((self.first + timedelta(days=n)).isoformat() for n in range(length))

    @property
    def title(self) -> str:
        """`November 2026`, or `3 Nov to 2 Dec 2026`."""
        whole_month = self.first.day == 1 and (self.last + timedelta(days=1)).day == 1
        if whole_month and self.first.month == self.last.month:
            return f"{self.first:%B %Y}"
        if self.first.year == self.last.year:
            return f"{self.first:%-d %b} to {self.last:%-d %b %Y}"
        return f"{self.first:%-d %b %Y} to {self.last:%-d %b %Y}"


def between(first: date, last: date, now: Stamp, zone: tzinfo | None) -> Period:
    """The period of these days."""
    until = min(now, stamp_of(last + timedelta(days=1), 0, zone))
    return Period(first=first, last=last, since=stamp_of(first, 0, zone), until=until)


def ending_now(days: int, now: Stamp, zone: tzinfo | None) -> Period:
    """The last so many days, today among them."""
    today = date.fromisoformat(day_of(now, zone))
    return between(today - timedelta(days=days - 1), today, now, zone)


def of_turn(kind: Kind, turn: date, now: Stamp, zone: tzinfo | None) -> Period:
    """What the review of this day tells of: a week with that day, or the month up to the day before."""
    if kind == "weekly":
        return between(turn - timedelta(days=6), turn, now, zone)
    return between(_a_month_before(turn), turn - timedelta(days=1), now, zone)


def _a_month_before(turn: date) -> date:
    """Turns are on the 28th at the latest, so that every month has the day."""
    last_of_month_before = turn.replace(day=1) - timedelta(days=1)
    return last_of_month_before.replace(day=turn.day)


def last_turn(kind: Kind, turn: Turn, now: Stamp, zone: tzinfo | None) -> date:
    """The day on which it last came round, its minute over."""
    today = date.fromisoformat(day_of(now, zone))
    for back in range(_LONGEST_WAIT + 1):
        day = today - timedelta(days=back)
        fits = day.weekday() == turn.day if kind == "weekly" else day.day == turn.day
        if fits and stamp_of(day, turn.minute, zone) <= now:
            return day
    raise AssertionError("a turn comes round within a month")


def due(
    kind: Kind, turn: Turn, now: Stamp, zone: tzinfo | None, *, sent: Day | None, began: Day | None
) -> date | None:
    """The turn whose review is to be sent now; None: none is.

    `sent`: the turn that was sent last. If it is still to come, the clock was set back; if by more than a
    month, it had been wrong, and what it sent counts for nothing. `began`: the first day on which Nightporter
    ran. Of turns that were missed only the last is made up for.
    """
    day = last_turn(kind, turn, now, zone)
    if began is None or day < date.fromisoformat(began) + FIRST_AFTER:
        return None
    if sent is not None and day <= date.fromisoformat(sent) <= day + timedelta(days=_LONGEST_WAIT):
        return None
    return day
