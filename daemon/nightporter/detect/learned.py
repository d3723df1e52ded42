"""Learned lists: a condition fills them, a rule asks them (RULES §1). They live in the commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nightporter.detect.folding import member_key
from nightporter.detect.predicates import Predicate
from nightporter.model import Event, Nanos, Stamp

LEARNED_CAP: Final = 50_000
"""Values one list keeps; those not seen for longest go first."""


class LearnedMembers:
    """The values of one list, each with the stamp of its last sight."""

    def __init__(self, name: str, field: str, keep: Nanos) -> None:
        self.name = name
        self._field = field
        self._keep = keep
        self._when: Predicate = lambda _fields, _out: False
        self._seen: dict[str, Stamp] = {}
        self.dirty: set[str] = set()

    def filled_by(self, when: Predicate) -> None:
        """Set the condition: after the list exists, since it may itself speak of lists."""
        self._when = when

    def contains(self, value: str, now: Stamp) -> bool:
        """Whether the value was seen within `keep` before `now` (event time)."""
        seen = self._seen.get(value)
        return seen is not None and now - seen <= self._keep

    def learn(self, event: Event) -> None:
        """Take the event's value if the condition holds."""
        value = event.fields.get(self._field)
        if value is None or not self._when(event.fields, None):
            return
        name = member_key(value)
        # Re-inserted, so that the dict's order is the order of last sight.
        self._seen[name] = max(event.time, self._seen.pop(name, event.time))
        self.dirty.add(name)
        if len(self._seen) > LEARNED_CAP:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self.dirty.add(oldest)

    def seen(self, value: str) -> Stamp | None:
        """When the value was last seen; None: it is not in the list."""
        return self._seen.get(value)

    def items(self) -> Iterable[tuple[str, Stamp]]:
        """All values with their last sight, oldest first."""
        return tuple(self._seen.items())

    def restore(self, items: Iterable[tuple[str, Stamp]]) -> None:
        """Take back what a commit, or the list before a reload, held."""
        self._seen = dict(sorted(items, key=lambda item: item[1]))
