"""The small notations inside values: durations, sizes, clock times, ranges, addresses. Pure.

Each parser raises `NotA` with what was expected, for the caller to place.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from ipaddress import IPv6Network, ip_network
from typing import Final

from nightporter.model import DAY, HOUR, MINUTE, SECOND, Nanos, Severity, Stamp


class NotA(ValueError):
    """The text is not one; `expected` says what one looks like, `found` what it is instead, if that helps."""

    def __init__(self, expected: str, found: str = "") -> None:
        self.expected = expected
        self.found = found
        super().__init__(expected)


_UNITS: Final = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}(?:ms|[smhdw]))+\Z")
_PART: Final = re.compile(r"([0-9]+)(ms|[smhdw])")
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([KMGT]i?)?B\Z", re.IGNORECASE)
_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])\Z")
_STATUS: Final = re.compile(r"([1-5])xx\Z|([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?\Z", re.IGNORECASE)
_HOURS: Final = re.compile(r"([01]?[0-9]|2[0-3])(?:-([01]?[0-9]|2[0-4]))?\Z")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_DURATION: Final[Nanos] = 3660 * DAY
"""Ten years: longer than anything meant, and small enough for 64 bits of nanoseconds."""

DURATION: Final = "a duration with its unit, such as 30s, 10m, 1h30m, 7d"


def duration(text: str) -> Nanos:
    """`90s`, `10m`, `1h30m`, `7d`, `0s` in nanoseconds."""
    if not _DURATION.match(text):
        raise NotA(DURATION)
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if total > MAX_DURATION:
        raise NotA("a duration of at most ten years")
    return total


def duration_text(nanos: Nanos) -> str:
    """The shortest way to write a duration: `90s` is `1m30s`."""
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        number, nanos = divmod(nanos, _UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def size(text: str) -> int:
    """`5GB`, `1.5 MiB`, `300B` in bytes. GB is 10⁹, GiB is 2³⁰."""
    match = _SIZE.match(text)
    if not match:
        raise NotA("a size with its unit, such as 300MB, 5GB, 1GiB")
    unit = (match[2] or "").upper()
    base: int = 1024 if unit.endswith("I") else 1000
    factor: int = base ** _POWERS[unit.removesuffix("I")]
    return round(float(match[1]) * factor)


def clock_minute(text: str) -> int:
    """`08:00` as minutes since midnight."""
    match = _CLOCK.match(text)
    if not match:
        raise NotA('a time of day in quotes, such as "08:00"')
    return int(match[1]) * 60 + int(match[2])


def clock_range(text: str) -> tuple[int, int]:
    """`23:00-07:30` as two minutes of the day; the second may be earlier: over midnight."""
    start, dash, end = text.partition("-")
    try:
        if not dash:
            raise NotA("")
        span = clock_minute(start.strip()), clock_minute(end.strip())
    except NotA:
        raise NotA('two times of day in quotes, such as "23:00-07:30"') from None
    if span[0] == span[1]:
        raise NotA("two different times of day")
    return span


def status(text: str) -> int | str:
    """`404` as a number; `5xx` and `400-499` as text, lower case."""
    match = _STATUS.match(text)
    if not match or (match[3] and int(match[3]) < int(match[2])):
        raise NotA("a status such as 404, 5xx or 400-499")
    return int(text) if text.isdigit() else text.lower()


def hours(text: str) -> str:
    """`22-6` (from 22:00 up to 6:00, over midnight) or one hour, `7` (7:00 up to 8:00); always `from-to`."""
    match = _HOURS.match(text.replace(" ", ""))
    if not match:
        raise NotA("an hour or a range of hours from 0 to 24, such as 7 or 22-6")
    start = int(match[1])
    end = int(match[2]) if match[2] else start + 1
    if start == end:
        raise NotA("two different hours")
    return f"{start}-{end}"


def weekdays(text: str) -> str:
    """`sat` or `mon-fri` (both ends included, may wrap); always `from-to`, lower case, three letters."""
    start, dash, end = text.lower().replace(" ", "").partition("-")
    days = [_weekday(start), _weekday(end if dash else start)]
    return "-".join(days)


def _weekday(text: str) -> str:
    full = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
    if text in WEEKDAYS or text in full:
        return text[:3]
    raise NotA("a day or a range of days, such as sat or mon-fri")


def network(text: str) -> str:
    """An address or CIDR in its shortest form: `::ffff:1.2.3.4` is `1.2.3.4`, `10.0.0.7/8` is `10.0.0.0/8`.

    `010.1.1.1` is refused: programs disagree whether it is octal.
    """
    try:
        if "%" in text:
            raise ValueError  # a zone id names one of this machine's interfaces, no address elsewhere
        net = ip_network(text.strip("[]") if text.startswith("[") else text, strict=False)
    except ValueError:
        raise NotA("one such as 203.0.113.9 or 10.0.0.0/8", f"'{text}' is not an address") from None
    if isinstance(net, IPv6Network):
        mapped = net.network_address.ipv4_mapped
        if mapped is not None and net.prefixlen >= 96:
            net = ip_network((mapped, net.prefixlen - 96))
    single = net.prefixlen == net.max_prefixlen
    return str(net.network_address) if single else str(net)


def is_everybody(text: str) -> bool:
    """Whether this, in `network`'s form, is a network wider than any that is somebody's own: the widest of
    those are 10.0.0.0/8 and fc00::/7 (RFC 1918, RFC 4193). False for what is no network."""
    address, slash, length = text.partition("/")
    return bool(slash) and length.isdecimal() and int(length) < (7 if ":" in address else 8)


def severity(text: str) -> Severity:
    """A severity by its name, in any case."""
    try:
        return Severity[text.lower()]
    except KeyError:
        raise NotA("one of info, low, medium, high, critical") from None


def until(text: str, zone: tzinfo | None) -> Stamp:
    """The stamp at which something dated ends: a day ends with its last moment, in `zone` (None: local)."""
    try:
        if len(text) <= 10:
            end = datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), zone)
        else:
            end = datetime.fromisoformat(text)
            end = end if end.tzinfo else end.replace(tzinfo=zone)
        span = end.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise NotA("a date such as 2027-01-31, or 2027-01-31T18:00") from None
    return (span.days * 86400 + span.seconds) * SECOND + span.microseconds * 1000
