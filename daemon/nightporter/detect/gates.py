"""Which entries of a plan can fit an event at all, by the few fields that most of them ask about.

Most rules of an access log speak of a status, those of logins of an event, those of containers of an action.
What can fit a pair of these is worked out once, so that a line is judged by a few rules and not by all. Like
the scanner, a gate may only ever skip work: the exact judgement follows.
"""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

from nightporter.detect.predicates import Predicate
from nightporter.model import Event, Fields
from nightporter.rule import ALWAYS, All, AnyOf, Condition, ListRef, Op, Test

FIELDS: Final[tuple[str, ...]] = ("status", "event", "action")
COMBINATIONS: Final = 1_000
"""Combinations of their values that are remembered; more of them cost time alone."""
VALUE_CHARS: Final = 40
"""A value that is longer is no word that a rule is sorted by."""


class Gated(Protocol):
    """An entry with what `gate_of` made of its conditions."""

    @property
    def gate(self) -> Predicate: ...


T = TypeVar("T", bound=Gated)


def gate_of(condition: Condition) -> Condition:
    """What a condition says of the gates' fields alone; it holds wherever the condition does. (Conditions
    have no NOT but in a single test, so a test that is taken for true makes the whole no narrower.)"""
    match condition:
        case Test(field=field, op=op, values=values):
            learns = any(isinstance(value, ListRef) for value in values)  # what is in it may change
            return ALWAYS if field not in FIELDS or op is Op.RE or learns else condition
        case All(parts=parts):
            return All(tuple(map(gate_of, parts)))
        case AnyOf(parts=parts):
            return AnyOf(tuple(map(gate_of, parts)))


class Gate(Generic[T]):
    """The entries of one plan, in their order, each with the formats it judges (None: all)."""

    def __init__(self, entries: tuple[tuple[T, frozenset[str] | None], ...]) -> None:
        self._entries = entries
        self._known: dict[tuple[object, ...], tuple[T, ...]] = {}

    def open_to(self, event: Event) -> tuple[T, ...]:
        """The entries that may fit an event, by its format and its gates' fields as they are now."""
        fields = event.fields
        status, kind, action = fields.get("status"), fields.get("event"), fields.get("action")
        # With their types: True, 1 and 1.0 are one key of a dict, and three things to a condition.
        at = (event.format, status, type(status), kind, type(kind), action, type(action))
        known = self._known.get(at)
        if known is None:
            known = self._worked_out(event.format, fields)
            if len(self._known) < COMBINATIONS and all(len(str(value)) <= VALUE_CHARS for value in at[1:]):
                self._known[at] = known
        return known

    def _worked_out(self, form: str, fields: Fields) -> tuple[T, ...]:
        asked = {name: fields[name] for name in FIELDS if name in fields}
        return tuple(
            entry
            for entry, formats in self._entries
            if (formats is None or form in formats) and entry.gate(asked, None)
        )
