"""Minutes of outages: what overlaps counts once, and nothing counts outside of the period."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.reviewing import incident, outage

from nightporter.history import Gap, Outage
from nightporter.review.outages import confirmed, joined, length, merged, of_incidents, unseen

spans = st.tuples(st.sampled_from(["plex", "Plex", "ombi"]), st.integers(0, 60), st.integers(0, 20))


@given(st.lists(spans, max_size=30), st.integers(0, 40), st.integers(1, 40))
def test_every_minute_counts_once_and_only_within_the_period(
    told: list[tuple[str, int, int]], since: int, wide: int
) -> None:
    until = since + wide
    outages = [Outage(service, start, start + long) for service, start, long in told]
    found = joined(outages, since, until)
    for service in ("plex", "ombi"):
        minutes = {
            minute
            for outage in outages
            if outage.service.lower() == service
            for minute in range(max(outage.start, since), min(outage.end, until))
        }
        assert length(found.get(service, ()), ()) == len(minutes)
        each = found.get(service, [])
        assert all(a.end < b.start for a, b in pairwise(each))


def test_of_incidents_only_states_of_outage_rules_count() -> None:
    told = [
        outage("plex", 100, 200),
        outage("ombi", 100),
        outage("/media", 100, 200, rule="disk-not-mounted"),
        incident(rule="service-down"),
    ]
    assert of_incidents(told, {"service-down"}, 1000) == [Outage("plex", 100, 200), Outage("ombi", 100, 1000)]


def test_an_outage_that_ended_since_nobody_watches_is_one_until_then() -> None:
    told = outage("plex", 100, 200)
    [part] = told.parts
    parts = [msgspec.structs.replace(part, state=False, unwatched=True)]
    assert of_incidents([msgspec.structs.replace(told, parts=parts)], {"service-down"}, 1000) == [
        Outage("plex", 100, 200)
    ]


def test_what_probes_saw_counts_where_a_rule_told_of_it() -> None:
    told = [Outage("plex", 100, 200)]
    seen = [
        Outage("Plex", 90, 200),
        Outage("plex", 300, 400),
        Outage("ombi", 100, 200),
        Outage("nas", 10, 20),
    ]
    assert confirmed(seen, told, until=50) == ([seen[0], seen[3]], [seen[1], seen[2]])


stretches = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=10)


@given(stretches, stretches)
def test_only_minutes_that_were_watched_count(
    down: list[tuple[int, int]], away: list[tuple[int, int]]
) -> None:
    outages = joined((Outage("plex", start, start + long) for start, long in down), 0, 60).get("plex", [])
    gaps = merged((Gap(start, start + long) for start, long in away), 0, 60)
    seen_down = {m for start, long in down for m in range(start, min(start + long, 60))}
    not_watched = {m for start, long in away for m in range(start, min(start + long, 60))}
    assert length(outages, gaps) == len(seen_down - not_watched)
    assert unseen(outages, gaps) == len(seen_down & not_watched)
