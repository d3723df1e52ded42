"""The daemon's part on a clock that a test moves: once for each turn, whatever the clock and the disk do."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import structlog
from PIL import Image
from tests.parts.clock import ManualClock
from tests.parts.month import config_in
from tests.parts.patience import PATIENCE_S

from nightporter.config import Config, FileDestination, Review, Turn
from nightporter.errors import Unreachable
from nightporter.history import Rows
from nightporter.model import DAY, SECOND, Severity, Stamp, Telling
from nightporter.review.desk import LOOK_EVERY_S, ReviewDesk, receivers
from nightporter.review.gather import Present
from nightporter.rule import Ruleset
from nightporter.store import history, incidents, state
from nightporter.store.database import Database


def at(text: str) -> Stamp:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


SATURDAY = at("2026-11-28 12:00")
"""A day before a weekly line, three before the month's review."""


class Desk:
    """A desk on a real store, and what it told."""

    def __init__(self, config: Config, database: Database, clock: ManualClock) -> None:
        self.config, self.database, self.clock = config, database, clock
        self.told: list[Telling] = []
        self.begin()

    def begin(self) -> None:
        """As after a restart."""
        self.desk = ReviewDesk(
            self.config,
            self.database,
            self.clock,
            structlog.get_logger(),
            rules=Ruleset,
            present=Present,
            tell=self.told.append,
        )

    @property
    def titles(self) -> list[str]:
        return [telling.title for telling in self.told]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    database = await Database.open(tmp_path / "db", (state.SCHEMA, incidents.SCHEMA, history.SCHEMA))
    days = [f"2026-11-{day:02}" for day in range(1, 29)]
    rows = Rows()
    for day in days:
        rows.counts[(day, "lines", "traefik")] = 1_000
        rows.counts[(day, "watched_s", "")] = 86_400
    await database.call(lambda connection: history.add(connection, rows))
    for kind, day in (("weekly", "2026-11-22"), ("monthly", "2026-11-01")):
        await database.call(partial(state.save_text, name=f"review {kind}", text=day))
    yield Desk(config_in(tmp_path), database, ManualClock(SATURDAY))
    await database.close()


async def test_the_week_and_the_month_are_told_when_they_are_due_and_once(desk: Desk) -> None:
    for moment, told in (
        ("2026-11-29 17:59", 0),
        ("2026-11-29 18:00", 1),
        ("2026-11-29 18:01", 1),
        ("2026-12-01 08:59", 1),
        ("2026-12-01 09:00", 2),
        ("2026-12-01 09:01", 2),
        ("2026-12-06 17:59", 2),
    ):
        desk.clock.jump((at(moment) - desk.clock.now()) / SECOND)
        await desk.desk.look()
        assert len(desk.told) == told, moment
    assert desk.titles[0].startswith("Quiet week: 6,000 lines, 0 incidents, ")
    assert desk.titles[1] == "Review: November 2026"


async def test_it_looks_every_minute_and_outlives_a_full_disk(desk: Desk) -> None:
    running = asyncio.create_task(desk.desk.run())
    try:
        await _over_a_full_disk(desk)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _over_a_full_disk(desk: Desk) -> None:
    await desk.clock.until_asleep()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.database, "call", _full)
        desk.clock.jump(3 * 86_400)
        await desk.clock.advance(LOOK_EVERY_S)
        await desk.clock.until_asleep()
    assert desk.told == []
    await desk.clock.advance(LOOK_EVERY_S)
    async with asyncio.timeout(PATIENCE_S):
        while len(desk.told) < 2:
            await asyncio.sleep(0.005)


async def _full(work: object) -> None:
    raise Unreachable("the disk is full")


async def test_the_review_goes_to_apprise_with_a_route_as_info_with_a_picture(desk: Desk) -> None:
    desk.clock.jump(3 * 86_400)
    await desk.desk.look()
    weekly, monthly = desk.told
    for told in (weekly, monthly):
        assert (told.kind, told.severity, told.notify) == ("review", Severity.info, ["phone"])
    assert weekly.picture == b""
    assert Image.open(io.BytesIO(monthly.picture)).size[0] == 1000
    assert len(monthly.sections) == 10


async def test_without_pillow_it_goes_without_a_picture(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.features", raising=False)
    desk.clock.jump(3 * 86_400)
    await desk.desk.look()
    assert [len(told.picture) for told in desk.told] == [0, 0]


async def test_what_was_missed_while_the_machine_slept_is_told_once(desk: Desk) -> None:
    desk.clock.jump(40 * 86_400)
    for _ in range(3):
        await desk.desk.look()
    assert desk.titles[1:] == ["Review: December 2026"]
    assert len(desk.told) == 2


async def test_a_restart_tells_nothing_again(desk: Desk) -> None:
    desk.clock.jump(3 * 86_400)
    await desk.desk.look()
    await desk.desk.look()
    desk.begin()
    await desk.desk.look()
    assert len(desk.told) == 2


async def test_a_crash_before_the_commit_makes_it_again_with_the_same_id(desk: Desk) -> None:
    desk.clock.jump(3 * 86_400)
    await desk.desk.look()
    desk.begin()  # before the next look: nobody knows whether the first was committed
    await desk.desk.look()
    ids = [told.id for told in desk.told]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("jump", [-DAY, -5 * DAY, 5 * DAY], ids=str)
async def test_a_clock_that_jumps_tells_no_turn_twice(desk: Desk, jump: int) -> None:
    desk.clock.jump(3 * 86_400)
    for step in (0, jump, -jump, 0):
        desk.clock.jump(step / SECOND)
        await desk.desk.look()
        await desk.desk.look()
    ids = [told.id for told in desk.told]
    assert len(ids) == len(set(ids))


async def test_in_the_first_week_nothing_is_told(desk: Desk) -> None:
    await desk.database.call(lambda c: c.execute("DELETE FROM history_counts WHERE day < '2026-11-27'"))
    desk.clock.jump(3 * 86_400)
    await desk.desk.look()
    assert desk.told == []


async def test_both_can_be_switched_off_and_sent_elsewhere(desk: Desk) -> None:
    desk.config = replace(desk.config, review=Review(weekly=None, monthly=Turn(1, 0), to=("log",)))
    desk.begin()
    desk.clock.jump(3 * 86_400)
    await desk.desk.look()
    assert [told.notify for told in desk.told] == [["log"]]
    desk.config = replace(desk.config, review=Review(weekly=None, monthly=None))
    desk.begin()
    desk.clock.jump(40 * 86_400)
    await desk.desk.look()
    assert len(desk.told) == 1


def test_a_home_without_apprise_has_only_its_terminal_and_files(tmp_path: Path) -> None:
    config = replace(config_in(tmp_path), destinations=(FileDestination(name="log", path=tmp_path / "x"),))
    assert receivers(replace(config, routes=())) == ()
