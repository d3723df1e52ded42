"""Tellings for tests, and an outbox on a clock that a test moves."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
import structlog
from tests.parts.clock import NOON, ManualClock
from tests.parts.patience import PATIENCE_S

from nightporter.config import AppriseDestination, Config, Secret
from nightporter.model import HOUR, MINUTE, Severity, Stamp, Telling, short_id
from nightporter.notify import worker
from nightporter.notify.outbox import Outbox
from nightporter.notify.outcome import Channel, Outcome
from nightporter.notify.render import Message
from nightporter.notify.threads import in_daemon_thread
from nightporter.store import outbox as store
from nightporter.store.database import Database

T = TypeVar("T")
EVIL = "GET /?q=@everyone <@123456> [x](https://evil.example) ``` …"
"""The line that must not come alive anywhere."""


def telling(number: int = 1, **changes: Any) -> Telling:  # Any: whatever a Telling has
    """An alert about address `number`; each number is another key and id."""
    address = f"203.0.{113 + number // 256}.{number % 256}"
    at: Stamp = changes.get("at", NOON)
    values: dict[str, Any] = {
        "id": short_id("telling", number, changes.get("rule", ""), changes.get("kind", "")),
        "kind": "alert",
        "severity": Severity.medium,
        "title": "Many different missing pages from one address",
        "message": f"{address} asked for 25 missing pages on home.example in 5m, e.g. /.env",
        "at": at,
        "rule": "http-404-scan",
        "incident": short_id("incident", number),
        "key": {"client_ip": address},
        "first": at - MINUTE,
        "last": at,
        "count": 25,
        "distinct": 20,
        "window": "5m",
        "top": {"path": [("/.env", 3), ("/wp-login.php", 2)]},
        "samples": [f'{address} - - "GET /.env HTTP/1.1" 404 19'],
        "fix": "If it keeps coming back, drop it at the router.",
    }
    return Telling(**(values | changes))


@dataclass(slots=True)
class Witness:
    """A channel that passes everything on and notes when, by the test's clock, and what came of it."""

    channel: Channel
    clock: ManualClock
    sends: list[tuple[Stamp, Message, Outcome]] = field(default_factory=list)

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        at = self.clock.now()
        outcome = self.channel.send(message, plain=plain)
        self.sends.append((at, message, outcome))
        return outcome


class _Store(Database):
    """A store that knows how much it is doing."""

    under_way = 0

    async def call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.under_way += 1
        try:
            return await super().call(work)
        finally:
            self.under_way -= 1


class House:
    """An outbox with a real store, on a clock moved by hand; `restart` is a new process.

    The clock stands while the store or a channel is at work: how long those take is the machine's matter.
    """

    def __init__(
        self, folder: Path, config: Config, channels: Mapping[str, Channel], clock: ManualClock
    ) -> None:
        self.clock = clock
        self._folder = folder
        self._config = config
        self._channels = channels
        self._running: asyncio.Task[None] | None = None
        self._sending = 0
        self._patch = pytest.MonkeyPatch()
        self.box: Outbox
        self.database: _Store

    async def __aenter__(self) -> Self:
        async def counted(work: Callable[[], T], name: str) -> T:
            self._sending += 1
            try:
                return await in_daemon_thread(work, name)
            finally:
                self._sending -= 1

        self._patch.setattr(worker, "in_daemon_thread", counted)
        database = await _Store.open(self._folder / "state.db", [store.SCHEMA])
        assert isinstance(database, _Store)
        self.database = database
        self.box = Outbox(
            self.database,
            self._config,
            clock=self.clock,
            log=structlog.wrap_logger(structlog.testing.CapturingLogger()),
            channels=self._channels,
            chance=lambda: 0.5,
        )
        self._running = asyncio.create_task(self.box.run())
        await self.settle()
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.database.close()
        self._patch.undo()

    async def restart(self) -> None:
        """End as a killed process does, and start again on what the store knows."""
        await self.__aexit__()
        await self.__aenter__()

    async def tell(self, *tellings: Telling) -> None:
        """Commit tellings and let what is due go out."""
        now = self.clock.now()
        await self.database.call(lambda connection: self.box.keep(connection, tellings, now))
        self.box.wake()
        await self.settle()

    async def settle(self) -> None:
        """Let the outbox do all that it can do now; the clock moves by a second or less."""
        draining = asyncio.create_task(self.box.drain(PATIENCE_S))
        while not draining.done():
            if not (self.database.under_way or self._sending):
                await self.clock.advance(0.05)
            await asyncio.sleep(0.001)
        assert draining.result(), "the outbox does not come to rest"

    async def pass_time(self, seconds: float, step: float = 30.0) -> None:
        """Let time pass, and the outbox act in it, at each moment that it waits for."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            await self.clock.advance(min(step, left, self.clock.next_s))
            await self.settle()


def config_for(folder: Path, url: str = "discord://1/x", **changes: Any) -> Config:  # Any: as Config has it
    """A config with one Discord destination called `phone`, in UTC."""
    phone = AppriseDestination(name="phone", url=Secret(url))
    values: dict[str, Any] = {"state": folder, "timezone": "UTC", "destinations": (phone,)}
    return Config(**(values | changes))


MIDDAY = NOON
"""12:00 UTC, far from the digest at 08:00."""
EVENING = NOON + 10 * HOUR
"""22:00 UTC."""
