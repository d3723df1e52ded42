"""Whether a key is a poller: a program that asks one to three paths at steady intervals, for hours.

A monitor that is not let in makes 15 refusals a minute for as long as it runs, and means nothing by it.
`pollers: skip` leaves such keys out; what makes one is strict, since it is a way not to be seen:

- Each path has a beat: its intervals lie within 20 % of their middle, (high - low) ≤ 0.2 × (high + low). One
  to two missed requests are forgiven: an interval of two or three times the middle counts as that many.
- A fourth path, an interval that is off (a burst, two at once, a stamp that goes back), or a path that is
  overdue ends it at once, and the request at hand begins it anew.
- A key is a poller once each of its paths has kept its beat for two hours, over five intervals or more.

A key's memory is three paths of six numbers: at most 300 bytes packed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from nightporter.model import HOUR, MINUTE, Nanos, Stamp

PATHS: Final = 3
STEADY_FOR: Final[Nanos] = 2 * HOUR
INTERVALS: Final = 5
"""At the least; two hours of a request every 20 minutes are six."""
LONGEST: Final[Nanos] = 30 * MINUTE
"""The longest interval that counts as polling; a page that someone opens twice a day has no beat."""
SPREAD: Final = 5
"""An interval may be off by the fifth part of the middle."""
FORGIVEN: Final = 3
"""An interval of up to three middles is one with missed requests in it."""


class Beat(msgspec.Struct):
    """One path: since when it has been asked steadily, and the shortest and longest interval since."""

    path: int
    since: Stamp
    last: Stamp
    low: Nanos = 0
    high: Nanos = 0
    intervals: int = 0


class PollerMemory(msgspec.Struct):
    """What a key asked for since it was last unsteady."""

    beats: list[Beat] = []


def is_poller(memory: PollerMemory, stamp: Stamp, path_hash: int) -> bool:
    """Enter a request of the key; gives whether the key is a poller now, this request included."""
    if not _entered(memory, stamp, path_hash):
        memory.beats = [Beat(path_hash, stamp, stamp)]
    return all(stamp - beat.since >= STEADY_FOR and beat.intervals >= INTERVALS for beat in memory.beats)


def _entered(memory: PollerMemory, stamp: Stamp, path: int) -> bool:
    """Enter the request if all is still steady."""
    known = False
    for beat in memory.beats:
        if beat.path == path:
            known = True
            if not _kept(beat, stamp):
                return False
        elif stamp - beat.last > _overdue_after(beat):
            return False
    if not known:
        memory.beats.append(Beat(path, stamp, stamp))
    return len(memory.beats) <= PATHS


def _kept(beat: Beat, stamp: Stamp) -> bool:
    """Enter the next request of a path, if it comes when it should."""
    interval = stamp - beat.last
    missed = 1
    if beat.intervals:
        middle = (beat.low + beat.high) // 2
        missed = min(FORGIVEN, max(1, (interval + middle // 2) // middle))
    interval //= missed
    low = min(beat.low or interval, interval)
    high = max(beat.high, interval)
    if interval <= 0 or high > LONGEST or (high - low) * SPREAD > high + low:
        return False
    beat.low, beat.high, beat.last = low, high, stamp
    beat.intervals += 1
    return True


def _overdue_after(beat: Beat) -> Nanos:
    """How long after its last request a path is no longer asked steadily."""
    return FORGIVEN * (beat.high + beat.high // SPREAD) if beat.intervals else LONGEST
