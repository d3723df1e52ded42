"""When nothing gets out, the Mac itself speaks: high and critical tellings that wait for a dead receiver.

A telling is *unheard* when a destination of kind apprise has been failing for ten minutes, the telling still
waits for it, and no other such destination has taken it. Unheard tellings are said in one notification, each
only once, over restarts too; they go on waiting in the outbox all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from nightporter.clock import Clock, beat
from nightporter.errors import Unreachable
from nightporter.model import MINUTE, Nanos, Severity, Stamp, Telling, short_id
from nightporter.notify.outcome import Channel, Delivered
from nightporter.notify.plan import Reason, Send
from nightporter.notify.render import render
from nightporter.notify.threads import in_daemon_thread
from nightporter.store import state, undelivered
from nightporter.store.database import Database
from nightporter.store.outbox import OutboxRow

FAILING_FOR: Final[Nanos] = 10 * MINUTE
LOOK_EVERY_S: Final = 60.0
SAID: Final = "said on this machine"
MOST_SAID: Final = 500
"""Ids that are remembered; those of tellings that wait are among the newest."""


class LastResort:
    """Looks once a minute whether somebody should hear it here."""

    def __init__(
        self,
        channel: Channel,
        names: Collection[str],
        *,
        database: Database,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        """`names`: the destinations of kind apprise."""
        self._channel = channel
        self._names = tuple(names)
        self._database = database
        self._clock = clock
        self._log = log

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await beat(self._clock, LOOK_EVERY_S)
            try:
                await self.look()
            except Unreachable as err:
                self._log.warning("outbox.store_unavailable", error=str(err))

    async def look(self) -> None:
        """Say what is unheard and was not said before. Raises Unreachable where the store cannot be had."""
        now = self._clock.now()
        waiting, said = await self._database.call(lambda connection: self._load(connection, now))
        news = [telling for telling in waiting if telling.id not in said]
        if not news:
            return
        message = render(_as_one(news, now), None, now)
        outcome = await in_daemon_thread(lambda: self._channel.send(message), "send-here")
        if not isinstance(outcome, Delivered):
            self._log.warning("delivery.here_failed", error=outcome.reason)
            return
        self._log.info("delivery.said_here", tellings=len(news))
        kept = [*said, *(telling.id for telling in news)][-MOST_SAID:]
        text = msgspec.json.encode(kept).decode()
        await self._database.call(lambda connection: state.save_text(connection, SAID, text))

    def _load(self, connection: sqlite3.Connection, now: Stamp) -> tuple[list[Telling], list[str]]:
        unheard = undelivered.unheard(connection, self._names, Severity.high, now - FAILING_FOR)
        said = state.load_text(connection, SAID)
        return unheard, msgspec.json.decode(said, type=list[str]) if said else []


def _as_one(tellings: Sequence[Telling], now: Stamp) -> Send:
    """All of them in one message: the most severe, and how many more there are."""
    loudest = max(tellings, key=lambda telling: (telling.severity, telling.at))
    more = f" (and {len(tellings) - 1} more)" if len(tellings) > 1 else ""
    telling = Telling(
        id=short_id("here", *(telling.id for telling in tellings)),
        kind="notice",
        severity=loudest.severity,
        title=f"{loudest.title}{more}",
        message=f"{loudest.message}. It could not be sent: 'nightporter status' says why.",
        at=now,
    )
    return Send(
        rows=(OutboxRow(id=telling.id, destination="", telling=telling),),
        shape="single",
        reason=Reason.direct,
    )
