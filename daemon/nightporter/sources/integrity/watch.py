"""The watch: compares what is there with what was last told, and tells once what has come to rest.

Everything blocking of the source happens here, on a thread of its own. A difference is told when two looks
SETTLE_S apart see the same state: an editor that moves the old file away, writes a new one in its place and
sets its mode makes one change, whatever its steps were. What never rests is told every RESTLESS_S.

**First sight**: what a pattern means when it is new is the baseline, and is told to nobody; what appears
later under it was created. **Down**: the marks hold the baseline, so what changed meanwhile is found at the
first look. **Not to be asked** (a closed folder, a network disk that is away) is not "deleted": the path
keeps its baseline and is told as blind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

import msgspec

from nightporter.model import Chunk, Fields, Origin, Position, Stamp
from nightporter.sources.files.finder import explain
from nightporter.sources.files.waker import Target
from nightporter.sources.integrity import marks
from nightporter.sources.integrity.accepting import Answer, Desk, Verdict
from nightporter.sources.integrity.change import accepted, change, record
from nightporter.sources.integrity.marks import UNKNOWN, Baseline
from nightporter.sources.integrity.state import Seen, State, fingerprint, look, readable
from nightporter.sources.integrity.watchlist import covers, listing, named_by_traefik, targets, usual

SETTLE_S: Final = 1.5
RESTLESS_S: Final = 30.0
SCAN_S: Final = 60.0
"""Every so often all is listed anew, and all content read, whatever the files' times say: they can be set."""
LONG_SCAN_S: Final = 3600.0
"""The same for files above SMALL_BYTES."""
SMALL_BYTES: Final = 1 << 20
MOST_NAMED: Final = 64


@dataclass(slots=True)
class Unsettled:
    """A difference that may not be over yet; monotonic seconds."""

    state: State
    since: float
    first: float


@dataclass(slots=True)
class Known:
    """One watched path."""

    baseline: Baseline
    seen: Seen | None = None
    """The last look at it."""
    read_at: float = float("-inf")
    as_told: Stamp = 0
    """When it was last seen as it was told."""
    unsettled: Unsettled | None = None


@dataclass(slots=True)
class Patterns:
    """What is watched, as texts."""

    given: tuple[str, ...]
    home: Path
    usual: bool
    """Also the usual places of a home server."""
    own: tuple[str, ...] = ()
    """Those of our own config and rules."""
    sighted: frozenset[str] = frozenset()
    """Those whose first sight is over."""
    named: dict[str, None] = field(default_factory=dict)
    """What Traefik's own config has named so far: an editor that saves it must not make us forget them."""

    def all(self) -> tuple[str, ...]:
        """As of now. Blocking."""
        given = (*self.given, *self.own)
        if not self.usual:
            return tuple(dict.fromkeys(given))
        fixed = (*given, *usual(self.home))
        for pattern in named_by_traefik(listing(fixed).paths):
            if len(self.named) < MOST_NAMED:
                self.named[pattern] = None
        return tuple(dict.fromkeys((*fixed, *self.named)))


