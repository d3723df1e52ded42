"""macOS's unified log as `log stream --style ndjson` and `log show --style ndjson` write it.

One object a line, slashes escaped: `timestamp processImagePath subsystem category messageType userID
eventMessage` and twenty more. There is no key for the process: its name is the last part of its path. The
first line of a stream is a sentence, the last of a `show` is `{"count":2,"finished":1}` (macOS 12 to 15).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from nightporter.formats import ansi, literals, stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import FROM_OUTSIDE, fields_of
from nightporter.formats.json_ import SPELLING, Tree, object_of
from nightporter.formats.literals import Literals, union
from nightporter.formats.text import decoded, of_text_line, read
from nightporter.model import Fields, Origin, Stamp, Value
from nightporter.rule import Test

LEVELS: Final = MappingProxyType(
    {"Default": "info", "Info": "info", "Debug": "debug", "Error": "error", "Fault": "critical"}
)
"""`messageType` → level. Default stands above Info, and is what nearly every line is."""
_TEXTS: Final = ("process", "subsystem", "category", "message")
_OWN: Final = frozenset({"level", "user"})
"""Fields that the line spells otherwise than we do: no literal tells of them."""


def read_macos(tree: Tree, zone: stamps.Zone, arrived: Stamp) -> Parsed:
    """The event of one line's object."""
    fields: Fields = {}
    for name, value in (
        ("process", str(tree.get("processImagePath") or "").rpartition("/")[2]),
        ("subsystem", tree.get("subsystem")),
        ("category", tree.get("category")),
        ("message", ansi.stripped(str(tree.get("eventMessage") or ""))),
        ("level", LEVELS.get(str(tree.get("messageType")))),
    ):
        if isinstance(value, str) and value:
            fields[name] = value
    user = tree.get("userID")  # that of root says nothing: every service of the system has it
    if isinstance(user, int) and not isinstance(user, bool) and user > 0:
        fields["user"] = str(user)
    return Parsed(format="macos", fields=fields, time=stamps.of_value(tree.get("timestamp"), zone, arrived))


class MacosFormat:
    """One object a line; a line that is none is a message."""

    produces: tuple[str, ...] = ("macos",)
    open = False

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("macos")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        text = decoded(line)
        tree = object_of(text)
        if tree is None:
            return read(text, self._zone, arrived, name="macos")
        return read_macos(tree, self._zone, arrived)

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        if test.field in _TEXTS:
            return union((literals.of_text(test, values, SPELLING), of_text_line(test, values)))
        if test.field in _OWN or test.field in FROM_OUTSIDE - {"raw"}:
            return None
        return of_text_line(test, values)
