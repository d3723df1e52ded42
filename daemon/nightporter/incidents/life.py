"""The life of an incident with parts: how it opens, grows and ends, and what its end must prove. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from nightporter.incidents import parts as parted
from nightporter.incidents.waits import cooldown, next_wait
from nightporter.model import HOUR, MINUTE, Episode, Incident, Nanos, Severity, Stamp, short_id
from nightporter.rule import Rule

FLAPPING: Final[Nanos] = 2 * HOUR
"""A subject that goes bad again within this (or its rule's cooldown) flaps. Longer than the longest proof, or
that proof would wipe the slate clean."""
LONGEST_PROOF: Final[Nanos] = HOUR
"""The longest time for which a subject that flapped must stay well before that is told."""


def alone(rule: Rule, episode: Episode, now: Stamp) -> Incident:
    """A new incident of one rule and key, which nobody was told of yet."""
    return Incident(
        id=short_id("incident", episode.id),
        rule=rule.id,
        key=episode.key,
        severity=episode.severity,
        title=rule.title,
        first=parted.began(rule, episode),
        last=episode.last,
        episodes=1,
        count=episode.count,
        open=not episode.ended,
        episode=episode,
        crossing_told=episode.crossed,
        told_at=now,
        told_count=episode.count,
        told_severity=episode.severity,
        wait=next_wait(rule, episode.severity, 0, first=True),
        tellings=0,
    )


def opened(rule: Rule, before: Incident | None, episode: Episode, now: Stamp) -> Incident:
    """A new incident with parts, after the subject's last one (None: none is known)."""
    return msgspec.structs.replace(
        alone(rule, episode, now),
        id=short_id("incident", episode.id, *([before.id] if before else [])),
        subject=episode.subject,
        parts=parted.enter((), rule, episode).parts,
        reopenings=_reopenings(rule, before, episode),
        number=before.number + 1 if before else 0,
    )


def _reopenings(rule: Rule, before: Incident | None, episode: Episode) -> int:
    """How often the subject went bad again, each time shortly after it had been well and people knew."""
    if before is None:
        return 0
    well_until = (before.ended_at or before.last) + max(FLAPPING, cooldown(rule, episode.severity))
    return before.reopenings + before.told_end if episode.crossed < well_until else 0


def grown(incident: Incident, rule: Rule, episode: Episode) -> Incident:
    """The incident with the newest state of one of its episodes, or with one more."""
    entered = parted.enter(incident.parts, rule, episode)
    lead = parted.lead(entered.parts)
    return msgspec.structs.replace(
        incident,
        rule=lead.rule,
        key=lead.key,
        title=lead.title,
        severity=max(incident.severity, episode.severity),
        first=min(incident.first, parted.began(rule, episode)),
        last=max(incident.last, episode.last),
        episodes=incident.episodes + entered.opened,
        count=incident.count + entered.grew,
        episode=episode if lead.episode == episode.id else incident.episode,
        parts=entered.parts,
        unlisted=incident.unlisted + entered.unlisted,
    )


def ended_or_not(incident: Incident, now: Stamp) -> Incident:
    """The incident with the end of its last state noted, or struck out where a state is bad again. One that
    nobody watches any more has ended too, if there is no other."""
    states = [p for p in incident.parts if p.state] or [p for p in incident.parts if p.unwatched]
    if is_closed(incident) or not states:
        return incident
    if not parted.in_a_bad_state(states):
        if incident.ended_at:
            return incident
        return msgspec.structs.replace(incident, ended_at=max(p.last for p in states), good_since=now)
    if not incident.ended_at:
        return incident
    return msgspec.structs.replace(incident, ended_at=0, good_since=0, reopenings=incident.reopenings + 1)


def is_closed(incident: Incident) -> bool:
    """Whether its states have ended, and nothing is left to say of that."""
    return incident.told_end or bool(incident.ended_at and not incident.tellings)


def is_open(incident: Incident) -> bool:
    if is_closed(incident):
        return False
    return any(p.state or p.open for p in incident.parts)


def worth(incident: Incident) -> tuple[bool, bool, Stamp]:
    """How much it would be missed, were it forgotten."""
    return incident.open and any(p.state for p in incident.parts), incident.open, incident.told_at


def loudness(incident: Incident) -> Severity:
    """How bad it is now: what has ended of a state is no reason to tell it again."""
    if not any(p.state for p in incident.parts):
        return incident.severity
    return max((p.severity for p in incident.parts if p.open), default=Severity.info)


def proof(reopenings: int) -> Nanos:
    """How long a subject must have stayed well before that is told: not at all, then 2, 4, 8 … minutes."""
    return min(MINUTE << min(reopenings, 10), LONGEST_PROOF) if reopenings else 0
