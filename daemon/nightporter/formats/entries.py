"""Formats of one JSON object a line, whose keys are the system's own: macOS's log, systemd's journal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from nightporter.formats import literals, stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import FROM_OUTSIDE, fields_of
from nightporter.formats.json_ import Tree, object_of
from nightporter.formats.literals import Literals, Spelling, union
from nightporter.formats.text import decoded, of_text_line, read
from nightporter.model import Origin, Stamp, Value
from nightporter.rule import Test


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """How one such log is read."""

    name: str
    read: Callable[[Tree, stamps.Zone, Stamp], Parsed]
    """The event of one object."""
    texts: Collection[str]
    """Fields that stand in the line as they are, by `spelling`."""
    own: Collection[str]
    """Fields that the line spells otherwise than we do: no literal tells of them."""
    spelling: Spelling


class EntryFormat:
    """One object a line; a line that is none is a message."""

    open = False

    def __init__(self, entries: Entries, origin: Origin) -> None:
        self._entries = entries
        self._zone = stamps.Zone(origin.tz)
        self.produces: tuple[str, ...] = (entries.name,)
        self.fields: Mapping[str, FieldSpec] = fields_of(entries.name)[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        text = decoded(line)
        tree = object_of(text)
        if tree is None:
            return read(text, self._zone, arrived, name=self._entries.name)
        return self._entries.read(tree, self._zone, arrived)

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        if test.field in self._entries.texts:
            spelled = literals.of_text(test, values, self._entries.spelling)
            return union((spelled, of_text_line(test, values)))
        if test.field in self._entries.own or test.field in FROM_OUTSIDE - {"raw"}:
            return None
        return of_text_line(test, values)
