"""A month of a home server in minutes of computing: lines go through the real judge into a real store.

    lived = await live_through(tmp_path)
    facts = lived.facts()

November 2026, UTC. Every day: a few hundred requests, more on weekends, strangers at the door, logins. On
some days: a scan (the 5th), guessed passwords (the 12th), a new account (the 18th), an outage of 3 h (the 9th
to the 10th), one of 14 min (the 21st), a changed file (the 24th), a service stopped by hand (the 25th); the
machine sleeps for a day (the 15th).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog
from tests.parts.access import as_json
from tests.parts.clock import ManualClock
from tests.parts.patience import PATIENCE_S

from nightporter import bundled, origins
from nightporter.config import (
    AppriseDestination,
    Config,
    DiskPath,
    DiskSource,
    FileSource,
    HttpProbe,
    IntegritySource,
    NewestFile,
    ProbeSource,
    Route,
    Secret,
    TlsProbe,
)
from nightporter.detect.engine import Engine
from nightporter.history import Tally
from nightporter.incidents.ledger import Ledger
from nightporter.judge import Judge
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Chunk, Origin, Position, Stamp, Telling
from nightporter.notify.localtime import day_of
from nightporter.review.facts import Facts
from nightporter.review.gather import Present, gather
from nightporter.review.periods import of_turn
from nightporter.rule import Ruleset
from nightporter.ruleset import SourceText, load, read
from nightporter.sources.allowlist.reading import Read
from nightporter.sources.probes.state import Known, KnownCertificate
from nightporter.store import history, incidents, state
from nightporter.store.database import Database

FIRST: Final = datetime(2026, 11, 1, tzinfo=UTC)
END: Final = datetime(2026, 12, 1, 9, 0, 30, tzinfo=UTC)
"""When the month's review is due, and half a minute."""
SLEPT: Final = 15
LOOK_S: Final = 30
STRANGER: Final = "203.0.113.7"
GUESSER: Final = "198.51.100.23"
SCHEMAS: Final = (state.SCHEMA, incidents.SCHEMA, history.SCHEMA)


def stamp(moment: datetime) -> Stamp:
    return int(moment.timestamp()) * SECOND


RULES: Final = """
rules:
  scan: {title: Many missing pages from one address, from: traefik, when: {status: 404}, by: client_ip,
         distinct: 20 path in 5m, subject: client_ip, severity: medium, message: "{client_ip}"}
  refused: {title: Many refusals, from: traefik, when: {status: 403}, by: client_ip, count: 200 in 10m,
            severity: low, message: "{client_ip}"}
  guessing: {title: Failed logins, from: any, when: {event: login, outcome: failure},
             by: [service, client_ip], count: 5 in 10m, subject: client_ip, severity: medium,
             message: "{client_ip}"}
  down: {title: A service does not answer, from: probe, when: {action: down}, resolve: {action: up},
         by: service, subject: service, severity: high, message: "{service}"}
  changed: {title: A watched file was changed, from: integrity, when: {accepted: false}, by: path,
            severity: medium, message: "{path}"}
"""
"""Rules of this month's own, so that what a page says of it stays when the shipped ones change."""


def rules_of_the_month() -> Ruleset:
    """These rules, with the shipped knowledge of who logs in where."""
    shipped = load(read([bundled.rules()], shipped=True).texts)
    loaded = load([SourceText(name="month.yaml", text=RULES, shipped=False)])
    for each in (shipped, loaded):
        assert each.ok, "\n".join(map(str, each.problems))
    return replace(shipped.ruleset, rules=loaded.ruleset.rules)


def config_in(folder: Path) -> Config:
    """What such a home's config says."""
    plex = HttpProbe(name="plex", url=Secret("https://plex.example.net"), host="plex.example.net", port=443)
    return Config(
        timezone="UTC",
        state=folder,
        sources=(
            FileSource(name="traefik", paths=("/var/log/access.log",), format="traefik"),
            FileSource(name="service:sonarr", paths=("/srv/sonarr.txt",), service="sonarr"),
            FileSource(name="service:ombi", paths=("/srv/ombi.txt",), service="ombi"),
            ProbeSource(
                name="outside",
                probes=(plex, TlsProbe(name="front", host="plex.example.net", service="plex.example.net")),
            ),
            DiskSource(
                name="disks",
                paths=(DiskPath(path="/"),),
                newest=(NewestFile(pattern="/srv/backups/*.tar.gz", within_s=93_600.0),),
            ),
            IntegritySource(name="watched", usual=True),
        ),
        destinations=(AppriseDestination(name="phone", url=Secret("discord://1/x")),),
        routes=(Route(to="phone"),),
    )


