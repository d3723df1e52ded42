"""The ledger: one incident over its reopenings, told once, told again at doubling waits."""

from __future__ import annotations

import dataclasses

import msgspec

from nightporter.errors import Place
from nightporter.incidents.ledger import Ledger
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Episode, Severity, Telling
from nightporter.rule import ALWAYS, Count, Rule, SeverityStep

NOON = 1_780_315_200 * SECOND


def rule(**changes: object) -> Rule:
    base = Rule(
        id="scan",
        title="A scan",
        sources=("traefik",),
        when=ALWAYS,
        window=Count(5, MINUTE),
        quiet=MINUTE,
        severity=(SeverityStep(Severity.medium),),
        message="",
        place=Place("scan.yaml"),
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]  # a test's own shorthand


def episode(n: int, crossed: int, count: int = 5, **changes: object) -> Episode:
    made = Episode(
        id=f"e{n}",
        rule="scan",
        key={"client_ip": "203.0.113.9"},
        severity=Severity.medium,
        first=crossed - 10 * SECOND,
        last=crossed,
        crossed=crossed,
        count=count,
    )
    return msgspec.structs.replace(made, **changes)


def said(tellings: list[Telling]) -> list[tuple[str, int, int]]:
    return [(t.kind, t.count, t.grew) for t in tellings]


def test_the_first_crossing_is_told_at_once() -> None:
    ledger = Ledger({"scan": rule()})
    changes = ledger.take([episode(1, NOON)], NOON)
    assert said(changes.tellings) == [("alert", 5, 0)]
    assert changes.incidents[0].open


def test_growth_is_told_again_at_doubling_waits_and_only_if_it_grew() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON)], NOON)
    assert ledger.take([episode(1, NOON, count=50)], NOON + MINUTE).tellings == []
    assert ledger.due(NOON + 4 * HOUR - 1).tellings == []
    assert said(ledger.due(NOON + 4 * HOUR).tellings) == [("again", 50, 45)]
    ledger.take([episode(1, NOON, count=60)], NOON + 5 * HOUR)
    assert ledger.due(NOON + 12 * HOUR - 1).tellings == [], "the second wait is 8 hours"
    assert said(ledger.due(NOON + 12 * HOUR).tellings) == [("again", 60, 10)]
    assert ledger.due(NOON + 3 * DAY).tellings == [], "it did not grow"


def test_the_wait_stops_doubling_at_its_longest() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON)], NOON)
    waits: list[int] = []
    now = told_at = NOON
    count = 5
    while len(waits) < 5:
        now += 30 * MINUTE
        count += 1
        ledger.take([episode(1, NOON, count=count)], now)
        if ledger.due(now).tellings:
            waits.append((now - told_at) // HOUR)
            told_at = now
    assert waits == [4, 8, 16, 24, 24]


def test_a_new_crossing_within_the_cooldown_reopens_the_incident_and_waits() -> None:
    ledger = Ledger({"scan": rule()})
    first = ledger.take([episode(1, NOON)], NOON)
    ledger.take([episode(1, NOON, ended=True)], NOON + 5 * MINUTE)
    again = ledger.take([episode(2, NOON + HOUR, count=7)], NOON + HOUR)
    assert again.tellings == []
    assert again.incidents[0].id == first.incidents[0].id
    assert (again.incidents[0].episodes, again.incidents[0].count) == (2, 12)
    assert said(ledger.due(NOON + 4 * HOUR).tellings) == [("again", 12, 7)]


def test_a_crossing_after_the_cooldown_is_a_new_incident() -> None:
    ledger = Ledger({"scan": rule()})
    first = ledger.take([episode(1, NOON)], NOON)
    second = ledger.take([episode(2, NOON + 4 * HOUR)], NOON + 4 * HOUR)
    assert said(second.tellings) == [("alert", 5, 0)]
    assert second.incidents[0].id != first.incidents[0].id


def test_the_cooldown_runs_on_event_time_not_on_the_wall() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON)], NOON)
    late = ledger.take([episode(2, NOON + HOUR)], NOON + 30 * DAY)
    assert late.tellings == []


def test_one_address_does_not_hide_the_next() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON)], NOON)
    other = ledger.take([episode(2, NOON, key={"client_ip": "198.51.100.7"})], NOON)
    assert said(other.tellings) == [("alert", 5, 0)]


