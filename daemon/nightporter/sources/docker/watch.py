"""One run of the Docker source: the engine kept, its containers followed, its events told."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from nightporter.clock import Clock
from nightporter.config import DockerSource as DockerConfig
from nightporter.errors import Unreachable, WorldError
from nightporter.model import SECOND, Chunk, Origin, Stamp, short_id
from nightporter.model import Position as StreamPosition
from nightporter.sources.base import Marks, Sink
from nightporter.sources.docker.container import SELF_LABEL, Container, chosen, log_origin, own_container
from nightporter.sources.docker.engine import Endpoint, Engine, EngineSlot, ask, connect, find_engine
from nightporter.sources.docker.events import ACTIONS, EngineEvent, EventLines, Happening, Lifecycle
from nightporter.sources.docker.follow import Follower
from nightporter.sources.docker.frames import format_since
from nightporter.sources.docker.memory import EventsMark, Told, events_mark
from nightporter.sources.docker.pulse import Pulse
from nightporter.sources.docker.repeats import Mark, Position, Repeats, decode_mark
from nightporter.sources.docker.standing import Standing

EVENTS: Final = "events"
"""The stream of lifecycle records."""
_FIRST_WAIT_S: Final = 0.25
_LONGEST_WAIT_S: Final = 15.0
_REPLAY_S: Final = 1.0
"""How long after opening the event stream its memory has surely come."""
_LOOK_AGAIN_S: Final = 120.0
"""A quiet event stream is opened anew this often, and the containers are listed: sleep hangs streams."""
_PULSE_S: Final = 5.0
"""How often the two clocks are compared while nothing comes."""
_THREADS: Final = 2
_BATCH: Final = 256
_MAX_MARKS: Final = 1000


def _counts(followers: Iterable[Follower]) -> Counter[str]:
    names = ("lines", "repeats_dropped", "stepped_back", "cut", "unstamped", "reconnects", "hung")
    total: Counter[str] = Counter()
    for follower in followers:
        total.update({name: getattr(follower, name) for name in names})
    return total


class Watch:
    """One run of the source: what begins with the committed marks and ends with cancellation."""

    def __init__(self, config: DockerConfig, clock: Clock, marks: Marks, sink: Sink) -> None:
        self._config = config
        self._clock = clock
        self._sink = sink
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"docker-{config.name}")
        self._log = structlog.get_logger().bind(source=config.name)
        self._marks = _newest_by_id(marks)
        self._kept = events_mark(marks.get(EVENTS))
        self._choice = short_id(*config.containers, "-", *config.exclude)
        self._began: Stamp | None = None
        self._position = Position(Mark(id=EVENTS, floor=0))
        self._seen = Repeats(Mark(id=EVENTS, floor=0))
        self._heard: Stamp = 0
        self._lifecycle = Lifecycle()
        self._told = self._kept.told if self._kept is not None else Told()
        self._standing = Standing(self._told)
        self._asked_at: Stamp = 0
        self._asked_at_s = 0.0
        self._caught_up = False
        self._news = asyncio.Event()
        self._slot = EngineSlot()
        self._wait_s = _FIRST_WAIT_S
        self._containers: dict[str, Container] = {}
        self._followers: dict[str, Follower] = {}
        self._following: dict[str, asyncio.Task[None]] = {}
        self._totals: Counter[str] = Counter(engine_lost=0, slept=0, bad_events=0, records=0)
        self._own = ""
        self._endpoint: Endpoint | None = None
        self._api_version = ""
        self._up = False
        self._why_away = "not looked for yet"
        self._changed: Stamp = clock.now()

    async def run(self) -> None:
        """Watch until cancelled. Call once."""
        loop = asyncio.get_running_loop()
        try:
            self._own = await loop.run_in_executor(self._pool, _read_own_container)
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._tell())
                self._tasks.create_task(self._keep_engine())
        finally:
            self._up, self._why_away = False, "not running"
            self._pool.shutdown(wait=False, cancel_futures=True)

    def labels(self) -> tuple[Mapping[str, str], ...]:
        """See `DockerSource.labels`."""
        return tuple(container.labels for container in self._containers.values() if container.running)

    def status(self) -> Mapping[str, object]:
        """See `DockerSource.status`."""
        followers = sorted(self._followers.values(), key=lambda f: f.container.name)
        counters = Counter(self._totals)
        counters.update(_counts(followers))
        counters.update(events_dropped=self._lifecycle.dropped, ooms_folded=self._lifecycle.ooms_folded)
        return {
            "engine": self._endpoint.url if self._endpoint else "",
            "chosen_why": self._endpoint.why if self._endpoint else "",
            "looked_at": list(self._endpoint.passed) if self._endpoint else [],
            "api_version": self._api_version,
            "up": self._up,
            "away_why": "" if self._up else self._why_away,
            "changed": self._changed,
            "following": [f.container.name for f in followers],
            "blind": {f.container.name: f.blind for f in followers if f.blind},
            "engine_errors": {f.container.name: f.engine_error for f in followers if f.engine_error},
            "counters": dict(counters),
        }

    async def _keep_engine(self) -> None:
        """Keep an engine, for ever."""
        lost = False
        while True:
            try:
                endpoint = await ask(
                    self._pool, lambda: find_engine(self._config.host, os.environ, Path.home())
                )
                async with connect(endpoint, self._pool) as engine:
                    await self._attend(engine, lost)
                lost = False
            except WorldError as err:
                if self._went(err):
                    lost = True
                    self._note("engine_down", self._clock.now())
            await self._clock.sleep(self._wait_s)
            self._wait_s = min(_LONGEST_WAIT_S, 2 * self._wait_s)

    async def _tell(self) -> None:
        """Hand on the lifecycle records as they settle."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s()):
                    await self._news.wait()
            self._news.clear()
            self._add_standing()
            settled = self._lifecycle.take(self._clock.monotonic())
            for at in range(0, len(settled), _BATCH):
                await self._tell_batch(settled[at : at + _BATCH])

    def _patience_s(self) -> float | None:
        """How long nothing is to be told unless something happens."""
        standing_s = self._standing.wait_s(self._engine_now()) if self._caught_up else None
        lifecycle_s = self._lifecycle.wait_s(self._clock.monotonic())
        return min((s for s in (standing_s, lifecycle_s) if s is not None), default=None)

    def _add_standing(self) -> None:
        """Tell what stands, once all that the engine remembers was heard: it is older."""
        if self._caught_up:
            self._lifecycle.add(self._standing.take(self._engine_now()))

    async def _set_clock(self, engine: Engine) -> Stamp:
        """Ask for the engine's time."""
        self._asked_at = await engine.now() or self._clock.now()
        self._asked_at_s = self._clock.monotonic()
        return self._asked_at

    def _engine_now(self) -> Stamp:
        """By the monotonic clock since it was asked: what slept with this machine did not run meanwhile."""
        return self._asked_at + int((self._clock.monotonic() - self._asked_at_s) * SECOND)

    def _came(self, engine: Engine) -> None:
        self._endpoint, self._api_version = engine.endpoint, engine.api_version
        self._up, self._changed = True, self._clock.now()
        self._log.info("docker.engine_up", engine=engine.endpoint.url, why=engine.endpoint.why)

    def _went(self, err: WorldError) -> bool:
        """Note that the engine is away; whether it had been there."""
        was_up, self._up = self._up, False
        if was_up or self._why_away != str(err):
            self._log.warning("docker.engine_away", reason=str(err))
        if was_up:
            self._changed = self._clock.now()
            self._totals["engine_lost"] += 1
        self._why_away = str(err)
        return was_up

    async def _tell_batch(self, batch: list[Happening]) -> None:
        start = self._position.offset
        lines = [h.line for h in batch]
        stamps = tuple(h.stamp for h in batch)
        theirs = [h for h in batch if h.key]  # what is ours is no place to go on from
        mark = self._position.advance(
            [h.stamp for h in theirs], [h.key for h in theirs], sum(map(len, lines))
        )
        for happening in batch:
            self._told.note(happening.container, happening.record)
        kept = EventsMark(position=mark, began=self._began or 0, choice=self._choice, told=self._told)
        origin = Origin(
            source=self._config.name,
            kind="docker_events",
            stream=EVENTS,
            format="record",
            lateness=int(self._config.lateness_s * SECOND),
        )
        await self._sink(
            Chunk(
                origin=origin,
                data=b"".join(lines),
                start=start,
                identity=f"{self._config.name}:{EVENTS}",
                end=StreamPosition(self._config.name, EVENTS, msgspec.json.encode(kept)),
                arrived=self._clock.now(),
                stamps=stamps,
            )
        )
        self._totals["records"] += len(batch)

    async def _attend(self, engine: Engine, lost: bool) -> None:
        """Watch one engine until this machine has slept, or it goes: raises WorldError then."""
        now = await self._set_clock(engine)
        self._caught_up = False
        if self._began is None:
            self._begin(now)
        await self._look(engine)
        self._came(engine)
        if lost:
            self._note("engine_up", now)
        self._slot.set(engine)
        try:
            slept = await self._events(engine, self._heard)
            while not slept:
                await self._set_clock(engine)
                await self._look(engine)
                slept = await self._events(engine, None)
        finally:
            self._slot.set(None)

    def _begin(self, now: Stamp) -> None:
        """The first sight of the engine in this run."""
        if self._kept is not None:
            self._position = Position(self._kept.position)
            self._seen = Repeats(self._kept.position)
        else:
            self._position = Position(Mark(id=EVENTS, floor=now))
            self._seen = Repeats(Mark(id=EVENTS, floor=now))
        self._heard = self._position.newest
        if self._kept is not None and self._kept.choice == self._choice:
            self._began = self._kept.began
        else:
            self._began = now
            self._note("engine_up", now)  # its commit keeps `began`

    def _note(self, action: str, stamp: Stamp) -> None:
        self._lifecycle.note(action, stamp)
        self._news.set()

    async def _look(self, engine: Engine) -> None:
        """List the containers; follow the new ones, let go of those that are not there any more."""
        ids = await engine.ids()
        for gone in self._containers.keys() - set(ids):
            self._drop(gone)
        for container_id in ids:
            await self._inspect(engine, container_id)
        self._lifecycle.forget(ids)
        self._standing.forget(ids)
        self._told.forget(ids, [container.name for container in self._containers.values()])

    async def _inspect(self, engine: Engine, container_id: str) -> None:
        container = await engine.inspect(container_id)
        if container is not None:
            self._take(container)

    def _is_ours(self, container: Container) -> bool:
        """Whether it is to be watched; our own container never is (it would hear itself)."""
        own = container.id == self._own or SELF_LABEL in container.labels
        return not own and chosen(container, self._config)

    def _take(self, container: Container) -> None:
        """A container as it now stands: begin, go on with, or end following it."""
        self._containers[container.id] = container
        follower = self._followers.get(container.id)
        if not self._is_ours(container):
            if follower is not None:
                self._following[container.id].cancel()  # renamed to what the config leaves out
        elif follower is None:
            self._follow(container)
        else:
            if container.started != follower.container.started:
                follower.wake()  # even if it has ended since: what it wrote is unread
            follower.container = container
        if self._is_ours(container):
            self._standing.sees(container, self._engine_now())
            self._add_standing()  # at once, before what comes next
            self._news.set()
        self._name_origins()

    def _follow(self, container: Container) -> None:
        mark = self._marks.pop(container.id, None) or Mark(id=container.id, floor=self._began or 0)
        follower = Follower(container, log_origin(container, self._config, ()), mark, self._clock)
        self._followers[container.id] = follower
        self._following[container.id] = self._tasks.create_task(self._follow_to_its_end(follower))

    async def _follow_to_its_end(self, follower: Follower) -> None:
        try:
            await follower.run(self._slot, self._sink)
        finally:
            container_id = follower.container.id
            del self._followers[container_id], self._following[container_id]
            self._totals.update(_counts([follower]))  # what it counted stays
            self._marks[container_id] = follower.mark  # it may come back: another engine was current
            while len(self._marks) > _MAX_MARKS:
                del self._marks[next(iter(self._marks))]

    def _name_origins(self) -> None:
        """Names and networks may have changed; a lane is built for each distinct origin, so only then."""
        proxies = tuple(a for c in self._containers.values() if c.is_proxy for a in c.addresses)
        for follower in self._followers.values():
            origin = log_origin(follower.container, self._config, proxies)
            if origin != follower.origin:
                follower.origin = origin

    def _drop(self, container_id: str) -> None:
        self._containers.pop(container_id, None)
        follower = self._followers.get(container_id)
        if follower is not None:
            follower.let_go()

    async def _events(self, engine: Engine, missed_since: Stamp | None) -> bool:
        """Read the event stream until it has been quiet for long (False), or this machine has slept (True):
        then all streams have to be opened anew, since those of before may hang. Raises WorldError when it
        breaks. With `missed_since`: once the engine's memory has come, tell what it does not hold."""
        filters = msgspec.json.encode({"type": ["container"], "event": list(ACTIONS)}).decode()
        query = {"since": format_since(self._position.floor), "filters": filters}
        parser, pulse = EventLines(), Pulse(self._clock)
        async with engine.stream("/events", query) as stream:
            if stream.status != 200:
                raise Unreachable(f"the engine refuses its events: {stream.status} {await stream.all(300)!r}")
            while True:
                data = await stream.read(_REPLAY_S if missed_since is not None else _PULSE_S)
                if data == b"":
                    raise Unreachable("the engine ended its event stream")
                for event in parser.feed(data or b""):
                    await self._on_event(engine, event)
                self._totals["bad_events"] += parser.bad
                parser.bad = 0
                if missed_since is not None and pulse.running_s() >= _REPLAY_S:
                    self._tell_missed(missed_since)
                    missed_since, self._wait_s = None, _FIRST_WAIT_S
                if pulse.has_slept():
                    self._totals["slept"] += 1
                    return True
                if data is None and pulse.quiet_s() >= _LOOK_AGAIN_S:
                    await engine.ping()
                    return False
                if data is not None:
                    pulse.beat()

    def _tell_missed(self, since: Stamp) -> None:
        for follower in self._followers.values():
            self._lifecycle.missed(follower.container, since)
        self._standing.missed(self._containers, self._engine_now())
        self._caught_up = True
        self._news.set()

    async def _on_event(self, engine: Engine, event: EngineEvent) -> None:
        if not self._seen.admit(event.stamp, event.key):
            return
        self._heard = max(self._heard, event.stamp)
        if event.action.partition(":")[0] in ACTIONS and self._is_ours(event.container):
            self._lifecycle.feed(event, self._clock.monotonic())
            self._standing.hears(event)
            self._news.set()
        if event.action in ("create", "start", "rename"):
            await self._inspect(engine, event.actor.id)  # may raise: by now the event is safe
        elif event.action == "destroy":
            self._drop(event.actor.id)


def _read_own_container() -> str:
    """The container that this process runs in, or "" (macOS has no /proc: never in one there)."""
    try:
        return own_container(Path("/proc/self/mountinfo").read_text("utf-8", "replace"))
    except OSError:
        return ""


def _newest_by_id(marks: Marks) -> dict[str, Mark]:
    """Each container's mark, by id: a rename changes the stream's name, and the newer mark stands."""
    by_id: dict[str, Mark] = {}
    for stream, raw in marks.items():
        mark = decode_mark(raw) if stream != EVENTS else None
        if mark is not None and mark.offset >= by_id.get(mark.id, mark).offset:
            by_id[mark.id] = mark
    return by_id
