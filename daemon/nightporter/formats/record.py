"""Records: JSON lines that our own sources write (Docker's events, probes, integrity, detections).

Every key is a field, under its own name; `time` is the instant in nanoseconds. Their text may still be an
attacker's (a container's name), their shape is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nightporter.formats import stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import COMMON, FROM_OUTSIDE, PLACES, fields_of
from nightporter.formats.json_ import SPELLING, flattened, object_of
from nightporter.formats.literals import Literals, of_text, union
from nightporter.formats.open_fields import gathered, of_open_line
from nightporter.formats.text import decoded, of_text_line, read
from nightporter.model import Origin, Stamp, Value
from nightporter.rule import Test

RESERVED: Final = frozenset(COMMON)
"""What the lane sets itself; `container`, `service`, `event` are the record's to say."""


class RecordFormat:
    """One record a line."""

    produces: tuple[str, ...] = ("record",)
    open = True

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("record")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        text = decoded(line)
        tree = object_of(text)
        if tree is None:
            return read(text, self._zone, arrived, name="record")
        time = stamps.of_value(tree.get("time"), self._zone, arrived)
        return Parsed(format="record", fields=gathered(flattened(tree), RESERVED), time=time)

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        if test.field in PLACES:
            return None
        if test.field in FROM_OUTSIDE - RESERVED - {"container_age", "behind", "stopped_by_hand"}:
            return of_text(test, values, SPELLING)
        return union((of_open_line(test, values, SPELLING, RESERVED), of_text_line(test, values)))
