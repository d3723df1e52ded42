"""Episodes: one rule and key from the crossing of its threshold until it has been quiet (RULES §4.5).

An admitted event grows the key's open episode, or opens one if its window is over. What changed is handed out
with `take`, as frozen snapshots.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nightporter.detect.compiled import CompiledRule
from nightporter.detect.memory import Entry
from nightporter.detect.narrate import count_tops, sample, showable, snapshot
from nightporter.detect.outcome import Over, Under
from nightporter.detect.recent import Recent
from nightporter.detect.windows import OpenEpisode, Track, chain, held_at_end
from nightporter.model import SECOND, Episode, Event, Fields, Key, Nanos, Severity, Stamp, short_id
from nightporter.rule import Distinct

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


@dataclass(frozen=True, slots=True)
class Hit:
    """One event that one rule counts for one key, with the fields as the rule saw them."""

    rule: CompiledRule
    key: Key
    event: Event
    fields: Fields


class Episodes:
    """All episodes of one engine. `resumed_at`: what crossed before it happened while nobody watched."""

    def __init__(self, resumed_at: Stamp | None) -> None:
        self._resumed_at = resumed_at
        self._touched: dict[str, tuple[str, Key, OpenEpisode]] = {}
        self._ends: list[tuple[Stamp, str, str, Key, Nanos]] = []
        self._recent: dict[str, Recent] = {}
        self._open_now: set[str] = set()
        self.urgent = False
        """One opened or grew worse: people should be told now."""

    def count(self, hit: Hit, track: Track, outcome: Under | Over) -> OpenEpisode | None:
        """Enter one counted event; gives the episode that it opened, if it opened one."""
        self.remember(hit)
        track.severity = max(track.severity, hit.rule.severity_of(hit.fields))
        episode, time = track.episode, hit.event.time
        # With `quiet: 0s` every match is an episode of its own, equal stamps included.
        if episode is not None and hit.rule.quiet and time <= episode.last + hit.rule.quiet:
            self._grow(hit, track, episode)
            return None
        self.end(hit.rule, hit.key, track)
        return self._open(hit, track, outcome) if isinstance(outcome, Over) else None

    def remember(self, hit: Hit) -> None:
        """Keep the line for the samples of an episode that may come of it."""
        recent = self._recent.setdefault(hit.event.origin.source, Recent(RECENT_BYTES))
        recent.add(hit.rule.id, hit.key, hit.event, hit.fields)

    def end(self, rule: CompiledRule, key: Key, entry: Entry | None) -> None:
        """End the key's episode if one is open. It stays known: a late stamp may reopen it."""
        if isinstance(entry, Track) and entry.episode is not None and not entry.episode.ended:
            entry.episode.ended = True
            self._open_now.discard(entry.episode.id)
            self._touch(rule, key, entry.episode)

    def _grow(self, hit: Hit, track: Track, episode: OpenEpisode) -> None:
        """One more event of a known episode; a late one may bridge a gap and take in what came after it."""
        rule, event = hit.rule, hit.event
        episode.count += 1
        episode.first = min(episode.first, event.time)
        if event.time > episode.last:
            episode.last = event.time
            episode.latest = showable(rule, hit.fields)
            if episode.ended:
                bridged, episode.last = chain(track.stamps, event.time, rule.quiet)
                episode.count += max(0, bridged - 1)
        if track.severity > episode.severity:
            episode.severity = track.severity
            self.urgent = True
        if isinstance(rule.window, Distinct):
            episode.distinct = max(episode.distinct or 0, held_at_end(track, rule.window.within))
        _show(rule, episode, event.raw, hit.fields)
        self._touch(rule, hit.key, episode)
        if episode.ended:
            episode.ended = False
            self.watch(rule, hit.key, episode, event.origin.lateness)

    def _open(self, hit: Hit, track: Track, over: Over) -> OpenEpisode:
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
            latest=showable(rule, hit.fields),
            distinct=over.held if isinstance(rule.window, Distinct) else None,
            detailed=len(self._open_now) < DETAILED,
            seen_late=self._resumed_at is not None and event.time < self._resumed_at - SEEN_LATE_AFTER,
        )
        for recent in self._recent.values():
            for raw, fields in recent.since(rule.id, key, over.start):
                _show(rule, episode, raw, fields)
        track.episode = episode
        track.severity = Severity.info
        self.urgent = True
        self._touch(rule, key, episode)
        self.watch(rule, key, episode, event.origin.lateness)
        return episode

    def watch(self, rule: CompiledRule, key: Key, episode: OpenEpisode, lateness: Nanos) -> None:
        """An episode is open: have `advance` look whether it has become quiet."""
        self._open_now.add(episode.id)
        due = episode.last + rule.quiet + lateness
        heapq.heappush(self._ends, (due, episode.id, rule.fingerprint, key, lateness))

    def advance(self, arrived: Stamp, lookup: Lookup) -> None:
        """End the episodes that have been quiet for long enough by the clock of arrivals. It only publishes
        what the next event of the key would show."""
        while self._ends and self._ends[0][0] < arrived:
            _, episode_id, fingerprint, key, lateness = heapq.heappop(self._ends)
            found = lookup(fingerprint, key)
            if found is None or not isinstance(found[1], Track):
                continue
            rule, episode = found[0], found[1].episode
            if episode is None or episode.id != episode_id or episode.ended:
                continue
            if episode.last + rule.quiet + lateness < arrived:
                self.end(rule, key, found[1])
            else:
                self.watch(rule, key, episode, lateness)

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


def _show(rule: CompiledRule, episode: OpenEpisode, raw: str, fields: Fields) -> None:
    if episode.detailed:
        count_tops(episode, rule, fields)
    if len(episode.samples) < (SAMPLES if episode.detailed else 1):
        episode.samples.append(sample(raw, fields))
