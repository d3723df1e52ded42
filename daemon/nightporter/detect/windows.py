"""What a key remembers, and the windows `count` and `distinct`: what it has done lately, and whether that is
too much.

A window over `(t - W, t]` in event time, crossed at `>=` (RULES §4). One `Track` holds a key's memory. It is
plain data that the commit carries through a restart; no window knows what time it is. The other windows have
a module each, with the same words for their answers (`outcome`).

    observe ─▶ LATE     older than the key's newest stamp - W - lateness, or than what a full key keeps
            ├▶ UNDER    counted
            └▶ OVER     counted, and some window that contains it holds enough; `start` is its first stamp
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

import msgspec

from nightporter.detect.firstseen import Seen
from nightporter.detect.outcome import LATE, UNDER, Outcome, Over
from nightporter.detect.pollers import PollerMemory
from nightporter.detect.sequences import Steps
from nightporter.detect.spike import SpikeMemory
from nightporter.detect.weighed import Weighed
from nightporter.model import Nanos, Severity, Stamp, Value
from nightporter.rule import Count, Distinct

KEPT_PER_THRESHOLD: Final = 4
"""A key keeps at most this many stamps (or values) per unit of the threshold: an attacker cannot buy more."""


class OpenEpisode(msgspec.Struct):
    """An episode while it can still change. `ended` ones stay until the key crosses again: a late stamp may
    bridge the gap and reopen them."""

    id: str
    first: Stamp
    last: Stamp
    crossed: Stamp
    count: int
    severity: Severity
    top: dict[str, dict[str, int]]
    samples: list[str]
    latest: dict[str, str | int | float | bool]
    """Of the newest event, what its message asks for."""
    distinct: int | None = None
    ended: bool = False
    seen_late: bool = False
    detailed: bool = True
    """Whether top values and sample lines are kept of it."""
    pending: bool = False
    """It has not lasted for as long as its rule asks (`for`, `absence`): nobody knows of it yet."""
    peak: float = 0.0
    figures: dict[str, Value] = {}
    """What its window measured, by the names that a message may ask for: `sum`, `share`, `usual` …"""
    subject: str = ""
    """What its incident is about, as the first event that could say so did: the newest may lack the field."""
    forgotten: bool = False
    """Its key had to make room: it ended for us, not in the world."""
    unwatched: bool = False
    """It ended since nobody watches its key any more."""
    accepted: bool = False
    """It ended since a person has said that all is right as it is: nothing is added to it any more."""
    source: str = ""
    """Where its newest event came from."""


class Track(msgspec.Struct, omit_defaults=True):
    """One key's memory. For `count` its newest stamps in order, for `distinct` also which value each stands
    for; every other window has a memory of its own."""

    stamps: list[Stamp]
    values: list[int] | None = None
    hits: int = 0
    """Admitted events since the memory was last empty (for `distinct`, where a value counts once)."""
    severity: Severity = Severity.info
    episode: OpenEpisode | None = None
    weighed: Weighed | None = None
    steps: Steps | None = None
    seen: Seen | None = None
    spike: SpikeMemory | None = None
    poller: PollerMemory | None = None
    newest: Stamp = 0
    """The newest stamp that a window other than `count` and `distinct` was shown; for `absence` the newest
    arrival."""
    resolved: Stamp = 0
    """When a `resolve` event last said that all is well: what happened before is over."""

    def clear(self) -> None:
        """Forget what the window counted; what the key is used to (`seen`, `spike`, `poller`) stays."""
        self.stamps, self.hits = [], 0
        self.values = None if self.values is None else []
        self.weighed = self.steps = None


def observe(track: Track, spec: Count | Distinct, lateness: Nanos, stamp: Stamp, value: int = 0) -> Outcome:
    """Insert one admitted event in order and judge every window that contains it.

    `value` is the hash of the distinct field's value; `count` does not look at it.
    """
    stamps = track.stamps
    kept = KEPT_PER_THRESHOLD * spec.threshold
    if stamps:
        horizon = stamps[-1] - spec.within - lateness
        if stamp < horizon or (len(stamps) >= kept and stamp < stamps[0]):
            return LATE
        if stamp > stamps[-1]:
            horizon = stamp - spec.within - lateness
            if stamps[0] < horizon:
                _forget(track, bisect_left(stamps, horizon))
    if not stamps:
        track.hits = 0
    track.hits += 1
    match spec:
        case Count():
            index = bisect_right(stamps, stamp)
            stamps.insert(index, stamp)
        case Distinct():
            index = _insert_value(track, stamp, value)
    if len(stamps) > kept:
        _forget(track, 1)  # never the new one: a stamp older than a full key's oldest was late above
        index -= 1
    return _judge(stamps, index, spec)


def _insert_value(track: Track, stamp: Stamp, value: int) -> int:
    """Each value keeps its newest stamp alone; gives where it stands now."""
    values = track.values
    assert values is not None
    if value in values:
        index = values.index(value)
        if track.stamps[index] >= stamp:
            return index
        del track.stamps[index], values[index]
    index = bisect_right(track.stamps, stamp)
    track.stamps.insert(index, stamp)
    values.insert(index, value)
    return index


def _forget(track: Track, n: int) -> None:
    del track.stamps[:n]
    if track.values is not None:
        del track.values[:n]


def _judge(stamps: list[Stamp], index: int, spec: Count | Distinct) -> Outcome:
    """Whether `threshold` stamps in a row that include `index` lie less than `within` apart.

    An event exactly `within` old is out, hence `<`. In-order events look at one window only.
    """
    need = spec.threshold
    for low in range(max(0, index - need + 1), min(index, len(stamps) - need) + 1):
        if stamps[low + need - 1] - stamps[low] < spec.within:
            start = stamps[low]
            return Over(start, bisect_left(stamps, start + spec.within, low) - low)
    return UNDER


def held_at_end(track: Track, within: Nanos) -> int:
    """How many stamps (or values) the window that ends at the newest stamp holds."""
    if not track.stamps:
        return 0
    return len(track.stamps) - bisect_right(track.stamps, track.stamps[-1] - within)


def chain(stamps: list[Stamp], start: Stamp, quiet: Nanos) -> tuple[int, Stamp]:
    """From `start` on, how many stamps follow each other without a gap over `quiet`, and the last of them."""
    index = bisect_left(stamps, start)
    last, count = start, 0
    for stamp in stamps[index:]:
        if stamp - last > quiet:
            break
        last, count = stamp, count + 1
    return count, last
