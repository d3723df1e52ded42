"""`kind: disk`: looks again and again, and tells when a state changes; never what stays as it is.

A record (format `record`, `from: probe`) has `probe` (disk, backup, time_machine), `name`, `up`, `state`,
`was`, `message` and the figures of fields.DISK. States are kept in marks, so a restart tells nothing twice.

Each look runs on a thread of its own, that dies with the process: a network drive that is away may hold it
for ever. After PATIENCE_S it counts as `stuck`, and is not looked at again before that thread returns.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeGuard

import msgspec

from nightporter.clock import Clock
from nightporter.config import DiskPath, NewestFile
from nightporter.config import DiskSource as Config
from nightporter.model import Chunk, Fields, Origin, Position, Stamp
from nightporter.sources.base import Marks, Sink
from nightporter.sources.disk import looks
from nightporter.sources.disk.states import Judged, of_newest, of_space, of_time_machine

PATIENCE_S: Final = 20.0
TMUTIL_EVERY_S: Final = 15 * 60.0
"""tmutil may wake a drive that sleeps: it is asked more rarely than the rest."""
TIME_MACHINE: Final = "Time Machine"


class Mark(msgspec.Struct, frozen=True):
    """What is remembered of one check: its state, and the newest Time Machine backup that was ever seen."""

    state: str = "ok"
    newest: Stamp = 0


Look = Callable[[Mark, Stamp], tuple[Judged, Mark]]
"""Blocks. Gives what is the case, and the mark with what it learned besides the state."""


@dataclass(slots=True)
class Check:
    """One thing that is looked at."""

    probe: str
    name: str
    """The path or the pattern; the stream that its mark stands under."""
    look: Look
    every_s: float
    more: Fields = field(default_factory=dict)
    next_s: float = 0.0
    mark: Mark = field(default_factory=Mark)
    judged: Judged | None = None
    trouble: str = ""
    looking: asyncio.Future[tuple[Judged, Mark]] | None = None


class DiskSource:
    """Implements `sources.base.Source`."""

    def __init__(self, config: Config, clock: Clock, *, patience_s: float = PATIENCE_S) -> None:
        self._config = config
        self._clock = clock
        self._patience_s = patience_s
        self._checks = checks_of(config)
        self._origin = Origin(source=config.name, kind="probe", stream="disk", format="record")
        self._counts: Counter[str] = Counter(looks=0, changes=0)

    @property
    def name(self) -> str:
        return self._config.name

    def status(self) -> Mapping[str, object]:
        """`state`, `blind` (what could not be looked at), `down` (name → what is not well), `checks` (name →
        state and figures), `counts`."""
        troubles = [f"{check.name}: {check.trouble}" for check in self._checks if check.trouble]
        looked = any(check.judged for check in self._checks)
        return {
            "kind": "disk",
            "state": "blind" if troubles else "following" if looked else "waiting",
            "blind": troubles,
            "down": {check.name: check.judged.message for check in self._checks if _is_bad(check.judged)},
            "checks": {check.name: _figures(check) for check in self._checks},
            "counts": dict(self._counts),
        }

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Look until cancelled."""
        for check in self._checks:
            check.mark, check.next_s = _decoded(marks.get(check.name)), 0.0
        while True:
            now = self._clock.monotonic()
            due = [check for check in self._checks if check.next_s <= now]
            for check in due:
                check.next_s = now + check.every_s
            results = await asyncio.gather(*(self._look(check) for check in due))
            for check, result in zip(due, results, strict=True):
                if result is not None:
                    await self._take(check, *result, sink)
            wait_s = min(check.next_s for check in self._checks) - self._clock.monotonic()
            await self._clock.sleep(max(wait_s, 0.0))

    async def _look(self, check: Check) -> tuple[Judged, Mark] | None:
        """What is the case; None where the system would not say, which the status tells."""
        self._counts["looks"] += 1
        if check.looking is None:
            check.looking = on_a_thread(partial(check.look, check.mark, self._clock.now()))
        done, _ = await asyncio.wait([check.looking], timeout=self._patience_s)
        if not done:
            return Judged("stuck", f"{check.name} does not answer"), check.mark
        looked, check.looking = check.looking, None
        try:
            check.trouble = ""
            return looked.result()
        except OSError as err:  # refused, or a drive with errors
            check.trouble = err.strerror or type(err).__name__
            return None

    async def _take(self, check: Check, judged: Judged, learned: Mark, sink: Sink) -> None:
        """Tell of a change; remember what was learned without one."""
        check.judged = judged
        was, mark = check.mark, Mark(judged.state, learned.newest)
        if mark == was:
            return
        changed = judged.state != was.state
        self._counts["changes"] += changed
        now = self._clock.now()
        check.mark = mark
        await sink(
            Chunk(
                origin=self._origin,
                data=_record(check, judged, was.state, now) if changed else b"",
                start=0,
                identity=f"{check.name}-{now}",
                end=Position(self.name, check.name, msgspec.json.encode(mark)),
                arrived=now,
            )
        )


