"""Windows that weigh events: `sum` (a field's numbers add up) and `ratio` (a share of them fits).

Both hold, in order of event time, a stamp, how many events it stands for, and their weight: the numbers' sum,
or how many fit. A busy key holds `ENTRIES` of them: then neighbours are folded two into one, at the newer
one's stamp, so that an old event may count longer than it should by the gap between the two, some 1/32 of
the window. Nothing is lost by it, and an attacker cannot buy more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from nightporter.detect.outcome import APART, LATE, UNDER, Outcome, Over, Under
from nightporter.model import Nanos, Stamp
from nightporter.rule import Ratio, Sum

ENTRIES: Final = 128
MILLION: Final = 1_000_000
"""A share is compared in whole millionths: 29 of 100 are not above 29 %, though 0.29 × 100 is below 29."""


class Weighed(msgspec.Struct):
    """One key's memory; three lists of one length, `stamps` in order. What the window holds that ends at the
    newest is kept beside them, since nearly every event is the newest."""

    stamps: list[Stamp] = []
    events: list[int] = []
    weights: list[int] = []
    within: Nanos = 0
    """The window's length for which the following is true: a reload may change it."""
    low: int = 0
    """Where that window begins."""
    held_events: int = 0
    held_weight: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """What the window that ends at one of the key's stamps holds."""

    start: Stamp
    events: int
    weight: int


def observe_sum(memory: Weighed, spec: Sum, lateness: Nanos, stamp: Stamp, amount: int) -> Outcome:
    """Enter one event of this amount (negative numbers count as none)."""
    if not _enter(memory, spec.within, lateness, stamp, max(0, amount)):
        return LATE
    for held in _windows_with(memory, spec.within, stamp):
        if held.weight >= spec.threshold:
            return Over(held.start, held.events)
    return UNDER


def observe_ratio(memory: Weighed, spec: Ratio, lateness: Nanos, stamp: Stamp, fits: bool) -> Outcome:
    """Enter one event, which fits `of` or does not."""
    if not _enter(memory, spec.within, lateness, stamp, int(fits)):
        return LATE
    for held in _windows_with(memory, spec.within, stamp):
        if held.events >= spec.least and held.weight * MILLION > round(spec.above * MILLION) * held.events:
            return Over(held.start, held.events)
    return Under(grows=False) if fits else APART


def at_end(memory: Weighed) -> Held:
    """What the window that ends at the newest stamp holds."""
    return Held(memory.stamps[memory.low], memory.held_events, memory.held_weight)


def _enter(memory: Weighed, within: Nanos, lateness: Nanos, stamp: Stamp, weight: int) -> bool:
    """Insert in order; False for what is too late."""
    stamps = memory.stamps
    newest = not stamps or stamp >= stamps[-1]
    if not newest and stamp < stamps[-1] - within - lateness:
        return False
    index = len(stamps) if newest else bisect_right(stamps, stamp)
    stamps.insert(index, stamp)
    memory.events.insert(index, 1)
    memory.weights.insert(index, weight)
    gone = bisect_left(stamps, stamps[-1] - within - lateness)
    for column in (stamps, memory.events, memory.weights) if gone else ():
        del column[:gone]
    memory.low -= gone
    if newest and memory.within == within and memory.low >= 0:
        _move_on(memory, stamp, weight)
    else:
        _count(memory, within)
    if len(stamps) > ENTRIES:
        _fold(memory)
        _count(memory, within)
    return True


def _move_on(memory: Weighed, stamp: Stamp, weight: int) -> None:
    """The window now ends at this newest event: let go of what it leaves behind."""
    memory.held_events += 1
    memory.held_weight += weight
    while memory.stamps[memory.low] <= stamp - memory.within:
        memory.held_events -= memory.events[memory.low]
        memory.held_weight -= memory.weights[memory.low]
        memory.low += 1


def _count(memory: Weighed, within: Nanos) -> None:
    """What the window that ends at the newest stamp holds, from the beginning."""
    memory.within = within
    memory.low = bisect_right(memory.stamps, memory.stamps[-1] - within)
    memory.held_events = sum(memory.events[memory.low :])
    memory.held_weight = sum(memory.weights[memory.low :])


def _fold(memory: Weighed) -> None:
    """Fold the older half, two neighbours into one: what is new stays exact the longest."""
    half = ENTRIES // 2
    memory.stamps[:half] = memory.stamps[1:half:2]
    for column in (memory.events, memory.weights):
        column[:half] = [a + b for a, b in zip(column[:half:2], column[1:half:2], strict=True)]


def _windows_with(memory: Weighed, within: Nanos, stamp: Stamp) -> Iterator[Held]:
    """Every window that ends at a stamp of the key and contains `stamp`: one, where it is the newest."""
    stamps = memory.stamps
    if stamp == stamps[-1]:
        yield at_end(memory)
        return
    first = bisect_left(stamps, stamp)
    for end in range(first, len(stamps)):
        if stamps[end] - within >= stamp:
            return
        if end + 1 < len(stamps) and stamps[end + 1] == stamps[end]:
            continue  # the window that ends at a stamp holds all events of that stamp
        yield _held(memory, within, end)


def _held(memory: Weighed, within: Nanos, end: int) -> Held:
    low = bisect_right(memory.stamps, memory.stamps[end] - within)
    events, weights = memory.events[low : end + 1], memory.weights[low : end + 1]
    return Held(memory.stamps[low], sum(events), sum(weights))
