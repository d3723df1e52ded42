"""One operator with its operands, as a function of a field's value.

Operands are worked out once, when a rule is compiled, so that many of them cost little more than one: sets,
prefixes as a tuple, networks by prefix length. Every matcher answers for any value and never raises.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from ipaddress import ip_address
from operator import ge, gt, le, lt
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from nightporter.detect.folding import as_number, as_text, fold
from nightporter.errors import UserError
from nightporter.formats import address
from nightporter.model import SECOND, Value
from nightporter.rule import Op

Matcher = Callable[[Value], bool]


class ConditionError(UserError):
    """An operand that its operator cannot use; the text says which and what was expected."""


def matcher(op: Op, values: Sequence[Value], *, cased: bool, zone: str) -> Matcher:
    """Whether a value fits any of `values` under `op` (all but EXISTS and RE). Raises ConditionError."""
    match op:
        case Op.EQUALS:
            return _equals(values, cased)
        case Op.STATUS:
            return _status(values)
        case Op.CONTAINS | Op.STARTSWITH | Op.ENDSWITH:
            return _part(op, tuple(_spelled(value, cased) for value in values), cased)
        case Op.GLOB:
            return _glob([_spelled(value, cased) for value in values], cased)
        case Op.CIDR:
            return _within(values)
        case Op.LT | Op.LTE | Op.GT | Op.GTE:
            return _compared(op, values)
        case Op.HOUR:
            return _hour(values, zone_of(zone))
        case Op.WEEKDAY:
            return _weekday(values, zone_of(zone))
        case Op.EXISTS | Op.RE:
            raise AssertionError(f"{op} is no matter of one value")


class Shared:
    """The matchers that many rules have in common: each is made once, and asked once of a line's value.

    For operators of which one answer costs more than the bookkeeping. For one thread.
    """

    OPS: Final = frozenset({Op.CIDR, Op.GLOB})

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Matcher] = {}

    def matcher(self, op: Op, values: tuple[Value, ...], *, cased: bool, zone: str) -> Matcher:
        """As `matcher`. Raises ConditionError."""
        if op not in self.OPS:
            return matcher(op, values, cased=cased, zone=zone)
        # With their types: True, 1 and 1.0 are one key of a dict, and three texts.
        at = (op, values, tuple(map(type, values)), cased)
        if at not in self._made:
            self._made[at] = _remembering(matcher(op, values, cased=cased, zone=zone))
        return self._made[at]


def _remembering(fits: Matcher) -> Matcher:
    """`fits`, which keeps its answer for as long as it is asked of the very same object."""
    last: Value | None = None
    answer = False

    def remembered(value: Value) -> bool:
        nonlocal last, answer
        if value is not last:
            answer, last = fits(value), value
        return answer

    return remembered


def _spelled(value: Value, cased: bool) -> str:
    return as_text(value) if cased else fold(as_text(value))


def _reader(cased: bool) -> Callable[[Value], str]:
    return as_text if cased else _folded_text


def _folded_text(value: Value) -> str:
    return fold(value if isinstance(value, str) else as_text(value))


def _equals(values: Sequence[Value], cased: bool) -> Matcher:
    texts = frozenset(_spelled(value, cased) for value in values)
    digits = (text for text in texts if len(text) < 400 and text.removeprefix("-").isdecimal())
    numbers = frozenset(int(text) for text in digits if as_text(int(text)) == text)
    read = _reader(cased)

    def equals(value: Value) -> bool:
        if type(value) is int:
            return value in numbers
        return read(value) in texts

    return equals


_STATUS: Final = re.compile(
    r"(?P<one>\d{1,3})(?:-(?P<last>\d{1,3}))?|(?P<hundreds>\d)xx", re.ASCII | re.IGNORECASE
)


def _status(values: Sequence[Value]) -> Matcher:
    codes = frozenset(code for value in values for code in status_codes(value))

    def has_status(value: Value) -> bool:
        if type(value) is int:
            return value in codes
        return type(value) is not bool and as_number(value) in codes

    return has_status


def status_codes(value: Value) -> range:
    """The codes that `404`, `5xx` or `400-499` (both ends in) stands for. Raises ConditionError."""
    text = as_text(value)
    found = _STATUS.fullmatch(text)
    if found is None:
        raise ConditionError(
            f"{text!r} is no status; expected a code (404), a class (5xx) or a range (400-499)"
        )
    if found["hundreds"]:
        return range(int(found["hundreds"]) * 100, int(found["hundreds"]) * 100 + 100)
    return range(int(found["one"]), int(found["last"] or found["one"]) + 1)


def _part(op: Op, needles: tuple[str, ...], cased: bool) -> Matcher:
    read = _reader(cased)
    if op is Op.STARTSWITH:
        return lambda value: read(value).startswith(needles)
    if op is Op.ENDSWITH:
        return lambda value: read(value).endswith(needles)
    if len(needles) == 1:
        (needle,) = needles
        return lambda value: needle in read(value)

    def contains(value: Value) -> bool:
        text = read(value)
        for needle in needles:  # noqa: SIM110 - a generator costs twice as much
            if needle in text:
                return True
        return False

    return contains


class Glob:
    """One pattern of `*` (any text, `/` too) and `?` (any one character), as head, middles and tail.

    Each middle is taken at its first place, which is enough: a later one never leaves more room. So the
    time is at most text times pattern, whatever they are.
    """

    __slots__ = ("_head", "_middles", "_tail")

    def __init__(self, pattern: str) -> None:
        head, *middles = (self._piece(piece) for piece in pattern.split("*"))
        self._head = head
        self._tail = middles.pop() if middles else None
        self._middles = tuple(piece for piece in middles if piece[0])

    @staticmethod
    def _piece(text: str) -> tuple[int, re.Pattern[str]]:
        body = "".join("." if c == "?" else re.escape(c) for c in text)
        return len(text), re.compile(body, re.DOTALL)

    def matches(self, text: str) -> bool:
        length, head = self._head
        if self._tail is None:
            return len(text) == length and head.match(text) is not None
        tail_length, tail = self._tail
        end = len(text) - tail_length
        if end < length or head.match(text) is None or tail.match(text, end) is None:
            return False
        position = length
        for _, piece in self._middles:
            found = piece.search(text, position, end)
            if found is None:
                return False
            position = found.end()
        return True


_REMEMBERED: Final = 256
_SHORT: Final = 64
"""Names of services come again and again: so many short texts are judged once."""


def _glob(patterns: Sequence[str], cased: bool) -> Matcher:
    """Any of the patterns. Nearly all are a word with `*` at one end or both, which need no walk."""
    exact: set[str] = set()
    heads: list[str] = []
    tails: list[str] = []
    inner: list[str] = []
    others: list[Glob] = []
    for pattern in patterns:
        core = pattern.strip("*")
        if "*" in core or "?" in core:
            others.append(Glob(pattern))
            continue
        open_start, open_end = pattern.startswith("*"), pattern.endswith("*")
        if open_start and open_end:
            inner.append(core)
        elif open_start:
            tails.append(core)
        elif open_end:
            heads.append(core)
        else:
            exact.add(core)
    starts, ends, read = tuple(heads), tuple(tails), _reader(cased)

    def judged(text: str) -> bool:
        if text in exact or text.startswith(starts) or text.endswith(ends):
            return True
        for word in inner:
            if word in text:
                return True
        for glob in others:  # noqa: SIM110 - a generator costs twice as much
            if glob.matches(text):
                return True
        return False

    remembered = lru_cache(_REMEMBERED)(judged)

    def fits(value: Value) -> bool:
        text = read(value)
        return remembered(text) if len(text) <= _SHORT else judged(text)

    return fits


_ADDRESSES_CACHED: Final = 4_096


def address_number(text: str) -> tuple[int, int] | None:
    """IP version and the address as an integer; None for what is no address."""
    return _address_number(text) if len(text) <= address.LONGEST else None


@lru_cache(maxsize=_ADDRESSES_CACHED)
def _address_number(text: str) -> tuple[int, int] | None:
    spelled = address.normalise(text)
    if spelled is None:
        return None
    parsed = ip_address(spelled)
    return parsed.version, int(parsed)


def _within(values: Sequence[Value]) -> Matcher:
    """Networks as sets of their leading bits, one a prefix length: a lookup each, however many there are."""
    sets: dict[tuple[int, int], set[int]] = defaultdict(set)
    for value in values:
        network = address.network(as_text(value))
        if network is None:
            raise ConditionError(
                f"{as_text(value)!r} is not an address; expected one (10.0.0.1) or a network (10.0.0.0/8)"
            )
        shift = network.max_prefixlen - network.prefixlen
        sets[network.version, shift].add(int(network.network_address) >> shift)
    by_version = {
        version: tuple((shift, frozenset(s)) for (v, shift), s in sorted(sets.items()) if v == version)
        for version in (4, 6)
    }

    def is_within(value: Value) -> bool:
        number = address_number(value) if isinstance(value, str) else None
        if number is None:
            return False
        version, bits = number
        for shift, leading in by_version[version]:  # noqa: SIM110 - a generator costs twice as much
            if bits >> shift in leading:
                return True
        return False

    return is_within


_COMPARISONS: Final[Mapping[Op, Callable[[float, float], bool]]] = MappingProxyType(
    {Op.LT: lt, Op.LTE: le, Op.GT: gt, Op.GTE: ge}
)


def _compared(op: Op, values: Sequence[Value]) -> Matcher:
    bounds: list[int | float] = []
    for value in values:
        bound = as_number(value)
        if bound is None:
            raise ConditionError(f"{as_text(value)!r} is not a number; expected one to compare with")
        bounds.append(bound)
    holds = _COMPARISONS[op]
    # Any of several bounds: the easiest one decides.
    easiest = (max if op in (Op.LT, Op.LTE) else min)(bounds, default=None)

    def compared(value: Value) -> bool:
        number = value if type(value) is int else as_number(value)
        return number is not None and easiest is not None and holds(number, easiest)

    return compared


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone_of(name: str) -> tzinfo | None:
    """The zone of an IANA name; None for `local`. Raises ConditionError."""
    if name == "local":
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as err:  # not found, no name of a zone, a folder of zones
        raise ConditionError(f"{name!r} is no time zone; expected a name such as Europe/Berlin") from err


def local_time(value: Value, zone: tzinfo | None) -> datetime | None:
    """A stamp (integer nanoseconds) as the wall clock of `zone`; None for what is no stamp."""
    if type(value) is not int:
        return None
    try:
        return (_EPOCH + timedelta(seconds=value // SECOND)).astimezone(zone)
    except (OverflowError, ValueError, OSError):  # beyond the years 1 to 9999, or the system's own limits
        return None


def _hour(values: Sequence[Value], zone: tzinfo | None) -> Matcher:
    hours = frozenset(hour for value in values for hour in hours_of(value))

    def in_hour(value: Value) -> bool:
        time = local_time(value, zone)
        return time is not None and time.hour in hours

    return in_hour


def hours_of(value: Value) -> frozenset[int]:
    """The hours of the day that `6`, `9-17` or `22-6` covers: from the first o'clock until the last, which
    is out, as people say it; over midnight where the first is later. Raises ConditionError."""
    text = as_text(value)
    first, dash, last = text.partition("-")
    if first.isdecimal() and int(first) < 24 and (not dash or (last.isdecimal() and int(last) <= 24)):
        start = int(first)
        span = (int(last) - start) % 24 if dash else 1
        return frozenset((start + hour) % 24 for hour in range(span or (24 if int(last) != start else 1)))
    raise ConditionError(f"{text!r} are no hours; expected one (6) or from-until (22-6), 0 to 24")


def _weekday(values: Sequence[Value], zone: tzinfo | None) -> Matcher:
    days = frozenset(day for value in values for day in weekdays_of(value))

    def on_day(value: Value) -> bool:
        time = local_time(value, zone)
        return time is not None and time.weekday() in days

    return on_day


def weekdays_of(value: Value) -> frozenset[int]:
    """The days (0 is Monday) that `sat` or `mon-fri` covers, both ends in; it may wrap: `fri-mon`.
    Raises ConditionError."""
    text = as_text(value).lower()
    first, dash, last = text.partition("-")
    if first in _DAYS and (not dash or last in _DAYS):
        start = _DAYS.index(first)
        span = (_DAYS.index(last) - start) % 7 if dash else 0
        return frozenset((start + day) % 7 for day in range(span + 1))
    raise ConditionError(f"{text!r} is no weekday; expected one ({', '.join(_DAYS)}) or a range (mon-fri)")
