"""The probe source: every probe asks in its own time, and what changed becomes a record.

**Start.** For `grace` after the start failures are counted but not told: after a boot services come up one
by one. **Sleep.** After a sleep of this machine counting starts anew, since what failed then failed for
want of a network. **Restart.** The mark of each probe holds its state: a restart tells nothing twice, and
of a service that is back says how long it was away. **Removal.** What was told of a probe that the config
no longer names is ended at the start, and its mark forgotten. **Clocks.** Waiting is on the monotonic
clock; days left are the wall clock's. **Full.** While the judge is behind, probes wait. Nothing is written
to disk.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from nightporter.clock import Clock
from nightporter.config import (
    AcmeProbe,
    CanaryProbe,
    ContainerProbe,
    FirewallProbe,
    HttpProbe,
    JobProbe,
    Probe,
    TcpProbe,
    TlsProbe,
)
from nightporter.config import ProbeSource as ProbeConfig
from nightporter.model import SECOND, Chunk, Fields, Origin, Position, Stamp
from nightporter.own import Own
from nightporter.sources.base import Marks, Sink
from nightporter.sources.probes import ask
from nightporter.sources.probes.canary import OwnSeen, send_canary
from nightporter.sources.probes.containers import ask_container
from nightporter.sources.probes.firewall import ask_firewall
from nightporter.sources.probes.jobs import ask_job
from nightporter.sources.probes.state import Outcome, Watched, remembered, removed

if TYPE_CHECKING:
    import aiohttp

AGAIN_S: Final = 60.0
"""A probe that failed, but is not told yet, is asked again after this at most."""
SLEPT_S: Final = 30.0
"""The wall clock ran so much further than the monotonic one: this machine was asleep."""
AT_ONCE: Final = 8
"""Probes that ask at the same time."""
THREADS: Final = 4
SPREAD_S: Final = 5.0
"""Over this the first askings are spread, and at most over an interval."""


@dataclass(slots=True)
class _Running:
    """What lives while the source runs."""

    session: aiohttp.ClientSession | None
    threads: ThreadPoolExecutor
    turns: asyncio.Semaphore
    sink: Sink
    contexts: dict[tuple[str, bool], ssl.SSLContext] = field(default_factory=dict)
    """Root file and whether anything is trusted → what TLS is spoken with; reading the roots takes 10 ms."""


class ProbeSource:
    """Implements `sources.base.Source` for `kind: probe`. `own`: makes what the lanes know our requests by;
    `own_seen`: how many of them they have met."""

    def __init__(
        self,
        config: ProbeConfig,
        clock: Clock,
        own: Own | None = None,
        own_seen: OwnSeen = lambda _source: 0,
        *,
        platform: str = sys.platform,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._clock = clock
        self._own = own
        self._own_seen = own_seen
        self._platform = platform
        self._dice = dice
        self._begun = clock.monotonic()
        self._watched: dict[str, Watched] = {}
        self._stuck: dict[str, asyncio.Future[Outcome]] = {}
        self._counts: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._config.name

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Ask until cancelled; nothing that is down is an error."""
        await self._let_go(marks, sink)
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"probe-{self.name}")
        async with AsyncExitStack() as stack:
            # Without waiting: a thread may hang on a dead mount for longer than a stop may take.
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            session = None
            if any(isinstance(probe, HttpProbe | CanaryProbe) for probe in self._config.probes):
                session = await stack.enter_async_context(_session())
            running = _Running(session, threads, asyncio.Semaphore(AT_ONCE), sink)
            async with asyncio.TaskGroup() as group:
                for probe in self._config.probes:
                    group.create_task(self._keep_asking(probe, marks.get(probe.name, b""), running))

    async def _let_go(self, marks: Marks, sink: Sink) -> None:
        """Say of what the config no longer names that nobody watches it, and forget it."""
        named = {probe.name for probe in self._config.probes}
        now = self._clock.now()
        for name, mark in list(marks.items()):  # the sink changes the marks
            if name not in named and (records := removed(name, mark, now)) is not None:
                await self._hand_over(name, records, b"", now, sink)

    async def _keep_asking(self, probe: Probe, mark: bytes, running: _Running) -> None:
        watched = self._watched[probe.name] = Watched(
            _about(probe), remembered(mark, _target(probe)), probe.retries
        )
        await self._clock.sleep(self._dice() * min(SPREAD_S, probe.interval_s))
        while True:
            lag = self._lag()
            async with running.turns:
                outcome = await self._ask(probe, running)
            self._counts["asked"] += 1
            self._counts["failed"] += not outcome.up
            await self._tell(probe, watched, outcome, running.sink)
            await self._clock.sleep(min(probe.interval_s, AGAIN_S) if watched.doubtful else probe.interval_s)
            if self._lag() - lag >= SLEPT_S:
                watched.forgive()

    def _lag(self) -> float:
        return self._clock.now() / SECOND - self._clock.monotonic()

    async def _tell(self, probe: Probe, watched: Watched, outcome: Outcome, sink: Sink) -> None:
        before, now = watched.mark, self._clock.now()
        settled = self._clock.monotonic() - self._begun >= self._config.grace_s
        records = watched.take(outcome, now, settled=settled)
        if not records and watched.mark == before:
            return
        await self._hand_over(probe.name, records, watched.mark, now, sink)

    async def _hand_over(self, name: str, records: list[Fields], mark: bytes, now: Stamp, sink: Sink) -> None:
        self._counts["records"] += len(records)
        await sink(
            Chunk(
                origin=self._origin(name),
                data=b"".join(msgspec.json.encode(record) + b"\n" for record in records),
                start=now,
                identity=f"{self.name}:{name}",
                end=Position(self.name, name, mark),
                arrived=now,
                stamps=tuple(now for _ in records),
            )
        )

    async def _ask(self, probe: Probe, running: _Running) -> Outcome:
        clock = self._clock.monotonic
        match probe:
            case HttpProbe() | CanaryProbe():
                return await self._over_http(probe, running)
            case TcpProbe():
                return await ask.ask_tcp(probe, clock, self._platform)
            case TlsProbe():
                now = self._clock.now()
                return await self._on_thread(
                    probe, running, lambda: ask.ask_tls(probe, now, clock, self._platform)
                )
            case AcmeProbe():
                return await self._on_thread(probe, running, lambda: ask.ask_acme(probe))
            case ContainerProbe():
                return await ask_container(probe, running.threads)
            case JobProbe():
                return await self._on_thread(probe, running, lambda: ask_job(probe, self._platform))
            case FirewallProbe():
                return await self._on_thread(probe, running, lambda: ask_firewall(probe))
            case _:
                assert_never(probe)

    async def _over_http(self, probe: HttpProbe | CanaryProbe, running: _Running) -> Outcome:
        assert running.session is not None
        try:
            verify = await self._context(probe, running)
        except OSError as err:
            return Outcome(up=False, why=f"{probe.ca}: {ask.told(err)}")
        door = ask.Door(running.session, verify, self._token)
        if isinstance(probe, CanaryProbe):
            return await send_canary(probe, door, self._own_seen, self._clock, self._platform)
        return await ask.ask_http(door, probe, self._clock.monotonic, self._platform)

    def _token(self) -> str:
        return self._own.issue(self._clock.now()) if self._own is not None else ""

    async def _context(self, probe: HttpProbe | CanaryProbe, running: _Running) -> ssl.SSLContext:
        key = (probe.ca, probe.insecure)
        if key not in running.contexts:
            running.contexts[key] = await asyncio.to_thread(ask.context, probe.ca, insecure=probe.insecure)
        return running.contexts[key]

    async def _on_thread(self, probe: Probe, running: _Running, work: Callable[[], Outcome]) -> Outcome:
        """Work that blocks. One that does not come back in time is left alone, and not started twice."""
        left = self._stuck.get(probe.name)
        if left is not None and not left.done():
            return Outcome(up=False, why="the system has not answered since the last time")
        future = asyncio.get_running_loop().run_in_executor(running.threads, work)
        self._stuck[probe.name] = future
        # Twice: a TLS probe may shake hands twice.
        done, _ = await asyncio.wait([future], timeout=2 * probe.timeout_s + 1)
        return future.result() if done else Outcome(up=False, why="no answer in time")

    def _origin(self, name: str) -> Origin:
        # Of no service: what packs look for in a service's own log does not stand in our records.
        return Origin(source=self.name, kind="probe", stream=name, format="record")

    def status(self) -> Mapping[str, object]:
        """`state` in a word; `down`, and `blocked` (what the system keeps from us), each by name; `counters`
        of this run: asked, failed, records."""
        watched = self._watched.items()
        down = {n: w.last.why for n, w in watched if w.known.up is False}
        blocked = {n: w.last.why for n, w in watched if w.known.blocked}
        up = sum(w.known.up is True and not w.known.blocked for _, w in watched)
        return {
            "state": f"{up} of {len(self._config.probes)} up",
            "down": down,
            "blocked": blocked,
            "counters": dict(self._counts),
        }


