"""Incidents over several rules: all that is wrong with one subject, and states that come to an end.

One outage is one incident, whatever tells of it first: a probe, the container's death, the proxy's 502s. Its
first part is told; others are listed with the next telling, unless they are worse. When its last state has
ended, that is told once, to those who heard of it. A state of a rule without a subject is an incident of that
rule and key alone, with the same life.

What holds a telling back: `House` (the grace after a start; a parent that is down covers its children), and
for the end of a subject that flaps, the time for which it has to stay well. All of that runs on the wall
clock, by `due`. What belongs together is decided by event time, as everywhere (RULES §4.7).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from nightporter.incidents import life, telling
from nightporter.incidents import parts as parted
from nightporter.incidents.changes import LedgerChanges
from nightporter.incidents.holding import AFTER_PARENT, PARENT_WAIT, House, explains
from nightporter.incidents.waits import AHEAD, cooldown, next_wait
from nightporter.model import (
    MINUTE,
    Episode,
    Incident,
    IncidentPart,
    Nanos,
    Stamp,
    TellingKind,
    Value,
)
from nightporter.rule import Rule

AFTERMATH: Final[Nanos] = 5 * MINUTE
"""What else is seen of a subject so shortly after its end belongs to it: a service that warms up."""
SUBJECTS_CAP: Final = 20_000
"""Subjects whose incident is in memory; states that go on are the last to go."""
COVERS_CAP: Final = 100

_At = tuple[str, tuple[tuple[str, Value], ...]]


class Subjects:
    """The current incident of each subject, and of each state without one. `rules` are those in force."""

    def __init__(self, rules: Mapping[str, Rule], house: House) -> None:
        self.rules = rules
        self._house = house
        self._incidents: dict[_At, Incident] = {}
        self._looks: dict[_At, Stamp] = {}
        self._due: list[tuple[Stamp, str, _At]] = []

    @staticmethod
    def takes(rule: Rule, episode: Episode) -> bool:
        """Whether this episode's incident is one of these. A dry run opens nothing in what others tell. The
        episode of a state may be none itself: one whose end nobody knows."""
        return rule.mode != "dry-run" and (episode.state or rule.is_state or bool(episode.subject))

    def load(self, incidents: Iterable[Incident]) -> None:
        """Take back what commits held, in any order: of one subject the latest counts."""
        for incident in sorted(incidents, key=lambda i: (i.told_at, i.number)):
            at = _at_of(incident)
            self._incidents[at] = incident
            self._looks.pop(at, None)
            self._look_at(at, incident.look)

    def take(self, episodes: Iterable[tuple[Rule, Episode]], now: Stamp) -> LedgerChanges:
        """Enter what one batch changed; only then decide, so that what came together is told together."""
        changes = LedgerChanges()
        touched: dict[_At, None] = {}
        for rule, episode in episodes:
            at = _at_for(rule, episode)
            current = self._remembered(at, now)
            if current is not None and not self._is_new(rule, current, episode, now):
                self._incidents[at] = life.grown(current, rule, episode)
            else:
                if current is not None:
                    current = self._left(at, now, changes)
                self._incidents[at] = life.opened(rule, current, episode, now)
            touched[at] = None
        for at in touched:
            self._decide(at, now, changes)
            changes.incidents.append(self._incidents[at])
        self._forget_surplus()
        return changes

    def due(self, now: Stamp) -> LedgerChanges:
        """What is to be told since time has passed."""
        changes = LedgerChanges()
        while self._due and self._due[0][0] <= now:
            stamp, _, at = heapq.heappop(self._due)
            if self._looks.get(at) != stamp:
                continue
            del self._looks[at]
            before = self._incidents.get(at)
            if before is None:
                continue
            if self._is_over(before, now):
                del self._incidents[at]
                continue
            self._decide(at, now, changes)
            after = self._incidents[at]
            if after != before:
                changes.incidents.append(after)
        return changes

    def next_due(self) -> Stamp | None:
        """The wall time at which `due` may have something to say."""
        return self._due[0][0] if self._due else None

    def clock_went_back(self, now: Stamp) -> None:
        """The wall clock was set back: nothing may wait longer for that than its own wait."""
        for at, incident in list(self._incidents.items()):
            self._incidents[at] = msgspec.structs.replace(
                incident,
                told_at=min(incident.told_at, now),
                good_since=min(incident.good_since, now),
            )
            self._look_at(at, now)

    # --- which incident an episode belongs to

    def _is_new(self, rule: Rule, current: Incident, episode: Episode, now: Stamp) -> bool:
        """Whether the episode begins another incident than its subject's latest."""
        known = parted.find(current.parts, episode)
        if current.episode.crossed > now + AHEAD and (known is None or known.episode != episode.id):
            return True
        if life.is_closed(current):
            if not episode.state:
                return self._outlives(rule, current, episode)
            heard_of = parted.is_known(known, episode) or episode.last <= current.ended_at + AFTERMATH
            return not (episode.ended and heard_of)
        if parted.is_known(known, episode) or any(p.state for p in current.parts):
            return False
        if episode.state:  # symptoms that were over long before are not how this began
            newest = max(p.last for p in current.parts)
            return not any(p.open for p in current.parts) and episode.first > newest + AFTERMATH
        return episode.crossed >= current.crossing_told + cooldown(rule, current.severity)

    @staticmethod
    def _outlives(rule: Rule, closed: Incident, episode: Episode) -> bool:
        """Whether a symptom goes on for too long, or is too bad, to belong to what is over."""
        aftermath = min(AFTERMATH, cooldown(rule, episode.severity))
        goes_on = episode.last > closed.ended_at + aftermath
        return not rule.waits or episode.severity > closed.severity or goes_on

    def _left(self, at: _At, now: Stamp, changes: LedgerChanges) -> Incident:
        """The incident makes place for its subject's next one: what is still to say of it is said now."""
        self._decide(at, now, changes)
        left = msgspec.structs.replace(self._incidents[at], open=False)
        changes.incidents.append(left)
        return left

    # --- what is told of it

    def _decide(self, at: _At, now: Stamp, changes: LedgerChanges) -> None:
        """Tell what is to be told now, keep the incident as it then is, and say when to look again.

        It goes by nothing but the incident and the time, so that a restart changes no answer.
        """
        incident = life.ended_or_not(self._without_lost_rules(self._incidents[at]), now)
        look: Stamp = 0
        if not incident.tellings:
            incident, look = self._first_told(incident, now, changes)
        elif incident.ended_at and not incident.told_end:
            incident, look = self._told_over(incident, now, changes)
        elif not incident.told_end:
            incident, look = self._told_again(incident, now, changes)
        look = look if look > now else now + max(incident.wait, MINUTE)
        look = min(look, self._looks.get(at, look))  # a look too many changes nothing
        self._incidents[at] = msgspec.structs.replace(incident, open=life.is_open(incident), look=look)
        self._look_at(at, look)

    def _first_told(self, incident: Incident, now: Stamp, changes: LedgerChanges) -> tuple[Incident, Stamp]:
        """What was over before it was told is not told: it is kept for the review."""
        if incident.ended_at:
            return incident, 0
        incident, until = self._held(incident, now, changes)
        if until > now:
            return incident, until
        if incident.covered and not any(p.open for p in incident.parts):
            return msgspec.structs.replace(incident, ended_at=incident.last, good_since=now), 0
        return self._tell(incident, "alert", now, changes), 0

    def _told_again(self, incident: Incident, now: Stamp, changes: LedgerChanges) -> tuple[Incident, Stamp]:
        """At once if it is worse, or has a part that does not wait; else when it has grown and waited."""
        waited = incident.told_at + incident.wait <= now
        worse = life.loudness(incident) > incident.told_severity or any(p.unsaid for p in incident.parts)
        if worse or (waited and incident.count > incident.told_count):
            incident = self._tell(incident, "again", now, changes)
        return incident, incident.told_at + incident.wait

    def _told_over(self, incident: Incident, now: Stamp, changes: LedgerChanges) -> tuple[Incident, Stamp]:
        proven = incident.good_since + life.proof(incident.reopenings)
        if proven > now:
            return incident, proven
        unwatched = self._house.unwatched(incident.first, incident.ended_at)
        changes.tellings.append(telling.recovery(self.rules, incident, now, unwatched))
        tellings = incident.tellings + 1
        return msgspec.structs.replace(incident, told_end=True, told_at=now, tellings=tellings), 0

    def _tell(self, incident: Incident, kind: TellingKind, now: Stamp, changes: LedgerChanges) -> Incident:
        rule = self.rules.get(incident.rule)
        if rule is None:
            return incident
        changes.tellings.append(telling.alert(rule, incident, kind, now))
        return msgspec.structs.replace(
            incident,
            crossing_told=max(p.crossed for p in incident.parts),
            told_at=now,
            told_count=incident.count,
            told_severity=incident.severity,
            wait=next_wait(rule, incident.severity, incident.wait, first=kind == "alert"),
            tellings=incident.tellings + 1,
            told_rules=list(dict.fromkeys([*incident.told_rules, incident.rule])),
            parts=parted.said(incident.parts),
        )

    # --- what holds it back

    def _held(self, incident: Incident, now: Stamp, changes: LedgerChanges) -> tuple[Incident, Stamp]:
        """Until when its alert waits, as far as is known now; 0 if it does not."""
        house, until = self._house, 0
        if not incident.subject:
            return incident, until
        # A start in the future is a clock that was set back since.
        if parted.in_a_bad_state(incident.parts) and house.started <= now:
            until = house.started + house.grace
        above = list(house.above(incident.subject))
        if above:
            until = max(until, incident.told_at + PARENT_WAIT)
        for parent_at, parent in self._down_above(above, incident, now):
            if parent.ended_at:
                until = max(until, parent.good_since + AFTER_PARENT)
                continue
            until = max(until, now + PARENT_WAIT)
            incident = msgspec.structs.replace(incident, covered=True)
            if incident.subject not in parent.covers and len(parent.covers) < COVERS_CAP:
                parent = msgspec.structs.replace(parent, covers=sorted([*parent.covers, incident.subject]))
                self._incidents[parent_at] = parent
                changes.incidents.append(parent)
        return incident, until

    def _down_above(
        self, above: Iterable[str], below: Incident, now: Stamp
    ) -> Iterator[tuple[_At, Incident]]:
        """Those of these subjects that are down, or were so a moment ago, and may be why `below` is."""
        for name in above:
            at = _subject_at(name)
            parent = self._incidents.get(at)
            if parent is None or not any(p.state for p in parent.parts):
                continue
            if explains(parent, below) if not parent.ended_at else parent.good_since + AFTER_PARENT > now:
                yield at, parent

    # --- what is kept

    def _without_lost_rules(self, incident: Incident) -> Incident:
        """Nobody can say any more how the state of a rule ended that is gone from the files."""
        lost = [p for p in incident.parts if p.open and self._is_lost(p)]
        if not lost:
            return incident
        parts = [
            msgspec.structs.replace(p, open=False, state=False) if p in lost else p for p in incident.parts
        ]
        return msgspec.structs.replace(incident, parts=parts)

    def _is_lost(self, part: IncidentPart) -> bool:
        rule = self.rules.get(part.rule)
        return rule is None or rule.mode == "dry-run"

    def _remembered(self, at: _At, now: Stamp) -> Incident | None:
        """The latest incident there, unless it is over for so long that it has no bearing on what comes."""
        incident = self._incidents.get(at)
        return None if incident is None or self._is_over(incident, now) else incident

    def _is_over(self, incident: Incident, now: Stamp) -> bool:
        """Whether nothing that comes could belong to it, or be judged by it."""
        rule = self.rules.get(incident.rule)
        if incident.open or rule is None:
            return not incident.open
        if any(p.open for p in incident.parts):
            return False  # a symptom that goes on beyond the end
        if incident.tellings and not incident.told_end and incident.count > incident.told_count:
            return False
        memory = max(life.FLAPPING, incident.wait, cooldown(rule, incident.severity))
        return max(incident.last, incident.good_since) + memory <= now

    def _look_at(self, at: _At, stamp: Stamp) -> None:
        """Look at it then, if no look comes earlier."""
        if self._looks.get(at, stamp + 1) > stamp:
            self._looks[at] = stamp
            heapq.heappush(self._due, (stamp, self._incidents[at].id, at))

    def _forget_surplus(self) -> None:
        """Beyond the cap a tenth goes: first what is over, then what is no state (a crowd of addresses must
        not push out an outage), and of these what was told longest ago."""
        if len(self._incidents) <= SUBJECTS_CAP:
            return
        for at in sorted(self._incidents, key=lambda at: life.worth(self._incidents[at]))[
            : SUBJECTS_CAP // 10
        ]:
            del self._incidents[at]
            self._looks.pop(at, None)


def _at_for(rule: Rule, episode: Episode) -> _At:
    return _subject_at(episode.subject) if episode.subject else (rule.id, tuple(episode.key.items()))


def _at_of(incident: Incident) -> _At:
    return _subject_at(incident.subject) if incident.subject else (incident.rule, tuple(incident.key.items()))


def _subject_at(subject: str) -> _At:
    """No rule's id is empty, so this is nobody else's place."""
    return "", (("subject", subject),)
