"""syslog as files hold it: `Nov 24 10:00:00 host prog[pid]: message` (RFC 3164), or with an ISO stamp."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from nightporter.formats import levels, literals, stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import fields_of
from nightporter.formats.literals import Literals
from nightporter.formats.text import SPELLING, decoded, of_text_line, read
from nightporter.model import Fields, Origin, Stamp, Value
from nightporter.rule import Test

_BSD: Final = re.compile(r"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:", re.ASCII)
_HEADER: Final = re.compile(
    r" (?P<host>[^\s:\[\]]{1,255}) (?P<program>[^\s:\[\]]{1,100})(?:\[(?P<pid>\d{1,10})\])?: ?"
    r"(?P<message>.*)",
    re.DOTALL | re.ASCII,
)


def read_syslog(text: str, zone: stamps.Zone, arrived: Stamp, *, sure: bool = False) -> Parsed | None:
    """The event of a syslog line, or None. Without `sure`, an ISO stamp needs a process number behind the
    program, since many an application writes `stamp Word Word: text`."""
    stamp, end = stamps.head(text, zone, arrived)
    header = _HEADER.match(text, end) if stamp is not None else None
    if header is None or not (sure or header["pid"] or _BSD.match(text)):
        return None
    fields: Fields = {"host": header["host"], "program": header["program"]}
    if header["pid"]:
        fields["pid"] = int(header["pid"])
    if header["message"]:
        fields["message"] = header["message"]
    level = levels.sniff(header["message"])
    if level is not None:
        fields["level"] = level
    return Parsed(format="syslog", fields=fields, time=stamp)


def of_syslog_line(test: Test, values: Sequence[Value]) -> Literals:
    """The literals of a test on a syslog line."""
    if test.field in ("host", "program"):
        return literals.of_text(test, values, SPELLING)
    if test.field == "pid":
        return None
    return of_text_line(test, values)


class SyslogFormat:
    """Host, program and message; any other line is a message."""

    produces: tuple[str, ...] = ("syslog",)
    open = False

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("syslog")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        text = decoded(line)
        parsed = read_syslog(text, self._zone, arrived, sure=True)
        return read(text, self._zone, arrived, name="syslog") if parsed is None else parsed

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        return of_syslog_line(test, values)
