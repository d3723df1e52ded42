"""The thread: pacing, backpressure, ending, and what status tells."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock
from tests.parts.patience import PATIENCE_S

from nightporter.config import FileSource as FileSourceConfig
from nightporter.model import Chunk
from nightporter.sources.files.source import (
    BUSY_POLL_S,
    QUIET_POLL_S,
    STILL_BUSY_S,
    UNWATCH_S,
    FileSource,
    Pace,
)
from nightporter.sources.files.waker import Target


class HandWaker:
    """A waker that the test fires; it tells each wait that it is asked for."""

    def __init__(self) -> None:
        self.trouble = ""
        self.waits: queue.Queue[tuple[float, bool]] = queue.Queue()
        self.targets: frozenset[Target] = frozenset()
        self.closed = False
        self._fired = threading.Semaphore(0)
        self._stopped = False

    def watch(self, targets: frozenset[Target]) -> None:
        self.targets = targets

    def wait(self, seconds: float, *, heed: bool) -> None:
        if not self._stopped:
            self.waits.put((seconds, heed))
            self._fired.acquire()

    def fire(self) -> None:
        self._fired.release()

    def stop(self) -> None:
        self._stopped = True
        self._fired.release()

    def close(self) -> None:
        self.closed = True

    async def until_waiting(self) -> tuple[float, bool]:
        return await asyncio.to_thread(self.waits.get, timeout=PATIENCE_S)


@asynccontextmanager
async def running(
    path: Path, clock: ManualClock, waker: HandWaker, sink: Callable[[Chunk], Awaitable[None]]
) -> AsyncIterator[FileSource]:
    source = FileSource(FileSourceConfig(name="logs", paths=(str(path),)), clock, lambda: waker)
    task = asyncio.ensure_future(source.run({}, sink))
    try:
        yield source
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert waker.closed


async def test_a_quiet_file_is_waited_for_and_a_busy_one_polled(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"old\n")
    clock, waker = ManualClock(), HandWaker()
    given: list[bytes] = []

    async def take(chunk: Chunk) -> None:
        given.append(chunk.data)

    async with running(log, clock, waker, take) as source:
        assert await waker.until_waiting() == (QUIET_POLL_S, True)
        assert waker.targets == {Target(tmp_path, "a.log")}
        log.write_bytes(b"old\nnew\n")
        waker.fire()
        assert await waker.until_waiting() == (BUSY_POLL_S, False)
        assert given == [b"", b"new\n"]
        await clock.advance(STILL_BUSY_S)
        waker.fire()
        assert await waker.until_waiting() == (QUIET_POLL_S, True)
        status = source.status()
        assert status["state"] == "following"
        assert status["streams"] == {str(log): {"state": "following", "behind_bytes": 0}}


async def test_nothing_is_read_while_the_judge_is_behind(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.touch()
    clock, waker = ManualClock(), HandWaker()
    offered: asyncio.Queue[Chunk] = asyncio.Queue()
    taken = asyncio.Event()

    async def take(chunk: Chunk) -> None:
        await offered.put(chunk)
        await taken.wait()

    async with running(log, clock, waker, take):
        await offered.get()
        log.write_bytes(b"one\n")
        assert waker.waits.empty()
        taken.set()
        await waker.until_waiting()
        waker.fire()
        assert (await offered.get()).data == b"one\n"


async def test_it_ends_at_once_while_it_waits(tmp_path: Path) -> None:
    clock, waker = ManualClock(), HandWaker()

    async def take(chunk: Chunk) -> None:
        pass

    async with asyncio.timeout(PATIENCE_S), running(tmp_path / "not there", clock, waker, take) as source:
        await waker.until_waiting()
        assert source.status()["state"] == "waiting"
        assert source.status()["waiting"] == [str(tmp_path / "not there")]


async def test_a_waker_that_cannot_wake_is_told(tmp_path: Path) -> None:
    clock, waker = ManualClock(), HandWaker()
    waker.trouble = "the system has no file watches left"

    async def take(chunk: Chunk) -> None:
        pass

    async with running(tmp_path / "a.log", clock, waker, take) as source:
        await waker.until_waiting()
        assert source.status()["waking"] == "the system has no file watches left"


@pytest.mark.parametrize(
    ("moves", "now", "busy", "watch"),
    [
        pytest.param([], 0.0, False, True, id="nothing yet"),
        pytest.param([10.0], 10.5, True, True, id="just read"),
        pytest.param([10.0], 10.0 + STILL_BUSY_S, False, True, id="quiet again"),
        pytest.param([10 + n / 10 for n in range(25)], 12.0 + UNWATCH_S / 4, True, False, id="busy for long"),
        pytest.param([10.0, 11.5, 13.0], 13.5, True, True, id="now and then"),
    ],
)
def test_pace(moves: list[float], now: float, busy: bool, watch: bool) -> None:
    pace = Pace()
    for moment in moves:
        pace.moved(moment)
    assert (pace.is_busy(now), pace.wants_watch(now)) == (busy, watch)
