"""A person's wall clock: quiet hours, the digest's time, how a stamp reads. Pure but for the system's zone.

A zone of `None` is this machine's own, with its daylight saving as the system knows it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from nightporter.config import QuietHours
from nightporter.model import MINUTE, SECOND, Stamp


def zone_of(name: str) -> tzinfo | None:
    """The zone of a config's `timezone`: `local` or an IANA name. Raises ZoneInfoNotFoundError."""
    return None if name == "local" else ZoneInfo(name)


def wall(stamp: Stamp, zone: tzinfo | None) -> datetime:
    """This stamp on a wall clock there, aware; to the second."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=stamp // SECOND)).astimezone(zone)


def day_of(stamp: Stamp, zone: tzinfo | None) -> str:
    """The day of this stamp there, `2026-11-24`."""
    return wall(stamp, zone).date().isoformat()


def stamp_of(day: date, minute: int, zone: tzinfo | None, *, fold: int = 0) -> Stamp:
    """The stamp of this minute of that local day. A minute that daylight saving skips is the one an hour on;
    one that it repeats is the first (`fold=1`: the second)."""
    local = datetime.combine(day, time(minute // 60 % 24, minute % 60, fold=fold))
    aware = local.astimezone() if zone is None else local.replace(tzinfo=zone)
    return round(aware.timestamp()) * SECOND


def next_at(after: Stamp, minute: int, zone: tzinfo | None) -> Stamp:
    """The first stamp later than `after` at which a wall clock there shows this minute of the day."""
    day = wall(after, zone).date()
    found = (stamp_of(day + timedelta(days=d), minute, zone, fold=f) for d in range(3) for f in (0, 1))
    return min(stamp for stamp in found if stamp > after)


def last_at(until: Stamp, minute: int, zone: tzinfo | None) -> Stamp:
    """The last stamp at or before `until` at which a wall clock there showed this minute of the day."""
    day = wall(until, zone).date()
    return max(s for d in range(3) if (s := stamp_of(day - timedelta(days=d), minute, zone)) <= until)


def quiet_until(stamp: Stamp, quiet: QuietHours | None, zone: tzinfo | None) -> Stamp | None:
    """When the quiet hours that `stamp` falls into end; None: it falls into none."""
    if quiet is None or quiet.start == quiet.end:
        return None
    local = wall(stamp, zone)
    minute = local.hour * 60 + local.minute
    if quiet.start < quiet.end:
        inside = quiet.start <= minute < quiet.end
    else:
        inside = minute >= quiet.start or minute < quiet.end
    return next_at(stamp, quiet.end, zone) if inside else None


def shown(stamp: Stamp, zone: tzinfo | None, now: Stamp) -> str:
    """A stamp for a person: `03:19:30` today, else `Tue 24 Nov 03:19`, with the year if it is another's."""
    there, here = wall(stamp, zone), wall(now, zone)
    if there.date() == here.date():
        return f"{there:%H:%M:%S}"
    return f"{there:%a %-d %b %H:%M}" if there.year == here.year else f"{there:%-d %b %Y %H:%M}"


def span(duration: int) -> str:
    """Nanoseconds in words, the two largest units: `3 h 20 min`, `45 s`."""
    seconds = max(0, duration // SECOND)
    if seconds < MINUTE // SECOND:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
