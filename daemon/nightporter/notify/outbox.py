"""The outbox: what is to be told is kept until it was, over outages and restarts.

    outbox.keep(connection, tellings, now)     # inside the judge's commit, beside positions and incidents
    outbox.wake()                              # after it

`run` sends, one task a destination, so that a slow one delays no other. `drain` gives what is due a last
moment at shutdown; what is not sent then waits in the database. Senders run on daemon threads.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec
from structlog.typing import FilteringBoundLogger

from nightporter.clock import Clock
from nightporter.config import AppriseDestination, Config
from nightporter.errors import Unreachable
from nightporter.model import DAY, HOUR, SECOND, Stamp, Telling
from nightporter.notify.channels import channel_for
from nightporter.notify.lastresort import LastResort
from nightporter.notify.localtime import zone_of
from nightporter.notify.outcome import Channel
from nightporter.notify.plan import Policy
from nightporter.notify.routing import destinations_for
from nightporter.notify.worker import Worker
from nightporter.store import outbox as store
from nightporter.store.database import Database
from nightporter.store.outbox import OutboxRow

KEPT: Final = 30 * DAY
MOST_KEPT: Final = 50_000
_HOUSEKEEPING_S: Final = 6 * HOUR / SECOND


class Outbox:
    """See the module. Everything but `rows_for` and `status` belongs to the loop that `run` runs on."""

    def __init__(
        self,
        database: Database,
        config: Config,
        *,
        clock: Clock,
        log: FilteringBoundLogger,
        channels: Mapping[str, Channel] | None = None,
        chance: Callable[[], float] = random.random,
        here: Channel | None = None,
    ) -> None:
        """`channels` by destination name; None: built from the config, which imports apprise's plugins as
        needed (0.3 s). `chance` gives 0 to 1 for jitter. `here` is the voice of this machine for when nothing
        else gets out. Raises UserError for a URL that cannot be used."""
        zone = zone_of(config.timezone)
        self._database = database
        self._destinations = config.destinations
        self._routes = config.routes
        self._clock = clock
        self._log = log
        policy = Policy(caps=config.caps, quiet=config.quiet, digest=config.digest, zone=zone)
        self._workers = {
            d.name: Worker(
                d.name,
                channels[d.name] if channels is not None else channel_for(d, zone, sys.stdout),
                database=database,
                policy=replace(policy, direct=not isinstance(d, AppriseDestination)),
                clock=clock,
                chance=chance,
                log=log,
                back=self._network_is_back,
            )
            for d in config.destinations
        }

        apprise = [d.name for d in config.destinations if isinstance(d, AppriseDestination)]
        self._last_resort = (
            LastResort(here, apprise, database=database, clock=clock, log=log) if here and apprise else None
        )

    def rows_for(self, telling: Telling) -> list[OutboxRow]:
        """One row for each destination that this telling goes to; pure, any thread."""
        names = destinations_for(telling, self._destinations, self._routes)
        return [OutboxRow(id=telling.id, destination=name, telling=telling) for name in names]

    def keep(self, connection: sqlite3.Connection, tellings: Sequence[Telling], now: Stamp) -> None:
        """Insert the rows of these tellings; runs inside the judge's commit, on the store's thread.

        A telling from the future (the clock was set back since) is dated `now`: it would wait for its time.
        """
        dated = (msgspec.structs.replace(t, at=now) if t.at > now else t for t in tellings)
        store.insert(connection, [row for telling in dated for row in self.rows_for(telling)])

    def wake(self) -> None:
        """Look for new rows; call it after the commit that inserted them."""
        for worker in self._workers.values():
            worker.wake()

    def _network_is_back(self) -> None:
        for worker in self._workers.values():
            worker.network_is_back()

    async def run(self) -> None:
        """Send until cancelled."""
        await self._recover()
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers.values():
                tasks.create_task(worker.run(), name=f"outbox-{worker.name}")
            tasks.create_task(self._keep_house(), name="outbox-housekeeping")
            if self._last_resort is not None:
                tasks.create_task(self._last_resort.run(), name="outbox-last-resort")

    async def drain(self, deadline_s: float) -> bool:
        """Give all that is due a last chance; True if nothing was left that could go now.

        `run` must be running. A retry whose time has not come is not waited for.
        """
        self.wake()
        try:
            async with asyncio.timeout(deadline_s):
                for worker in self._workers.values():
                    await worker.settled()
        except TimeoutError:
            return False
        return True

    def status(self) -> dict[str, dict[str, Any]]:
        """By destination, for JSON: how many tellings wait, were sent and parked, and how it fares.

        Stamps are nanoseconds, 0 for never.
        """
        return {name: _status(worker) for name, worker in self._workers.items()}

    async def _recover(self) -> None:
        now = self._clock.now()
        while True:
            try:
                await self._database.call(lambda c: store.recover(c, self._workers.keys(), now))
            except Unreachable as err:
                self._log.warning("outbox.store_unavailable", error=str(err))
                await self._clock.sleep(5.0)
            else:
                return

    async def _keep_house(self) -> None:
        while True:
            before = self._clock.now() - KEPT
            try:
                await self._database.call(partial(store.prune, before=before, keep=MOST_KEPT))
            except Unreachable as err:  # old rows wait for the next turn
                self._log.warning("outbox.store_unavailable", error=str(err))
            await self._clock.sleep(_HOUSEKEEPING_S)


def _status(worker: Worker) -> dict[str, Any]:
    state, counts = worker.state, worker.counts
    return {
        "pending": counts.pending,
        "sent": counts.sent,
        "parked": counts.parked,
        "failures": state.failures,
        "failing_since": state.failing_since,
        "not_before": state.not_before,
        "broken": state.broken,
        "last_error": state.error,
        "possible_repeats": state.repeats,
        "last_sent": state.last_sent,
    }
