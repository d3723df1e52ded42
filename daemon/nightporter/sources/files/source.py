"""The file source: a `Group` on a thread of its own, which hands whole chunks to the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from nightporter.clock import Clock
from nightporter.config import FileSource as FileSourceConfig
from nightporter.model import Chunk
from nightporter.sources.base import Marks, Sink
from nightporter.sources.files.group import Group
from nightporter.sources.files.waker import FolderWaker, Waker

CHUNK_BYTES: Final = 64 * 1024
QUIET_POLL_S: Final = 0.5
"""The truth, whatever the waker says: FSEvents misses appends."""
BUSY_POLL_S: Final = 0.05
STILL_BUSY_S: Final = 1.0
"""A source is busy for so long after it last read something; then it listens to its waker again."""
UNWATCH_S: Final = 2.0
"""Busy for longer than this, its watches are given back: at 10,000 appends a second they alone cost 29 % of a
core (Linux, 2026-11)."""
CLOSE_S: Final = 2.0
"""How long an end waits for the thread, which a network file system may hold."""


class Pace:
    """When to look again: pure, in monotonic seconds."""

    def __init__(self) -> None:
        self._moved_at = float("-inf")
        self._busy_since = 0.0

    def moved(self, now: float) -> None:
        """Something was read."""
        if not self.is_busy(now):
            self._busy_since = now
        self._moved_at = now

    def is_busy(self, now: float) -> bool:
        """Poll fast and heed no wake."""
        return now - self._moved_at < STILL_BUSY_S

    def wants_watch(self, now: float) -> bool:
        """Whether the watches are worth what they cost."""
        return not self.is_busy(now) or now - self._busy_since < UNWATCH_S


class FileSource:
    """One `kind: file` entry: paths and globs, each file a stream.

    What is given to the sink waits there while the judge is behind, and nothing more is read meanwhile: the
    files themselves are the queue. A cancelled run forgets what was not given out; the next one goes on
    from the marks that it is handed.
    """

    def __init__(
        self,
        config: FileSourceConfig,
        clock: Clock,
        make_waker: Callable[[], Waker] | None = None,
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._config = config
        self._clock = clock
        self._make_waker = make_waker or (lambda: FolderWaker(clock))
        self._chunk_bytes = chunk_bytes
        self._group: Group | None = None
        self._waker: Waker | None = None

    @property
    def name(self) -> str:
        return self._config.name

    async def run(self, marks: Marks, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        self._group = Group(self._config, dict(marks), chunk_bytes=self._chunk_bytes)
        self._waker = self._make_waker()
        reader = _Reader(self._group, self._waker, self._clock)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"files {self.name}")
        try:
            while True:
                for chunk in await loop.run_in_executor(thread, reader.next_chunks):
                    await sink(chunk)
        finally:
            reader.stop()
            closing = loop.run_in_executor(thread, reader.close)
            thread.shutdown(wait=False)
            await asyncio.wait([closing], timeout=CLOSE_S)

    def status(self) -> Mapping[str, object]:
        """`state` (following, waiting: nothing there yet, blind), `blind` (texts), `waiting` (paths),
        `waking`, `streams`, `counts`. Plain reads of what the thread writes: each figure is true, not all
        of one instant."""
        group = self._group
        if group is None:
            return {"kind": "file", "state": "waiting", "blind": [], "waiting": list(self._config.paths)}
        followers = group.followers()
        blind = group.troubles()
        following = any(follower.state == "following" for follower in followers)
        return {
            "kind": "file",
            "state": "blind" if blind else "following" if following else "waiting",
            "blind": blind,
            "waiting": [str(follower.path) for follower in followers if follower.state == "waiting"],
            "waking": (self._waker.trouble if self._waker else "") or "events",
            "streams": {
                follower.origin.stream: {"state": follower.state, "behind_bytes": follower.behind()}
                for follower in followers
            },
            "counts": dict(group.counters()),
        }


class _Reader:
    """What runs on the thread. It waits there too: a quiet file costs the loop nothing."""

    def __init__(self, group: Group, waker: Waker, clock: Clock) -> None:
        self._group = group
        self._waker = waker
        self._clock = clock
        self._pace = Pace()
        self._stopped = False

    def next_chunks(self) -> list[Chunk]:
        """Look until there is something to give out, or until `stop`."""
        chunks: list[Chunk] = []
        while not chunks and not self._stopped:
            now = self._clock.monotonic()
            if self._group.looked and not self._group.busy:
                busy = self._pace.is_busy(now)
                self._waker.wait(BUSY_POLL_S if busy else QUIET_POLL_S, heed=not busy)
                now = self._clock.monotonic()
            self._waker.watch(self._group.targets if self._pace.wants_watch(now) else frozenset())
            chunks = self._group.round(now, self._clock.now())
            if self._group.moved:
                self._pace.moved(now)
        return chunks

    def stop(self) -> None:
        """End `next_chunks` soon. From any thread."""
        self._stopped = True
        self._waker.stop()

    def close(self) -> None:
        self._group.close()
        self._waker.close()