@dataclass(slots=True)
class Outgoing:
    """The judge's outbox: keeps what is told."""

    told: list[Telling] = field(default_factory=list)

    def keep(self, connection: object, tellings: list[Telling], now: Stamp) -> None:
        self.told += tellings

    def wake(self) -> None:
        pass


@dataclass(slots=True)
class Lived:
    """The month's store, closed with `close`."""

    config: Config
    database: Database
    rules: Ruleset
    told: list[Telling]

    async def facts(self, allowed: Read | None = None) -> Facts:
        """What the month's review is made from, when it is due."""
        now = stamp(END)
        period = of_turn("monthly", datetime(2026, 12, 1, tzinfo=UTC).date(), now, UTC)
        return await self.database.call(
            lambda connection: gather(connection, self.config, self.rules, present(now), period, now, allowed)
        )


def present(now: Stamp) -> Present:
    """How things stand at the end: a disk that fills, a backup of last night, a file that nobody accepted."""
    checks = {
        "/": {"state": "low", "free": 41_000_000_000, "free_percent": 8.2},
        "/srv/backups/*.tar.gz": {"state": "ok", "age": 21_600, "size": 900_000_000},
    }
    return Present(
        as_of=now,
        sources={
            "disks": {"checks": checks, "blind": []},
            "watched": {"unaccepted": {"/srv/traefik/dynamic.yml": "its content was changed"}, "blind": []},
        },
    )


async def live_through(folder: Path, *, days: int = 30, restart_every: int = 0) -> Lived:
    """Live the month. `restart_every`: end and begin the judge anew after so many days."""
    database = await Database.open(folder / "nightporter.db", SCHEMAS)
    rules, outgoing = rules_of_the_month(), Outgoing()
    clock = ManualClock(stamp(FIRST))
    tally = Tally(partial(day_of, zone=UTC))
    judge, running = _judging(rules, database, outgoing, clock, tally)
    dice = random.Random(7)
    offsets: dict[str, int] = {}
    for number in range(days):
        day = FIRST + timedelta(days=number)
        if day.day != SLEPT:
            _watch(tally, day)
            for moment, source, data in sorted(_day(day, dice), key=lambda each: each[0]):
                await clock.advance((stamp(moment) - clock.now()) / SECOND)
                await _hand_over(judge, _chunk(source, data, stamp(moment), offsets))
        if restart_every and (number + 1) % restart_every == 0:
            judge.stop()
            await running
            tally = Tally(partial(day_of, zone=UTC))
            judge, running = _judging(rules, database, outgoing, clock, tally)
            await judge.restore()
    judge.stop()
    await running
    await database.call(lambda connection: state.save_positions(connection, _marks()))
    return Lived(config_in(folder), database, rules, outgoing.told)


def _judging(
    rules: Ruleset, database: Database, outgoing: Outgoing, clock: ManualClock, tally: Tally
) -> tuple[Judge, asyncio.Task[None]]:
    judge = Judge(
        engine=Engine(rules),
        ledger=Ledger({rule.id: rule for rule in rules.rules}),
        database=database,
        outbox=outgoing,  # type: ignore[arg-type]  # its connection is not looked at
        clock=clock,
        log=structlog.get_logger(),
        tally=tally,
    )
    return judge, asyncio.create_task(judge.run())


async def _hand_over(judge: Judge, chunk: Chunk) -> None:
    """Give the judge a chunk and wait for its commit: its own time must be that of the lines."""
    commits = judge.counts["commits"]
    await judge.sink(chunk)
    async with asyncio.timeout(PATIENCE_S):
        while judge.counts["commits"] == commits:
            await asyncio.sleep(0.0005)


def _watch(tally: Tally, day: datetime) -> None:
    """The daemon's looks of a day."""
    begin = stamp(day)
    for at in range(begin, begin + DAY, LOOK_S * SECOND):
        tally.looked(at, ["service:ombi"] if day.day == 27 and at < begin + 2 * HOUR else [])


def _chunk(source: str, data: bytes, at: Stamp, offsets: dict[str, int]) -> Chunk:
    start = offsets.get(source, 0)
    offsets[source] = start + len(data)
    mark = str(offsets[source]).encode()
    return Chunk(
        origin=_origin(source),
        data=data,
        start=start,
        identity=source,
        end=Position(source, source, mark),
        arrived=at,
    )


