"""The judge: takes chunks from all sources one by one, and commits what they changed.

Between two batches, in one transaction: the positions of what the engine has judged, the changed window rows,
learned values, incidents and outbox rows. Nothing is sent before it; after a crash the commit is the truth,
and reading goes on from its positions.

What people must be told is committed at once. What only moved on (a position, a count below its threshold)
may wait up to COMMIT_EVERY_S: should we die before, the lines are judged again from the last commit on, with
the windows of that commit, and give the same answer.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Protocol

from structlog.typing import FilteringBoundLogger

from nightporter.clock import Clock, to_beat
from nightporter.detect.changes import LearnedRow, WindowRow
from nightporter.detect.engine import Engine
from nightporter.errors import Unreachable
from nightporter.history import Rows, Tally
from nightporter.incidents.changes import LedgerChanges
from nightporter.incidents.ledger import Ledger
from nightporter.lane import Lanes
from nightporter.model import (
    DAY,
    MINUTE,
    Chunk,
    Event,
    Incident,
    Position,
    Severity,
    Stamp,
    Telling,
    short_id,
)
from nightporter.own import Own
from nightporter.rule import Ruleset
from nightporter.store import history, state
from nightporter.store import incidents as incident_rows
from nightporter.store.database import Database

COMMIT_EVERY_S: Final = 1.0
HISTORY_EVERY_S: Final = 300.0
"""How long what only the history counted may wait for another reason to commit."""
WAITING_S: Final = 0.25
"""How often the engine is advanced while something in it waits for the clock."""
IDLE_S: Final = 5.0
"""How often a quiet house is looked at: ends of episodes, and what is due to be told again."""
AWAY: Final = MINUTE
"""A longer time between two looks at the clock was none of ours: the machine slept, or its clock jumped."""
QUEUE_CHUNKS: Final = 16
"""Chunks that wait for the judge; a source that brings more waits (at most 1 MiB of lines at 64 KiB each)."""
BATCH_CHUNKS: Final = 8
"""Chunks judged between two commits, at most."""
RETRY_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
LAST_COMMIT: Final = "last commit"
"""The text in the store that says when the last commit was, as a stamp."""


class Outbox(Protocol):
    """What the judge needs of the outbox: rows that belong in its commit, and a nudge after it."""

    def keep(self, connection: sqlite3.Connection, tellings: Sequence[Telling], now: Stamp) -> None:
        """Write the tellings' rows, for every destination they go to; runs inside the commit."""
        ...

    def wake(self) -> None:
        """Something was committed that may have to go out."""
        ...


@dataclass(slots=True)
class Batch:
    """What goes into one commit."""

    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    windows: list[WindowRow] = field(default_factory=list)
    learned: list[LearnedRow] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    tellings: list[Telling] = field(default_factory=list)
    history: Rows = field(default_factory=Rows)

    def __bool__(self) -> bool:
        """Whether it is worth a commit; what only the history counted waits for the next one."""
        return bool(self.positions or self.windows or self.learned or self.incidents or self.tellings)


