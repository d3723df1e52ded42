"""The engine: events in, episodes out. Pure: it knows no clock, reads nothing and writes nothing.

One event goes through `judge`: the first fitting `events:` entry enriches it, then each rule of its lane's
plan asks `when` and `unless`, and a rule that admits it shows it to its key's window. What changed is taken
with `take_changes` between two batches, and belongs in one commit with the batch's positions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from nightporter.detect.ages import Ages
from nightporter.detect.changes import Changes, LearnedRow, WindowRow
from nightporter.detect.compiled import CompiledRule, CompiledRuleset, Plan, key_value
from nightporter.detect.emission import emitted
from nightporter.detect.episodes import Episodes, Hit, Opened
from nightporter.detect.filling import filled, normalised
from nightporter.detect.joins import Joins
from nightporter.detect.memory import Entry, Memory, lasts, newest, track_of
from nightporter.detect.observing import figures, observed, polls
from nightporter.detect.outcome import Late, Over
from nightporter.detect.places import Places, nowhere
from nightporter.detect.windows import Track
from nightporter.model import ACCEPTED, GONE, HOUR, REMOVED, Event, Fields, Key, Origin, Stamp, Value
from nightporter.rule import Absence, Distinct, Ruleset, reach_of

STALE_AFTER: Final = HOUR
"""What is added to a rule's window and quiet before a key that was not seen is let go."""
KEY_CAP: Final = 20_000
"""Keys a rule remembers (RULES §4.10)."""
PROXY_FORMATS: Final = ("traefik",)
"""Formats of a proxy's access log: there a gateway's address is the client's as far as anyone knows, and
stays the key (Docker Desktop hides all clients behind it)."""
JOINS: Final = "~joins"
"""In place of a rule's fingerprint: rows of logins that wait for the proxy's line."""
FOREVER: Final[Stamp] = 2**62
EMIT_DEPTH: Final = 3
"""How often a detection may go on as an event that makes a detection: loops end here, counted."""


