"""The ledger: what an episode means for people who were told before, and what is told again, and when.

Pure: episodes and the time go in, incidents and tellings come out. An incident is one rule and key over its
reopenings. Cooldown runs on event time, so that live, replay and test agree on incidents; waiting for the
next telling runs on the wall clock, which a person lives by (RULES §4.5 to §4.7).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import msgspec

from nightporter.detect.narrate import duration
from nightporter.model import (
    DAY,
    HOUR,
    MINUTE,
    Episode,
    Incident,
    Nanos,
    Severity,
    Stamp,
    Telling,
    TellingKind,
    Value,
    short_id,
)
from nightporter.rule import Rule, within_of

WAITS: Final[Mapping[Severity, tuple[Nanos, Nanos]]] = {
    Severity.info: (DAY, DAY),
    Severity.low: (DAY, DAY),
    Severity.medium: (4 * HOUR, DAY),
    Severity.high: (HOUR, 12 * HOUR),
    Severity.critical: (15 * MINUTE, 4 * HOUR),
}
"""First and longest wait before an incident is told again, by severity; also the default cooldown."""

SHORTEST_WAIT: Final[Nanos] = MINUTE
"""Nothing is told again sooner than this, whatever a rule's cooldown says."""
AHEAD: Final[Nanos] = HOUR
"""An episode that crossed further in the future than this was stamped by a clock that was wrong: it must not
stand in the way of what happens now."""
INCIDENT_CAP: Final = 50_000
"""Incidents kept in memory; the oldest go first, and would be told anew."""


class Decision(Enum):
    """Why an episode's change was told or not."""

    NEW = "first crossing of this rule and key, or the last one's cooldown has passed"
    WORSE = "the severity rose above what was last told"
    WAITS = "told already; what grew is told when the wait ends"
    DRY_RUN = "the rule is a dry run"


@dataclass(slots=True)
class LedgerChanges:
    """What goes into the commit."""

    incidents: list[Incident] = field(default_factory=list)
    tellings: list[Telling] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.incidents or self.tellings)


_At = tuple[str, tuple[tuple[str, Value], ...]]


