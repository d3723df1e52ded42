"""The integrity source: a `Watch` on a thread of its own, which hands what changed to the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from nightporter.clock import Clock
from nightporter.config import IntegritySource as IntegrityConfig
from nightporter.model import Chunk, Origin
from nightporter.sources.base import Marks, Sink
from nightporter.sources.files.waker import FolderWaker, Waker
from nightporter.sources.integrity.accepting import Desk
from nightporter.sources.integrity.change import change
from nightporter.sources.integrity.state import readable
from nightporter.sources.integrity.watch import Patterns, Watch

POLL_S: Final = 5.0
"""How often every path is asked for its times, whatever the waker says."""
DESK_S: Final = 2.5
"""How often it is looked whether somebody accepts something."""
UNSETTLED_S: Final = 0.25
REST: Final = 4.0
"""What keeps changing is looked at in a fifth of the time at most: so many times as long as a look took."""
CLOSE_S: Final = 2.0
"""How long an end waits for the thread, which a network file system may hold."""


class IntegritySource:
    """One `kind: integrity` entry. Implements `sources.base.Source`.

    While the sink blocks nothing is looked at; what changes meanwhile is then seen as one change. A cancelled
    run forgets what was not given out; the next one goes on from the marks that it is handed.
    """

    def __init__(
        self,
        config: IntegrityConfig,
        clock: Clock,
        state: Path | None = None,
        *,
        home: Path | None = None,
        make_waker: Callable[[], Waker] | None = None,
    ) -> None:
        """`state`: the folder in which requests to accept are left; None: none are taken."""
        self._config = config
        self._clock = clock
        self._desk = Desk(state, config.name) if state is not None else None
        self._home = home or Path.home()
        self._make_waker = make_waker or (lambda: FolderWaker(clock))
        self._watch: Watch | None = None
        self._waker: Waker | None = None
        self._status: Mapping[str, object] = {"kind": "integrity", "state": "waiting", "blind": []}

    @property
    def name(self) -> str:
        return self._config.name

    async def run(self, marks: Marks, sink: Sink) -> None:
        loop = asyncio.get_running_loop()
        origin = Origin(source=self.name, kind="integrity", stream=self.name, format="record")
        patterns = Patterns(self._config.paths, self._home, self._config.usual, self._config.own)
        watch = Watch.resumed(origin, patterns, marks, self._desk)
        waker = self._make_waker()
        looker = _Looker(watch, waker, self._clock, self._note)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"integrity {self.name}")
        try:
            while True:
                for chunk in await loop.run_in_executor(thread, looker.next_chunks):
                    await sink(chunk)
        finally:
            looker.stop()
            closing = loop.run_in_executor(thread, waker.close)
            thread.shutdown(wait=False)
            await asyncio.wait([closing], timeout=CLOSE_S)

    def _note(self, status: Mapping[str, object]) -> None:
        self._status = status

    def status(self) -> Mapping[str, object]:
        """`state` (following, waiting: not looked yet, blind), `blind` (texts), `unaccepted` (path → what is
        another since it was accepted), `files`, `waking`, `counts`."""
        return self._status


def status_of(watch: Watch, waking: str) -> Mapping[str, object]:
    """What the source says of itself after a look."""
    blind = sorted(watch.troubles.values())
    unaccepted: dict[str, str] = {}
    for path, known in sorted(watch.known.items()):
        if known.baseline.accepted is not None:
            what = change(known.baseline.accepted, known.baseline.told)
            unaccepted[readable(path)] = what.what if what else "it was changed"
    return {
        "kind": "integrity",
        "state": "blind" if blind else "following",
        "blind": blind,
        "unaccepted": unaccepted,
        "files": sum(known.baseline.told.kind != "absent" for known in watch.known.values()),
        "waking": "looked at every 5 s, for new files every minute" if waking else "events",
        "counts": dict(watch.counts),
    }


class _Looker:
    """What runs on the thread. It waits there too."""

    def __init__(
        self, watch: Watch, waker: Waker, clock: Clock, note: Callable[[Mapping[str, object]], None]
    ) -> None:
        self._watch = watch
        self._waker = waker
        self._clock = clock
        self._note = note
        self._looked_at: float | None = None
        self._rest_until = 0.0
        self._moved = False
        self._stop = threading.Event()

    def next_chunks(self) -> list[Chunk]:
        """Look until there is something to give out, or until `stop`."""
        chunks: list[Chunk] = []
        while not chunks and not self._stop.is_set():
            if self._looked_at is not None:
                self._wait(self._looked_at)
            if self._stop.is_set():
                break
            self._looked_at = now = self._clock.monotonic()
            chunks = self._watch.turn(now, self._clock.now(), moved=self._moved)
            ended = self._clock.monotonic()
            self._rest_until = ended + max(UNSETTLED_S, REST * (ended - now))
            self._waker.watch(self._watch.targets)
            self._note(status_of(self._watch, self._waker.trouble))
        return chunks

    def _wait(self, looked_at: float) -> None:
        """Until something moved, somebody accepts, or it is time. While something settles nothing is heeded,
        so more may have moved than was seen."""
        self._moved = self._watch.unsettled
        while not self._stop.is_set() and not self._watch.unsettled:
            begun = self._clock.monotonic()
            self._waker.wait(DESK_S, heed=True)
            now = self._clock.monotonic()
            self._moved = now - begun < DESK_S - 0.001
            if self._moved or now - looked_at >= POLL_S or self._is_asked():
                break
            self._waker.watch(self._watch.targets)  # so that a folder with too much traffic is left alone
        rest = self._rest_until - self._clock.monotonic()
        if rest > 0:
            self._waker.wait(rest, heed=False)
            self._moved = True

    def _is_asked(self) -> bool:
        desk = self._watch.desk
        return desk is not None and desk.request.exists()

    def stop(self) -> None:
        """End `next_chunks` soon. From any thread."""
        self._stop.set()
        self._waker.stop()
