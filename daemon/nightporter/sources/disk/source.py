"""`kind: disk`: looks again and again, and tells when a state changes; never what stays as it is.

A record (format `record`, `from: probe`) has `probe` (disk, backup, time_machine), `name`, `up`, `state`,
`was`, `message` and the figures of fields.DISK. States are kept in marks, so a restart tells nothing twice;
what was not well and is no longer in the config is `removed` at the start, and forgotten.

With `volumes` the file systems that containers use come and go by themselves (volumes.py): one is watched
from when a running container is first seen with it until no container names it any more.

Each look runs on a thread of its own, that dies with the process: a network drive that is away may hold it
for ever. After PATIENCE_S it counts as `stuck`, and is not looked at again before that thread returns.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeGuard, TypeVar

import msgspec

from nightporter.clock import Clock
from nightporter.config import DiskPath, NewestFile
from nightporter.config import DiskSource as Config
from nightporter.errors import WorldError
from nightporter.model import REMOVED, Chunk, Fields, Origin, Position, Stamp
from nightporter.sources.base import Marks, Sink
from nightporter.sources.disk import looks, volumes
from nightporter.sources.disk.states import Judged, of_newest, of_space, of_time_machine
from nightporter.sources.disk.volumes import InUse, Volume

T = TypeVar("T")

PATIENCE_S: Final = 20.0
TMUTIL_EVERY_S: Final = 15 * 60.0
"""tmutil may wake a drive that sleeps: it is asked more rarely than the rest."""
TIME_MACHINE: Final = "Time Machine"
RELIST_S: Final = 10 * 60.0
"""How often the engine is asked which folders its containers use."""


class Mark(msgspec.Struct, frozen=True):
    """What is remembered of one check: its state, the newest Time Machine backup that was ever seen, whether
    it is one of the file systems that containers use, and which `probe` its records say they are of."""

    state: str = "ok"
    newest: Stamp = 0
    volume: Volume = ""
    probe: str = "disk"


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
        self._volumes = "not asked yet" if config.volumes else ""
        self._origin = Origin(source=config.name, kind="probe", stream="disk", format="record")
        self._counts: Counter[str] = Counter(looks=0, changes=0)

    @property
    def name(self) -> str:
        return self._config.name

    def status(self) -> Mapping[str, object]:
        """`state`, `blind` (what could not be looked at), `down` (name → what is not well), `checks` (name →
        state and figures), `volumes` (what came of asking the engine for them), `counts`."""
        troubles = [f"{check.name}: {check.trouble}" for check in self._checks if check.trouble]
        looked = any(check.judged for check in self._checks)
        return {
            "kind": "disk",
            "state": "blind" if troubles else "following" if looked else "waiting",
            "blind": troubles,
            "down": {check.name: check.judged.message for check in self._checks if _is_bad(check.judged)},
            "checks": {check.name: _figures(check) for check in self._checks},
            **({"volumes": self._volumes} if self._config.volumes else {}),
            "counts": dict(self._counts),
        }

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Look until cancelled."""
        if self._config.volumes:
            known = {check.name for check in self._checks}
            restored = ((name, _decoded(mark).volume) for name, mark in marks.items() if name not in known)
            self._checks += [self._volume(name, volume) for name, volume in restored if volume]
        await self._let_go(marks, sink)
        for check in self._checks:
            check.mark, check.next_s, check.judged = _decoded(marks.get(check.name)), 0.0, None
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking(sink))
            if self._config.volumes:
                group.create_task(self._keep_listing(sink))

    async def _let_go(self, marks: Marks, sink: Sink) -> None:
        """Say of what was not well and is not looked at any more that nobody watches it, and forget it."""
        looked_at = {check.name for check in self._checks}
        for name, data in list(marks.items()):  # the sink changes the marks
            mark = _decoded(data)
            if name in looked_at or mark.state == "ok":
                continue
            record: Fields = {
                "probe": mark.probe,
                "name": name,
                "path": name,
                "state": REMOVED,
                "was": mark.state,
                "message": f"{name} is no longer watched",
                "time": self._clock.now(),
            }
            await self._hand_over(name, msgspec.json.encode(record) + b"\n", b"", sink)

    async def _keep_looking(self, sink: Sink) -> None:
        while True:
            now = self._clock.monotonic()
            due = [check for check in self._checks if check.next_s <= now]
            for check in due:
                check.next_s = now + check.every_s
            results = await asyncio.gather(*(self._look(check) for check in due))
            for check, result in zip(due, results, strict=True):
                if result is not None and check in self._checks:
                    await self._take(check, *result, sink)
            # One that is new meanwhile is looked at with the others.
            until = min((check.next_s for check in self._checks), default=now + self._config.every_s)
            await self._clock.sleep(max(until - self._clock.monotonic(), 0.0))

    # -- what containers use

    async def _keep_listing(self, sink: Sink) -> None:
        """Follow what containers use. While the engine does not answer, all stays as it was."""
        threads = ThreadPoolExecutor(1, thread_name_prefix=f"disk-{self.name}")
        async with AsyncExitStack() as stack:
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            while True:
                try:
                    await self._list(await volumes.in_use(self._config.host, threads), sink)
                except WorldError as err:
                    self._volumes = str(err)
                except TimeoutError:  # a folder of a container's lies on a drive that hangs
                    self._volumes = "a folder that a container uses does not answer"
                except OSError as err:
                    self._volumes = err.strerror or type(err).__name__
                await self._clock.sleep(RELIST_S)

    async def _list(self, used: InUse, sink: Sink) -> None:
        """Begin with what is new, and end with what no container names. Raises TimeoutError and OSError."""
        apart = [disk.path for disk in self._config.paths]
        ours = {check.name: check for check in self._checks if check.mark.volume}

        def look() -> tuple[Mapping[str, Volume], list[str]]:
            found = volumes.file_systems(used.running, apart, sys.platform)
            return found, [at for at in ours if at not in found and not volumes.still_named(used.named, at)]

        async with asyncio.timeout(self._patience_s):
            found, gone = await on_a_thread(look)
        for at in gone:
            self._checks.remove(ours[at])
            await self._take(ours[at], Judged("ok", f"no container uses {at} any more"), Mark(), sink)
        for at, volume in found.items():
            if at not in ours:
                check = self._volume(at, volume)
                self._checks.append(check)
                await self._tell(check, b"", sink)
        self._volumes = f"{len(found)} file systems are in use"

    def _volume(self, at: str, volume: Volume) -> Check:
        mark = Mark(volume=volume)
        return Check("disk", at, _look_at_volume(at), self._config.every_s, mark=mark)

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
        was, mark = check.mark, Mark(judged.state, learned.newest, learned.volume, check.probe)
        if mark == was:
            return
        changed = judged.state != was.state
        self._counts["changes"] += changed
        check.mark = mark
        record = _record(check, judged, was.state, self._clock.now()) if changed else b""
        await self._tell(check, record, sink)

    async def _tell(self, check: Check, record: bytes, sink: Sink) -> None:
        """Hand over a record, or only what is to be remembered."""
        await self._hand_over(check.name, record, msgspec.json.encode(check.mark), sink)

    async def _hand_over(self, name: str, record: bytes, mark: bytes, sink: Sink) -> None:
        now = self._clock.now()
        await sink(
            Chunk(
                origin=self._origin,
                data=record,
                start=0,
                identity=f"{name}-{now}",
                end=Position(self.name, name, mark),
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


def on_a_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """The result of `work` on a daemon thread: one that hangs does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(finish: Callable[[], None]) -> None:
        if not result.done():
            finish()

    def run() -> None:
        try:
            finish = partial(result.set_result, work())
        except Exception as err:  # noqa: BLE001 - handed to the one that waits, whatever it is
            finish = partial(result.set_exception, err)
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, finish)

    threading.Thread(target=run, name="disk", daemon=True).start()
    return result


def _look_at_space(disk: DiskPath, mark: Mark, now: Stamp) -> tuple[Judged, Mark]:
    return of_space(disk, looks.space(disk.path), mark.state), mark


def _look_at_volume(at: str) -> Look:
    return lambda mark, now: (volumes.look_at(at, mark.volume, mark.state), mark)


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
