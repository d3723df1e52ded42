"""The daemon's part: looks now and then whether a review is due, and sends it.

A review that was missed (the machine slept) is sent once it is awake, once. What was sent stands in the
store, noted at the look after it was handed over: should we die in between, it is made again with the same
id, and the outbox knows that one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from nightporter.clock import Clock, beat
from nightporter.config import AppriseDestination, Config, Turn
from nightporter.errors import Unreachable
from nightporter.history.rows import Day
from nightporter.model import Stamp, Telling
from nightporter.notify.localtime import zone_of
from nightporter.review import chart, faces, weekly
from nightporter.review.facts import Facts
from nightporter.review.gather import Present, allow_list, gather
from nightporter.review.page import page
from nightporter.review.periods import Kind, Period, due, of_turn
from nightporter.rule import Ruleset
from nightporter.sources.allowlist.reading import Read
from nightporter.store import history, state
from nightporter.store.database import Database

LOOK_EVERY_S: Final = 60.0


def receivers(config: Config) -> tuple[str, ...]:
    """Who gets reviews: the destinations that the config names, else every apprise one with a route."""
    if config.review.to:
        return config.review.to
    routed = {route.to for route in config.routes}
    return tuple(
        d.name for d in config.destinations if isinstance(d, AppriseDestination) and d.name in routed
    )


def noted(kind: Kind) -> str:
    """The name of the store's text that says which turn was sent last."""
    return f"review {kind}"


class ReviewDesk:
    """Sends what is due. `run` never ends."""

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        rules: Callable[[], Ruleset],
        present: Callable[[], Present],
        tell: Callable[[Telling], None],
    ) -> None:
        """`rules`: those in force. `present`: how things stand now."""
        self._config = config
        self._database = database
        self._clock = clock
        self._log = log
        self._rules = rules
        self._present = present
        self._tell = tell
        self._zone = zone_of(config.timezone)
        self._handed_over: dict[Kind, Day] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            with suppress(Unreachable):  # a full disk: the judge says so; it is due at the next look as well
                await self.look()
            await beat(self._clock, LOOK_EVERY_S)

    async def look(self) -> None:
        """One look at the calendar. Raises Unreachable."""
        turns: tuple[tuple[Kind, Turn | None], ...] = (
            ("weekly", self._config.review.weekly),
            ("monthly", self._config.review.monthly),
        )
        for kind, turn in turns:
            await self._note(kind)
            if turn is not None:
                await self._look(kind, turn, self._clock.now())

    async def _note(self, kind: Kind) -> None:
        """The telling was committed since the last look, or never will be."""
        if kind in self._handed_over:
            day = self._handed_over[kind]
            await self._database.call(partial(state.save_text, name=noted(kind), text=day))
            del self._handed_over[kind]

    async def _look(self, kind: Kind, turn: Turn, now: Stamp) -> None:
        sent, began = await self._database.call(
            lambda connection: (state.load_text(connection, noted(kind)), history.first_day(connection))
        )
        day = due(kind, turn, now, self._zone, sent=sent, began=began)
        if day is None:
            return
        self._log.info("review.due", kind=kind, day=day.isoformat())
        self._tell(await self._made(kind, day, now))
        self._handed_over[kind] = day.isoformat()

    async def _made(self, kind: Kind, day: date, now: Stamp) -> Telling:
        allowed = await asyncio.to_thread(allow_list, self._config)
        facts = await self._database.call(
            partial(self._facts, period=of_turn(kind, day, now, self._zone), now=now, allowed=allowed)
        )
        to = receivers(self._config)
        if kind == "weekly":
            return faces.one_line(weekly.line(facts), day.isoformat(), to, now)
        picture = await asyncio.to_thread(chart.png, facts) if chart.available() else b""
        return faces.message(page(facts), kind, day.isoformat(), to, now, picture)

    def _facts(
        self, connection: sqlite3.Connection, *, period: Period, now: Stamp, allowed: Read | None
    ) -> Facts:
        return gather(connection, self._config, self._rules(), self._present(), period, now, allowed)