class Ledger:
    """The current incident of each rule and key. `rules` are those in force; replace it on a reload."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self._incidents: dict[_At, Incident] = {}
        self._due: list[tuple[Stamp, str, _At]] = []
        self._latest: Stamp = 0

    def load(self, incidents: Iterable[Incident]) -> None:
        """Take back what commits held, oldest first."""
        for incident in incidents:
            self._keep(incident)

    def take(self, episodes: Iterable[Episode], now: Stamp) -> LedgerChanges:
        """Enter the episodes that a batch changed, in order."""
        changed: dict[str, Incident] = {}
        tellings: list[Telling] = []
        for episode in episodes:
            rule = self.rules.get(episode.rule)
            if rule is None:
                continue
            incident, decision = self._enter(rule, episode, now)
            if decision in (Decision.NEW, Decision.WORSE):
                kind: TellingKind = "alert" if decision is Decision.NEW else "again"
                tellings.append(_telling(rule, incident, kind, now))
                incident = _told(rule, incident, now, first=decision is Decision.NEW)
            self._keep(incident)
            changed[incident.id] = incident
        return LedgerChanges(list(changed.values()), tellings)

    def _enter(self, rule: Rule, episode: Episode, now: Stamp) -> tuple[Incident, Decision]:
        current = self._incidents.get(_at(episode))
        told = Decision.DRY_RUN if rule.mode == "dry-run" else None
        if current is None or current.episode.crossed > now + AHEAD or self._is_new(rule, current, episode):
            return _opened(rule, episode, now), told or Decision.NEW
        incident = _grown(current, episode)
        if incident.severity > current.told_severity:
            return incident, told or Decision.WORSE
        return incident, told or Decision.WAITS

    @staticmethod
    def _is_new(rule: Rule, current: Incident, episode: Episode) -> bool:
        if episode.id == current.episode.id or episode.crossed < current.episode.crossed:
            return False
        return episode.crossed >= current.crossing_told + _cooldown(rule, current.severity)

    def due(self, now: Stamp) -> LedgerChanges:
        """What has grown since it was last told, for those whose wait is over. Call it now and then."""
        if now < self._latest - HOUR:
            self._clock_went_back(now)
        self._latest = now
        changes = LedgerChanges()
        while self._due and self._due[0][0] <= now:
            _, incident_id, at = heapq.heappop(self._due)
            incident = self._incidents.get(at)
            rule = self.rules.get(at[0])
            if incident is None or incident.id != incident_id:
                continue
            if rule is None:
                del self._incidents[at]
                continue
            if incident.told_at + incident.wait > now:  # told again since, because it grew worse
                continue
            self._look_again(rule, at, incident, now, changes)
        return changes

    def _look_again(
        self, rule: Rule, at: _At, incident: Incident, now: Stamp, changes: LedgerChanges
    ) -> None:
        if incident.count > incident.told_count and rule.mode != "dry-run":
            changes.tellings.append(_telling(rule, incident, "again", now))
            incident = _told(rule, incident, now, first=False)
            changes.incidents.append(incident)
            self._keep(incident)
        elif incident.open:
            heapq.heappush(self._due, (now + incident.wait, incident.id, at))
        elif incident.last + max(incident.wait, _cooldown(rule, incident.severity)) > now:
            heapq.heappush(self._due, (now + HOUR, incident.id, at))
        else:
            del self._incidents[at]  # over, told in full, and its cooldown has passed

    def next_due(self) -> Stamp | None:
        """The wall time at which `due` may have something to say."""
        return self._due[0][0] if self._due else None

    def _keep(self, incident: Incident) -> None:
        at = _at(incident.episode)
        known = self._incidents.get(at)
        self._incidents[at] = incident
        if known is None or known.id != incident.id or known.told_at != incident.told_at:
            heapq.heappush(self._due, (incident.told_at + incident.wait, incident.id, at))
        if len(self._incidents) > INCIDENT_CAP:
            del self._incidents[next(iter(self._incidents))]

    def _clock_went_back(self, now: Stamp) -> None:
        """The wall clock was set back: nothing may wait longer for that than its own wait."""
        self._due = []
        for at, incident in list(self._incidents.items()):
            restamped = msgspec.structs.replace(incident, told_at=min(incident.told_at, now))
            self._incidents[at] = restamped
            self._due.append((restamped.told_at + restamped.wait, restamped.id, at))
        heapq.heapify(self._due)


def _at(episode: Episode) -> _At:
    return episode.rule, tuple(episode.key.items())


def _cooldown(rule: Rule, severity: Severity) -> Nanos:
    """Until this long after the crossing last told, a new one belongs to the same incident."""
    return WAITS[severity][0] if rule.cooldown is None else rule.cooldown


def _waits(rule: Rule, severity: Severity) -> tuple[Nanos, Nanos]:
    """The first wait before an incident is told again, and the longest."""
    first = max(_cooldown(rule, severity), SHORTEST_WAIT)
    longest = WAITS[severity][1] if rule.cooldown_max is None else rule.cooldown_max
    return first, max(first, longest)


def _opened(rule: Rule, episode: Episode, now: Stamp) -> Incident:
    return Incident(
        id=short_id("incident", episode.id),
        rule=rule.id,
        key=episode.key,
        severity=episode.severity,
        title=rule.title,
        first=episode.first,
        last=episode.last,
        episodes=1,
        count=episode.count,
        open=not episode.ended,
        episode=episode,
        crossing_told=episode.crossed,
        told_at=now,
        told_count=episode.count,
        told_severity=episode.severity,
        wait=_waits(rule, episode.severity)[0],
        tellings=0,
    )


def _grown(incident: Incident, episode: Episode) -> Incident:
    """The incident with the newest state of one of its episodes, or with one more episode."""
    same = episode.id == incident.episode.id
    if not same and episode.crossed < incident.episode.crossed:
        return incident  # the end of an older episode; its events are in the count already
    return msgspec.structs.replace(
        incident,
        severity=max(incident.severity, episode.severity),
        first=min(incident.first, episode.first),
        last=max(incident.last, episode.last),
        episodes=incident.episodes + (not same),
        count=incident.count + episode.count - (incident.episode.count if same else 0),
        open=not episode.ended,
        episode=episode,
    )


def _told(rule: Rule, incident: Incident, now: Stamp, *, first: bool) -> Incident:
    """The incident after a telling: the next wait is twice as long, up to the longest."""
    shortest, longest = _waits(rule, incident.severity)
    return msgspec.structs.replace(
        incident,
        crossing_told=incident.episode.crossed,
        told_at=now,
        told_count=incident.count,
        told_severity=incident.severity,
        wait=shortest if first else min(max(2 * incident.wait, shortest), longest),
        tellings=incident.tellings + 1,
    )


def _telling(rule: Rule, incident: Incident, kind: TellingKind, now: Stamp) -> Telling:
    episode = incident.episode
    return Telling(
        id=short_id(incident.id, incident.tellings),
        kind=kind,
        severity=incident.severity,
        title=incident.title,
        message=episode.message,
        at=now,
        rule=rule.id,
        incident=incident.id,
        key=incident.key,
        first=incident.first,
        last=incident.last,
        count=incident.count,
        grew=incident.count - incident.told_count if kind == "again" else 0,
        distinct=episode.distinct,
        window=duration(within_of(rule.window)) if within_of(rule.window) else "",
        top=episode.top,
        samples=episode.samples,
        fix=rule.fix,
        tags=list(rule.tags),
        references=list(rule.references),
        notify=list(rule.notify),
        seen_late=episode.seen_late,
    )