class Judge:
    """Owns the engine, the ledger and the commit. One task; everything else hands it chunks or tellings."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        log: FilteringBoundLogger,
        own: Own | None = None,
        tally: Tally | None = None,
    ) -> None:
        """`own`: the tokens of our own probes; a line that fits one is judged by no rule. `tally`: counts for
        reviews; None: nothing is."""
        self.engine = engine
        self.ledger = ledger
        self._tally = tally
        self.lanes = Lanes(engine, own=own, saw=tally.event if tally is not None else None)
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._log = log
        self._chunks: asyncio.Queue[Chunk] = asyncio.Queue(QUEUE_CHUNKS)
        self._nudge = asyncio.Event()
        self._positions: dict[tuple[str, str], Position] = {}
        self._notices: list[Telling] = []
        self._due = LedgerChanges()
        self._swap: Ruleset | None = None
        self._stopping = False
        self._first_sight = False
        self._orphans: list[WindowRow] = []
        self._committed_at = clock.monotonic()
        self._looked_at: Stamp = 0
        self._crowded_told: dict[str, Stamp] = {}
        self.counts: Counter[str] = Counter()
        """`chunks`, `commits`, `commit_failures`, `incidents`, `tellings`."""
        self.last_chunk: dict[str, Stamp] = {}
        """Source → wall time of its last chunk."""
        self.trouble = ""
        """Why the last commit failed; empty when all is well."""

    async def restore(self) -> None:
        """Take back what the last commits held. Call it once, before `run`."""

        longest = max((rule.cooldown or 0 for rule in self.ledger.rules.values()), default=0)
        since = self._clock.now() - longest - 2 * DAY

        def read(
            connection: sqlite3.Connection,
        ) -> tuple[list[WindowRow], list[LearnedRow], list[Incident]]:
            return (
                state.load_windows(connection),
                state.load_learned(connection),
                incident_rows.current(connection, since),
            )

        windows, learned, incidents = await self._database.call(read)
        self._orphans = self.engine.load(windows, learned)
        self.ledger.load(incidents)

    def let_go(self, watched: Collection[str], streams: Mapping[str, Iterable[str]]) -> None:
        """End what was told from sources that the config no longer has. Call it after `restore`. `streams`:
        those that each source has a mark of. A source that told something bad forgets its marks: should it
        come back, it tells anew what is bad then."""
        for source in self.engine.let_go(watched):
            for stream in streams.get(source, ()):
                self._positions[(source, stream)] = Position(source, stream, b"")
        self._nudge.set()  # told before what the sources of this life bring

    async def sink(self, chunk: Chunk) -> None:
        """Hand over one chunk; waits while the judge is behind."""
        await self._chunks.put(chunk)
        self._nudge.set()

    def tell(self, telling: Telling) -> None:
        """Say something that is no incident (a notice); it goes out with the next commit."""
        self._notices.append(telling)
        self._nudge.set()

    def swap(self, ruleset: Ruleset) -> None:
        """Take new rules between two batches."""
        self._swap = ruleset
        self._nudge.set()

    def stop(self) -> None:
        """Judge and commit what is here already, then return from `run`."""
        self._stopping = True
        self._nudge.set()

    async def run(self) -> None:
        """Judge until `stop`. Not to be cancelled: a batch between engine and commit would be lost."""
        while not (self._stopping and self._chunks.empty()):
            if self._chunks.empty():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience_s):
                        await self._nudge.wait()
            self._nudge.clear()
            await self._turn()
        await self._commit(self._clock.now())

    @property
    def _patience_s(self) -> float:
        """How long there is nothing to do unless something comes."""
        if self.engine.waiting:
            return WAITING_S
        return COMMIT_EVERY_S if self._moved else to_beat(self._clock, IDLE_S)

    async def _turn(self) -> None:
        if self._swap is not None:
            self._take_rules(self._swap)
            self._swap = None
        for _ in range(BATCH_CHUNKS):
            if self._chunks.empty():
                break
            self._judge_one(self._chunks.get_nowait())
            await asyncio.sleep(0)  # a chunk takes milliseconds: the others get their turn in between
        now = self._clock.now()
        if now - self._looked_at > AWAY:
            self.engine.listen(since=now)
        self._looked_at = now
        self.engine.advance(now)
        due = self.ledger.due(now)
        self._due.incidents += due.incidents
        self._due.tellings += due.tellings
        waited = self._clock.monotonic() - self._committed_at >= COMMIT_EVERY_S
        urgent = self._first_sight or self.engine.urgent or self._notices or self._due
        if urgent or (waited and self._moved) or self._has_counted():
            await self._commit(now)

    def _has_counted(self) -> bool:
        """Whether the history alone is worth a commit."""
        waited = self._clock.monotonic() - self._committed_at >= HISTORY_EVERY_S
        return bool(self._tally) and (waited or self._stopping)

    @property
    def _moved(self) -> bool:
        return bool(self._positions or self._orphans or self.engine.dirty)

    def _judge_one(self, chunk: Chunk) -> None:
        lane = self.lanes.of(chunk.origin)
        own_before = lane.counts["own"]
        lane.judge(chunk, self._failed)
        if self._tally is not None:
            self._tally.chunk(chunk, lane.counts["own"] - own_before)
        if not chunk.end.mark:
            self.lanes.drop(chunk.origin)
        self._positions[(chunk.end.source, chunk.end.stream)] = chunk.end
        self.last_chunk[chunk.origin.source] = chunk.arrived
        self.counts["chunks"] += 1
        if not chunk.data:
            # A stream's first sight, which says where it begins: were it lost, the next start would begin
            # at what is then the end.
            self._first_sight = True

    def _failed(self, event: Event, error: Exception) -> None:
        self._log.error(
            "line.failed", source=event.origin.source, position=event.position, line=event.raw, exc_info=error
        )

    def _take_rules(self, ruleset: Ruleset) -> None:
        self.engine.swap(ruleset)
        self.ledger.rules = {rule.id: rule for rule in ruleset.rules}
        self.lanes.renew()

    async def _commit(self, now: Stamp) -> None:
        changes = self.engine.take_changes()
        entered = self.ledger.take(changes.episodes, now)
        batch = Batch(
            positions=self._positions,
            windows=self._orphans + changes.windows,
            learned=changes.learned,
            incidents=self._due.incidents + entered.incidents,
            tellings=[
                *self._due.tellings,
                *entered.tellings,
                *self._notices,
                *self._crowded(changes.crowded, now),
                *_paused(changes.paused, now),
            ],
        )
        self._positions, self._orphans, self._notices, self._due = {}, [], [], LedgerChanges()
        self._first_sight = False
        counted = self._has_counted()
        self._committed_at = self._clock.monotonic()
        if self._tally is not None and (batch or counted):
            batch.history = self._tally.take()
        elif not batch:
            return
        await self._write(batch, now)
        self.counts["commits"] += 1
        self.counts["incidents"] += len(batch.incidents)
        self.counts["tellings"] += len(batch.tellings)
        for telling in batch.tellings:
            self._log.info(
                "incident.told",
                kind=telling.kind,
                rule=telling.rule,
                severity=telling.severity.name,
                key=telling.key,
                count=telling.count,
                telling=telling.id,
            )
        if batch.tellings:
            self._outbox.wake()

    async def _write(self, batch: Batch, now: Stamp) -> None:
        """Commit, and try again until it works: a full disk stops the reading, it loses nothing."""

        def write(connection: sqlite3.Connection) -> None:
            state.save_positions(connection, batch.positions.values())
            state.save_windows(connection, batch.windows)
            state.save_learned(connection, batch.learned)
            incident_rows.save(connection, batch.incidents)
            if batch.history:
                history.add(connection, batch.history)
            self._outbox.keep(connection, batch.tellings, now)
            state.save_text(connection, LAST_COMMIT, str(now))

        for attempt in count():
            try:
                await self._database.call(write)
            except Unreachable as err:
                self.counts["commit_failures"] += 1
                if not self.trouble:
                    self._log.error("commit.failed", error=str(err))
                self.trouble = str(err)
                if self._stopping:
                    return  # not kept: these lines are read again after the next start
                await self._clock.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            else:
                if self.trouble:
                    self._log.warning("commit.recovered")
                self.trouble = ""
                return

    def _crowded(self, rules: Iterable[str], now: Stamp) -> Iterator[Telling]:
        """Once a day and rule: it had to forget keys, which is news in itself."""
        for rule_id in rules:
            if now - self._crowded_told.get(rule_id, 0) < DAY:
                continue
            self._crowded_told[rule_id] = now
            yield Telling(
                id=short_id("crowded", rule_id, now),
                kind="notice",
                severity=Severity.high,
                title="Too many sources at once: a distributed attack?",
                message=f"The rule {rule_id} saw more different keys than it can remember, "
                "and forgot those not seen for longest.",
                at=now,
                rule=rule_id,
                fix="Look at the newest lines of its source; narrow who may reach that service.",
            )


def _paused(pauses: Iterable[tuple[str, str]], now: Stamp) -> Iterator[Telling]:
    """A rule that pauses is blind in that source for a minute: someone may be making it so."""
    for rule_id, source in pauses:
        yield Telling(
            id=short_id("paused", rule_id, source, now),
            kind="notice",
            severity=Severity.critical,
            title="A rule is blind for a minute: its regex takes too long",
            message=f"Lines of the source {source} keep the regex of {rule_id} busy for longer than it may "
            "take. It pauses for that source and is tried again in a minute; all other rules go on.",
            at=now,
            rule=rule_id,
            fix="Look at the newest lines of that source. 'nightporter check' says which regexes are slow.",
        )
