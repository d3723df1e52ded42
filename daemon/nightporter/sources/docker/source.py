"""The Docker source: one engine, the containers that the config chooses, and their lifecycle events.

**First sight.** What a container wrote before the source first met this engine is history and is not read.
From then on every line counts: a container that was quiet, stopped or not there yet begins at that moment.
When the config's choice of containers changes, those without a position begin at the next start.

**Engine away.** It is looked for again with growing waits up to 15 s, and by all of `find_engine`'s ways each
time. Followers keep what they know and go on from their last line. What happened to containers meanwhile
comes from the engine's memory of events, else from inspect (see `events.Lifecycle.missed`).

**Full.** While the sink blocks, logs are not read and the engine keeps them; up to 10,000 lifecycle records
wait. **Clocks.** Stamps are the engine's. Waiting is on the
monotonic clock. After a sleep of this machine every stream is opened anew. **Disk**: nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightporter.clock import Clock
from nightporter.config import DockerSource as DockerConfig
from nightporter.sources.base import Marks, Sink
from nightporter.sources.docker.watch import Watch


class DockerSource:
    """Implements `sources.base.Source` for `kind: docker`."""

    def __init__(self, config: DockerConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._watch: Watch | None = None

    @property
    def name(self) -> str:
        return self._config.name

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Follow until cancelled; an engine that goes and comes is no error."""
        self._watch = Watch(self._config, self._clock, marks, sink)
        await self._watch.run()

    def labels(self) -> tuple[Mapping[str, str], ...]:
        """The labels of each running container that the config chooses, as they were last seen."""
        return self._watch.labels() if self._watch is not None else ()

    def status(self) -> Mapping[str, object]:
        """`engine`, `chosen_why` and `looked_at` (for doctor), `api_version`; `up`, else `away_why`, and
        since when (`changed`); names of containers `following`; `blind` and `engine_errors` by name;
        `counters` of this run: lines, repeats_dropped, stepped_back, cut, unstamped, reconnects, hung,
        engine_lost, slept, records (of containers' lives, handed on), events_dropped, bad_events,
        ooms_folded."""
        return self._watch.status() if self._watch is not None else {"up": False, "away_why": "not started"}
