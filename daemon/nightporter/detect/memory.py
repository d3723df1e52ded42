"""What a rule remembers of its keys, bounded: two generations, so that forgetting costs nothing.

A key that is seen moves to the young generation; when that is full the old one goes, with all keys that were
not seen since the last turn. (An LRU that pops the oldest key of a dict on every insert is a thousand times
slower under a flood of new keys, which is exactly when it runs.)
"""

from __future__ import annotations

from collections.abc import Iterator

from nightporter.detect.windows import Track
from nightporter.model import Key, Stamp
from nightporter.rule import Distinct, WindowSpec

Entry = Stamp | Track
"""A key that was counted once is only its stamp: a scan from 100,000 addresses stays small."""


class Memory:
    """Key → what is known of it, for one rule; holds between half of `cap` and `cap` keys when full."""

    def __init__(self, cap: int) -> None:
        self._half = max(1, cap // 2)
        self._young: dict[Key, Entry] = {}
        self._old: dict[Key, Entry] = {}
        self.dirty: set[Key] = set()
        """Keys that changed since the last commit; one that is no longer known is to be deleted there."""
        self.turned: Stamp = 0
        """When (by arrival) it last turned for age; the engine's affair."""

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __iter__(self) -> Iterator[Key]:
        yield from tuple(self._old)
        yield from tuple(self._young)

    def peek(self, key: Key) -> Entry | None:
        """What is known of a key, without making it younger."""
        entry = self._young.get(key)
        return self._old.get(key) if entry is None else entry

    def get(self, key: Key) -> Entry | None:
        """What is known of a key; it counts as seen."""
        entry = self._young.get(key)
        if entry is None and (entry := self._old.pop(key, None)) is not None:
            self._young[key] = entry
        return entry

    def put(self, key: Key, entry: Entry) -> list[tuple[Key, Entry]]:
        """Remember a key; gives what had to be forgotten for it (mostly nothing)."""
        self._old.pop(key, None)
        self._young[key] = entry
        self.dirty.add(key)
        return self.turn() if len(self._young) >= self._half else []

    def turn(self) -> list[tuple[Key, Entry]]:
        """Forget the keys not seen since the last turn, and begin a new generation."""
        gone, self._old, self._young = self._old, self._young, {}
        self.dirty.update(gone)
        return list(gone.items())

    def drop(self, key: Key) -> None:
        """Forget a key."""
        self._young.pop(key, None)
        self._old.pop(key, None)
        self.dirty.add(key)


def track_of(window: WindowSpec | None, entry: Entry | None) -> Track:
    """A key's memory, from its lone stamp or from nothing where that is all there is."""
    if isinstance(entry, Track):
        return entry
    values: list[int] | None = [] if isinstance(window, Distinct) else None
    return Track(stamps=[] if entry is None else [entry], values=values, hits=0 if entry is None else 1)


def newest(entry: Entry) -> Stamp:
    """The newest stamp of a key's memory."""
    if not isinstance(entry, Track):
        return entry
    last = entry.episode.last if entry.episode is not None else 0
    return max(entry.stamps[-1] if entry.stamps else 0, entry.newest, entry.resolved, last)


def lasts(is_state: bool, entry: Entry) -> bool:
    """Whether a key has a state that goes on without any event: a disk that is full says so once."""
    if not isinstance(entry, Track) or entry.episode is None or entry.episode.ended:
        return False
    return is_state or entry.episode.pending
