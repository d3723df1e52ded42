"""The stamp at the head of a line, in nanoseconds: as many shapes as the services of a home server write.

A stamp without a zone is read in the origin's; the hour that a clock lives twice in autumn, and a year that
syslog leaves out, are resolved from the line's arrival: the reading that is nearest to it without lying
ahead of it. A date that does not exist (31 February) and a year outside 1970-2200 make no stamp.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nightporter.model import DAY, MINUTE, SECOND, Nanos, Stamp

EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
YEARS: Final = range(1970, 2201)
"""Years that a stamp may have; all of them fit 64-bit nanoseconds but for the last century's dreams."""
HEAD_CHARS: Final = 80
"""How far into a line its stamp may reach: a prefix of at most 8 characters and the longest shape."""
AHEAD: Final[Nanos] = 2 * MINUTE
"""How far ahead of its arrival a stamp may lie before an earlier reading of it is believed instead."""

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_MONTH: Final = r"(?P<mon>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK: Final = r"(?P<h>\d\d?):(?P<m>\d\d):(?P<s>\d\d)(?:[.,](?P<f>\d{1,18}))?"
_ZONE: Final = r"(?: ?(?P<z>Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?"
_SHAPES: Final = tuple(
    re.compile(shape, re.ASCII | re.IGNORECASE)
    for shape in (
        # 2026-11-24T10:00:00.123Z · 2026-11-24 10:00:00,123 +01:00 · 2026/11/24 10:00:00
        r"(?P<y>\d{4})[-/](?P<mo>\d\d)[-/](?P<d>\d\d)(?:T| {1,2})" + _CLOCK + _ZONE,
        # Nov  4 09:05:01 (syslog)
        _MONTH + r" {1,2}(?P<d>\d\d?) " + _CLOCK,
        # 04/Nov/2026:10:00:00 +0000 (access logs) · 22-Feb-2016 14:32:15
        r"(?P<d>\d\d?)[/-]" + _MONTH + r"[/-](?P<y>\d{4})[: ]" + _CLOCK + _ZONE,
        # Nov 24, 2026 10:00:00.123 (Plex)
        _MONTH + r" (?P<d>\d\d?), (?P<y>\d{4}) " + _CLOCK + _ZONE,
        # 2026/11/24 03:04PM (zerolog's kitchen clock)
        r"(?P<y>\d{4})[-/](?P<mo>\d\d)[-/](?P<d>\d\d) (?P<h>\d\d?):(?P<m>\d\d) ?(?P<ap>[AP]M)\b",
        # 130324  0:04:00 (MariaDB before 10.1)
        r"(?P<yy>\d\d)(?P<mo>\d\d)(?P<d>\d\d) {1,2}" + _CLOCK,
    )
)
_PREFIX: Final = re.compile(r"\s{0,4}(?:<\d{1,3}>)?(?:\([A-Z]\) |\[(?:[A-Z] )?)?")
"""What may stand before the stamp: a syslog priority, qBittorrent's `(W) `, a bracket, Jupyter's `[W `."""


