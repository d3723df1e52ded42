"""The file source: a `Group` on a thread of its own, paced and woken from the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from nightporter.clock import Clock
from nightporter.config import FileSource as FileSourceConfig
from nightporter.model import Chunk
from nightporter.sources.base import Marks, Sink
from nightporter.sources.files.group import Group
from nightporter.sources.files.waker import FolderWaker, Target, Waker

CHUNK_BYTES: Final = 64 * 1024
QUIET_POLL_S: Final = 0.25
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
        waker: Waker | None = None,
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._config = config
        self._clock = clock
        self._given_waker = waker
        self._chunk_bytes = chunk_bytes
        self._group: Group | None = None
        self._waker: Waker | None = None

    @property
    def name(self) -> str:
        return self._config.name

    async def run(self, marks: Marks, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        group = self._group = Group(self._config, dict(marks), chunk_bytes=self._chunk_bytes)
        waker = self._waker = self._given_waker or FolderWaker(self._clock)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"files {self.name}")
        pace = Pace()
        try:
            while True:
                watch = pace.wants_watch(self._clock.monotonic())
                for chunk in await loop.run_in_executor(thread, self._round, group, waker, watch):
                    await sink(chunk)
                now = self._clock.monotonic()
                if group.moved:
                    pace.moved(now)
                if not group.busy:
                    busy = pace.is_busy(now)
                    await waker.wait(BUSY_POLL_S if busy else QUIET_POLL_S, heed=not busy)
        finally:
            closing = loop.run_in_executor(thread, _close, group, waker)
            thread.shutdown(wait=False)
            await asyncio.wait([closing], timeout=CLOSE_S)

    def _round(self, group: Group, waker: Waker, watch: bool) -> list[Chunk]:
        """One look at everything; runs on the thread."""
        chunks = group.round(self._clock.monotonic(), self._clock.now())
        targets: frozenset[Target] = group.targets if watch else frozenset()
        waker.watch(targets)
        return chunks

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


def _close(group: Group, waker: Waker) -> None:
    group.close()
    waker.close()
