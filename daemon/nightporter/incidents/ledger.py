"""The ledger: what an episode means for people who were told before, and what is told again, and when.

Pure: episodes and the time go in, incidents and tellings come out. An incident is one rule and key over its
reopenings; where rules name a subject, or tell of a state that ends, it is what `subjects` makes of them.
Cooldown runs on event time, so that live, replay and test agree on incidents; waiting for the next telling
runs on the wall clock, which a person lives by (RULES §4.5 to §4.7).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec

from nightporter.incidents import life, telling
from nightporter.incidents.changes import LedgerChanges
from nightporter.incidents.holding import House
from nightporter.incidents.subjects import Subjects
from nightporter.incidents.waits import AHEAD, cooldown, next_wait
from nightporter.model import HOUR, Episode, Incident, Stamp, Telling, TellingKind, Value
from nightporter.rule import Rule

INCIDENT_CAP: Final = 50_000
"""Incidents kept in memory; the oldest go first, and would be told anew."""


class Decision(Enum):
    """Why an episode's change was told or not."""

    NEW = "first crossing of this rule and key, or the last one's cooldown has passed"
    WORSE = "the severity rose above what was last told"
    WAITS = "told already; what grew is told when the wait ends"
    DRY_RUN = "the rule is a dry run"


_At = tuple[str, tuple[tuple[str, Value], ...]]


class Ledger:
    """The current incident of each rule and key, and of each subject. `rules` are those in force; replace
    them on a reload."""

    def __init__(self, rules: Mapping[str, Rule], house: House | None = None) -> None:
        """`house`: what holds alerts back; None: nothing does."""
        self._rules = rules
        self._subjects = Subjects(rules, house or House())
        self._incidents: dict[_At, Incident] = {}
        self._due: list[tuple[Stamp, str, _At]] = []
        self._latest: Stamp = 0

    @property
    def rules(self) -> Mapping[str, Rule]:
        return self._rules

    @rules.setter
    def rules(self, rules: Mapping[str, Rule]) -> None:
        self._rules = self._subjects.rules = rules

    def load(self, incidents: Iterable[Incident]) -> None:
        """Take back what commits held, oldest first."""
        whole: list[Incident] = []
        for incident in incidents:
            if incident.parts:
                whole.append(incident)
            else:
                self._keep(incident)
        self._subjects.load(whole)

    def take(self, episodes: Iterable[Episode], now: Stamp) -> LedgerChanges:
        """Enter the episodes that a batch changed, in order."""
        changed: dict[str, Incident] = {}
        tellings: list[Telling] = []
        of_subjects: list[tuple[Rule, Episode]] = []
        for episode in episodes:
            rule = self.rules.get(episode.rule)
            if rule is None:
                continue
            if Subjects.takes(rule, episode):
                of_subjects.append((rule, episode))
                continue
            incident, decision = self._enter(rule, episode, now)
            if decision in (Decision.NEW, Decision.WORSE):
                kind: TellingKind = "alert" if decision is Decision.NEW else "again"
                tellings.append(telling.alert(rule, incident, kind, now))
                incident = _told(rule, incident, now, first=decision is Decision.NEW)
            self._keep(incident)
            changed[incident.id] = incident
        others = self._subjects.take(of_subjects, now)
        return LedgerChanges([*changed.values(), *others.incidents], tellings + others.tellings)

    def _enter(self, rule: Rule, episode: Episode, now: Stamp) -> tuple[Incident, Decision]:
        current = self._incidents.get(_at(episode))
        told = Decision.DRY_RUN if rule.mode == "dry-run" else None
        if current is None or current.episode.crossed > now + AHEAD or self._is_new(rule, current, episode):
            return life.alone(rule, episode, now), told or Decision.NEW
        incident = _grown(current, episode)
        if incident.severity > current.told_severity:
            return incident, told or Decision.WORSE
        return incident, told or Decision.WAITS

    @staticmethod
    def _is_new(rule: Rule, current: Incident, episode: Episode) -> bool:
        if episode.id == current.episode.id or episode.crossed < current.episode.crossed:
            return False
        if current.episode.accepted:
            return True
        return episode.crossed >= current.crossing_told + cooldown(rule, current.severity)

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
        others = self._subjects.due(now)
        return LedgerChanges(changes.incidents + others.incidents, changes.tellings + others.tellings)

    def _look_again(
        self, rule: Rule, at: _At, incident: Incident, now: Stamp, changes: LedgerChanges
    ) -> None:
        grew = incident.count > incident.told_count and not incident.episode.accepted
        if grew and rule.mode != "dry-run":
            changes.tellings.append(telling.alert(rule, incident, "again", now))
            incident = _told(rule, incident, now, first=False)
            changes.incidents.append(incident)
            self._keep(incident)
        elif incident.open:
            heapq.heappush(self._due, (now + incident.wait, incident.id, at))
        elif incident.last + max(incident.wait, cooldown(rule, incident.severity)) > now:
            heapq.heappush(self._due, (now + HOUR, incident.id, at))
        else:
            del self._incidents[at]  # over, told in full, and its cooldown has passed

    def next_due(self) -> Stamp | None:
        """The wall time at which `due` may have something to say."""
        first = self._due[0][0] if self._due else None
        return min((at for at in (first, self._subjects.next_due()) if at is not None), default=None)

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
        self._subjects.clock_went_back(now)
        self._due = []
        for at, incident in list(self._incidents.items()):
            restamped = msgspec.structs.replace(incident, told_at=min(incident.told_at, now))
            self._incidents[at] = restamped
            self._due.append((restamped.told_at + restamped.wait, restamped.id, at))
        heapq.heapify(self._due)


def _at(episode: Episode) -> _At:
    return episode.rule, tuple(episode.key.items())


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
    """The incident after a telling."""
    return msgspec.structs.replace(
        incident,
        crossing_told=incident.episode.crossed,
        told_at=now,
        told_count=incident.count,
        told_severity=incident.severity,
        wait=next_wait(rule, incident.severity, incident.wait, first=first),
        tellings=incident.tellings + 1,
    )
