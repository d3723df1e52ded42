"""One container's log, followed for as long as the container exists."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Final, Protocol

from nightporter.clock import Clock
from nightporter.errors import Unreachable, WorldError
from nightporter.model import Chunk, Origin
from nightporter.model import Position as StreamPosition
from nightporter.sources.base import Sink
from nightporter.sources.docker.container import Container
from nightporter.sources.docker.engine import Engine, Stream
from nightporter.sources.docker.frames import Demux, Line, format_since
from nightporter.sources.docker.repeats import Mark, Position, Repeats

CHUNK_BYTES: Final = 64 * 1024
CHUNK_LINES: Final = 512
IDLE_S: Final = 5.0
"""After this long without a byte the engine is asked for the container's last line, then after twice as long
and so on. Streams hang without an error: on 20.10 with the driver `local` at a rotation, on a Mac by sleep.
One line from the end is cheap (3 ms); reopening scans the whole log file."""
_LONGEST_IDLE_S: Final = 120.0
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 15.0


class Engines(Protocol):
    """Where a follower gets its engine from."""

    async def get(self) -> Engine:
        """The engine that is there; waits while there is none."""
        ...


class _Next(Enum):
    """What to do when a stream has ended."""

    reopen = auto()
    wait = auto()
    leave = auto()


class Follower:
    """Follows one container over its restarts and the engine's, from its mark on; ends when it is destroyed.

    A connection that breaks is opened again from the last line's stamp, with growing waits up to 15 s. A
    container that has stopped is waited for (`wake`). A log driver that cannot be read makes it blind until
    the next `wake`, not tried again in between. While the sink blocks, nothing is read, and the engine keeps
    the lines (in its log files, as long as the driver's rotation leaves them).
    """

    def __init__(
        self, container: Container, origin: Origin, mark: Mark, clock: Clock, idle_s: float = IDLE_S
    ) -> None:
        self.container = container
        self.origin = origin
        self.blind = ""
        self.lines = 0
        self.cut = 0
        self.unstamped = 0
        self.reconnects = 0
        self.hung = 0
        self.engine_error = ""
        self._clock = clock
        self._idle_s = idle_s
        self._position = Position(mark)
        self._repeats = Repeats(mark)
        self._newest = self._position.newest
        self._awake = asyncio.Event()
        self._gone = False
        if container.running or container.finished >= mark.floor:
            self._awake.set()

    @property
    def mark(self) -> Mark:
        """Where it stands."""
        return self._position.mark

    @property
    def repeats_dropped(self) -> int:
        return self._repeats.dropped

    @property
    def stepped_back(self) -> int:
        return self._repeats.stepped_back

    def wake(self) -> None:
        """The container was started."""
        self._awake.set()

    def let_go(self) -> None:
        """The container was destroyed: read what still comes, then end."""
        self._gone = True
        self._awake.set()

    async def run(self, engines: Engines, sink: Sink) -> None:
        failures = 0
        while True:
            await self._awake.wait()
            if self._gone:
                return
            engine = await engines.get()
            before = self.lines
            try:
                following = await self._read(engine, sink)
            except WorldError as err:
                following, self.engine_error = _Next.reopen, str(err)
            if following is _Next.leave:
                return
            failures = 0 if self.lines > before else failures + 1
            if following is _Next.reopen:
                self.reconnects += 1
                await self._clock.sleep(min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failures, 10)))

    async def _read(self, engine: Engine, sink: Sink) -> _Next:
        """Read one stream to its end. Raises WorldError when the engine fails."""
        demux = Demux(tty=self.container.tty)
        try:
            async with engine.stream(self._path, self._query()) as stream:
                if stream.status != 200:
                    return self._refused(stream.status, await stream.all())
                self.blind = self.engine_error = ""
                if not await self._pump(engine, stream, demux, sink):
                    return _Next.reopen
            self._awake.clear()  # before the question: a start after it sets it again
            container = await engine.inspect(self.container.id)
            if container is not None and container.running:
                # Restarted, or the engine is going away. A last line without its newline is not given out:
                # it may be cut off here, and comes again, since the position stands before it.
                self._awake.set()
                return _Next.reopen
            await self._give(demux.rest(), sink)
            if container is None:
                return _Next.leave
            # 20.10 with `local` ends a stream early after rotations: the rest may still be in the files.
            if await self._has_more(engine):
                self._awake.set()
                return _Next.reopen
            return _Next.wait
        finally:
            self.cut += demux.cut
            self.unstamped += demux.unstamped
            self.engine_error = demux.error or self.engine_error

    @property
    def _path(self) -> str:
        return f"/containers/{self.container.id}/logs"

    def _query(self) -> dict[str, str]:
        query = {"follow": "1", "stdout": "1", "stderr": "1", "timestamps": "1"}
        if self._position.floor > 0:
            query["since"] = format_since(self._position.floor)
        return query

    def _refused(self, status: int, body: bytes) -> _Next:
        """404: destroyed. 501: the log driver ("none", syslog, …) cannot be read (20.10, 26.1). The rest may
        heal. Raises Unreachable."""
        text = body[:300].decode("utf-8", "replace").strip()
        if status == 404:
            return _Next.leave
        if status == 501 or "does not support reading" in text:
            self._awake.clear()
            self.blind = f"its log driver {self.container.driver!r} cannot be read; use json-file or local"
            return _Next.wait
        raise Unreachable(f"the engine refuses the log of {self.container.name}: {status} {text}")

    async def _pump(self, engine: Engine, stream: Stream, demux: Demux, sink: Sink) -> bool:
        """Read until the stream ends (True) or turns out to hang (False)."""
        idle_s = self._idle_s
        while True:
            data = await stream.read(idle_s)
            if data:
                idle_s = self._idle_s
                await self._give(demux.feed(data), sink)
            elif data is not None:
                return True
            elif await self._has_more(engine):
                self.hung += 1
                return False
            else:
                idle_s = min(2 * idle_s, _LONGEST_IDLE_S)

    async def _has_more(self, engine: Engine) -> bool:
        """Whether the engine has a newer line than its stream gave us, or does not say."""
        query = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": "1"}
        try:
            async with engine.stream(self._path, query) as stream:
                if stream.status != 200:
                    return True
                demux = Demux(tty=self.container.tty)
                last = [*demux.feed(await stream.all()), *demux.rest()]
        except Unreachable:
            return True
        return any(line.stamp > self._newest for line in last)

    async def _give(self, lines: Sequence[Line], sink: Sink) -> None:
        fresh = [line for line in lines if self._repeats.admit(line.stamp, line.text)]
        for batch in batches(fresh):
            texts = [line.text for line in batch]
            stamps = tuple(line.stamp for line in batch)
            start = self._position.offset
            data = b"".join(texts)
            mark = self._position.advance(stamps, texts, len(data))
            self._newest = max(self._newest, max(stamps))
            self.lines += len(batch)
            await sink(
                Chunk(
                    origin=self.origin,
                    data=data,
                    start=start,
                    identity=self.container.id,
                    end=StreamPosition(self.origin.source, self.container.stream, mark.encode()),
                    arrived=self._clock.now(),
                    stamps=stamps,
                    channels=bytes(line.channel for line in batch),
                )
            )


def batches(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """The lines in runs of at most 512 and 64 KiB; a longer line goes alone."""
    start, size = 0, 0
    for at, line in enumerate(lines):
        if at > start and (size + len(line.text) > CHUNK_BYTES or at - start == CHUNK_LINES):
            yield lines[start:at]
            start, size = at, 0
        size += len(line.text)
    if start < len(lines):
        yield lines[start:]
