"""How often the rules about traffic are right: simulated weeks of a household, with anomalies and without.

The short form judges three houses. The long one judges 50, and prints the two tables of
docs/what-it-sees.md (which are those of the houses 51 to 60):

    make test MARKS=long TESTS=tests/torture/test_household_weeks.py ARGS=-s

The numbers of the spikes were chosen by the houses 1 to 25, what was mended since by 1 to 10; 26 to 50 were
only ever judged.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from tests.parts.scene import shipped
from tests.parts.traffic_anomalies import planted
from tests.parts.traffic_edges import SIZES, near
from tests.parts.traffic_habits import hits_of, traffic
from tests.parts.traffic_house import Household
from tests.parts.traffic_requests import Log, lines
from tests.parts.traffic_verdicts import Verdicts, Watch, over, table, table_by_size, verdicts

from nightporter import origins
from nightporter.lane import Arrival, Lane
from nightporter.model import HOUR, Chunk, Position
from nightporter.replay import Replay
from nightporter.rule import Absence, Ruleset

FALSE_A_WEEK = 1.0
"""Alerts about nothing that a house may get in a week, of all rules together."""
RECALL = 0.95
"""What each rule must tell of what is planted for it, over many houses."""
RECALL_OF_TWICE = 0.9
"""And of what is twice its number, which is not enough for a spike at the busiest hour of a house."""


def traffic_rules() -> Ruleset:
    """The shipped rules that read Traefik's access log and nothing else."""
    rules = tuple(rule for rule in shipped().rules if rule.sources == ("traefik",))
    return dataclasses.replace(shipped(), rules=rules)


def judged(seed: int) -> Verdicts:
    return verdicts(traffic_rules(), seed, SIZES)


def judged_in_short(seed: int) -> Verdicts:
    """Near the rules' numbers only in one house, and only what is twice as large."""
    return verdicts(traffic_rules(), seed, [max(SIZES)] if seed == 26 else ())


def check(found: Verdicts, *, recall: float) -> None:
    report = "\n".join([table(found), table_by_size(found), *found.notes])
    print("\n" + report)
    for rule, score in found.scores.items():
        assert score.recall >= recall, f"{rule}\n{report}"
    for (rule, times), reached in found.by_size.items():
        assert times < max(SIZES) or reached.recall >= RECALL_OF_TWICE, f"{rule}\n{report}"
    assert found.wrong_a_week <= FALSE_A_WEEK, report


@pytest.mark.timeout(1800)
def test_three_houses() -> None:
    check(over([26, 27, 28], judged_in_short), recall=1.0)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("houses", [range(1, 26), range(26, 51)], ids=["tuned-by", "never-seen"])
def test_many_houses(houses: range) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = Verdicts()
        for one in pool.map(judged, houses):
            found.add(one)
    check(found, recall=RECALL)


# --- the simulation itself ---------------------------------------------------------------------------------


def test_a_seed_is_a_house_and_no_other() -> None:
    first, again, other = (hits_of(Household(seed), Household(seed).days[5]) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert [hit.time for hit in first] == sorted(hit.time for hit in first)


def test_a_day_is_some_thousand_lines_and_a_film_night_is_in_it() -> None:
    house = Household(1)
    week = [hits_of(house, day) for day in house.days[:7]]
    assert all(6_000 < len(day) < 14_000 for day in week)
    plex = [sum(hit.size for hit in day if hit.shape.service.name == "plex") for day in week]
    assert max(plex) > 15 * 10**9


def test_what_is_planted_lies_within_the_third_week() -> None:
    house = Household(1)
    for anomaly in planted(house):
        assert house.days[14].midnight < anomaly.begin <= anomaly.end < house.days[20].end


@pytest.mark.parametrize("times", SIZES)
def test_what_is_planted_near_a_number_is_so_many_times_as_much_and_has_its_rule(times: float) -> None:
    house = Household(1)
    planted_for = {rule: anomaly for anomaly in near(house, times) for rule in anomaly.rules}
    assert planted_for.keys() <= {rule.id for rule in traffic_rules().rules}
    assert len(planted_for["traffic-flood"].hits) == round(1_500 * times)
    fetched = sum(hit.size for hit in planted_for["traffic-download"].hits)
    assert fetched == pytest.approx(2_000_000_000 * times, rel=0.001)
    for anomaly in planted_for.values():
        assert house.days[14].midnight < anomaly.begin <= anomaly.end < house.days[20].end


def test_events_are_what_the_format_makes_of_the_lines() -> None:
    house = Household(2)
    hits = [*hits_of(house, house.days[4]), *(hit for a in planted(house) for hit in a.hits)]
    hits.sort(key=lambda hit: hit.time)
    hits = [hit for hit in hits if not hit.by_docker][::7]
    origin = origins.named("traefik", tz="UTC")
    lane = Lane(origin, Watch(traffic_rules()).engine, Arrival(replayed=True), scan=False)
    parsed = lane.every_event(_chunk(hits_data := lines(hits), hits[-1].time))
    for event, read in zip(Log(origin).events(hits), parsed, strict=True):
        assert event.time == read.time
        assert event.fields == {**read.fields, "raw": event.raw}
    assert hits_data.count(b"\n") == len(hits)


def test_lines_give_the_episodes_that_events_give() -> None:
    """Four days of one house, its anomalies moved into them, once as a file that is replayed."""
    house = Household(2)
    shift = house.days[15].midnight - house.days[0].midnight
    anomalies = sorted(
        (hit._replace(time=hit.time - shift) for a in planted(house) for hit in a.hits),
        key=lambda hit: hit.time,
    )
    hits = [h for h in traffic(house, range(4), iter(anomalies)) if not h.by_docker]
    watch = Watch(traffic_rules())
    watch.feed(hits)
    replay = Replay(traffic_rules(), without=frozenset({Absence}))
    replay.feed([_chunk(lines(hits), hits[-1].time)])
    found = {(e.rule, *e.key.values(), e.crossed // HOUR) for e in replay.episodes()}
    assert found == {(e.rule, *e.key.values(), e.crossed // HOUR) for e in watch.episodes()}
    assert {"traffic-flood", "traffic-download", "http-404-scan"} <= {rule for rule, *_ in found}


def _chunk(data: bytes, arrived: int) -> Chunk:
    origin = origins.named("traefik", tz="UTC")
    end = Position("traefik", "traefik", b"")
    return Chunk(origin=origin, data=data, start=0, identity="log", end=end, arrived=arrived)
