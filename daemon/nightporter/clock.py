"""The only place that asks what time it is.

Three times are kept apart (RULES §4.7): event time stands in the line, arrival is this wall clock when the
line was read, and waiting is done on a monotonic clock that no one can set back.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from nightporter.model import Stamp


class Clock(Protocol):
    """What the daemon may know of time; tests hand in one that they move by hand."""

    def now(self) -> Stamp:
        """Wall clock, nanoseconds since the epoch, UTC. May jump either way."""
        ...

    def monotonic(self) -> float:
        """Seconds since some start; never goes back, and may stand still while the machine sleeps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on the monotonic clock."""
        ...


def to_beat(clock: Clock, every_s: float) -> float:
    """Seconds until the monotonic clock shows a whole multiple of `every_s`."""
    return every_s - clock.monotonic() % every_s


async def beat(clock: Clock, every_s: float) -> None:
    """Wait for the next such moment. All who look at something now and then wait like this: on a quiet
    machine a wake costs more than what is done in it, and those whose beats meet share one."""
    await clock.sleep(to_beat(clock, every_s))


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> Stamp:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
