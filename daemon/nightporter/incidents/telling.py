"""The words of an incident: from what is known of it to one telling. Pure.

Its messages are the rules'; what is added here says that it is over, and what else is part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nightporter.detect.narrate import duration
from nightporter.incidents.parts import THINGS, is_unwatched
from nightporter.model import MINUTE, Incident, IncidentPart, Nanos, Stamp, Telling, TellingKind, short_id
from nightporter.rule import Rule, within_of

WORTH_A_WORD: Final = 10
"""Where less than the tenth part of an outage was not watched, its length is told as it is."""
MENTIONED: Final = 4
"""Further parts that the text names; all of them stand in `parts`."""


def alert(rule: Rule, incident: Incident, kind: TellingKind, now: Stamp) -> Telling:
    """What is said of an incident that goes on: `alert` at first, `again` when it grew."""
    episode = incident.episode
    return Telling(
        id=short_id(incident.id, incident.tellings),
        kind=kind,
        severity=incident.severity,
        title=incident.title,
        message="; ".join([episode.message, *_others(incident)]),
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
        subject=incident.subject,
        parts=incident.parts,
        unlisted=incident.unlisted,
        covers=incident.covers,
        told_rules=incident.told_rules,
    )


def recovery(rules: Mapping[str, Rule], incident: Incident, now: Stamp, unwatched: Nanos = 0) -> Telling:
    """What is said once its last state has ended, to all who heard of it; also where that is only that nobody
    watches any more. `unwatched`: how much of its time nobody watched, in which it may have been back."""
    lasted = max(0, incident.ended_at - incident.first)
    unsure = unwatched if unwatched >= MINUTE and unwatched * WORTH_A_WORD >= lasted else 0
    told = [rules[rule_id] for rule_id in incident.told_rules if rule_id in rules]
    return Telling(
        id=short_id(incident.id, incident.tellings),
        kind="resolved",
        severity=incident.told_severity,
        title=_over(rules.get(incident.rule), incident, _how_long(lasted, unsure)),
        message=_was(incident, unsure),
        at=now,
        rule=incident.told_rules[-1] if incident.told_rules else incident.rule,
        incident=incident.id,
        key=incident.key,
        first=incident.first,
        last=incident.ended_at,
        count=incident.count,
        tags=list(dict.fromkeys(tag for rule in told for tag in rule.tags)),
        notify=list(dict.fromkeys(name for rule in told for name in rule.notify)),
        subject=incident.subject,
        parts=incident.parts,
        unlisted=incident.unlisted,
        lasted=lasted,
        covers=incident.covers,
        told_rules=incident.told_rules,
    )


def _how_long(lasted: Nanos, unsure: Nanos) -> str:
    return f"{roughly(lasted - unsure)} to {roughly(lasted)}" if unsure else roughly(lasted)


def _was(incident: Incident, unsure: Nanos) -> str:
    was = "It was: " + "; ".join([incident.episode.message, *_others(incident)])
    if is_unwatched(incident.parts):
        return f"Nobody looks at it any more, so nobody knows whether it is well again. {was}"
    if unsure:
        return f"Nobody watched for {roughly(unsure)} of it, so it may have been back before. {was}"
    return was


def _over(rule: Rule | None, incident: Incident, lasted: str) -> str:
    if is_unwatched(incident.parts):
        return f"{incident.subject or incident.title}: no longer watched"
    if not incident.subject:
        return f"Over after {lasted}: {incident.title}"
    back = rule is None or rule.subject in THINGS
    return f"{incident.subject} is {'back' if back else 'well again'} after {lasted}"


def roughly(length: Nanos) -> str:
    """A duration without seconds, if it has minutes."""
    return duration(length // MINUTE * MINUTE if length >= MINUTE else length)


def _others(incident: Incident) -> list[str]:
    """The parts beside the one that leads, in a few words each."""
    episode = incident.episode
    others = [p for p in incident.parts if (p.rule, p.key) != (episode.rule, episode.key)]
    named = [_in_short(p) for p in _loudest_first(others)[:MENTIONED]]
    rest = len(others) + incident.unlisted - len(named)
    return [*named, f"and {rest} more"] if rest > 0 else named


def _loudest_first(parts: Sequence[IncidentPart]) -> list[IncidentPart]:
    return sorted(parts, key=lambda p: (-p.severity, p.first, p.rule))


def _in_short(part: IncidentPart) -> str:
    return f"{part.title} ×{part.count:,}" if part.count > 1 else part.title