def test_a_higher_severity_breaks_through() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON)], NOON)
    worse = ledger.take([episode(1, NOON, count=9, severity=Severity.critical)], NOON + SECOND)
    assert said(worse.tellings) == [("again", 9, 4)]
    assert worse.tellings[0].severity is Severity.critical
    assert (
        ledger.take([episode(1, NOON, count=10, severity=Severity.critical)], NOON + 2 * SECOND).tellings
        == []
    )
    assert said(ledger.due(NOON + 10 * HOUR).tellings) == [("again", 10, 1)]


def test_a_dry_run_is_kept_and_told_to_nobody() -> None:
    ledger = Ledger({"scan": rule(mode="dry-run")})
    changes = ledger.take([episode(1, NOON)], NOON)
    ledger.take([episode(1, NOON, count=50)], NOON + MINUTE)
    assert changes.tellings == []
    assert changes.incidents[0].tellings == 0
    assert ledger.due(NOON + 9 * HOUR).tellings == []


def test_a_restart_goes_on_where_the_commit_stood() -> None:
    before = Ledger({"scan": rule()})
    before.take([episode(1, NOON)], NOON)
    kept = before.take([episode(1, NOON, count=50)], NOON + MINUTE).incidents
    after = Ledger({"scan": rule()})
    after.load(kept)
    assert after.take([episode(1, NOON, count=51)], NOON + 2 * MINUTE).tellings == []
    assert said(after.due(NOON + 4 * HOUR).tellings) == [("again", 51, 46)]


def test_a_rules_own_cooldown_counts() -> None:
    ledger = Ledger({"scan": rule(cooldown=HOUR)})
    ledger.take([episode(1, NOON)], NOON)
    assert ledger.take([episode(2, NOON + HOUR)], NOON + HOUR).tellings != []


def test_a_wall_clock_set_back_by_years_does_not_silence() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON)], NOON)
    ledger.due(NOON)
    ledger.take([episode(1, NOON, count=50)], NOON)
    back = NOON - 700 * DAY
    assert ledger.due(back).tellings == []
    assert said(ledger.due(back + 4 * HOUR).tellings) == [("again", 50, 45)]


def test_what_is_over_is_forgotten() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON, ended=True)], NOON)
    ledger.due(NOON + 2 * DAY)
    assert ledger.next_due() is None


def test_an_unknown_rule_is_passed_over() -> None:
    assert not Ledger({}).take([episode(1, NOON)], NOON)


def test_a_cooldown_of_nothing_makes_each_crossing_news_and_ends() -> None:
    ledger = Ledger({"scan": rule(cooldown=0)})
    assert said(ledger.take([episode(1, NOON)], NOON).tellings) == [("alert", 5, 0)]
    ledger.take([episode(1, NOON, count=50)], NOON + SECOND)
    assert ledger.due(NOON + MINUTE - 1).tellings == []
    assert said(ledger.due(NOON + MINUTE).tellings) == [("again", 50, 45)]
    assert said(ledger.take([episode(2, NOON + HOUR)], NOON + HOUR).tellings) == [("alert", 5, 0)]


def test_an_episode_from_the_future_does_not_stand_in_the_way_of_now() -> None:
    ledger = Ledger({"scan": rule()})
    ledger.take([episode(1, NOON + DAY)], NOON + DAY)
    assert said(ledger.take([episode(2, NOON)], NOON).tellings) == [("alert", 5, 0)]


def test_what_a_person_accepted_is_over_and_what_comes_next_is_news() -> None:
    ledger = Ledger({"scan": rule(cooldown=10 * MINUTE)})
    ledger.take([episode(1, NOON)], NOON)
    grown = episode(1, NOON, count=9, ended=True, accepted=True)
    changes = ledger.take([grown], NOON + MINUTE)
    assert [incident.open for incident in changes.incidents] == [False]
    assert ledger.due(NOON + HOUR).tellings == []  # he has seen what was added to it
    ledger = Ledger({"scan": rule(cooldown=10 * MINUTE)})
    ledger.load(changes.incidents)
    again = ledger.take([episode(2, NOON + 2 * MINUTE)], NOON + 2 * MINUTE)
    assert said(again.tellings) == [("alert", 5, 0)]
    assert again.incidents[0].id != changes.incidents[0].id
