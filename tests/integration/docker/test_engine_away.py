"""The engine goes and comes: nothing is lost that it still has, nothing is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from tests.integration.docker.conftest import following
from tests.parts.docker import DockerEngine, running_engine

pytestmark = pytest.mark.real

COUNTING = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done"


@pytest.fixture
async def mortal() -> AsyncIterator[DockerEngine]:
    """An engine of this test's own, to be ended."""
    with ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, running_engine())
        await asyncio.to_thread(stack.close)


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_an_engine_that_goes_and_comes_back(mortal: DockerEngine, how: str) -> None:
    async with following(mortal) as got:
        await asyncio.to_thread(
            mortal.run, COUNTING, name="counts", restart_policy={"Name": "always"}, stop_signal="SIGKILL"
        )
        await got.until("lines", lambda: len(got.lines("counts")) > 20)
        await asyncio.to_thread(mortal.stop if how == "stopped" else mortal.kill)
        await got.until("it is missed", lambda: not got.status["up"])
        assert got.status["away_why"]
        before = len(got.lines("counts"))
        await asyncio.to_thread(mortal.start)
        await got.until("it is back", lambda: bool(got.status["up"]))
        await got.until("lines of the next run", lambda: len(got.lines("counts")) > before + 20)
        await asyncio.sleep(1.2)
        logged = await asyncio.to_thread(mortal.client.containers.get("counts").logs)
        every = logged.splitlines()
        await got.until("all that the engine has", lambda: len(got.lines("counts")) >= len(every))
        assert got.lines("counts")[: len(every)] == every
        assert [r["action"] for r in got.events()] == ["engine_up", "engine_down", "engine_up"]
        assert got.status["counters"]["engine_lost"] == 1
        dies = [r for r in got.events("counts") if r["action"] == "die"]
        assert [r["by_hand"] for r in dies] == [True]


async def test_an_engine_that_is_not_there_yet_is_waited_for(mortal: DockerEngine) -> None:
    await asyncio.to_thread(mortal.stop)
    start = asyncio.create_task(asyncio.to_thread(mortal.start))
    async with following(mortal) as got:
        await start
        await asyncio.to_thread(mortal.run, "echo late", name="late")
        await got.until("its line", lambda: got.lines("late") == [b"late"])
