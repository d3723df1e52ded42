"""The supervisor, its clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import LogCapture
from tests.parts.clock import ManualClock

from nightporter.errors import Unreachable
from nightporter.supervise import Backoff, PartStatus, supervise

PLAIN = Backoff(first_s=1, factor=2, cap_s=8, jitter=0, calm_s=100)


class Part:
    """A part whose runs are scripted: an exception to raise, seconds to run before it, or None to return."""

    def __init__(self, clock: ManualClock, *script: BaseException | float | None) -> None:
        self.clock = clock
        self.script = list(script)
        self.starts: list[float] = []

    async def __call__(self) -> None:
        self.starts.append(self.clock.monotonic())
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, BaseException):
                raise step
            if step is None:
                return
            await self.clock.sleep(step)
        await asyncio.Event().wait()


class House:
    """One supervised part with its clock, log and status."""

    def __init__(self, *script: BaseException | float | None) -> None:
        self.clock = ManualClock()
        self.part = Part(self.clock, *script)
        self.status = PartStatus(name="ombi")
        self.capture = LogCapture()
        self.log = structlog.wrap_logger(None, processors=[self.capture])

    def supervise(
        self, factory: Callable[[], Awaitable[None]] | None = None, dice: float = 0.0
    ) -> asyncio.Task[None]:
        return asyncio.create_task(
            supervise(
                "ombi",
                factory or self.part,
                self.clock,
                self.log,
                self.status,
                backoff=PLAIN,
                dice=lambda: dice,
            )
        )


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_waits_double_up_to_the_cap() -> None:
    house = House(*[Unreachable("away")] * 6)
    task = house.supervise()
    await house.clock.advance(100)
    assert house.part.starts == [0, 1, 3, 7, 15, 23, 31]
    assert (house.status.restarts, house.status.failures, house.status.state) == (6, 6, "running")
    await stop(task)


async def test_nothing_restarts_before_its_time_whatever_the_wall_clock_does() -> None:
    house = House(Unreachable("away"))
    task = house.supervise()
    await house.clock.settle()
    house.clock.jump(3600)
    house.clock.jump(-7200)
    await house.clock.advance(0.999)
    assert len(house.part.starts) == 1
    await house.clock.advance(0.001)
    assert len(house.part.starts) == 2
    await stop(task)


async def test_a_calm_run_forgets_earlier_failures() -> None:
    house = House(Unreachable("a"), Unreachable("b"), 100.0, Unreachable("c"))
    task = house.supervise()
    await house.clock.advance(104)
    assert house.part.starts == [0, 1, 3, 104]
    assert house.status.failures == 1
    await stop(task)


async def test_a_run_just_short_of_calm_forgets_nothing() -> None:
    house = House(Unreachable("a"), Unreachable("b"), 99.9, Unreachable("c"))
    task = house.supervise()
    await house.clock.advance(103)
    assert house.status.failures == 3
    await stop(task)


async def test_cancellation_passes_while_running_and_while_waiting() -> None:
    for script in ([], [Unreachable("away")]):
        house = House(*script)
        task = house.supervise()
        await house.clock.settle()
        await stop(task)
        assert house.status.state == "stopped"


async def test_a_part_cancelled_from_within_is_restarted_not_lost() -> None:
    house = House(asyncio.CancelledError())
    task = house.supervise()
    await house.clock.advance(1)
    assert house.part.starts == [0, 1]
    assert house.status.last_error == "CancelledError: CancelledError"
    await stop(task)


async def test_a_part_that_returns_has_ended_and_says_so() -> None:
    house = House(None)
    await house.supervise()
    assert house.status.state == "ended"
    assert [entry["event"] for entry in house.capture.entries] == ["part.ended"]


async def test_exit_is_not_a_failure() -> None:
    house = House()

    async def part() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await supervise("x", part, house.clock, house.log, backoff=PLAIN)


@pytest.mark.parametrize(
    ("error", "level", "traceback"),
    [
        pytest.param(Unreachable("no socket"), "warning", False, id="the world's failure"),
        pytest.param(OSError(28, "disk full"), "warning", False, id="the system's"),
        pytest.param(KeyError("colour"), "error", True, id="a bug of ours"),
    ],
)
async def test_a_failure_is_told_at_its_level(error: Exception, level: str, traceback: bool) -> None:
    house = House(error)
    task = house.supervise()
    await house.clock.settle()
    (entry,) = house.capture.entries
    assert (entry["event"], entry["log_level"], entry["part"]) == ("part.failed", level, "ombi")
    assert ("exc_info" in entry) is traceback
    assert house.status.next_try == house.clock.now() + 1_000_000_000
    await stop(task)


async def test_the_same_failure_over_and_over_is_told_ever_more_rarely() -> None:
    house = House(*[Unreachable("away")] * 20, Unreachable("other"))
    task = house.supervise()
    await house.clock.advance(200)
    loud = [e["failures"] for e in house.capture.entries if e["log_level"] == "warning"]
    assert loud == [1, 2, 4, 8, 16, 21]
    await stop(task)


@given(failures=st.integers(1, 10_000), dice=st.floats(0, 1, exclude_max=True))
def test_no_wait_is_longer_than_the_cap_or_shorter_than_the_jitter_allows(failures: int, dice: float) -> None:
    backoff = Backoff(first_s=1, factor=2, cap_s=60, jitter=0.3)
    wait_s = backoff.wait_s(failures, dice)
    assert 0.7 <= wait_s <= 60
    assert wait_s <= backoff.wait_s(failures + 1, dice)


async def test_the_status_is_plain_data() -> None:
    assert PartStatus(name="a").as_dict()["state"] == "starting"
