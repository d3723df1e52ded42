"""For sources whose form nobody named: each line is read as what it looks like.

JSON, logfmt, syslog, else text; colours go first. What is none of the first three is a message, so
nothing is lost by a wrong guess but its fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightporter.formats import json_, logfmt, stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import fields_of
from nightporter.formats.json_ import read_json
from nightporter.formats.literals import Literals, union
from nightporter.formats.logfmt import read_logfmt
from nightporter.formats.open_fields import of_open_line
from nightporter.formats.syslog import of_syslog_line, read_syslog
from nightporter.formats.text import decoded, read
from nightporter.model import Origin, Stamp, Value
from nightporter.rule import Test


class AutoFormat:
    """Each line as what it looks like."""

    produces: tuple[str, ...] = ("json", "logfmt", "syslog", "text")
    open = True

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("auto")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        text = decoded(line)
        return (
            read_json(text, self._zone, arrived)
            or read_logfmt(text, self._zone, arrived)
            or read_syslog(text, self._zone, arrived)
            or read(text, self._zone, arrived)
        )

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        return union(
            (
                of_open_line(test, values, json_.SPELLING),
                of_open_line(test, values, logfmt.SPELLING),
                of_syslog_line(test, values),
            )
        )
