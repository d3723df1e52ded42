"""`sequence`: the steps in their order, from the first event to the last within one window.

A key keeps its newest events that fit a step, with which steps they fit. Each event is used for one step; the
one that completes the sequence is used once, the others may serve the next completion too (five failures and
two successes are two completions, the second of which only grows the episode). What completes nothing grows
no episode either: a failure after the success would put its user's name in the place of who got in.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence as Many
from typing import Final

import msgspec

from nightporter.detect.outcome import LATE, Outcome, Over, Under
from nightporter.model import Nanos, Stamp
from nightporter.rule import Sequence

STEP: Final = Under(grows=False)
KEPT_PER_TIME: Final = 4
"""A key keeps, of each step, at most this many events per time that the step asks for."""


class Steps(msgspec.Struct):
    """One key's memory, three lists of one length: `stamps` in order (equal ones by arrival), which steps
    each event fits (a bit a step), and whether it has completed a sequence."""

    stamps: list[Stamp] = []
    fits: list[int] = []
    used: list[bool] = []


def observe(memory: Steps, spec: Sequence, lateness: Nanos, stamp: Stamp, fits: int) -> Outcome:
    """Enter one event that fits the steps of the bits in `fits`, one at least."""
    stamps = memory.stamps
    if stamps:
        if stamp < stamps[-1] - spec.within - lateness:
            return LATE
        _forget(memory, bisect_left(stamps, max(stamp, stamps[-1]) - spec.within - lateness))
    index = bisect_right(stamps, stamp)
    stamps.insert(index, stamp)
    memory.fits.insert(index, fits)
    memory.used.insert(index, False)
    outcome = _completed(memory, spec, index)
    if len(stamps) > KEPT_PER_TIME * sum(step.times for step in spec.steps):
        _thin(memory, spec)
    return outcome


def _completed(memory: Steps, spec: Sequence, index: int) -> Outcome:
    """Whether the event at `index` is part of a completion that was not there before."""
    needed = [number for number, step in enumerate(spec.steps) for _ in range(step.times)]
    final = 1 << (len(spec.steps) - 1)
    for end in range(index, len(memory.stamps)):
        if memory.stamps[end] - memory.stamps[index] >= spec.within:
            break
        if memory.used[end] or not memory.fits[end] & final:
            continue
        start = _began(memory, needed, end)
        if start is not None and memory.stamps[end] - memory.stamps[start] < spec.within:
            memory.used[end] = True
            return Over(memory.stamps[start], len(needed))
    return STEP


def _began(memory: Steps, needed: Many[int], end: int) -> int | None:
    """Where the shortest completion that ends at `end` begins: each step takes the latest event it can,
    backwards from the last."""
    left = len(needed)
    for at in range(end, -1, -1):
        if memory.fits[at] >> needed[left - 1] & 1:
            left -= 1
            if left == 0:
                return at
    return None


def _thin(memory: Steps, spec: Sequence) -> None:
    """Keep of each step its newest events: a flood of one step does not push out the others."""
    counts = [0] * len(spec.steps)
    kept: list[int] = []
    for at in range(len(memory.stamps) - 1, -1, -1):
        wanted = False
        for number, step in enumerate(spec.steps):
            if memory.fits[at] >> number & 1 and counts[number] < KEPT_PER_TIME * step.times:
                counts[number] += 1
                wanted = True
        if wanted:
            kept.append(at)
    kept.reverse()
    memory.stamps[:] = [memory.stamps[at] for at in kept]
    memory.fits[:] = [memory.fits[at] for at in kept]
    memory.used[:] = [memory.used[at] for at in kept]


def _forget(memory: Steps, n: int) -> None:
    if n:
        del memory.stamps[:n], memory.fits[:n], memory.used[:n]