@dataclass(slots=True)
class Watch:
    """The watched paths of one source."""

    origin: Origin
    patterns: Patterns
    desk: Desk | None
    """None: nobody accepts here, as in `tail`."""
    known: dict[str, Known] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    """Path, or empty for the list itself → why it is not watched."""
    counts: Counter[str] = field(default_factory=Counter)
    """`looks`, `changes`, `accepted`."""
    targets: frozenset[Target] = frozenset()
    _scan_at: float = float("-inf")

    @classmethod
    def resumed(
        cls, origin: Origin, patterns: Patterns, committed: Mapping[str, bytes], desk: Desk | None
    ) -> Watch:
        """With what the marks hold. A mark that is none of ours is a path that was never seen."""
        made = cls(origin, patterns, desk)
        for stream, mark in committed.items():
            if stream == marks.PATTERNS:
                patterns.sighted = marks.patterns(mark)
            elif (kept := marks.baseline(mark)) is not None:
                path = marks.path_of(stream)
                made.known[path] = Known(kept.masked_anew(PurePath(path).name))
        return made

    @property
    def unsettled(self) -> bool:
        """Whether the next look should come soon."""
        return any(known.unsettled is not None for known in self.known.values())

    def turn(self, now: float, wall: Stamp, *, moved: bool = False) -> list[Chunk]:
        """One look at everything. `now`: monotonic seconds; `moved`: something may be new."""
        self.counts["looks"] += 1
        chunks = list(self._accepting(wall))
        if moved or now - self._scan_at >= SCAN_S:
            self._scan_at = now
            chunks += self._scan(now, wall)
        for path in list(self.known):
            chunks += self._look_at(path, now, wall)
        return chunks

    # -- which paths

    def _scan(self, now: float, wall: Stamp) -> Iterator[Chunk]:
        """List everything anew: what is new becomes known; what no pattern means any more is forgotten."""
        patterns = self.patterns.all()
        found = listing(patterns)
        self.troubles.pop("", None)
        if found.trouble:
            self.troubles[""] = found.trouble
        for path in found.paths:
            if path not in self.known and any(covers(p, path) for p in self.patterns.sighted):
                self.known[path] = Known(UNKNOWN)
        yield from self._first_sight(patterns, found.paths, now, wall)
        for path in [path for path in self.known if path not in found.paths]:
            if not any(covers(pattern, path) for pattern in patterns):
                del self.known[path]
                self.troubles.pop(path, None)
                yield self._silent(path, b"", wall)
        self.targets = targets(patterns, self.known, loud=self.patterns.home)

    def _first_sight(
        self, patterns: tuple[str, ...], paths: Mapping[str, str], now: float, wall: Stamp
    ) -> Iterator[Chunk]:
        """Take what new patterns mean as it is. Their own mark comes last: should we die before it is
        committed, this is done again."""
        for path in paths:
            if path in self.known:
                continue
            try:
                seen = look(path)
            except OSError as err:
                self.troubles[path] = explain(err, Path(readable(path)))
                continue  # told as created once it can be looked at
            self.known[path] = Known(Baseline(told=seen.state), seen, now)
            yield self._silent(path, marks.encode(self.known[path].baseline), wall)
        if self.patterns.sighted != frozenset(patterns):
            self.patterns.sighted = frozenset(patterns)
            yield self._silent("", marks.encode(sorted(patterns)), wall)

    # -- one path

    def _look_at(self, path: str, now: float, wall: Stamp) -> Iterator[Chunk]:
        known = self.known[path]
        try:
            seen = self._seen(path, known, now)
        except OSError as err:
            self.troubles[path] = explain(err, Path(readable(path)))
            known.seen = known.unsettled = None
            return
        known.seen = seen
        if seen.trouble:
            self.troubles[path] = seen.trouble
        else:
            self.troubles.pop(path, None)
        if seen.state.is_like(known.baseline.told):
            known.unsettled, known.as_told = None, wall
            if not known.baseline.is_worth_keeping:  # it came and went before it was told
                del self.known[path]
        elif self._has_settled(known, seen.state, now):
            yield from self._tell(path, known, seen, wall)

    def _seen(self, path: str, known: Known, now: float) -> Seen:
        """How it stands; read anew only where it may have changed. Raises OSError."""
        last = known.seen
        if last is not None and not last.trouble:
            stat = fingerprint(path)
            small = len(stat) < 6 or stat[5] < SMALL_BYTES
            if stat == last.stat and now - known.read_at < (SCAN_S if small else LONG_SCAN_S):
                return last
        text = known.baseline.told.text
        known.read_at = now
        return look(path, text.salt if text else b"")

    @staticmethod
    def _has_settled(known: Known, state: State, now: float) -> bool:
        waiting = known.unsettled
        if waiting is None or not waiting.state.is_like(state):
            waiting = known.unsettled = Unsettled(state, now, now if waiting is None else waiting.first)
        return now - waiting.since >= SETTLE_S or now - waiting.first >= RESTLESS_S

    def _tell(self, path: str, known: Known, seen: Seen, wall: Stamp) -> Iterator[Chunk]:
        """The change as an event, with the new baseline as its mark."""
        before, now = known.baseline, seen.state.over(known.baseline.told)
        known.unsettled = None
        what = change(before.told, now)
        if what is None:
            return
        # The system's own stamp tells when it happened while we were away. A file that was moved here may
        # have an older one, and a clock may be wrong.
        stamp = seen.changed if known.as_told < seen.changed <= wall else wall
        known.baseline = before.seen(now, stamp)
        self.counts["changes"] += 1
        restored = before.accepted is not None and known.baseline.accepted is None
        fields = record(readable(path), what, now, stamp, accepted=restored, own=self._is_own(path))
        if known.baseline.is_worth_keeping:
            mark = marks.encode(known.baseline)
        else:
            mark = b""
            del self.known[path]
        yield self._record(path, mark, wall, fields, f"{now.print}:{stamp}")

    def _is_own(self, path: str) -> bool:
        return any(covers(pattern, path) for pattern in self.patterns.own)

    # -- what is accepted

    def _accepting(self, wall: Stamp) -> Iterator[Chunk]:
        request = self.desk.take() if self.desk is not None else None
        if request is None or self.desk is None:
            return
        verdicts: dict[str, Verdict] = {}
        for stream, print_ in request.paths.items():
            path = marks.path_of(stream)
            verdict = verdicts[stream] = self._accept(path, print_)
            if verdict == "accepted":
                known = self.known[path].baseline
                mark = marks.encode(known) if known.is_worth_keeping else b""
                fields = accepted(readable(path), wall, own=self._is_own(path))
                yield self._record(path, mark, wall, fields, f"accepted:{known.told.print}:{wall}")
                self.counts["accepted"] += 1
        self.desk.reply(Answer(id=request.id, verdicts=verdicts))

    def _accept(self, path: str, print_: str) -> Verdict:
        """Make the state that a person saw the baseline, if it is still that."""
        known = self.known.get(path)
        if known is None and not any(covers(pattern, path) for pattern in self.patterns.sighted):
            return "unwatched"
        known = known or Known(UNKNOWN)
        text = known.baseline.told.text
        try:
            seen = look(path, text.salt if text else b"")
        except OSError:
            return "changed"
        if seen.state.print != print_:
            return "changed"
        if known.baseline == UNKNOWN and seen.state.kind == "absent":
            return "already"
        told = seen.state.over(known.baseline.told)
        if known.baseline.accepted is None and told.is_like(known.baseline.told):
            return "already"
        self.known[path] = Known(Baseline(told=told), seen)
        return "accepted"

    # -- chunks

    def _record(self, path: str, mark: bytes, wall: Stamp, fields: Fields, identity: str) -> Chunk:
        return self._chunk(path, mark, wall, msgspec.json.encode(fields) + b"\n", identity)

    def _silent(self, path: str, mark: bytes, wall: Stamp) -> Chunk:
        return self._chunk(path, mark, wall, b"", "")

    def _chunk(self, path: str, mark: bytes, wall: Stamp, data: bytes, identity: str) -> Chunk:
        stream = marks.stream_of(path) if path else marks.PATTERNS
        return Chunk(
            origin=self.origin,
            data=data,
            start=0,
            identity=f"{stream}:{identity}",
            end=Position(self.origin.source, stream, mark),
            arrived=wall,
        )
