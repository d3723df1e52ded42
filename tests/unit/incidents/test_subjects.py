"""One outage is one incident, whatever tells of it; its end is told once, to those who heard of it."""

from __future__ import annotations

import dataclasses

import msgspec
from tests.parts.outages import DIED, GATEWAY, NOON, PROBE, RULES, ended, episode, kinds, rule

from nightporter.incidents.ledger import Ledger
from nightporter.incidents.parts import PARTS_CAP
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Severity


def test_one_outage_is_one_incident_whatever_tells_of_it() -> None:
    ledger = Ledger(RULES)
    first = ledger.take([episode(DIED, 1, NOON)], NOON)
    assert kinds(first.tellings) == ["alert"]
    later = ledger.take([episode(PROBE, 1, NOON + MINUTE)], NOON + MINUTE)
    more = ledger.take([episode(GATEWAY, 1, NOON + 2 * MINUTE, count=14)], NOON + 2 * MINUTE)
    assert later.tellings == more.tellings == [], "they say nothing new"
    assert {i.id for i in later.incidents + more.incidents} == {first.incidents[0].id}
    over = ledger.take([ended(PROBE, 1, NOON + MINUTE, NOON + 14 * MINUTE)], NOON + 14 * MINUTE)
    assert over.tellings == [], "its container is still dead"
    over = ledger.take([ended(DIED, 1, NOON, NOON + 14 * MINUTE)], NOON + 14 * MINUTE)
    (told,) = over.tellings
    assert (told.kind, told.title) == ("resolved", "plex is back after 14 min")
    assert told.lasted == 14 * MINUTE
    assert told.incident == first.incidents[0].id
    assert [(p.title, p.count, p.open) for p in told.parts] == [
        ("Its container died", 1, False),
        ("It does not answer", 1, False),
        ("502 at Traefik", 14, True),
    ]
    assert told.message == "It was: plex: Its container died; It does not answer; 502 at Traefik ×14"


def test_what_comes_in_one_batch_is_told_together() -> None:
    ledger = Ledger(RULES)
    (told,) = ledger.take([episode(PROBE, 1, NOON), episode(DIED, 1, NOON - SECOND)], NOON).tellings
    assert told.title == "Its container died", "of equals the one that began first"
    assert [p.rule for p in told.parts] == ["probe-down", "container-died"]


def test_worse_is_told_at_once_and_leads() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(GATEWAY, 1, NOON, severity=Severity.medium)], NOON)
    (told,) = ledger.take([episode(DIED, 1, NOON + SECOND)], NOON + SECOND).tellings
    assert (told.kind, told.rule, told.severity) == ("again", "container-died", Severity.high)
    (told,) = ledger.take([ended(DIED, 1, NOON + SECOND, NOON + MINUTE)], NOON + MINUTE).tellings
    assert told.kind == "resolved"
    assert told.told_rules == ["bad-gateway", "container-died"], "who heard of either hears of the end"


def test_other_subjects_are_other_incidents() -> None:
    ledger = Ledger(RULES)
    other = episode(PROBE, 2, NOON, subject="ombi", key={"service": "ombi"})
    changes = ledger.take([episode(PROBE, 1, NOON), other], NOON)
    assert kinds(changes.tellings) == ["alert", "alert"]
    assert len({i.id for i in changes.incidents}) == 2


def test_a_scan_has_no_end_worth_telling() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(GATEWAY, 1, NOON)], NOON)
    assert ledger.take([ended(GATEWAY, 1, NOON, NOON + MINUTE)], NOON + 2 * MINUTE).tellings == []
    assert ledger.due(NOON + DAY).tellings == []


def test_what_was_over_before_it_was_told_is_kept_and_told_to_nobody() -> None:
    ledger = Ledger(RULES)
    changes = ledger.take([ended(PROBE, 1, NOON, NOON + SECOND)], NOON + SECOND)
    assert changes.tellings == []
    (kept,) = changes.incidents
    assert (kept.open, kept.tellings, kept.ended_at) == (False, 0, NOON + SECOND)


