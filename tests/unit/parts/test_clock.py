"""The clock that tests move by hand keeps its own promises."""

from __future__ import annotations

import asyncio

import pytest
from tests.parts.clock import NOON, ManualClock

from nightporter.model import SECOND


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("a", 3, 3))
        group.create_task(sleeper("b", 1, 1, 2.5))
        await clock.advance(5)
        assert woken == [("b", 1), ("b", 2), ("a", 3), ("b", 4.5)]
        assert (clock.monotonic(), clock.now()) == (5, NOON + 5 * SECOND)
        await clock.advance(1)
    assert woken[-1] == ("a", 6)


async def test_a_jump_moves_the_wall_clock_alone() -> None:
    clock = ManualClock()
    async with asyncio.TaskGroup() as group:
        nap = group.create_task(clock.sleep(10))
        await clock.until_asleep()
        clock.jump(-3600)
        await clock.settle()
        assert not nap.done()
        assert (clock.monotonic(), clock.now()) == (0, NOON - 3600 * SECOND)
        await clock.advance(10)
        assert nap.done()


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock()
    nap = asyncio.create_task(clock.sleep(10))
    await clock.until_asleep()
    nap.cancel()
    with pytest.raises(asyncio.CancelledError):
        await nap
    assert clock.sleeping == 0
    await clock.advance(20)
