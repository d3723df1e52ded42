"""From outages as they were told to minutes: what overlaps counts once, and what nobody watched not at all.
Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from nightporter.history.rows import Gap, Outage
from nightporter.model import Incident, Nanos, Stamp


def of_incidents(incidents: Iterable[Incident], rules: Collection[str], now: Stamp) -> list[Outage]:
    """The outages among incidents: of a subject, and told by a state of one of these rules."""
    return [
        Outage(incident.subject, incident.first, now if incident.open else incident.ended_at or incident.last)
        for incident in incidents
        if incident.subject
        and any((part.state or part.unwatched) and part.rule in rules for part in incident.parts)
    ]


def confirmed(
    probed: Iterable[Outage], certain: Iterable[Outage], *, until: Stamp
) -> tuple[list[Outage], list[Outage]]:
    """What probes saw: outages, and what was none. A service that somebody stopped does not answer either. A
    rule tells an outage from that, so one that no rule told of does not count; of what ended before `until`
    no incidents are kept any more, and the probes alone are believed."""
    told = list(certain)
    found: tuple[list[Outage], list[Outage]] = ([], [])
    for outage in probed:
        is_known = any(
            outage.service.lower() == known.service.lower()
            and outage.start <= known.end
            and known.start <= outage.end
            for known in told
        )
        found[not (is_known or outage.end < until)].append(outage)
    return found


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


def merged(gaps: Iterable[Gap], since: Stamp, until: Stamp) -> tuple[Gap, ...]:
    """When nothing was watched within this time, cut to it, none touching another, oldest first."""
    named = joined((Outage("", gap.start, gap.end) for gap in gaps), since, until)
    return tuple(Gap(one.start, one.end) for one in named.get("", ()))


def unseen(outages: Iterable[Outage], gaps: Sequence[Gap]) -> Nanos:
    """How much of these outages nobody watched. None of either may overlap another."""
    return sum(
        max(0, min(outage.end, gap.end) - max(outage.start, gap.start)) for outage in outages for gap in gaps
    )


def length(outages: Sequence[Outage], gaps: Sequence[Gap]) -> Nanos:
    """How long they were seen to last together. None of either may overlap another."""
    return sum(outage.end - outage.start for outage in outages) - unseen(outages, gaps)
