"""Episodes: one rule and key from the crossing of its threshold until it has been quiet, or until an event
says that it is over (RULES §4.5).

    admitted event ─▶ grows the key's open episode, or opens one if its window is over
                      `for`, `absence`: the episode is pending until it has lasted; nobody knows of it
    resolving event ─▶ ends it
    advance ─▶ what time alone decides: a pending one has lasted, an open one has been quiet

What changed is handed out with `take`, as frozen snapshots.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from nightporter.detect.compiled import CompiledRule
from nightporter.detect.memory import Entry
from nightporter.detect.narrate import count_tops, sample, showable, snapshot, subject_of
from nightporter.detect.observing import Figures
from nightporter.detect.outcome import Over, Under
from nightporter.detect.recent import Recent
from nightporter.detect.windows import OpenEpisode, Track, chain, held_at_end
from nightporter.model import LATENESS, SECOND, Episode, Event, Fields, Key, Nanos, Severity, Stamp, short_id
from nightporter.rule import Absence, Count, Distinct

RECENT_BYTES: Final = 4 << 20
"""Recent counted lines that are kept for each source: an episode's first samples and top values."""
SAMPLES: Final = 5
DETAILED: Final = 500
"""Open episodes of which top values and samples are kept, some 20 KB each: of more attackers at once than
that, people are told how many, not what each of them asked for."""
SEEN_LATE_AFTER: Final = 5 * SECOND
"""How long before the start something must have happened to be told as seen late: what was written while
the daemon came up is told as usual."""

Lookup = Callable[[str, Key], tuple[CompiledRule, Entry] | None]
"""Fingerprint and key → the rule and what it remembers; None where either is gone."""


class Hit(NamedTuple):
    """One event that one rule counts for one key, with the fields as the rule saw them."""

    rule: CompiledRule
    key: Key
    event: Event
    fields: Fields


@dataclass(frozen=True, slots=True)
class Opened:
    """An episode that people may now be told of."""

    rule: CompiledRule
    key: Key
    episode: OpenEpisode


