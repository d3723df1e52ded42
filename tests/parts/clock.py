"""A clock that a test moves by hand: no test waits for real time to pass."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Final

from nightporter.model import SECOND, Stamp

NOON: Final[Stamp] = 1_764_504_000 * SECOND
"""2025-11-30T12:00:00Z, a Sunday: where a clock starts unless a test says otherwise."""
_ROUNDS: Final = 25
"""Turns of the loop that are granted after each wake, so that chains of awaits come to rest."""


class ManualClock:
    """A `nightporter.clock.Clock` whose time stands still until `advance` moves it.

    Sleepers wake in the order of their deadlines, each at exactly its own time, and what they started runs
    before the next one wakes. Work in threads is not waited for.
    """

    def __init__(self, now: Stamp = NOON) -> None:
        self._wall = now
        self._elapsed = 0
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> Stamp:
        return self._wall

    def monotonic(self) -> float:
        return self._elapsed / SECOND

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + round(seconds * SECOND), next(self._order), woken))
        await woken

    @property
    def sleeping(self) -> int:
        """How many are waiting now."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    @property
    def next_s(self) -> float:
        """Seconds until the next sleeper is due; infinite without one."""
        return min(
            ((due - self._elapsed) / SECOND for due, _, woken in self._sleepers if not woken.done()),
            default=float("inf"),
        )

    async def advance(self, seconds: float) -> None:
        """Let this many seconds pass on both clocks."""
        await self.settle()
        until = self._elapsed + round(seconds * SECOND)
        while self._sleepers and self._sleepers[0][0] <= until:
            due, _, woken = heapq.heappop(self._sleepers)
            self._move(due)
            if not woken.done():
                woken.set_result(None)
                await self.settle()
        self._move(until)
        await self.settle()

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a person or NTP does; nobody wakes."""
        self._wall += round(seconds * SECOND)

    async def until_asleep(self, sleepers: int = 1) -> None:
        """Return once at least this many are waiting; the test's own timeout is the deadline."""
        while self.sleeping < sleepers:
            await asyncio.sleep(0)

    async def settle(self) -> None:
        """Let everything that can run without time passing run."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)

    def _move(self, elapsed: int) -> None:
        self._wall += elapsed - self._elapsed
        self._elapsed = elapsed