def _session() -> aiohttp.ClientSession:
    """A connection each time: one kept open would hide a name that is gone, and a new certificate."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    )


def _about(probe: Probe) -> Fields:
    about: Fields = {"probe": _kind(probe), "name": probe.name, "service": probe.service or probe.name}
    if isinstance(probe, HttpProbe | CanaryProbe | TcpProbe | TlsProbe):
        about["host"] = probe.host
    return about


def _kind(probe: Probe) -> str:
    match probe:
        case HttpProbe():
            return "http"
        case TcpProbe():
            return "tcp"
        case TlsProbe():
            return "tls"
        case AcmeProbe():
            return "acme"
        case ContainerProbe():
            return "container"
        case JobProbe():
            return "job"
        case FirewallProbe():
            return "firewall"
        case CanaryProbe():
            return "canary"
        case _:
            assert_never(probe)


def _target(probe: Probe) -> str:
    """What a mark belongs to; no URL, which may hold secrets."""
    match probe:
        case AcmeProbe():
            where = str(probe.path)
        case ContainerProbe():
            where = f"{probe.container} {probe.host}"
        case JobProbe():
            where = f"{probe.job} {probe.expect}"
        case FirewallProbe():
            where = "of this machine"
        case _:
            where = f"{probe.host}:{probe.port}"
    return f"{_kind(probe)} {where}"
