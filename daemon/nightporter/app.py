"""The composition root: config in, one group of tasks out. Nothing else builds parts.

    sources ──chunks──▶ judge (lanes, engine, ledger) ──commit──▶ outbox ──▶ people
                          ▲ rulebook (reload)

The order of stopping is the order of the arrows: readers first, then what they brought is judged and
committed, then the outbox gets a moment to send. What is not sent waits in the store.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from nightporter import configfile, ownfiles
from nightporter.allowlist.given import Given, with_lists
from nightporter.away import Presence, following
from nightporter.blindness import Blindness, why_blind
from nightporter.clock import Clock
from nightporter.config import Config
from nightporter.configfile import good
from nightporter.detect.engine import Engine
from nightporter.drill.post import DrillDesk
from nightporter.errors import BadFiles, NightporterError, Place, Problem
from nightporter.evidence.keeping import Keeping
from nightporter.history import Tally
from nightporter.history.rows import KEPT
from nightporter.incidents.holding import House
from nightporter.incidents.ledger import Ledger
from nightporter.judge import LAST_COMMIT, Judge
from nightporter.model import DAY, SECOND, Chunk, Severity, Stamp, Telling, short_id
from nightporter.notify.channels import own_voice
from nightporter.notify.localtime import day_of, zone_of
from nightporter.notify.outbox import Outbox
from nightporter.own import Own
from nightporter.places import Databases, places_for
from nightporter.review.desk import ReviewDesk
from nightporter.review.gather import Present
from nightporter.rule import Ruleset
from nightporter.rulebook import LOOK_EVERY_S, InForce, Rulebook, fingerprint
from nightporter.sources.allowlist import AllowListSource
from nightporter.sources.base import Source
from nightporter.sources.building import build_source
from nightporter.store import history, incidents, outbox, state
from nightporter.store.database import Database
from nightporter.store.lock import only_one
from nightporter.supervise import PartStatus, supervise

SCHEMAS: Final = (state.SCHEMA, incidents.SCHEMA, outbox.SCHEMA, history.SCHEMA)
DATABASE: Final = "nightporter.db"
STATUS: Final = "status.json"
STATUS_EVERY_S: Final = 5.0
HOUSEKEEPING_S: Final = 6 * 3600.0
PLACES_EVERY_S: Final = 10.0
"""How soon a database of places that was replaced is read."""
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
    presence: Presence
    drills: DrillDesk
    reviews: ReviewDesk
    evidence: Keeping
    tally: Tally
    allowing: AllowListSource | None
    places: Databases
    parts: dict[str, PartStatus] = field(default_factory=dict)
    blindness: Blindness = field(default_factory=Blindness)
    told: dict[str, str] = field(default_factory=dict)
    """What kind of mistake was told last, and how it read."""
    successor: Config | None = None
    """The config that the next life runs with, once it has changed."""
    refused: Config | None = None
    """A config that was tried and could not be used."""
    version: str = field(default_factory=lambda: metadata.version("nightporter"))
    """Asked once: after an upgrade the disk says another than this process is."""

    async def run(self) -> Config | None:
        """Watch until told to stop, or until the config has changed (then gives the new one); then let the
        lines and tellings that are here already through."""
        judging = asyncio.create_task(self.judge.run(), name="judge")
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(self._supervised(r.source.name, r.run)) for r in self.readings]
            parts = {
                name: group.create_task(self._supervised(name, run))
                for name, run in (
                    ("outbox", self.outbox.run),
                    ("rules", partial(self.rulebook.run, self._rules_changed)),
                    ("config", self._follow_config),
                    ("status", self._write_status_for_ever),
                    ("housekeeping", self._keep_house),
                    ("presence", self.presence.run),
                    ("drill", self.drills.run),
                    ("review", self.reviews.run),
                    ("evidence", self.evidence.run),
                    ("places", self._follow_places),
                )
            }
            self._tell_of_problems(self.rulebook.in_force)
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

    async def _supervised(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        status = self.parts.setdefault(name, PartStatus(name=name))
        await supervise(name, run, self.clock, self.log, status)

    async def _rules_changed(self, in_force: InForce) -> None:
        if not in_force.broken:
            self._swap()
        self._tell_of_problems(in_force)

    def _swap(self) -> None:
        given = self.allowing.given if self.allowing is not None else None
        self.judge.swap(completed(self.rulebook.in_force.ruleset, given, self.places))

    async def _follow_places(self) -> None:
        """Read databases that were replaced; rules that need one that is there now are on."""
        while True:
            known = self.places.fields
            await asyncio.to_thread(self.places.look)
            if self.places.fields != known:
                self._swap()
            place = Place(str(self.config.path or "config.yaml"))
            self._tell_mistakes(
                "A database of countries or networks cannot be used",
                [Problem(place=place, found=trouble) for trouble in self.places.troubles],
            )
            await self.clock.sleep(PLACES_EVERY_S)

    def _tell_of_problems(self, in_force: InForce) -> None:
        self._tell_mistakes(
            "A rule file has a mistake; the last good rules stay in force",
            [problem for problem in in_force.problems if not problem.warning],
        )

    def _tell_mistakes(self, title: str, problems: Sequence[Problem]) -> None:
        """A broken file is told once, for each way in which it is broken."""
        text = "\n\n".join(map(str, problems))
        if text and text != self.told.get(title):
            now = self.clock.now()
            self.judge.tell(
                Telling(
                    id=short_id(title, text, now),
                    kind="notice",
                    severity=Severity.medium,
                    title=title,
                    message=text[:2_000],
                    at=now,
                    fix="Mend the file; 'nightporter check' shows every mistake.",
                )
            )
        self.told[title] = text

    def keep_refusing(self, config: Config, why: str) -> None:
        """This config was tried and could not be used: say so, and do not try it again until it changes."""
        self.refused = config
        problem = Problem(place=Place(str(config.path)), found=why)
        self._tell_mistakes("config.yaml cannot be used; the last good config stays in force", [problem])

    async def _follow_config(self) -> None:
        """Return when config.yaml says something else, and is right."""
        path = self.config.path
        seen: object = None  # so that a change made while we started is seen at the first look
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self.signals.reload.wait()
            asked = self.signals.reload.is_set()
            if asked:
                self.signals.reload.clear()
                self.rulebook.reload()
            if path is None or (fingerprint([path]) == seen and not asked):
                continue
            seen = fingerprint([path])
            try:
                loaded = await asyncio.to_thread(configfile.read, path)
            except BadFiles as err:  # it cannot be read now; an editor may be replacing it
                self.log.warning("config.problem", problem=str(err))
                continue
            for problem in loaded.problems:
                self.log.warning("config.problem", problem=str(problem))
            errors = [problem for problem in loaded.problems if not problem.warning]
            self._tell_mistakes("config.yaml has a mistake; the last good config stays in force", errors)
            if loaded.ok and loaded.config not in (self.config, self.refused):
                self.successor = loaded.config
                return

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
            await self._write_status(running=True)
            statuses = {reading.source.name: reading.source.status() for reading in self.readings}
            self.tally.looked(self.clock.now(), [n for n, status in statuses.items() if why_blind(status)])
            for telling in self.blindness.look(statuses, self.clock.now()):
                self.judge.tell(telling)
            if not await asyncio.to_thread(self.database.is_there):
                self._begin_anew()
                return
            await self.clock.sleep(STATUS_EVERY_S)

    async def _write_status(self, *, running: bool) -> None:
        text = msgspec.json.encode(self.status(running=running), enc_hook=str)
        await asyncio.to_thread(_replace, self.config.state / STATUS, text)

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
                r.source.name: {**r.source.status(), "last_chunk": self.judge.last_chunk.get(r.source.name)}
                for r in self.readings
            },
            "rules": {
                "in_force": len(in_force.ruleset.rules),
                "kept": in_force.kept,
                "problems": [str(problem) for problem in in_force.problems],
                "without_places": self.judge.engine.rules.without_places,
            },
            "places": self.places.status(),
            "judge": {
                **self.judge.counts,
                **self.judge.lanes.counts(),
                "trouble": self.judge.trouble,
                "engine": dict(self.judge.engine.counts),
            },
            "outbox": self.outbox.status(),
        }


async def build(
    config: Config,
    *,
    clock: Clock,
    log: FilteringBoundLogger,
    signals: Signals,
    stack: AsyncExitStack,
    started: Stamp,
) -> Daemon:
    """Build every part of one config; `stack` closes them. `started`: when the daemon came up, which may have
    been with another config."""
    stack.enter_context(only_one(config.state))
    database = await Database.open(config.state / DATABASE, SCHEMAS)
    stack.push_async_callback(database.close)
    rulebook = Rulebook(config, database, clock, log)
    in_force = await rulebook.open()
    last_commit, marks = await database.call(
        lambda connection: (state.load_text(connection, LAST_COMMIT), state.load_positions(connection))
    )
    sender = Outbox(database, config, clock=clock, log=log, here=own_voice())
    tally = Tally(partial(day_of, zone=zone_of(config.timezone)))
    own = Own(secrets.token_hex(8))
    house = House(depends_on=config.depends_on, grace=round(config.grace_s * SECOND), started=started)
    places = await asyncio.to_thread(places_for, config.geo)
    allowing = None
    allowed: Given | None = None
    if config.allow_list is not None:
        allowing = AllowListSource(
            config.allow_list,
            clock,
            lambda given: judge.swap(completed(rulebook.in_force.ruleset, given, places)),
            lambda: judge.engine.learned("allowed_clients"),
        )
        allowed = await asyncio.to_thread(allowing.begin, marks.get(allowing.name, {}))
    ruleset = completed(in_force.ruleset, allowed, places)
    judge = Judge(
        engine=Engine(ruleset, resumed_at=clock.now() if last_commit else None, places=places),
        ledger=Ledger({rule.id: rule for rule in ruleset.rules}, house),
        database=database,
        outbox=sender,
        clock=clock,
        log=log,
        own=own,
        tally=tally,
    )
    await judge.restore()
    seen = judge.lanes.own_seen
    sources = [build_source(entry, clock, own, config.state, seen) for entry in ownfiles.watching(config)]
    if allowing is not None:
        sources.append(allowing)
    readings = [Reading(source, dict(marks.get(source.name, {})), judge) for source in sources]
    presence = Presence(
        database=database,
        clock=clock,
        log=log,
        running=lambda: following([reading.source.status() for reading in readings]),
        tell=judge.tell,
        zone=zone_of(config.timezone),
    )
    await presence.open(config.state / STATUS)
    drills = DrillDesk(config, clock, log, lambda: rulebook.in_force.ruleset, judge.tell)
    reviews = ReviewDesk(
        config,
        database,
        clock,
        log,
        rules=lambda: rulebook.in_force.ruleset,
        present=lambda: Present(
            as_of=clock.now(),
            sources={reading.source.name: reading.source.status() for reading in readings},
            outbox=sender.status(),
        ),
        tell=judge.tell,
    )
    return Daemon(
        config,
        clock,
        log,
        database,
        rulebook,
        judge,
        sender,
        readings,
        signals,
        presence,
        drills,
        reviews,
        Keeping(config, database, clock, log),
        tally,
        allowing,
        places,
    )


def completed(ruleset: Ruleset, allowed: Given | None, places: Databases) -> Ruleset:
    """The rules of the files, with what only the config gives: who is let in, and where addresses are."""
    return replace(with_lists(ruleset, allowed), places=places.fields)


async def run_daemon(config: Config, *, clock: Clock, log: FilteringBoundLogger, signals: Signals) -> None:
    """The daemon's whole life: one `Daemon` after the other, as the config changes, until told to stop.

    Raises what keeps it from starting at all.
    """
    before: Config | None = None
    refused: Config | None = None
    why = ""
    started = clock.now()
    while True:
        async with AsyncExitStack() as stack:
            try:
                daemon = await build(
                    config, clock=clock, log=log, signals=signals, stack=stack, started=started
                )
            except NightporterError as err:
                if before is None:
                    raise
                # The new config reads well but cannot be lived with (a URL that no service knows …).
                log.error("config.unusable", error=str(err))
                config, before, refused, why = before, None, config, str(err)
                continue
            await asyncio.to_thread(good.keep, config)
            if refused is not None:
                daemon.keep_refusing(refused, why)
            successor = await daemon.run()
        if successor is None:
            return
        config, before, refused = successor, config, None


def _replace(path: Path, data: bytes) -> None:
    """Write a small file so that a reader finds the old or the new one, never half. A full disk leaves the
    old one: the status is a convenience."""
    beside = path.with_suffix(".new")
    with suppress(OSError):
        beside.write_bytes(data)
        beside.replace(path)
