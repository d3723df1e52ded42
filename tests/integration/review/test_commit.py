"""Counts are committed with the positions of what they count: a crash anywhere counts nothing twice."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
import structlog
from tests.parts.access import clf
from tests.parts.clock import ManualClock
from tests.parts.engines import rules
from tests.parts.patience import PATIENCE_S

from nightporter import origins
from nightporter.detect.engine import Engine
from nightporter.history import Tally
from nightporter.incidents.ledger import Ledger
from nightporter.judge import HISTORY_EVERY_S, Judge
from nightporter.model import Chunk, Position, Telling
from nightporter.notify.localtime import day_of
from nightporter.own import Own
from nightporter.store import history, incidents, state
from nightporter.store.database import Database

REFUSED = """
rules:
  refused: {title: R, from: traefik, when: {status: 403}, by: client_ip, count: 50 in 1m, message: m}
"""
LINE = clf("203.0.113.9", "/", 403).replace('"http://127.0.0.1:8080"', '"-"').encode()
LINES = 200


class Silent:
    """An outbox for nobody."""

    def keep(self, connection: object, tellings: list[Telling], now: int) -> None:
        pass

    def wake(self) -> None:
        pass


def judge_on(database: Database, clock: ManualClock, own: Own | None = None) -> Judge:
    ruleset = rules(REFUSED)
    return Judge(
        engine=Engine(ruleset),
        ledger=Ledger({rule.id: rule for rule in ruleset.rules}),
        database=database,
        outbox=Silent(),  # type: ignore[arg-type]  # its connection is not looked at
        clock=clock,
        log=structlog.get_logger(),
        own=own,
        tally=Tally(partial(day_of, zone=None)),
    )


def chunk(line: int, clock: ManualClock, data: bytes = LINE) -> Chunk:
    end = Position("traefik", "access.log", str(line + 1).encode())
    return Chunk(
        origin=origins.named("traefik"),
        data=data,
        start=line * len(LINE),
        identity="id",
        end=end,
        arrived=clock.now(),
    )


async def committed(database: Database) -> tuple[int, dict[str, int]]:
    """The line that reading goes on from, and the sums of what was counted."""
    marks, counts = await database.call(
        lambda c: (state.load_positions(c), history.counts(c, "0000-01-01", "9999-12-31"))
    )
    sums: dict[str, int] = {}
    for (_, what, _), n in counts.items():
        sums[what] = sums.get(what, 0) + n
    return int(marks.get("traefik", {}).get("access.log", b"0")), sums


@pytest.mark.parametrize("every", [3, 17, 40])
async def test_a_crash_counts_nothing_twice(tmp_path: Path, every: int) -> None:
    database = await Database.open(tmp_path / "db", (state.SCHEMA, incidents.SCHEMA, history.SCHEMA))
    clock = ManualClock()
    crashes = 0
    while (await committed(database))[0] < LINES:
        judge = judge_on(database, clock)
        await judge.restore()
        running = asyncio.create_task(judge.run())
        line, sums = await committed(database)
        assert sums.get("lines", 0) == sums.get("refused", 0) == line
        for number in range(line, min(line + every, LINES)):
            await judge.sink(chunk(number, clock))
            await clock.advance(0.4)
        if crashes % 2 or line + every >= LINES:
            judge.stop()
            await running
        else:
            await asyncio.sleep(0.01)
            running.cancel()  # a crash: what it held is gone
            await asyncio.gather(running, return_exceptions=True)
        crashes += 1
    line, sums = await committed(database)
    await database.close()
    assert crashes > 1
    assert (line, sums) == (LINES, {"lines": LINES, "refused": LINES})


async def test_our_own_requests_are_among_no_visitors(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "db", (state.SCHEMA, incidents.SCHEMA, history.SCHEMA))
    clock = ManualClock()
    own = Own("nightporter-0a1b2c-")
    ours = LINE.replace(b"/ HTTP", f"/?x={own.issue(clock.now())} HTTP".encode())
    assert ours != LINE
    judge = judge_on(database, clock, own)
    await judge.restore()
    running = asyncio.create_task(judge.run())
    await judge.sink(chunk(0, clock, ours + LINE))
    judge.stop()
    await running
    _, sums = await committed(database)
    await database.close()
    assert sums == {"lines": 1, "own_lines": 1, "refused": 1}


async def test_what_only_the_history_counted_is_kept_after_a_while(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "db", (state.SCHEMA, incidents.SCHEMA, history.SCHEMA))
    clock = ManualClock()
    tally = Tally(partial(day_of, zone=None))
    judge = judge_on(database, clock)
    judge._tally = tally
    running = asyncio.create_task(judge.run())
    tally.looked(clock.now(), [])
    await clock.advance(10)
    tally.looked(clock.now(), [])
    judge._nudge.set()
    await clock.advance(1)
    assert (await committed(database))[1] == {}
    await clock.advance(HISTORY_EVERY_S)
    judge._nudge.set()
    async with asyncio.timeout(PATIENCE_S):
        while (await committed(database))[1] != {"watched_s": 10}:
            await asyncio.sleep(0.005)
    judge.stop()
    await running
    await database.close()
