"""Those who look now and then wake together."""

from __future__ import annotations

import asyncio

from tests.parts.clock import ManualClock

from nightporter.clock import beat


async def test_whoever_began_in_between_wakes_with_the_others() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def look(name: str, every_s: float) -> None:
        while True:
            await beat(clock, every_s)
            woken.append((name, clock.monotonic()))

    early = asyncio.create_task(look("early", 1.25))
    await clock.advance(3.0)
    late, slow = asyncio.create_task(look("late", 1.25)), asyncio.create_task(look("slow", 5.0))
    await clock.advance(3.25)
    for task in (early, late, slow):
        task.cancel()
    assert [at for name, at in woken if name == "early"] == [1.25, 2.5, 3.75, 5.0, 6.25]
    assert [at for name, at in woken if name == "late"] == [3.75, 5.0, 6.25]
    assert [at for name, at in woken if name == "slow"] == [5.0]
