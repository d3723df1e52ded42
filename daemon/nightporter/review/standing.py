"""How each service stands that is asked for: what may be called up, and what nothing can be said of. Pure.

Up is only what was seen up. A probe that could never ask saw nothing; and a service that somebody stopped had
no outage, but was not up either.
"""

from __future__ import annotations

from collections.abc import Iterator

from nightporter.notify.localtime import shown, span
from nightporter.review import outages
from nightporter.review.facts import Asked, Facts


def seen_up(facts: Facts) -> list[str]:
    """Services of which every probe had a good answer last, the first one within the period, and that were
    never away in it."""
    by_service: dict[str, list[Asked]] = {}
    for asked in facts.asked:
        by_service.setdefault(asked.service.lower(), []).append(asked)
    return sorted(
        service
        for service, each in by_service.items()
        if service not in facts.outages
        and service not in facts.excused
        and all(asked.state == "up" and asked.since < facts.period.until for asked in each)
    )


def down_now(facts: Facts) -> Iterator[str]:
    """What is down, as of the last look at it."""
    if facts.down and facts.unwatched_since:
        at = shown(facts.unwatched_since, facts.zone, facts.now)
        yield f"Last seen down at {at}, and not watched since: {', '.join(facts.down)}"
    elif facts.down:
        yield f"Down now: {', '.join(facts.down)}"


def unasked(facts: Facts) -> tuple[list[str], list[str]]:
    """Probes that have no way to ask, and those that have had no answer yet that says anything."""
    blocked = sorted(asked.name for asked in facts.asked if asked.state == "blocked")
    return blocked, sorted(asked.name for asked in facts.asked if asked.state == "unknown")


def excused(facts: Facts) -> Iterator[str]:
    """Services that did not answer, though it was no outage: for how long, or since when, if still so."""
    down = {asked.service.lower() for asked in facts.asked if asked.state == "down"}
    until = min(facts.unwatched_since or facts.period.until, facts.period.until)
    for service, each in sorted(facts.excused.items()):
        if service in down and each[-1].end >= until:
            yield f"{service} since {shown(each[-1].start, facts.zone, facts.now)}"
        else:
            yield f"{service} {span(outages.length(each, facts.unwatched))}"


def unwatched(service: str, facts: Facts) -> str:
    """What is added to the length of a service's outages: how much of them nobody watched."""
    unseen = outages.unseen(facts.outages[service], facts.unwatched)
    return f" (and {span(unseen)} that nobody watched)" if unseen else ""
