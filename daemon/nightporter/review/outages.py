"""From outages as they were told to minutes: what overlaps counts once. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from nightporter.history.rows import Outage
from nightporter.model import Incident, Nanos, Stamp


def of_incidents(incidents: Iterable[Incident], rules: Collection[str], now: Stamp) -> list[Outage]:
    """The outages among incidents: of a subject, and told by a state of one of these rules."""
    return [
        Outage(incident.subject, incident.first, now if incident.open else incident.ended_at or incident.last)
        for incident in incidents
        if incident.subject and any(part.state and part.rule in rules for part in incident.parts)
    ]


def joined(outages: Iterable[Outage], since: Stamp, until: Stamp) -> dict[str, list[Outage]]:
    """Service → its outages within this time, cut to it, none touching another, oldest first. Whatever tells
    of a service names it in its own case."""
    found: dict[str, list[Outage]] = {}
    for outage in sorted(outages, key=lambda each: (each.start, each.end)):
        start, end = max(outage.start, since), min(outage.end, until)
        if end <= start:
            continue
        name = outage.service.lower()
        before = found.setdefault(name, [])
        if before and start <= before[-1].end:
            before[-1] = Outage(name, before[-1].start, max(before[-1].end, end))
        else:
            before.append(Outage(name, start, end))
    return found


def length(outages: Iterable[Outage]) -> Nanos:
    """How long they lasted together; none of them may overlap."""
    return sum(outage.end - outage.start for outage in outages)
