"""The events that rules counted lately: where an episode's first samples and top values come from.

Bounded by bytes, whoever writes the lines, and for each key by number: a rule that counts every request must
not push out what a patient scanner asked for. The keys that were not seen for longest go first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from nightporter.model import Event, Fields, Key, Stamp

_OVERHEAD: Final = 600
"""Bytes that an entry costs beside its line: the event's dict of fields, measured with `sys.getsizeof`."""
PER_KEY: Final = 100
"""Events that are kept of one rule and key."""


class Recent:
    """Events by (rule, key), oldest first, at most `limit_bytes` in all."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._events: OrderedDict[tuple[str, Key], deque[tuple[Stamp, str, Fields]]] = OrderedDict()

    def add(self, rule: str, key: Key, event: Event, fields: Fields) -> None:
        """Remember that `rule` counted this event for `key`, with the fields as the rule saw them."""
        at = (rule, key)
        entries = self._events.get(at)
        if entries is None:
            entries = self._events[at] = deque()
        else:
            self._events.move_to_end(at)
        entries.append((event.time, event.raw, fields))
        self._size += len(event.raw) + _OVERHEAD
        if len(entries) > PER_KEY:
            self._drop_oldest(entries)
        while self._size > self._limit and self._events:
            self._drop_longest_unseen()

    def _drop_longest_unseen(self) -> None:
        at, entries = next(iter(self._events.items()))
        self._drop_oldest(entries)
        if not entries:
            del self._events[at]

    def _drop_oldest(self, entries: deque[tuple[Stamp, str, Fields]]) -> None:
        _, raw, _ = entries.popleft()
        self._size -= len(raw) + _OVERHEAD

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
