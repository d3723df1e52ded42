"""The daemon: the built parts, and their life from start to stop.

The order of stopping is the order in which data flows: readers first, then what they brought is judged and
committed, then the outbox gets a moment to send. What is not sent waits in the store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from nightporter.blindness import Blindness, why_blind
from nightporter.clock import Clock, beat
from nightporter.config import Config, Geo
from nightporter.following import ConfigFollower, PlacesFollower
from nightporter.history import Tally
from nightporter.history.rows import KEPT
from nightporter.judge import Judge
from nightporter.mistakes import Mistakes
from nightporter.model import DAY, Chunk, Severity, Telling, short_id
from nightporter.notify.localtime import day_of, zone_of
from nightporter.notify.outbox import Outbox
from nightporter.rulebook import InForce, Rulebook
from nightporter.sources.base import Source
from nightporter.statefolder import STATUS_EVERY_S, write_status
from nightporter.store import history, incidents
from nightporter.store.database import Database
from nightporter.supervise import PartStatus, supervise

HOUSEKEEPING_S: Final = 6 * 3600.0
Run = Callable[[], Awaitable[None]]
DRAIN_S: Final = 3.5
"""How long the outbox may still send after a stop."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What the outside tells a running daemon."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Reading:
    """A source and how far it has handed over: where the supervisor restarts it from."""

    source: Source
    marks: dict[str, bytes]
    judge: Judge

    async def run(self) -> None:
        """Read until cancelled."""
        await self.source.run(self.marks, self._hand_over)

    async def _hand_over(self, chunk: Chunk) -> None:
        await self.judge.sink(chunk)
        self.marks[chunk.end.stream] = chunk.end.mark


def statuses(readings: Iterable[Reading]) -> dict[str, Mapping[str, object]]:
    """What each source says of itself, by its name."""
    return {reading.source.name: reading.source.status() for reading in readings}


@dataclass(slots=True)
class Daemon:
    """The built parts. `run` is the whole life of one config."""

    config: Config
    clock: Clock
    log: FilteringBoundLogger
    database: Database
    rulebook: Rulebook
    judge: Judge
    outbox: Outbox
    readings: list[Reading]
    signals: Signals
    tally: Tally
    places: PlacesFollower
    following: ConfigFollower
    mistakes: Mistakes
    swap: Callable[[], None]
    """Judge by the rules as they are now."""
    beside: Mapping[str, Run]
    """What else runs for ever, by name."""
    parts: dict[str, PartStatus] = field(default_factory=dict)
    blindness: Blindness = field(default_factory=Blindness)
    successor: Config | None = None
    """The config that the next life runs with, once it has changed."""
    version: str = field(default_factory=lambda: metadata.version("nightporter"))
    """Asked once: after an upgrade the disk says another than this process is."""

    async def run(self) -> Config | None:
        """Watch until told to stop, or until the config has changed (then gives the new one); then let the
        lines and tellings that are here already through."""
        judging = asyncio.create_task(self.judge.run(), name="judge")
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(self._supervised(r.source.name, r.run)) for r in self.readings]
            parts = {
                name: group.create_task(self._supervised(name, run)) for name, run in self._runs().items()
            }
            self._tell_of_rules(self.rulebook.in_force)
            self.log.info("daemon.started", sources=[r.source.name for r in self.readings])
            stopping = group.create_task(self.signals.stop.wait())
            ending = {stopping, judging, parts["config"], parts["status"]}
            await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
            for task in (*readers, stopping):
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            self.judge.stop()
            await judging
            await self.outbox.drain(DRAIN_S)
            for task in parts.values():
                task.cancel()
        await self._write_status(running=False)
        self.log.info("daemon.stopped", restarting=self.successor is not None)
        return self.successor

    def _runs(self) -> dict[str, Run]:
        """What runs beside the sources and the judge."""
        return {
            "outbox": self.outbox.run,
            "rules": partial(self.rulebook.run, self._rules_changed),
            "config": self._follow_config,
            "status": self._write_status_for_ever,
            "housekeeping": self._keep_house,
            **({"places": self.places.run} if self.config.geo != Geo() else {}),
            **self.beside,
        }

    async def _supervised(self, name: str, run: Run) -> None:
        status = self.parts.setdefault(name, PartStatus(name=name))
        await supervise(name, run, self.clock, self.log, status)

    async def _rules_changed(self, in_force: InForce) -> None:
        if not in_force.broken:
            self.swap()
        self._tell_of_rules(in_force)

    def _tell_of_rules(self, in_force: InForce) -> None:
        self.mistakes.are("A rule file has a mistake; the last good rules stay in force", in_force.problems)

    async def _follow_config(self) -> None:
        self.successor = await self.following.next()

    def _begin_anew(self) -> None:
        """The database was deleted or replaced under us. What is open still works, so this is told from it;
        then a new life begins on what is there now, with sources at their ends."""
        now = self.clock.now()
        self.log.error("store.lost", path=str(self.database.path))
        self.judge.tell(
            Telling(
                id=short_id("store lost", now),
                kind="notice",
                severity=Severity.high,
                title="Nightporter's memory was deleted",
                message=f"{self.database.path} is gone, and with it where each log was read up to, and what "
                "was found. It begins anew.",
                at=now,
                fix="If that was not you, find out what empties this folder.",
            )
        )
        self.successor = self.config

    async def _keep_house(self) -> None:
        """Let go of incidents that are long over, and of days long ago."""
        zone = zone_of(self.config.timezone)
        while True:
            now = self.clock.now()
            await self.database.call(partial(incidents.prune, now=now))
            before, over = day_of(now - KEPT, zone), day_of(now - DAY, zone)
            await self.database.call(partial(history.prune, before=before, over=over, stamp=now - KEPT))
            await self.clock.sleep(HOUSEKEEPING_S)

    async def _write_status_for_ever(self) -> None:
        while True:
            lost = not await self._write_status(running=True)
            sources = statuses(self.readings)
            self.tally.looked(self.clock.now(), [n for n, status in sources.items() if why_blind(status)])
            for telling in self.blindness.look(sources, self.clock.now()):
                self.judge.tell(telling)
            if lost:
                self._begin_anew()
                return
            await beat(self.clock, STATUS_EVERY_S)

    async def _write_status(self, *, running: bool) -> bool:
        """Say how things stand. Gives whether the database is still there: one trip to the disk for both."""
        text = msgspec.json.encode(self.status(running=running), enc_hook=str)

        def written() -> bool:
            write_status(self.config.state, text)
            return self.database.is_there()

        return await asyncio.to_thread(written)

    def status(self, *, running: bool) -> dict[str, object]:
        """Everything `nightporter status` shows, JSON-able."""
        in_force = self.rulebook.in_force
        return {
            "at": self.clock.now(),
            "running": running,
            "pid": os.getpid(),
            "version": self.version,
            "parts": {name: part.as_dict() for name, part in self.parts.items()},
            "sources": {
                name: {**status, "last_chunk": self.judge.last_chunk.get(name)}
                for name, status in statuses(self.readings).items()
            },
            "rules": {
                "in_force": len(in_force.ruleset.rules),
                "kept": in_force.kept,
                "problems": [str(problem) for problem in in_force.problems],
                "without_places": self.judge.engine.rules.without_places,
            },
            "places": self.places.places.status(),
            "judge": {
                **self.judge.counts,
                **self.judge.lanes.counts(),
                "trouble": self.judge.trouble,
                "engine": dict(self.judge.engine.counts),
            },
            "outbox": self.outbox.status(),
        }