class Engine:
    """One judge for all lanes. `resumed_at`: what crossed before it happened while nobody watched.
    `without`: kinds of windows whose rules are left out (a replay of old files knows nothing of silence).
    `places` says where addresses are."""

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        resumed_at: Stamp | None = None,
        key_cap: int = KEY_CAP,
        without: frozenset[type] = frozenset(),
        places: Places = nowhere,
    ) -> None:
        self._key_cap = key_cap
        self._places = places
        self._without = without
        self._memories: dict[str, Memory] = {}
        self._episodes = Episodes(resumed_at)
        self._crowded: set[str] = set()
        self._pauses_told: dict[tuple[str, str], int] = {}
        self._joins = Joins()
        self._ages = Ages()
        self._hiding: set[str] = set()
        """Addresses of gateways and proxies: in a service's own log they hide the client."""
        self._latest: Stamp = 0
        """The arrival of the last `advance`."""
        self._proxied = False
        """Whether there is a proxy's access log to wait for."""
        self.counts: Counter[str] = Counter()
        """`late`, `no_key:RULE:FIELD`, `ignored`, `admitted:RULE`, `evicted:RULE` … for `status`."""
        self.rules = CompiledRuleset(ruleset, without)
        self._adopt({})

    # --- rules -------------------------------------------------------------------------------------------

    def swap(self, ruleset: Ruleset) -> None:
        """Take a new set of rules between two batches; a rule that still means the same keeps its memory
        (RULES §4.15). Plans made before are void."""
        learned = self.rules.learned
        self.rules = CompiledRuleset(ruleset, self._without)
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

    def learned(self, name: str) -> Iterable[tuple[str, Stamp]]:
        """The values of a learned list, each with its last sight; nothing where there is no such list."""
        members = self.rules.learned.get(name)
        return () if members is None else members.items()

    # --- judging -----------------------------------------------------------------------------------------

    def judge(self, event: Event, plan: Plan, depth: int = 0) -> list[str]:
        """Judge one event; gives the ids of the rules that counted it. A login whose client is hidden
        behind the proxy may have to wait for the proxy's own line: it is judged by a later `advance`."""
        if _is_accepted(event):
            self._accept(event, plan)
            return []
        self._look_behind(event)
        hidden = self._enrich(event, plan)
        if plan.login_request is not None and event.format in PROXY_FORMATS:
            if plan.login_request(event.fields, None):
                self._joins.saw(event)
        elif hidden and self.rules.joins and self._proxied and self._joins.hold(event):
            return []
        return self._judge(event, plan, depth)

    def _look_behind(self, event: Event) -> None:
        """Learn which containers run, and say of requests and probes which of them was asked."""
        if event.origin.kind == "docker_events":
            self._ages.learn(event)
        elif self._ages and event.format in PROXY_FORMATS:
            event.fields |= self._ages.behind(event.fields, event.time)
        elif self._ages and event.origin.kind == "probe":
            event.fields |= self._ages.stopped(str(event.fields.get("service", "")))

    def _judge(self, event: Event, plan: Plan, depth: int) -> list[str]:
        counted: list[str] = []
        if plan.places and isinstance(client := event.fields.get("client_ip"), str):
            event.fields |= self._places(client)
        for rule in plan.rule_gate.open_to(event):
            captured: Fields = {}
            if not rule.when(event.fields, captured):
                if rule.resolves is not None and rule.resolves(event.fields, captured):
                    self._resolve(rule, event, {**event.fields, **normalised(captured)})
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
        for enricher in plan.enricher_gate.open_to(event):
            captured: Fields = {}
            if not enricher.when(fields, captured) or enricher.unless(fields, None):
                continue
            fields |= normalised(captured)
            fields.update(normalised(filled(enricher.sets, fields.get)))
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
        if isinstance(rule.window, Distinct) and rule.window.field not in fields:
            return False
        memory = self._memories[rule.fingerprint]
        entry = memory.get(key)
        hit = Hit(rule, key, event, fields)
        if entry is None and rule.can_wait:
            self._forget(rule, memory.put(key, event.time))
            self._episodes.remember(hit)
            self.counts[f"admitted:{rule.id}"] += 1
            return True
        track = track_of(rule.window, entry)
        if rule.skip_pollers and polls(track, event, fields):
            self._forget(rule, memory.put(key, track))
            self.counts[f"pollers:{rule.id}"] += 1
            return False
        if not self._observe(hit, track):
            return False
        self._forget(rule, memory.put(key, track))
        for opened in self._episodes.take_opened():
            self._emit(opened, event, depth)
        self.counts[f"admitted:{rule.id}"] += 1
        return True

    def _observe(self, hit: Hit, track: Track) -> bool:
        """Show an event to its key's window, and the answer to the key's episode; False: not counted."""
        rule, event = hit.rule, hit.event
        if event.time < track.resolved:
            self.counts["late"] += 1
            return False
        outcome = observed(rule, track, event, hit.fields)
        if outcome is None:
            return False
        if isinstance(outcome, Late):
            self.counts["late"] += 1
            return False
        if isinstance(rule.window, Absence):
            self._episodes.heard(hit, track)
        else:
            over = isinstance(outcome, Over)
            self._episodes.count(hit, track, outcome, figures(rule, track, hit.fields) if over else None)
        return True

    def _resolve(self, rule: CompiledRule, event: Event, fields: Fields) -> None:
        """An event that ends what a rule tells of."""
        key = self._key(rule, fields)
        memory = self._memories[rule.fingerprint]
        track = memory.get(key) if key is not None else None
        if key is None or not isinstance(track, Track):
            return
        self._episodes.resolve(Hit(rule, key, event, fields), track, unwatched=_is_unwatched(event))
        self._forget(rule, memory.put(key, track))
        self.counts[f"resolved:{rule.id}"] += 1
        for opened in self._episodes.take_opened():
            self._emit(opened, event, 0)

    def _accept(self, event: Event, plan: Plan) -> None:
        """A person takes a watched file as it is: what rules tell of it is over. States end by their rule."""
        for rule, _ in plan.rules:
            if rule.is_state or all(part.field != "path" for part in rule.by):
                continue
            key = self._key(rule, event.fields)
            memory = self._memories[rule.fingerprint]
            track = memory.get(key) if key is not None else None
            if key is not None and isinstance(track, Track):
                self._episodes.accept(rule, key, track)
                self._forget(rule, memory.put(key, track))

    def _forget(self, rule: CompiledRule, gone: Iterable[tuple[Key, Entry]]) -> None:
        for key, entry in gone:
            self.counts[f"evicted:{rule.id}"] += 1
            self._crowded.add(rule.id)
            self._episodes.end(rule, key, entry, forgotten=True)

    def _emit(self, opened: Opened, cause: Event | None, depth: int) -> None:
        """The detection goes on as an event of its own, for rules that say `from: detection`. `cause`: the
        event at which it opened; None where time alone did it."""
        rule = opened.rule
        if rule.emit is None:
            return
        if depth >= EMIT_DEPTH:
            self.counts["emit_loop"] += 1
            return
        made = emitted(opened, rule.emit, cause, self._latest, self.rules.ruleset.timezone)
        self.judge(made, self.plan(made.origin, (made.format,)), depth + 1)

    # --- time --------------------------------------------------------------------------------------------

    def advance(self, arrived: Stamp) -> None:
        """Publish the end of episodes that have been quiet for long enough. Call it with each batch and,
        when nothing comes, now and then: it changes no verdict (RULES §4.5). Logins whose wait for the
        proxy's line is over are judged here."""
        if self._latest == 0 or arrived < self._latest - HOUR:
            self._forget_the_future(arrived)
        self._latest = arrived
        for event in self._joins.due(arrived):
            self._judge(event, self.plan(event.origin, (event.format,)), 0)
        self._episodes.advance(arrived, self._lookup)
        for opened in self._episodes.take_opened():
            self._emit(opened, None, 0)
        self._forget_stale(arrived)

    def listen(self, since: Stamp) -> None:
        """From this arrival on silence means something: before, we were away or the machine asleep."""
        self._episodes.listening_since = since

    def let_go(self, watched: Collection[str]) -> frozenset[str]:
        """End the states that were told from a source that is not among these: whoever took it out of the
        config does not wait for their ends. Gives the sources that were to tell such an end themselves. What
        other rules made (`from: detection`) is no source's."""
        gone: set[str] = set()
        kept = {*watched, *(rule.id for rule in self.rules.rules)}
        for rule in self.rules.rules:
            memory = self._memories[rule.fingerprint]
            for key in memory if rule.is_state else ():
                track = memory.peek(key)
                episode = track.episode if isinstance(track, Track) else None
                if not isinstance(track, Track) or episode is None or episode.ended:
                    continue
                if not episode.source or episode.source in kept:
                    continue
                self._episodes.end(rule, key, track, unwatched=True)
                if episode.pending:  # nobody knew of it yet
                    memory.drop(key)
                    continue
                track.clear()
                memory.put(key, track)
                if rule.resolves is not None:
                    gone.add(episode.source)
        return frozenset(gone)

    def _forget_the_future(self, arrived: Stamp) -> None:
        """The clock was ahead and has been set right (at a start, perhaps): beside stamps that are still to
        come, all that happens now would be late. Keys that hold such stamps begin anew."""
        self._episodes.clock_went_back(arrived)
        for rule in self.rules.rules:
            memory = self._memories[rule.fingerprint]
            for key in memory:
                entry = memory.peek(key)
                if entry is not None and newest(entry) > arrived + HOUR:
                    self._episodes.end(rule, key, entry, forgotten=True)
                    memory.drop(key)
                    self.counts["from_the_future"] += 1

    def _lookup(self, fingerprint: str, key: Key) -> tuple[CompiledRule, Entry] | None:
        rule = self.rules.by_fingerprint.get(fingerprint)
        entry = self._memories[fingerprint].peek(key) if rule is not None else None
        return None if rule is None or entry is None else (rule, entry)

    def _forget_stale(self, arrived: Stamp) -> None:
        """Let go of keys that can no longer matter, so that memory and database follow what goes on now.

        The span is longer than any stamp of the rule counts; a key is dropped after one to two of them.
        """
        for rule in self.rules.rules:
            memory = self._memories[rule.fingerprint]
            span = reach_of(rule.window) + rule.quiet + STALE_AFTER
            if memory.turned == 0 or memory.turned > arrived:
                memory.turned = arrived
            elif arrived - memory.turned > span:
                memory.turned = arrived
                for key, entry in memory.turn():
                    if lasts(rule.is_state, entry):
                        memory.put(key, entry)

    def finish(self) -> None:
        """Judge what still waits and publish the end of every open episode: the input is over."""
        for event in self._joins.due(FOREVER):
            self._judge(event, self.plan(event.origin, (event.format,)), 0)
        for rule in self.rules.rules:
            memory = self._memories[rule.fingerprint]
            for key in memory:
                self._episodes.end(rule, key, memory.peek(key))

    @property
    def waiting(self) -> bool:
        """Whether logins wait for the proxy's line: then call `advance` several times a second."""
        return len(self._joins) > 0

    @property
    def urgent(self) -> bool:
        """Something has happened that people should be told now: the next commit must not wait."""
        return self._episodes.urgent or bool(self._crowded)

    @property
    def dirty(self) -> bool:
        """Whether anything changed since the last `take_changes`."""
        return bool(
            self._episodes.touched()
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
        for fingerprint, key in self._episodes.touched():
            if fingerprint in self._memories:
                self._memories[fingerprint].dirty.add(key)
        changes.episodes = self._episodes.take(self.rules.by_fingerprint, self.rules.ruleset.timezone)
        for fingerprint, memory in self._memories.items():
            for key in memory.dirty if rows else ():
                changes.windows += self._row(fingerprint, key, memory)
            memory.dirty.clear()
        for position, event in self._joins.changed.items() if rows else ():
            blob = None if event is None else _ENCODER.encode(event)
            changes.windows.append(WindowRow(JOINS, position.encode(), blob))
        self._joins.changed.clear()
        for name, members in self.rules.learned.items():
            changes.learned += [LearnedRow(name, value, members.seen(value)) for value in members.dirty]
            members.dirty.clear()
        self._crowded.clear()
        return changes

    def _row(self, fingerprint: str, key: Key, memory: Memory) -> list[WindowRow]:
        """The row of one key. A value that cannot be kept must not stop the rest: formats let none through,
        and if one does come, its key is forgotten and counted."""
        entry = memory.peek(key)
        try:
            blob = None if entry is None else _ENCODER.encode(entry)
            return [WindowRow(fingerprint, _ENCODER.encode(key), blob)]
        except (OverflowError, UnicodeEncodeError):
            memory.drop(key)
            self.counts["unkept"] += 1
            return []

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
            if isinstance(entry, Track):
                self._episodes.restored(rule, key, entry)
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


def _is_unwatched(event: Event) -> bool:
    """Whether it only says that its source no longer watches a thing: nobody is told that it is back."""
    said = (event.fields.get("action"), event.fields.get("state"))  # a probe's, a disk's
    return event.origin.kind == "probe" and (REMOVED in said or GONE in said)


def _is_accepted(event: Event) -> bool:
    """Whether it says that a person takes a watched file as it is now."""
    return event.origin.kind == "integrity" and event.fields.get("action") == ACCEPTED


_ENCODER = msgspec.msgpack.Encoder()
_KEY = msgspec.msgpack.Decoder(Key)
_EVENT = msgspec.msgpack.Decoder(Event)
_ENTRY: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)
