"""`first_seen`: a combination of values that a key has not shown before, once its ways have been learned."""

from __future__ import annotations

from typing import Final

import msgspec

from nightporter.detect.outcome import APART, Outcome, Over
from nightporter.model import DAY, Nanos, Stamp
from nightporter.rule import FirstSeen

KEPT: Final = 1_000
"""Combinations a key remembers; those not seen for longest go first. A stranger who shows a thousand new
ones is told of long before they push out the first."""
REFRESHED_AFTER: Final[Nanos] = DAY
"""How old a combination's last sight may be before it is written anew: what is seen every minute is not a
row in every commit."""


class Seen(msgspec.Struct):
    """One key's memory: when its first event was, and when each combination (a hash) was seen last."""

    began: Stamp
    last: dict[int, Stamp] = {}


def observe(memory: Seen, spec: FirstSeen, stamp: Stamp, combination: int) -> Outcome:
    """Enter one event. Learning runs from the key's first event, in event time; a late event is taken as any
    other."""
    last = memory.last.get(combination)
    new = last is None or stamp - last > spec.remember
    if last is None or stamp - last > min(REFRESHED_AFTER, spec.remember // 4):
        memory.last.pop(combination, None)  # re-inserted: the dict's order is that of the last sights
        memory.last[combination] = stamp
        if len(memory.last) > KEPT:
            del memory.last[next(iter(memory.last))]
    learned = stamp - memory.began >= spec.learn
    return Over(stamp, 1) if new and learned else APART