def test_a_state_without_a_subject_ends_too() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(PROBE, 1, NOON, subject="")], NOON)
    (told,) = ledger.take([ended(PROBE, 1, NOON, NOON + 2 * HOUR, subject="")], NOON + 2 * HOUR).tellings
    assert (told.kind, told.title) == ("resolved", "Over after 2 h: It does not answer")


def test_a_state_whose_end_nobody_knows_is_over_in_silence() -> None:
    ledger = Ledger(RULES)
    begun = episode(PROBE, 1, NOON, subject="")
    ledger.take([begun], NOON)
    changes = ledger.take([msgspec.structs.replace(begun, ended=True, state=False)], NOON + HOUR)
    assert changes.tellings == []
    assert [i.open for i in changes.incidents] == [False]


def test_what_is_no_service_is_well_again() -> None:
    disk = rule("disk-full", "Nearly full", subject="path")
    ledger = Ledger({disk.id: disk})
    ledger.take([episode(disk, 1, NOON, subject="/media")], NOON)
    (told,) = ledger.take(
        [ended(disk, 1, NOON, NOON + 90 * SECOND, subject="/media")], NOON + 90 * SECOND
    ).tellings
    assert told.title == "/media is well again after 1 min"


def test_symptoms_that_trail_an_end_belong_to_it_in_silence() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(PROBE, 1, NOON)], NOON)
    ledger.take([ended(PROBE, 1, NOON, NOON + MINUTE)], NOON + MINUTE)
    trailing = ledger.take([episode(GATEWAY, 1, NOON + 3 * MINUTE)], NOON + 3 * MINUTE)
    assert trailing.tellings == []
    assert (
        ledger.take([ended(GATEWAY, 1, NOON + 3 * MINUTE, NOON + 4 * MINUTE)], NOON + 5 * MINUTE).tellings
        == []
    )
    assert kinds(ledger.take([episode(GATEWAY, 2, NOON + 7 * MINUTE)], NOON + 7 * MINUTE).tellings) == [
        "alert"
    ]


def test_a_symptom_that_outlives_the_end_is_news() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(PROBE, 1, NOON), episode(GATEWAY, 1, NOON)], NOON)
    ledger.take([ended(PROBE, 1, NOON, NOON + MINUTE)], NOON + MINUTE)
    going_on = episode(GATEWAY, 1, NOON, last=NOON + 10 * MINUTE, count=500)
    changes = ledger.take([going_on], NOON + 10 * MINUTE)
    assert kinds(changes.tellings) == ["alert"]
    assert ledger.take([msgspec.structs.replace(going_on, count=501)], NOON + 11 * MINUTE).tellings == []


def test_old_symptoms_are_not_how_an_outage_began() -> None:
    ledger = Ledger(RULES)
    ledger.take([ended(GATEWAY, 1, NOON, NOON + MINUTE)], NOON + MINUTE)
    assert kinds(ledger.take([episode(PROBE, 1, NOON + 30 * MINUTE)], NOON + 30 * MINUTE).tellings) == [
        "alert"
    ]