class Zone:
    """A time zone by name: `local` is this machine's, else an IANA name. Raises ValueError for neither."""

    def __init__(self, name: str) -> None:
        self._zone: tzinfo | None = None
        if name != "local":
            try:
                self._zone = ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError(
                    f"'{name}' is no time zone; expected local, or a name like Europe/Berlin"
                ) from error
        self._offsets = lru_cache(maxsize=1024)(self._looked_up)

    def resolve(self, days: int, second: int, arrived: Stamp) -> Stamp:
        """The instant of a wall clock: days since 1970 and seconds of the day. Of two readings (the hour
        that comes twice) the latest that is not ahead of the arrival, else the earlier."""
        early, late = self._offsets(days, second // 900)
        wall = (days * 86_400 + second) * SECOND
        first = wall - early
        if early == late:
            return first
        second_reading = wall - late
        return second_reading if first < second_reading <= arrived + AHEAD else first

    def _looked_up(self, days: int, quarter: int) -> tuple[Nanos, Nanos]:
        """Offsets from UTC of a wall clock's quarter of an hour, in its first and second reading."""
        naive = datetime(1970, 1, 1) + timedelta(days=days, minutes=15 * quarter)  # noqa: DTZ001 - a wall clock
        return self._offset(naive), self._offset(naive.replace(fold=1))

    def _offset(self, naive: datetime) -> Nanos:
        if self._zone is not None:
            offset = naive.replace(tzinfo=self._zone).utcoffset()
        else:
            offset = naive.astimezone().utcoffset()
        return 0 if offset is None else int(offset.total_seconds()) * SECOND


def head(text: str, zone: Zone, arrived: Stamp) -> tuple[Stamp | None, int]:
    """The stamp at the start of a line, after a bracket or a level letter, and the index where it ends."""
    start = _PREFIX.match(text)
    return at(text, start.end() if start else 0, zone, arrived)


def at(text: str, index: int, zone: Zone, arrived: Stamp) -> tuple[Stamp | None, int]:
    """The stamp that starts at `index`, and where it ends; (None, index) where none starts."""
    piece = text[index : index + HEAD_CHARS]
    if not piece[:1].isalnum():
        return None, index
    for shape in _SHAPES:
        found = shape.match(piece)
        if found is not None:
            stamp = _instant(found.groupdict(), zone, arrived)
            return (None, index) if stamp is None else (stamp, index + found.end())
    return None, index


def whole(text: str, zone: Zone, arrived: Stamp) -> Stamp | None:
    """The stamp that a field's value is, or None when there is more or less in it than a stamp."""
    stamp, end = at(text, 0, zone, arrived)
    return stamp if end == len(text) else None


def epoch(number: float) -> Stamp | None:
    """An epoch count, its unit told from its size: seconds, milli-, micro- or nanoseconds."""
    for limit, unit in ((10**11, SECOND), (10**14, 10**6), (10**17, 1000), (10**19, 1)):
        if 10**8 <= number < limit:
            if isinstance(number, int):
                return number * unit
            return round(number * 10**6) * (unit // 10**6) if unit >= 10**6 else int(number) * unit
    return None


def of_value(value: object, zone: Zone, arrived: Stamp) -> Stamp | None:
    """The instant that a field's value tells: a stamp as text, or an epoch count as number or text."""
    if isinstance(value, str):
        if value.isascii() and value.replace(".", "", 1).isdigit() and len(value) <= 24:
            return epoch(float(value) if "." in value else int(value))
        return whole(value, zone, arrived)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return epoch(value)


def _instant(parts: dict[str, str | None], zone: Zone, arrived: Stamp) -> Stamp | None:
    hour, minute, second = int(parts["h"] or 0), int(parts["m"] or 0), int(parts.get("s") or 0)
    half = parts.get("ap")
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.upper() == "PM" else 0)
    if hour > 23 or minute > 59 or second > 60:
        return None
    of_day = hour * 3600 + minute * 60 + second
    month_name = parts.get("mon")
    month = _MONTHS[month_name.lower()] if month_name else int(parts["mo"] or 0)
    day = int(parts["d"] or 0)
    fraction = int(((parts.get("f") or "") + "000000000")[:9])
    if parts.get("y") is None and parts.get("yy") is None:
        return _in_likeliest_year(month, day, of_day, fraction, zone, arrived)
    year = int(parts.get("y") or 0) or 2000 + int(parts.get("yy") or 0)
    days = days_from(year, month, day)
    if days is None:
        return None
    if parts.get("z"):
        return (days * 86_400 + of_day - _offset_seconds(parts["z"] or "")) * SECOND + fraction
    return zone.resolve(days, of_day, arrived) + fraction


def _in_likeliest_year(
    month: int, day: int, of_day: int, fraction: int, zone: Zone, arrived: Stamp
) -> Stamp | None:
    """The latest year in which that date is not more than a day ahead of the arrival (clocks and zones)."""
    about = datetime.fromtimestamp(arrived // SECOND, UTC).year if 0 <= arrived < 7 * 10**18 else 1970
    for year in range(about + 1, about - 8, -1):
        days = days_from(year, month, day)
        if days is not None:
            stamp = zone.resolve(days, of_day, arrived) + fraction
            if stamp <= arrived + DAY:
                return stamp
    return None


def days_from(year: int, month: int, day: int) -> int | None:
    """Days since 1970, or None for a date that does not exist or lies outside YEARS."""
    if year not in YEARS:
        return None
    try:
        return date(year, month, day).toordinal() - EPOCH_DAY
    except ValueError:
        return None


def _offset_seconds(zone: str) -> int:
    """`+05:30` and `-0500` in seconds; `Z`, `UTC` and `GMT` are 0."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


_SECOND: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)", re.ASCII)
_SECOND_CHARS: Final = len("2026-11-24T10:01:30")
_OFFSET: Final = re.compile(r"[+-]\d\d:\d\d", re.ASCII)


def rfc3339(text: str) -> Stamp | None:
    """An RFC 3339 stamp as Go writes it, exact to the nanosecond; None for anything else. The fast way."""
    second = _iso_second(text[:_SECOND_CHARS])
    if second is None:
        return None
    rest = text[_SECOND_CHARS:]
    if rest.endswith("Z"):
        fraction = rest[:-1]
    elif _OFFSET.fullmatch(rest[-6:]):
        fraction = rest[:-6]
        second -= _offset_seconds(rest[-6:]) * SECOND
    else:
        return None
    if not fraction:
        return second
    digits = fraction[1:]
    if fraction[0] != "." or not 0 < len(digits) < 10 or not digits.isascii() or not digits.isdigit():
        return None
    return second + int(digits.ljust(9, "0"))


@lru_cache(maxsize=256)
def _iso_second(text: str) -> Stamp | None:
    """`2026-11-24T10:01:30` as UTC; remembered, since busy lines share it."""
    found = _SECOND.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups())
    days = days_from(year, month, day)
    if days is None or hour > 23 or minute > 59 or second > 60:
        return None
    return (days * 86_400 + hour * 3600 + minute * 60 + second) * SECOND


_ACCESS: Final = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})", re.ASCII)


@lru_cache(maxsize=1024)
def access(text: str) -> Stamp | None:
    """The stamp of an access log, `24/Nov/2026:10:01:10 +0000`; None for anything else."""
    found = _ACCESS.fullmatch(text)
    if found is None:
        return None
    day, name, year, hour, minute, second, zone = found.groups()
    days = days_from(int(year), _MONTHS.get(name.lower(), 0), int(day))
    if days is None or int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    of_day = int(hour) * 3600 + int(minute) * 60 + int(second)
    return (days * 86_400 + of_day - _offset_seconds(zone)) * SECOND
