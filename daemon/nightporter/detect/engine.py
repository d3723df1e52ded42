"""The engine: events in, episodes out. Pure: it knows no clock, reads nothing and writes nothing.

One event goes through `judge`: the first fitting `events:` entry enriches it, then each rule of its lane's
plan asks `when` and `unless`, and a rule that admits it shows it to its key's window. What changed is taken
with `take_changes` between two batches, and belongs in one commit with the batch's positions.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec

from nightporter.detect.compiled import CompiledRule, CompiledRuleset, Plan, key_value
from nightporter.detect.joins import Joins
from nightporter.detect.memory import Entry, Memory
from nightporter.detect.narrate import count_tops, sample, showable, snapshot
from nightporter.detect.recent import Recent
from nightporter.detect.template import fill
from nightporter.detect.windows import (
    Late,
    OpenEpisode,
    Over,
    Track,
    Under,
    chain,
    held_at_end,
    observe,
)
from nightporter.formats import address
from nightporter.model import (
    HOUR,
    MINUTE,
    SECOND,
    Episode,
    Event,
    Fields,
    Key,
    Nanos,
    Origin,
    Severity,
    Stamp,
    Value,
    short_id,
)
from nightporter.rule import Distinct, Ruleset

STALE_AFTER: Final = HOUR
KEY_CAP: Final = 20_000
"""Keys a rule remembers (RULES §4.10)."""
RECENT_BYTES: Final = 4 << 20
SAMPLES: Final = 5
SEEN_LATE_AFTER: Final = 5 * SECOND
"""How long before the start something must have happened to be told as seen late: what was written while
the daemon came up is told as usual."""
PROXY_FORMATS: Final = ("traefik",)
"""Formats of a proxy's access log: there a gateway's address is the client's as far as anyone knows, and
stays the key (Docker Desktop hides all clients behind it)."""
JOINS: Final = "~joins"
"""In place of a rule's fingerprint: rows of logins that wait for the proxy's line."""
FOREVER: Final[Stamp] = 2**62
EMIT_DEPTH: Final = 3
"""How often a detection may go on as an event that makes a detection: loops end here, counted."""


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What the commit keeps of one key; `blob` None deletes it."""

    rule: str
    """The rule's fingerprint: its id and all that its memory depends on."""
    key: bytes
    blob: bytes | None


@dataclass(frozen=True, slots=True)
class LearnedRow:
    """A value that a learned list saw, and when last."""

    list: str
    value: str
    seen: Stamp | None
    """None: it fell out of the list."""


@dataclass(slots=True)
class Changes:
    """What a batch changed: everything that has to be in the same commit as its positions."""

    episodes: list[Episode] = field(default_factory=list)
    windows: list[WindowRow] = field(default_factory=list)
    learned: list[LearnedRow] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)
    """Rules that had to forget keys: "too many sources: distributed?"."""

    paused: list[tuple[str, str]] = field(default_factory=list)
    """(rule or event, source): its regex ran out of time too often in that source and pauses there."""


@dataclass(frozen=True, slots=True)
class _Hit:
    """One event that one rule counts for one key."""

    rule: CompiledRule
    key: Key
    event: Event
    fields: Fields
    depth: int