class Episodes:
    """All episodes of one engine. `resumed_at`: what crossed before it happened while nobody watched."""

    def __init__(self, resumed_at: Stamp | None) -> None:
        self._resumed_at = resumed_at
        self._touched: dict[str, tuple[str, Key, OpenEpisode]] = {}
        self._timers: list[tuple[Stamp, str, str, Key, Nanos]] = []
        self._recent: dict[str, Recent] = {}
        self._open_now: set[str] = set()
        self._opened: list[Opened] = []
        self.listening_since: Stamp = 0
        """Since when (by arrival) silence means something: we were not away, and the machine not asleep."""
        self.urgent = False
        """One opened, ended or grew worse: people should be told now."""

    # --- events ------------------------------------------------------------------------------------------

    def count(self, hit: Hit, track: Track, outcome: Under | Over, figures: Figures | None) -> None:
        """Enter one admitted event."""
        rule, time = hit.rule, hit.event.time
        if isinstance(outcome, Over) or outcome.shown:
            self.remember(hit)
        self._lasted_until(rule, hit.key, track, time)
        if isinstance(outcome, Under):
            self._no_longer_over(rule, track)
            if not outcome.grows:
                return
        track.severity = max(track.severity, rule.severity_of(hit.fields))
        episode = track.episode
        if episode is not None and goes_on(rule, episode, time):
            self._grow(hit, track, episode, figures)
            return
        self.end(rule, hit.key, track)
        if isinstance(outcome, Over):
            self._open(hit, track, outcome, figures)

    def heard(self, hit: Hit, track: Track) -> None:
        """Enter an event whose absence would be told: it ends the silence, and the next one may begin."""
        rule, key, event = hit.rule, hit.key, hit.event
        self._lasted_until(rule, key, track, event.arrived)
        episode = track.episode
        if episode is not None and not episode.pending:
            episode.last = max(episode.last, event.time)
            self.end(rule, key, track)
            episode = None
        if episode is None:
            self._open(hit, track, Over(event.time, 1), None)
        else:
            episode.first = episode.last = max(episode.last, event.time)
            episode.latest = showable(rule, hit.fields)
            episode.source = event.origin.source
            episode.samples = [sample(event.raw, hit.fields)]

    def resolve(self, hit: Hit, track: Track, *, unwatched: bool = False) -> None:
        """Enter an event that says that all is well: the key's episode is over, and counting begins anew.
        One that is older than the newest match says nothing of now. `unwatched`: the event only says that
        nobody watches any more."""
        rule, key, time = hit.rule, hit.key, hit.event.time
        self._lasted_until(rule, key, track, time)
        episode = track.episode
        if episode is not None and not episode.ended:
            if time < episode.last:
                return
            episode.last = time
            self.end(rule, key, track, unwatched=unwatched)
        track.resolved = max(track.resolved, time)
        track.severity = Severity.info
        track.clear()

    def accept(self, rule: CompiledRule, key: Key, track: Track) -> None:
        """A person says that all is right as it is: the key's open episode is over, and the next one is
        another, however soon it comes."""
        if track.episode is not None and not track.episode.ended:
            track.episode.accepted = True
            self.end(rule, key, track)
        track.severity = Severity.info
        track.clear()

    def remember(self, hit: Hit) -> None:
        """Keep the line for the samples of an episode that may come of it."""
        if not hit.rule.keeps_lines:
            return
        recent = self._recent.setdefault(hit.event.origin.source, Recent(RECENT_BYTES))
        recent.add(hit.rule.id, hit.key, hit.event, hit.fields)

    def end(
        self,
        rule: CompiledRule,
        key: Key,
        entry: Entry | None,
        *,
        forgotten: bool = False,
        unwatched: bool = False,
    ) -> None:
        """End the key's episode if one is open. It stays known: a late stamp may reopen it. `forgotten`: its
        key had to make room; `unwatched`: its source no longer watches what it is about. Of neither is it
        known whether it is over in the world."""
        if not isinstance(entry, Track) or entry.episode is None or entry.episode.ended:
            return
        if entry.episode.pending:
            entry.episode = None
            return
        entry.episode.ended = True
        entry.episode.forgotten = forgotten
        entry.episode.unwatched = unwatched
        self.urgent = self.urgent or rule.is_state
        self._open_now.discard(entry.episode.id)
        self._touch(rule, key, entry.episode)

    # --- pending -----------------------------------------------------------------------------------------

    def _lasted_until(self, rule: CompiledRule, key: Key, track: Track, now: Stamp) -> None:
        """Publish the key's pending episode if time alone had made it due by `now`."""
        episode = track.episode
        if episode is not None and episode.pending:
            due = self._due(rule, track, episode)
            if due is not None and due <= now:
                self._publish(rule, key, track, episode, due)

    def _due(self, rule: CompiledRule, track: Track, episode: OpenEpisode) -> Stamp | None:
        """When a pending episode has lasted; None where only an event can say so."""
        if isinstance(rule.window, Absence):
            return max(track.newest, self.listening_since) + rule.window.within
        return episode.first + rule.lasts if rule.window is None else None

    def _publish(
        self, rule: CompiledRule, key: Key, track: Track, episode: OpenEpisode, crossed: Stamp
    ) -> None:
        """A pending episode has lasted: from here on it is open like any other. Without a `resolve` it must
        not have been quiet meanwhile."""
        if rule.window is None and rule.resolves is None and episode.last + rule.quiet < crossed:
            track.episode = None
            return
        episode.pending = False
        episode.crossed = crossed
        self._opens(rule, key, track, episode)

    @staticmethod
    def _no_longer_over(rule: CompiledRule, track: Track) -> None:
        """A window that must stay over for a time (`for`) is not: the time begins anew."""
        if rule.window is not None and track.episode is not None and track.episode.pending:
            track.episode = None

    # --- growing and opening -----------------------------------------------------------------------------

    def _grow(self, hit: Hit, track: Track, episode: OpenEpisode, figures: Figures | None) -> None:
        """One more event of a known episode; a late one may bridge a gap and take in what came after it."""
        rule, event = hit.rule, hit.event
        episode.count += 1
        episode.subject = episode.subject or subject_of(rule, hit.key, showable(rule, hit.fields))
        episode.first = min(episode.first, event.time)
        if event.time > episode.last:
            episode.last = event.time
            episode.latest = showable(rule, hit.fields)
            episode.source = event.origin.source
            if episode.ended:
                bridged, episode.last = chain(track.stamps, event.time, rule.quiet)
                episode.count += max(0, bridged - 1)
        if isinstance(rule.window, Distinct):
            episode.distinct = max(episode.distinct or 0, held_at_end(track, rule.window.within))
        if figures is not None and figures.peak >= episode.peak:
            episode.peak, episode.figures = figures.peak, figures.named
        _show(rule, episode, event.raw, hit.fields)
        if episode.pending:
            episode.severity = max(episode.severity, track.severity)
            if rule.window is not None and event.time - episode.crossed >= rule.lasts:
                self._publish(rule, hit.key, track, episode, event.time)
            return
        if track.severity > episode.severity:
            episode.severity = track.severity
            self.urgent = True
        self._touch(rule, hit.key, episode)
        if episode.ended:
            episode.ended = False
            self.watch(rule, hit.key, track, event.origin.lateness)

    def _open(self, hit: Hit, track: Track, over: Over, figures: Figures | None) -> None:
        rule, event, key = hit.rule, hit.event, hit.key
        count, last = over.held, event.time
        if isinstance(rule.window, Count | Distinct):
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
            latest=showable(rule, hit.fields),
            subject=subject_of(rule, key, showable(rule, hit.fields)),
            distinct=over.held if isinstance(rule.window, Distinct) else None,
            detailed=len(self._open_now) < DETAILED,
            pending=bool(rule.lasts) or isinstance(rule.window, Absence),
            source=event.origin.source,
        )
        if figures is not None:
            episode.peak, episode.figures = figures.peak, figures.named
        for recent in self._recent.values():
            for raw, fields in recent.since(rule.id, key, over.start):
                _show(rule, episode, raw, fields)
        if not rule.keeps_lines:
            _show(rule, episode, event.raw, hit.fields)
        track.episode = episode
        if episode.pending:
            self.watch(rule, key, track, event.origin.lateness)
        else:
            self._opens(rule, key, track, episode, event.origin.lateness)

    def _opens(
        self, rule: CompiledRule, key: Key, track: Track, episode: OpenEpisode, lateness: Nanos = LATENESS
    ) -> None:
        """People may now be told of it."""
        resumed = self._resumed_at
        episode.seen_late = resumed is not None and episode.crossed < resumed - SEEN_LATE_AFTER
        track.severity = Severity.info
        self.urgent = True
        self._open_now.add(episode.id)
        self._opened.append(Opened(rule, key, episode))
        self._touch(rule, key, episode)
        self.watch(rule, key, track, lateness)

    # --- time --------------------------------------------------------------------------------------------

    def watch(self, rule: CompiledRule, key: Key, track: Track, lateness: Nanos = LATENESS) -> None:
        """Have `advance` look at the key's episode when time may decide something about it."""
        look = self._next_look(rule, track, lateness)
        if track.episode is not None and look is not None:
            heapq.heappush(self._timers, (look, track.episode.id, rule.fingerprint, key, lateness))

    def restored(self, rule: CompiledRule, key: Key, track: Track) -> None:
        """A commit held this key: its episode, if it has one that is not over, is watched again."""
        if track.episode is not None and not track.episode.ended:
            if not track.episode.pending:
                self._open_now.add(track.episode.id)
            self.watch(rule, key, track)

    def _next_look(self, rule: CompiledRule, track: Track, lateness: Nanos) -> Stamp | None:
        episode = track.episode
        if episode is None or episode.ended:
            return None
        if episode.pending and (due := self._due(rule, track, episode)) is not None:
            return due
        return None if rule.is_state else episode.last + rule.quiet + lateness + 1

    def advance(self, arrived: Stamp, lookup: Lookup) -> None:
        """Publish what has lasted, and end what has been quiet for long enough, by the clock of arrivals. It
        changes no verdict: the next event of the key would show the same."""
        while self._timers and self._timers[0][0] <= arrived:
            _, episode_id, fingerprint, key, lateness = heapq.heappop(self._timers)
            found = lookup(fingerprint, key)
            if found is None or not isinstance(found[1], Track):
                continue
            rule, track = found[0], found[1]
            if track.episode is None or track.episode.id != episode_id:
                continue
            look = self._next_look(rule, track, lateness)
            if look is not None and look > arrived:
                heapq.heappush(self._timers, (look, episode_id, fingerprint, key, lateness))
            elif look is not None:
                self._lasted_until(rule, key, track, arrived)
                if track.episode is not None and look == self._next_look(rule, track, lateness):
                    self.end(rule, key, track)

    def clock_went_back(self, now: Stamp) -> None:
        """The clock of arrivals was ahead: look at everything anew, since nothing may wait for that time."""
        self.listening_since = min(self.listening_since, now)
        self._timers = [(min(timer[0], now), *timer[1:]) for timer in self._timers]
        heapq.heapify(self._timers)

    # --- handing out -------------------------------------------------------------------------------------

    def take_opened(self) -> list[Opened]:
        """Every episode that opened since the last call."""
        opened, self._opened = self._opened, []
        return opened

    def touched(self) -> list[tuple[str, Key]]:
        """Fingerprint and key of every episode that changed since the last `take`."""
        return [(fingerprint, key) for fingerprint, key, _ in self._touched.values()]

    def take(self, rules: Mapping[str, CompiledRule], timezone: str) -> list[Episode]:
        """Every episode that changed since the last call, as it stands; those of rules that are gone are
        left out."""
        taken = [
            snapshot(rules[fingerprint], key, episode, timezone)
            for fingerprint, key, episode in self._touched.values()
            if fingerprint in rules
        ]
        for _, _, episode in self._touched.values():
            if episode.ended:  # told in full now; it stays only in case that a late stamp reopens it
                episode.top, episode.samples = {}, episode.samples[:1]
        self._touched.clear()
        self.urgent = False
        return taken

    def _touch(self, rule: CompiledRule, key: Key, episode: OpenEpisode) -> None:
        self._touched[episode.id] = (rule.fingerprint, key, episode)


def goes_on(rule: CompiledRule, episode: OpenEpisode, time: Stamp) -> bool:
    """Whether an event of this stamp belongs to the episode. With `quiet: 0s` every match is an episode of
    its own, equal stamps included."""
    if rule.is_state or episode.accepted:
        return not episode.ended
    return bool(rule.quiet) and time <= episode.last + rule.quiet


def _show(rule: CompiledRule, episode: OpenEpisode, raw: str, fields: Fields) -> None:
    if episode.detailed:
        count_tops(episode, rule, fields)
    if len(episode.samples) < (SAMPLES if episode.detailed else 1):
        episode.samples.append(sample(raw, fields))
