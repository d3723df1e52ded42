"""Restarting a part that fails: one supervisor for all, with growing, jittered waits.

A part heals what it can by itself; what it raises ends up here, is logged, counted and shown, and the part is
started again. Nothing that a part raises reaches its siblings, so one broken source never stops the rest.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final, Literal

from structlog.typing import FilteringBoundLogger

from nightporter.clock import Clock
from nightporter.errors import NightporterError
from nightporter.model import SECOND, Stamp

_ERROR_TEXT: Final = 500
"""Characters of an error that the status keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before each restart, in seconds.

    The n-th failure in a row waits `first_s * factor**(n - 1)`, at most `cap_s`, of which a share of up to
    `jitter` is left away at random, so that parts which failed together do not come back together. A part
    that ran for `calm_s` before it failed starts from the beginning.
    """

    first_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 60.0
    jitter: float = 0.3
    calm_s: float = 300.0

    def wait_s(self, failures: int, dice: float) -> float:
        """The wait after this many failures in a row (at least 1); `dice` is in [0, 1)."""
        doublings = min(failures - 1, 64)  # more would overflow a float, and the cap is long reached
        return min(self.first_s * self.factor**doublings, self.cap_s) * (1 - self.jitter * dice)


PartState = Literal["starting", "running", "waiting", "ended", "stopped"]


@dataclass(slots=True, kw_only=True)
class PartStatus:
    """How a supervised part is; the supervisor writes it, `status` and `doctor` read it."""

    name: str
    state: PartState = "starting"
    """`waiting`: failed, to be started again at `next_try`; `ended`: returned; `stopped`: was cancelled."""
    since: Stamp = 0
    """Wall clock of the last change of `state`."""
    restarts: int = 0
    failures: int = 0
    """Failures in a row."""
    last_error: str = ""
    next_try: Stamp | None = None

    def as_dict(self) -> dict[str, object]:
        """All of it, JSON-able."""
        return asdict(self)

    def _become(self, state: PartState, now: Stamp, next_try: Stamp | None = None) -> None:
        self.state, self.since, self.next_try = state, now, next_try


async def supervise(
    name: str,
    factory: Callable[[], Awaitable[None]],
    clock: Clock,
    log: FilteringBoundLogger,
    status: PartStatus | None = None,
    *,
    backoff: Backoff = Backoff(),
    dice: Callable[[], float] = random.random,
) -> None:
    """Run `factory()` until it returns or this task is cancelled, and start it again each time it raises.

    Waits are on the monotonic clock: a wall clock that jumps shortens and lengthens nothing. A part that
    *returns* has ended for good; that is logged as a warning, since most parts run for ever.
    `KeyboardInterrupt` and `SystemExit` pass.
    """
    status = status if status is not None else PartStatus(name=name)
    log = log.bind(part=name)
    try:
        while True:
            started = clock.monotonic()
            status._become("running", clock.now())
            error = await _run_once(factory)
            if error is None:
                status._become("ended", clock.now())
                log.warning("part.ended")
                return
            if clock.monotonic() - started >= backoff.calm_s:
                status.failures = 0
            status.failures += 1
            wait_s = backoff.wait_s(status.failures, dice())
            _tell(log, status, error, wait_s)
            status.last_error = _text(error)
            status._become("waiting", clock.now(), clock.now() + round(wait_s * SECOND))
            await clock.sleep(wait_s)
            status.restarts += 1
    except asyncio.CancelledError:
        status._become("stopped", clock.now())
        raise


async def _run_once(factory: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Run the part once; give what it raised, or None when it returned."""
    try:
        await factory()
    except asyncio.CancelledError as err:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody cancelled us: the part awaited something that another had cancelled. Taken for our own
        # cancellation it would end the part for good, and in silence.
        return err
    except Exception as err:  # noqa: BLE001 - the edge of a supervised part: logged, counted, acted on
        return err
    return None


def _tell(log: FilteringBoundLogger, status: PartStatus, error: BaseException, wait_s: float) -> None:
    """Log a failure: a bug of ours with its traceback; the same failure over and over ever more rarely."""
    known = isinstance(error, NightporterError | OSError)
    repeated = status.failures & (status.failures - 1) and _text(error) == status.last_error
    facts = {"error": _text(error), "failures": status.failures, "wait_s": round(wait_s, 1)}
    if repeated:
        log.debug("part.failed", **facts)
    elif known:
        log.warning("part.failed", **facts)
    else:
        log.error("part.failed", **facts, exc_info=error)


def _text(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    kind = "" if isinstance(error, NightporterError) else f"{type(error).__name__}: "
    return f"{kind}{text}"[:_ERROR_TEXT]