def _origin(source: str) -> Origin:
    kind = {"outside": "probe", "watched": "integrity"}.get(source, source)
    return replace(origins.named(kind, tz="UTC"), source=source, stream=source)


def _day(day: datetime, dice: random.Random) -> Iterator[tuple[datetime, str, bytes]]:
    """The chunks of one day: when, which source, what."""
    for hour in range(0, 24, 4):
        moment = day + timedelta(hours=hour, minutes=3)
        count = dice.randint(25, 60) * (2 if day.weekday() >= 5 else 1)
        yield moment, "traefik", _requests(moment, count, dice)
    yield from _logins(day)
    if day.day == 5:
        moment = day + timedelta(hours=3, minutes=20)
        yield moment, "traefik", _lines(tuple(_served(STRANGER, f"/old/{n}", 404, moment) for n in range(40)))
    if day.day == 12:
        moment = day + timedelta(hours=21)
        said = f"{moment:%Y-%m-%d %H:%M:%S}.112 +00:00 [WRN] Failed login attempt by IP: {GUESSER}\n"
        yield moment, "service:ombi", said.encode() * 9
    yield from _records(day)


def _requests(moment: datetime, count: int, dice: random.Random) -> bytes:
    fine = (_served("192.168.1.20", f"/library/{dice.randint(1, 90)}", 200, moment) for _ in range(count))
    refused = (
        as_json(f"203.0.113.{dice.randint(40, 80)}", "/", 403, at=moment).replace('"OriginStatus":403,', "")
        for _ in range(dice.randint(1, 9))
    )
    return _lines((*fine, *refused))


def _served(client: str, path: str, status: int, moment: datetime) -> str:
    """A request that a service answered."""
    service = '"ServiceURL":"http://127.0.0.1:8080","StartUTC"'
    return as_json(client, path, status, at=moment).replace('"StartUTC"', service)


def _lines(lines: Iterator[str] | tuple[str, ...]) -> bytes:
    return "".join(lines).encode()


def _logins(day: datetime) -> Iterator[tuple[datetime, str, bytes]]:
    moment = day + timedelta(hours=19)
    users = ["anna", "ben"] if day.day % 2 else ["anna"]
    users += ["mallory"] if day.day == 18 else []
    said = (
        f"{moment:%Y-%m-%d %H:%M:%S}.9|Debug|Auth|Auth-Success ip 192.168.1.20 username '{user}'\n"
        for user in users
    )
    yield moment, "service:sonarr", _lines(tuple(said))


def _records(day: datetime) -> Iterator[tuple[datetime, str, bytes]]:
    plex = {"probe": "http", "name": "plex", "service": "plex", "host": "plex.example.net"}
    reason = {"reason": "it answered with status 502", "failures": 3}
    for down, length in (
        (FIRST.replace(day=9, hour=22), 3 * HOUR),
        (FIRST.replace(day=21, hour=9), 14 * MINUTE),
    ):
        back = down + timedelta(seconds=length // SECOND)
        if down.date() == day.date():
            yield down, "outside", _record({**plex, "action": "down", "up": False, **reason}, down)
        if back.date() == day.date():
            away = {"downtime": length / SECOND, "down_for": "a while"}
            yield back, "outside", _record({**plex, "action": "up", "up": True, **away}, back)
    if day.day == 25:  # no rule told of it: somebody stopped it
        moment = day + timedelta(hours=20)
        stopped = {
            **plex,
            "service": "ombi",
            "name": "ombi",
            "action": "up",
            "up": True,
            "downtime": 21_600.0,
        }
        yield moment, "outside", _record(stopped, moment)
    if day.day == 24:
        moment = day + timedelta(hours=17)
        change = {"action": "changed", "path": "/srv/traefik/dynamic.yml", "what": "its content was changed"}
        yield moment, "watched", _record({**change, "accepted": False}, moment)


def _record(fields: dict[str, object], moment: datetime) -> bytes:
    return json.dumps({**fields, "time": stamp(moment)}).encode() + b"\n"


def _marks() -> list[Position]:
    """What the probes know at the end."""
    begun = stamp(END) - 70 * DAY
    certificate = KnownCertificate("Let's Encrypt", "ab" * 32, begun, begun + 90 * DAY)
    front = Known(target="tls plex.example.net:443", up=True, certificates={"": certificate})
    plex = Known(target="http plex.example.net:443", up=True)
    return [
        Position("outside", "plex", msgspec.json.encode(plex)),
        Position("outside", "front", msgspec.json.encode(front)),
    ]