def checks_of(config: Config) -> list[Check]:
    """What a source looks at. A path that is named twice is looked at as it was named first."""
    checks = [
        Check("disk", disk.path, partial(_look_at_space, disk), config.every_s, _holds(disk))
        for disk in config.paths
    ]
    checks += [
        Check("backup", newest.pattern, partial(_look_at_newest, newest), config.every_s)
        for newest in config.newest
    ]
    if (within_s := config.time_machine_s) is not None:
        every_s = max(config.every_s, TMUTIL_EVERY_S)
        checks.append(Check("time_machine", TIME_MACHINE, partial(_look_at_time_machine, within_s), every_s))
    return list({check.name: check for check in reversed(checks)}.values())[::-1]


def on_a_thread(work: Callable[[], tuple[Judged, Mark]]) -> asyncio.Future[tuple[Judged, Mark]]:
    """The result of `work` on a daemon thread: one that hangs does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[tuple[Judged, Mark]] = loop.create_future()

    def settle(judged: tuple[Judged, Mark] | None, error: Exception | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        elif judged is not None:
            result.set_result(judged)

    def run() -> None:
        judged, error = None, None
        try:
            judged = work()
        except Exception as err:  # noqa: BLE001 - handed to the one that waits, whatever it is
            error = err
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, judged, error)

    threading.Thread(target=run, name="disk", daemon=True).start()
    return result


def _look_at_space(disk: DiskPath, mark: Mark, now: Stamp) -> tuple[Judged, Mark]:
    return of_space(disk, looks.space(disk.path), mark.state), mark


def _look_at_newest(newest: NewestFile, mark: Mark, now: Stamp) -> tuple[Judged, Mark]:
    return of_newest(newest, looks.files(newest.pattern), now), mark


def _look_at_time_machine(within_s: float, mark: Mark, now: Stamp) -> tuple[Judged, Mark]:
    """While the drive is away tmutil names nothing: the newest backup that it ever named counts."""
    last, why = looks.time_machine()
    last = max(last, mark.newest)
    return of_time_machine(last, within_s, now, why), Mark(mark.state, last)


def _is_bad(judged: Judged | None) -> TypeGuard[Judged]:
    return judged is not None and judged.state != "ok"


def _holds(disk: DiskPath) -> Fields:
    return {"holds": disk.holds} if disk.holds else {}


def _figures(check: Check) -> Fields:
    judged = check.judged
    return {"state": "unknown"} if judged is None else {"state": judged.state, **judged.facts}


def _record(check: Check, judged: Judged, was: str, now: Stamp) -> bytes:
    record: Fields = {
        "probe": check.probe,
        "name": check.name,
        "path": check.name,
        "up": judged.state == "ok",
        "state": judged.state,
        "was": was,
        "message": judged.message,
        "time": now,
        **check.more,
        **judged.facts,
    }
    return msgspec.json.encode(record) + b"\n"


def _decoded(data: bytes | None) -> Mark:
    """The mark, or that of a check which is seen for the first time."""
    try:
        return msgspec.json.decode(data or b"{}", type=Mark)
    except msgspec.MsgspecError:
        return Mark()