class Engine:
    """One judge for all lanes. `resumed_at`: what crossed before it happened while nobody watched."""

    def __init__(self, ruleset: Ruleset, *, resumed_at: Stamp | None = None, key_cap: int = KEY_CAP) -> None:
        self._key_cap = key_cap
        self._resumed_at = resumed_at
        self._memories: dict[str, Memory] = {}
        self._touched: dict[str, tuple[str, Key, OpenEpisode]] = {}
        self._ends: list[tuple[Stamp, str, str, Key, Nanos]] = []
        self._crowded: set[str] = set()
        self._pauses_told: dict[tuple[str, str], int] = {}
        self._joins = Joins()
        self._hiding: set[str] = set()
        """Addresses of gateways and proxies: in a service's own log they hide the client."""
        self._proxied = False
        """Whether there is a proxy's access log to wait for."""
        self.urgent = False
        """Something has happened that people should be told now: the next commit must not wait."""
        self._recent: dict[str, Recent] = {}
        self.counts: Counter[str] = Counter()
        """`late`, `no_key:RULE:FIELD`, `ignored`, `admitted:RULE`, `evicted:RULE` … for `status`."""
        self.rules = CompiledRuleset(ruleset)
        self._adopt({})

    # --- rules -------------------------------------------------------------------------------------------

    def swap(self, ruleset: Ruleset) -> None:
        """Take a new set of rules between two batches; a rule that still means the same keeps its memory
        (RULES §4.15). Plans made before are void."""
        learned = self.rules.learned
        self.rules = CompiledRuleset(ruleset)
        self._pauses_told = {}
        for name, members in self.rules.learned.items():
            if name in learned:
                members.restore(learned[name].items())
        self._adopt(self._memories)

    def _adopt(self, old: dict[str, Memory]) -> None:
        self._memories = {
            rule.fingerprint: old.get(rule.fingerprint) or Memory(self._key_cap) for rule in self.rules.rules
        }
        for rule in self.rules.rules:
            memory = self._memories[rule.fingerprint]
            for key in memory:
                if rule.ignores_key(key):
                    memory.drop(key)

    def plan(self, origin: Origin, produces: Sequence[str]) -> Plan:
        """What can apply to the lines of one origin. What it says of proxies holds for all services: a
        service's own log file does not know which gateway its container has."""
        self._hiding.update(origin.gateways)
        plan = self.rules.plan(origin, produces)
        self._proxied = self._proxied or plan.login_request is not None
        return plan

    # --- judging -----------------------------------------------------------------------------------------

    def judge(self, event: Event, plan: Plan, depth: int = 0) -> list[str]:
        """Judge one event; gives the ids of the rules that counted it. A login whose client is hidden
        behind the proxy may have to wait for the proxy's own line: it is judged by a later `advance`."""
        hidden = self._enrich(event, plan)
        if plan.login_request is not None and event.format in PROXY_FORMATS:
            if plan.login_request(event.fields, None):
                self._joins.saw(event)
        elif hidden and self.rules.joins and self._proxied and self._joins.hold(event):
            return []
        return self._judge(event, plan, depth)

    def _judge(self, event: Event, plan: Plan, depth: int) -> list[str]:
        counted: list[str] = []
        for rule, formats in plan.rules:
            if formats is not None and event.format not in formats:
                continue
            captured: Fields = {}
            if not rule.when(event.fields, captured):
                continue
            fields = event.fields
            if captured:
                fields = {**fields, **normalised(captured)}
            if rule.unless(fields, None):
                continue
            if rule.ignored(fields, None):
                self.counts["ignored"] += 1
                continue
            if self._admit(rule, event, fields, depth):
                counted.append(rule.id)
        for members in plan.learned:
            members.learn(event)
        return counted

    def _enrich(self, event: Event, plan: Plan) -> bool:
        """Add what an `events:` entry makes of the event. True if it is a login whose address turned out
        to be the proxy's."""
        fields = event.fields
        for enricher, formats in plan.enrichers:
            if formats is not None and event.format not in formats:
                continue
            captured: Fields = {}
            if not enricher.when(fields, captured) or enricher.unless(fields, None):
                continue
            fields |= normalised(captured)
            fields.update(normalised(_filled(enricher.sets, fields)))
            self.counts["enriched"] += 1
            break
        if event.format in PROXY_FORMATS or fields.get("client_ip") not in self._hiding:
            return False
        # A service behind a proxy logged the proxy: nobody is named by that (RULES §4.18).
        del fields["client_ip"]
        self.counts[f"address_unknown:{event.origin.stream}"] += 1
        return fields.get("event") == "login"

    def _key(self, rule: CompiledRule, fields: Fields) -> Key | None:
        key: list[Value] = []
        for part in rule.by:
            value = key_value(part, fields)
            if value is None:
                self.counts[f"no_key:{rule.id}:{part.field}"] += 1
                return None
            key.append(value)
        return tuple(key)

    def _admit(self, rule: CompiledRule, event: Event, fields: Fields, depth: int) -> bool:
        key = self._key(rule, fields)
        if key is None:
            return False
        value = 0
        if isinstance(rule.window, Distinct):
            seen = fields.get(rule.window.field)
            if seen is None:
                return False
            value = value_hash(seen)
        memory = self._memories[rule.fingerprint]
        entry = memory.get(key)
        if entry is None and rule.can_wait:
            self._forget(rule, memory.put(key, event.time))
            self._remember(rule, key, event, fields)
            return True
        track = self._track(rule, entry)
        over = self._observe(rule, track, event, value)
        if isinstance(over, Late):
            self.counts["late"] += 1
            return False
        self._remember(rule, key, event, fields)
        self._forget(rule, memory.put(key, track))
        track.severity = max(track.severity, rule.severity_of(fields))
        self._grow_or_open(_Hit(rule, key, event, fields, depth), track, over)
        return True

    def _observe(self, rule: CompiledRule, track: Track, event: Event, value: int) -> Late | Under | Over:
        if rule.window is None:
            return Over(event.time, 1)
        return observe(track, rule.window, event.origin.lateness, event.time, value)

    def _track(self, rule: CompiledRule, entry: Entry | None) -> Track:
        if isinstance(entry, Track):
            return entry
        values: list[int] | None = [] if isinstance(rule.window, Distinct) else None
        return Track(stamps=[] if entry is None else [entry], values=values, hits=0 if entry is None else 1)

    def _remember(self, rule: CompiledRule, key: Key, event: Event, fields: Fields) -> None:
        self.counts[f"admitted:{rule.id}"] += 1
        recent = self._recent.setdefault(event.origin.source, Recent(RECENT_BYTES))
        recent.add(rule.id, key, event, fields)

    def _forget(self, rule: CompiledRule, gone: Iterable[tuple[Key, Entry]]) -> None:
        for key, entry in gone:
            self.counts[f"evicted:{rule.id}"] += 1
            self._crowded.add(rule.id)
            self.urgent = True
            if isinstance(entry, Track) and entry.episode is not None and not entry.episode.ended:
                entry.episode.ended = True
                self._touch(rule, key, entry.episode)

    # --- episodes ----------------------------------------------------------------------------------------

    def _grow_or_open(self, hit: _Hit, track: Track, outcome: Under | Over) -> None:
        episode, time = track.episode, hit.event.time
        # With `quiet: 0s` every match is an episode of its own, equal stamps included.
        if episode is not None and hit.rule.quiet and time <= episode.last + hit.rule.quiet:
            self._grow(hit, track, episode)
            return
        if episode is not None and not episode.ended:
            episode.ended = True
            self._touch(hit.rule, hit.key, episode)
        if isinstance(outcome, Over):
            opened = self._open(hit, track, outcome)
            if hit.rule.emit is not None:
                self._emit(hit, opened)

    def _grow(self, hit: _Hit, track: Track, episode: OpenEpisode) -> None:
        """One more event of a known episode; a late one may bridge a gap and take in what came after it."""
        rule, event = hit.rule, hit.event
        episode.count += 1
        episode.first = min(episode.first, event.time)
        if event.time > episode.last:
            episode.last = event.time
            episode.latest = showable(hit.fields)
            if episode.ended:
                bridged, episode.last = chain(track.stamps, event.time, rule.quiet)
                episode.count += max(0, bridged - 1)
        if track.severity > episode.severity:
            episode.severity = track.severity
            self.urgent = True
        if isinstance(rule.window, Distinct):
            episode.distinct = max(episode.distinct or 0, held_at_end(track, rule.window.within))
        self._show(hit.rule, episode, event.raw, hit.fields)
        self._touch(rule, hit.key, episode)
        if episode.ended:
            episode.ended = False
            self._schedule(rule, hit.key, episode, event.origin.lateness)

    def _open(self, hit: _Hit, track: Track, over: Over) -> OpenEpisode:
        rule, event, key = hit.rule, hit.event, hit.key
        if rule.window is None:
            count, last = 1, event.time
        else:
            count, last = chain(track.stamps, over.start, rule.quiet)
            if isinstance(rule.window, Distinct):
                count = max(count, track.hits)
        episode = OpenEpisode(
            id=short_id(rule.id, key, event.position),
            first=over.start,
            last=max(last, event.time),
            crossed=event.time,
            count=count,
            severity=track.severity,
            top={},
            samples=[],
            latest=showable(hit.fields),
            distinct=over.held if isinstance(rule.window, Distinct) else None,
            seen_late=self._resumed_at is not None and event.time < self._resumed_at - SEEN_LATE_AFTER,
        )
        for recent in self._recent.values():
            for raw, fields in recent.since(rule.id, key, over.start):
                self._show(rule, episode, raw, fields)
        track.episode = episode
        track.severity = Severity.info
        self.urgent = True
        self._touch(rule, key, episode)
        self._schedule(rule, key, episode, event.origin.lateness)
        return episode

    @staticmethod
    def _show(rule: CompiledRule, episode: OpenEpisode, raw: str, fields: Fields) -> None:
        count_tops(episode, rule, fields)
        if len(episode.samples) < SAMPLES:
            episode.samples.append(sample(raw, fields))

    def _emit(self, hit: _Hit, episode: OpenEpisode) -> None:
        """The detection goes on as an event of its own, for rules that say `from: detection`."""
        rule, event = hit.rule, hit.event
        if hit.depth >= EMIT_DEPTH:
            self.counts["emit_loop"] += 1
            return
        origin = Origin(source=rule.id, kind="detection", stream=rule.id, format="record")
        said: Fields = {"rule": rule.id, "severity": episode.severity.name, "count": episode.count}
        stamps: Fields = {"time": event.time, "started": event.time, "arrived": event.arrived}
        made = Event(
            fields={"source": rule.id, **stamps, **said, **_filled(rule.emit or (), hit.fields)},
            time=event.time,
            arrived=event.arrived,
            origin=origin,
            format="record",
            position=f"{rule.id}:{event.position}",
            raw=event.raw,
        )
        self.judge(made, self.plan(origin, ("record",)), hit.depth + 1)

    def _touch(self, rule: CompiledRule, key: Key, episode: OpenEpisode) -> None:
        self._touched[episode.id] = (rule.fingerprint, key, episode)
        self._memories[rule.fingerprint].dirty.add(key)

    def _schedule(self, rule: CompiledRule, key: Key, episode: OpenEpisode, lateness: Nanos) -> None:
        due = episode.last + rule.quiet + lateness
        heapq.heappush(self._ends, (due, episode.id, rule.fingerprint, key, lateness))

    def advance(self, arrived: Stamp) -> None:
        """Publish the end of episodes that have been quiet for long enough. Call it with each batch and,
        when nothing comes, now and then: it changes no verdict (RULES §4.5). Logins whose wait for the
        proxy's line is over are judged here."""
        for event in self._joins.due(arrived):
            self._judge(event, self.plan(event.origin, (event.format,)), 0)
        while self._ends and self._ends[0][0] < arrived:
            _, episode_id, fingerprint, key, lateness = heapq.heappop(self._ends)
            rule = self.rules.by_fingerprint.get(fingerprint)
            entry = self._memories[fingerprint].peek(key) if rule else None
            if rule is None or not isinstance(entry, Track) or entry.episode is None:
                continue
            episode = entry.episode
            if episode.id != episode_id or episode.ended:
                continue
            if episode.last + rule.quiet + lateness < arrived:
                episode.ended = True
                self._touch(rule, key, episode)
            else:
                self._schedule(rule, key, episode, lateness)
        self._forget_stale(arrived)

    def _forget_stale(self, arrived: Stamp) -> None:
        """Let go of keys that can no longer matter, so that memory and database follow what goes on now.

        The span is longer than any stamp of the rule counts; a key is dropped after one to two of them.
        """
        for rule in self.rules.rules:
            memory = self._memories[rule.fingerprint]
            within = rule.window.within if rule.window else 0
            span = within + rule.quiet + STALE_AFTER
            if memory.turned == 0 or memory.turned > arrived:
                memory.turned = arrived
            elif arrived - memory.turned > span:
                memory.turned = arrived
                memory.turn()

    def finish(self) -> None:
        """Judge what still waits and publish the end of every open episode: the input is over."""
        for event in self._joins.due(FOREVER):
            self._judge(event, self.plan(event.origin, (event.format,)), 0)
        for rule in self.rules.rules:
            memory = self._memories[rule.fingerprint]
            for key in memory:
                entry = memory.peek(key)
                if isinstance(entry, Track) and entry.episode is not None and not entry.episode.ended:
                    entry.episode.ended = True
                    self._touch(rule, key, entry.episode)

    @property
    def waiting(self) -> bool:
        """Whether logins wait for the proxy's line: `advance` should then be called several times a second."""
        return len(self._joins) > 0

    @property
    def dirty(self) -> bool:
        """Whether anything changed since the last `take_changes`."""
        return bool(
            self._touched
            or self._crowded
            or self._joins.changed
            or any(memory.dirty for memory in self._memories.values())
            or any(members.dirty for members in self.rules.learned.values())
        )

    # --- the commit --------------------------------------------------------------------------------------

    def take_changes(self, *, rows: bool = True) -> Changes:
        """What changed since the last call, for the commit; the engine then counts it as kept. Without
        `rows` only what people are told of: a replay keeps nothing."""
        changes = Changes(crowded=sorted(self._crowded), paused=self._new_pauses())
        timezone = self.rules.ruleset.timezone
        for fingerprint, key, episode in self._touched.values():
            rule = self.rules.by_fingerprint.get(fingerprint)
            if rule is not None:
                changes.episodes.append(snapshot(rule, key, episode, timezone))
        for fingerprint, memory in self._memories.items():
            for key in memory.dirty if rows else ():
                entry = memory.peek(key)
                blob = None if entry is None else _ENCODER.encode(entry)
                changes.windows.append(WindowRow(fingerprint, _ENCODER.encode(key), blob))
            memory.dirty.clear()
        for position, event in self._joins.changed.items() if rows else ():
            blob = None if event is None else _ENCODER.encode(event)
            changes.windows.append(WindowRow(JOINS, position.encode(), blob))
        self._joins.changed.clear()
        for name, members in self.rules.learned.items():
            changes.learned += [LearnedRow(name, value, members.seen(value)) for value in members.dirty]
            members.dirty.clear()
        self._touched.clear()
        self._crowded.clear()
        self.urgent = False
        return changes

    def _new_pauses(self) -> list[tuple[str, str]]:
        fresh: list[tuple[str, str]] = []
        owners = [(rule.id, rule.budgets) for rule in self.rules.rules]
        owners += [(enricher.id, enricher.budgets) for enricher in self.rules.enrichers]
        for owner, budgets in owners:
            for source, budget in budgets.items():
                if budget.pauses > self._pauses_told.get((owner, source), 0):
                    fresh.append((owner, source))
                    self._pauses_told[(owner, source)] = budget.pauses
        return fresh

    def load(self, windows: Iterable[WindowRow], learned: Iterable[LearnedRow]) -> list[WindowRow]:
        """Take back what commits held. Gives the rows that no rule owns any more, as deletions."""
        orphans: list[WindowRow] = []
        waiting: list[Event] = []
        for row in windows:
            if row.rule == JOINS and row.blob is not None:
                waiting.append(_EVENT.decode(row.blob))
                continue
            rule = self.rules.by_fingerprint.get(row.rule)
            if rule is None or row.blob is None:
                orphans.append(WindowRow(row.rule, row.key, None))
                continue
            key, entry = _KEY.decode(row.key), _ENTRY.decode(row.blob)
            self._memories[row.rule].put(key, entry)
            if isinstance(entry, Track) and entry.episode is not None and not entry.episode.ended:
                self._schedule(rule, key, entry.episode, 2 * MINUTE)
        self._joins.restore(sorted(waiting, key=lambda event: event.arrived))
        for memory in self._memories.values():
            memory.dirty.clear()
        seen: dict[str, list[tuple[str, Stamp]]] = {}
        for item in learned:
            if item.seen is not None:
                seen.setdefault(item.list, []).append((item.value, item.seen))
        for name, items in seen.items():
            if name in self.rules.learned:
                self.rules.learned[name].restore(items)
        return orphans


_ENCODER = msgspec.msgpack.Encoder()
_KEY = msgspec.msgpack.Decoder(Key)
_EVENT = msgspec.msgpack.Decoder(Event)
_ENTRY: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)


def _filled(sets: Iterable[tuple[str, Value]], fields: Fields) -> Fields:
    return {n: fill(v, fields.get) if isinstance(v, str) else v for n, v in sets}


def normalised(fields: Fields) -> Fields:
    """Fields that a rule made of a line's text: an address is brought to its one form, or dropped."""
    raw = fields.get("client_ip")
    if raw is None:
        return fields
    proper = address.normalise(str(raw))
    rest = {name: value for name, value in fields.items() if name != "client_ip"}
    return rest if proper is None else {**rest, "client_ip": proper}


def value_hash(value: Value) -> int:
    """64 bits of a value, the same in every run (Python's own hash of text is not)."""
    return int.from_bytes(blake2b(str(value).encode(errors="surrogatepass"), digest_size=8).digest(), "big")
