"""The judge on a real database: one commit for what belongs together, and a disk that is full."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import structlog
from tests.parts.access import clf
from tests.parts.clock import NOON, ManualClock
from tests.parts.engines import rules
from tests.parts.patience import PATIENCE_S

from nightporter import origins
from nightporter.detect.compiled import Plan
from nightporter.detect.engine import Engine
from nightporter.errors import Unreachable
from nightporter.incidents.ledger import Ledger
from nightporter.judge import Judge
from nightporter.model import SECOND, Chunk, Event, Position, Stamp, Telling
from nightporter.rule import Ruleset
from nightporter.store import incidents, state
from nightporter.store.database import Database

T = TypeVar("T")
BURST = """
rules:
  burst: {title: A burst, from: traefik, when: {status: 404}, by: client_ip, count: 3 in 1m, message: m}
"""


class Witness:
    """An outbox that remembers what it was given inside the commit."""

    def __init__(self) -> None:
        self.kept: list[Telling] = []
        self.woken = 0

    def keep(self, connection: sqlite3.Connection, tellings: Sequence[Telling], now: Stamp) -> None:
        assert connection.in_transaction
        self.kept += tellings

    def wake(self) -> None:
        self.woken += 1


class FullDisk(Database):
    """A database whose disk is full as long as `full` is set."""

    full = False
    refused = 0

    async def call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self.full:
            self.refused += 1
            raise Unreachable("database or disk is full")
        return await super().call(work)


class Bench:
    def __init__(self, database: FullDisk, ruleset: Ruleset) -> None:
        self.clock = ManualClock()
        self.outbox = Witness()
        self.database = database
        self.origin = origins.named("traefik")
        self.judge = Judge(
            engine=Engine(ruleset),
            ledger=Ledger({rule.id: rule for rule in ruleset.rules}),
            database=database,
            outbox=self.outbox,
            clock=self.clock,
            log=structlog.get_logger(),
        )
        self.offset = 0

    async def lines(self, client: str, times: int = 3) -> None:
        """Hand over a chunk of requests that were not found."""
        data = "".join(clf(client, "/x", 404) for _ in range(times)).encode()
        end = Position("traefik", "access.log", str(self.offset + len(data)).encode())
        chunk = Chunk(
            origin=self.origin, data=data, start=self.offset, identity="id", end=end, arrived=self.clock.now()
        )
        self.offset += len(data)
        await self.judge.sink(chunk)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.005)

    async def marks(self) -> dict[str, dict[str, bytes]]:
        return await self.database.call(state.load_positions)


@asynccontextmanager
async def judging(folder: Path, ruleset: Ruleset) -> AsyncIterator[Bench]:
    database = await FullDisk.open(folder / "db", (state.SCHEMA, incidents.SCHEMA))
    assert isinstance(database, FullDisk)
    bench = Bench(database, ruleset)
    await bench.judge.restore()
    running = asyncio.create_task(bench.judge.run())
    try:
        yield bench
    finally:
        database.full = False
        bench.judge.stop()
        await running
        await database.close()


async def test_an_incident_its_position_and_its_telling_are_one_commit(tmp_path: Path) -> None:
    async with judging(tmp_path, rules(BURST)) as bench:
        await bench.lines("203.0.113.9")
        await bench.until(lambda: bench.outbox.woken == 1)
        (kept,) = await bench.database.call(lambda c: incidents.recent(c, 0))
        assert [telling.incident for telling in bench.outbox.kept] == [kept.id]
        assert await bench.marks() == {"traefik": {"access.log": str(bench.offset).encode()}}


async def test_a_count_below_its_threshold_survives_a_restart(tmp_path: Path) -> None:
    async with judging(tmp_path, rules(BURST)) as bench:
        await bench.lines("203.0.113.9", 2)
    async with judging(tmp_path, rules(BURST)) as bench:
        bench.offset = 10_000
        await bench.lines("203.0.113.9", 1)
        await bench.until(lambda: bench.outbox.woken == 1)
        assert [telling.count for telling in bench.outbox.kept] == [3]


async def test_a_full_disk_stops_the_reading_and_loses_nothing(tmp_path: Path) -> None:
    async with judging(tmp_path, rules(BURST)) as bench:
        bench.database.full = True
        await bench.lines("203.0.113.9")
        await bench.until(lambda: bench.clock.sleeping == 1)
        assert bench.judge.trouble == "database or disk is full"
        assert bench.outbox.kept == []
        await bench.lines("203.0.113.10")
        for _ in range(5):
            await bench.clock.advance(30)
            await bench.clock.settle()
        assert bench.outbox.kept == [], "nothing is told that could not be kept"
        bench.database.full = False
        await bench.clock.advance(30)
        await bench.until(lambda: len(bench.outbox.kept) == 2)
        assert bench.judge.trouble == ""
        assert bench.judge.counts["commit_failures"] == bench.database.refused >= 2


async def test_a_first_sight_is_committed_at_once(tmp_path: Path) -> None:
    async with judging(tmp_path, rules(BURST)) as bench:
        end = Position("traefik", "access.log", b"7")
        empty = Chunk(origin=bench.origin, data=b"", start=7, identity="id", end=end, arrived=NOON)
        await bench.judge.sink(empty)
        await bench.until(lambda: bench.judge.counts["commits"] == 1)
        assert await bench.marks() == {"traefik": {"access.log": b"7"}}


async def test_a_line_that_a_mistake_of_ours_trips_over_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = Engine.judge

    def trip(self: Engine, event: Event, plan: Plan, depth: int = 0) -> list[str]:
        if event.fields.get("client_ip") == "203.0.113.66":
            raise ZeroDivisionError
        return judge(self, event, plan, depth)

    monkeypatch.setattr(Engine, "judge", trip)
    async with judging(tmp_path, rules(BURST)) as bench:
        await bench.lines("203.0.113.66")
        await bench.lines("203.0.113.9")
        await bench.until(lambda: bench.outbox.woken == 1)
        assert bench.judge.lanes.counts()["failed"] == 3
        assert [telling.key for telling in bench.outbox.kept] == [{"client_ip": "203.0.113.9"}]


async def test_too_many_sources_are_told_once_a_day(tmp_path: Path) -> None:
    async with judging(tmp_path, rules(BURST)) as bench:
        bench.judge.engine = Engine(rules(BURST), key_cap=4)
        bench.judge.lanes = dataclasses.replace(bench.judge.lanes, engine=bench.judge.engine, _lanes={})
        for n in range(12):
            await bench.lines(f"198.51.100.{n}", 1)
        await bench.until(lambda: len(bench.outbox.kept) >= 1)
    assert [(t.kind, t.rule) for t in bench.outbox.kept] == [("notice", "burst")]


async def test_new_rules_are_taken_between_two_batches(tmp_path: Path) -> None:
    async with judging(tmp_path, rules(BURST)) as bench:
        await bench.lines("203.0.113.9", 2)
        await bench.until(lambda: bench.judge.counts["chunks"] == 1)
        bench.judge.swap(rules(BURST.replace("3 in 1m", "4 in 1m")))
        await bench.lines("203.0.113.9", 1)
        await bench.until(lambda: bench.judge.counts["chunks"] == 2)
        assert bench.outbox.kept == []
        await bench.lines("203.0.113.9", 1)
        await bench.until(lambda: bench.outbox.woken == 1)
        assert bench.outbox.kept[0].count == 4


async def test_what_grew_is_told_when_its_wait_is_over(tmp_path: Path) -> None:
    async with judging(tmp_path, rules(BURST)) as bench:
        await bench.lines("203.0.113.9")
        await bench.until(lambda: bench.outbox.woken == 1)
        await bench.lines("203.0.113.9", 10)
        await bench.until(lambda: bench.judge.counts["chunks"] == 2)
        await bench.clock.advance(2)
        await bench.lines("192.0.2.1", 1)
        await bench.until(lambda: bench.judge.counts["commits"] == 2)
        await bench.clock.advance(4 * 3600 - 2)
        await bench.lines("192.0.2.1", 1)
        await bench.until(lambda: bench.outbox.woken == 2)
    assert [(t.kind, t.count, t.grew) for t in bench.outbox.kept] == [("alert", 3, 0), ("again", 13, 10)]
    assert bench.outbox.kept[1].at - bench.outbox.kept[0].at == 4 * 3600 * SECOND
