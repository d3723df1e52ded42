"""A ring of the events that rules counted lately: where an episode's first samples and top values come from.

Bounded by bytes, whoever writes the lines; the oldest go first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from nightporter.model import Event, Fields, Key, Stamp

_OVERHEAD: Final = 600
"""Bytes that an entry costs beside its line: the event's dict of fields, measured with `sys.getsizeof`."""


class Recent:
    """Events by (rule, key), oldest first, at most `limit_bytes` in all."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._order: deque[tuple[str, Key]] = deque()
        self._events: dict[tuple[str, Key], deque[tuple[Stamp, str, Fields]]] = {}

    def add(self, rule: str, key: Key, event: Event, fields: Fields) -> None:
        """Remember that `rule` counted this event for `key`, with the fields as the rule saw them."""
        at = (rule, key)
        self._events.setdefault(at, deque()).append((event.time, event.raw, fields))
        self._order.append(at)
        self._size += len(event.raw) + _OVERHEAD
        while self._size > self._limit:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        at = self._order.popleft()
        entries = self._events[at]
        _, raw, _ = entries.popleft()
        self._size -= len(raw) + _OVERHEAD
        if not entries:
            del self._events[at]

    def since(self, rule: str, key: Key, start: Stamp) -> Iterable[tuple[str, Fields]]:
        """The line and fields of each remembered event of this rule and key from `start` on."""
        return [(raw, f) for stamp, raw, f in self._events.get((rule, key), ()) if stamp >= start]


TOP_VALUES: Final = 24


def count_top(counts: dict[str, int], value: str) -> None:
    """Count a value among at most TOP_VALUES; a newcomer takes the place, and the count, of the rarest
    (the space-saving sketch: the truly frequent stay, whatever is thrown at it)."""
    if value in counts or len(counts) < TOP_VALUES:
        counts[value] = counts.get(value, 0) + 1
        return
    rarest = min(counts, key=counts.__getitem__)
    counts[value] = counts.pop(rarest) + 1
