"""logfmt: `key=value key="a quoted \\"value\\""`, as Go's loggers write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from nightporter.formats import ansi, stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import fields_of
from nightporter.formats.literals import Literals, Spelling, union
from nightporter.formats.open_fields import MOST_FIELDS, TIME_NAMES, gathered, of_open_line
from nightporter.formats.text import decoded, of_text_line, read
from nightporter.model import Origin, Stamp, Value
from nightporter.rule import Test

SPELLING: Final = Spelling(cut=frozenset('"\\'), otherwise=ansi.ESCAPED)
PAIR: Final = re.compile(
    r'(?<!\S)(?P<key>[A-Za-z_@][\w.@/-]{0,99})=(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"(?!\S)|(?P<bare>\S*+))',
    re.DOTALL,
)
"""A pair between blanks. A quoted text runs to the next quote at most, so the time is linear."""
MARKERS: Final = frozenset({"level", "lvl", "time", "t", "ts", "msg", "message"})
"""Of these a line has one, or it is prose with an equals sign."""
_ESCAPE: Final = re.compile(r"\\(?:([\"\\nrt])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))")
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t"}


def unquoted(text: str) -> str:
    """The text that Go's strconv.Quote wrote so. An escaped plain letter, which Go never writes, stays
    escaped: letters stand in the line as they are."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    plain, byte, unit = found.groups()
    if plain is not None:
        return _CONTROLS.get(plain, plain)
    char = chr(int(byte or unit, 16))
    if " " <= char <= "~":
        return found[0]
    return "�" if "\ud800" <= char <= "\udfff" else char


def value_of(pair: re.Match[str]) -> str:
    """The value of a pair."""
    quoted = pair["quoted"]
    return str(pair["bare"]) if quoted is None else unquoted(quoted)


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """The keys and values of a line, in order."""
    return ((pair["key"], value_of(pair)) for pair in islice(PAIR.finditer(text), 2 * MOST_FIELDS))


def read_logfmt(text: str, zone: stamps.Zone, arrived: Stamp, *, sure: bool = False) -> Parsed | None:
    """The event of a logfmt line. None where it starts with no pair, has less than two or none of MARKERS;
    `sure` takes any line with a pair."""
    if not sure and PAIR.match(text) is None:
        return None
    found = list(pairs(text))
    if not found or (not sure and (len(found) < 2 or MARKERS.isdisjoint(key for key, _ in found))):
        return None
    fields = gathered(found)
    fields.setdefault("message", text)
    first: dict[str, str] = {}
    for key, value in found:
        first.setdefault(key, value)
    told = (stamps.of_value(first[name], zone, arrived) for name in TIME_NAMES if name in first)
    time = next((stamp for stamp in told if stamp is not None), None)
    return Parsed(format="logfmt", fields=fields, time=time)


class LogfmtFormat:
    """Pairs; a line without any is a message."""

    produces: tuple[str, ...] = ("logfmt",)
    open = True

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("logfmt")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        text = decoded(line)
        parsed = read_logfmt(text, self._zone, arrived, sure=True)
        return read(text, self._zone, arrived, name="logfmt") if parsed is None else parsed

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        return union((of_open_line(test, values, SPELLING), of_text_line(test, values)))
