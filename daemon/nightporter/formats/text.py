"""Free text: the line is the message, its stamp the time, and a word near its start the level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nightporter.formats import ansi, levels, literals, stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import FROM_OUTSIDE, fields_of
from nightporter.formats.literals import Literals, Spelling
from nightporter.model import Fields, Origin, Stamp, Value
from nightporter.rule import Test

RAW: Final = Spelling()
"""`raw` is the line itself."""
SPELLING: Final = Spelling(otherwise=frozenset({ansi.MARK}))
"""A message as it stands in the line, but for colours."""


def decoded(line: bytes) -> str:
    """A line's text: bytes that are no UTF-8 as U+FFFD, without colours and line end."""
    return ansi.stripped(line.decode("utf-8", "replace")).rstrip("\r\n")


def read(text: str, zone: stamps.Zone, arrived: Stamp, *, name: str = "text") -> Parsed:
    """Text that has no other form."""
    fields: Fields = {}
    if text:
        fields["message"] = text
    level = levels.sniff(text)
    if level is not None:
        fields["level"] = level
    return Parsed(format=name, fields=fields, time=stamps.head(text, zone, arrived)[0])


def of_text_line(test: Test, values: Sequence[Value]) -> Literals:
    """The literals of a test on a line of free text."""
    match test.field:
        case "raw":
            return literals.of_text(test, values, RAW)
        case "message":
            return literals.of_text(test, values, SPELLING)
        case "level":
            return literals.of_level(test, values, SPELLING)
        case name if name in FROM_OUTSIDE:
            return None
    return literals.of_absent(test)


class TextFormat:
    """One line, one message."""

    produces: tuple[str, ...] = ("text",)
    open = False

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("text")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        return read(decoded(line), self._zone, arrived)

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        return of_text_line(test, values)