def test_one_that_flaps_is_told_at_once_and_must_prove_its_end_longer_each_time() -> None:
    ledger = Ledger(RULES)
    now, waited = NOON, []
    for n in range(8):
        told = ledger.take([episode(PROBE, n, now)], now).tellings
        assert kinds(told) == ["alert"]
        told = ledger.take([ended(PROBE, n, now, now + MINUTE)], now + MINUTE).tellings
        good = now = now + MINUTE
        while not told:
            now += MINUTE
            told = ledger.due(now).tellings
        assert kinds(told) == ["resolved"]
        waited.append((now - good) // MINUTE)
        now += MINUTE
    assert waited == [0, 2, 4, 8, 16, 32, 60, 60]
    now += 2 * HOUR
    ledger.take([episode(PROBE, 9, now)], now)
    told = ledger.take([ended(PROBE, 9, now, now + MINUTE)], now + MINUTE).tellings
    assert kinds(told) == ["resolved"], "two hours of peace wipe the slate clean"


def test_a_relapse_before_the_end_was_told_is_no_news() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(PROBE, 1, NOON)], NOON)
    ledger.take([ended(PROBE, 1, NOON, NOON + MINUTE)], NOON + MINUTE)
    first = ledger.take([episode(PROBE, 2, NOON + 2 * MINUTE)], NOON + 2 * MINUTE).incidents[-1]
    assert (
        ledger.take([ended(PROBE, 2, NOON + 2 * MINUTE, NOON + 3 * MINUTE)], NOON + 3 * MINUTE).tellings == []
    )
    again = ledger.take([episode(PROBE, 3, NOON + 4 * MINUTE)], NOON + 4 * MINUTE)
    assert again.tellings == []
    assert (again.incidents[-1].id, again.incidents[-1].reopenings) == (first.id, 2)
    ledger.take([ended(PROBE, 3, NOON + 4 * MINUTE, NOON + 5 * MINUTE)], NOON + 5 * MINUTE)
    assert ledger.due(NOON + 9 * MINUTE - 1).tellings == []
    (told,) = ledger.due(NOON + 9 * MINUTE).tellings
    assert (told.kind, told.lasted) == ("resolved", 3 * MINUTE), "from its first event to its last end"


def test_growth_is_told_when_the_wait_is_over_with_all_parts() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(PROBE, 1, NOON)], NOON)
    ledger.take([episode(PROBE, 1, NOON, count=30), episode(DIED, 1, NOON)], NOON + 30 * MINUTE)
    assert ledger.due(NOON + HOUR - 1).tellings == []
    (told,) = ledger.due(NOON + HOUR).tellings
    assert (told.kind, told.grew, len(told.parts)) == ("again", 30, 2)


def test_a_dry_run_is_apart_from_what_others_tell() -> None:
    dry = dataclasses.replace(DIED, mode="dry-run")
    ledger = Ledger({**RULES, dry.id: dry})
    (told,) = ledger.take([episode(dry, 1, NOON), episode(PROBE, 1, NOON)], NOON).tellings
    assert [p.rule for p in told.parts] == ["probe-down"]
    (told,) = ledger.take([ended(PROBE, 1, NOON, NOON + MINUTE)], NOON + MINUTE).tellings
    assert told.kind == "resolved"


def test_the_state_of_a_rule_that_is_gone_keeps_nothing_open() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(PROBE, 1, NOON), episode(DIED, 1, NOON)], NOON)
    ledger.rules = {PROBE.id: PROBE}
    (told,) = ledger.take([ended(PROBE, 1, NOON, NOON + MINUTE)], NOON + MINUTE).tellings
    assert told.kind == "resolved"


def test_parts_are_bounded_and_the_end_is_still_known() -> None:
    ledger = Ledger(RULES)
    ledger.take([episode(PROBE, 0, NOON)], NOON)
    crowd = [episode(GATEWAY, n, NOON, key={"service": "plex", "path": n}) for n in range(2 * PARTS_CAP)]
    incident = ledger.take(crowd, NOON).incidents[-1]
    assert len(incident.parts) == PARTS_CAP
    assert (incident.unlisted, incident.count) == (PARTS_CAP + 1, 2 * PARTS_CAP + 1)
    incident = ledger.take([episode(DIED, 1, NOON)], NOON).incidents[-1]
    assert [p.rule for p in incident.parts if p.state] == ["probe-down", "container-died"], (
        "a state finds room"
    )
    ledger.take([ended(PROBE, 0, NOON, NOON + MINUTE)], NOON + MINUTE)
    (told,) = ledger.take([ended(DIED, 1, NOON, NOON + MINUTE)], NOON + MINUTE).tellings
    assert told.kind == "resolved"
