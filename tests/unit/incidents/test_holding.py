"""What holds an outage's alert back: the grace after a start, and a parent that is down."""

from __future__ import annotations

import msgspec
import pytest
from tests.parts.outages import GATEWAY, NOON, PROBE, RULES, episode, kinds

from nightporter.incidents.holding import AFTER_PARENT, AILING, PARENT_WAIT, House
from nightporter.incidents.ledger import Ledger
from nightporter.model import DAY, MINUTE, SECOND, Episode, Incident, Severity, Telling

TREE = House(
    depends_on={"ombi": ("traefik",), "sonarr": ("docker",), "traefik": ("docker",), "docker": ("mac",)}
)
LATER = NOON + 10 * MINUTE


def down(name: str, n: int, at: int) -> Episode:
    return episode(PROBE, n, at, id=f"{name}-{n}", subject=name, key={"service": name})


def up(name: str, n: int, since: int, at: int) -> Episode:
    return msgspec.structs.replace(down(name, n, since), last=at, ended=True)


def gist(tellings: list[Telling]) -> list[tuple[str, str]]:
    return [(t.kind, t.subject) for t in tellings]


def test_above_goes_all_the_way_up_and_ends_in_a_circle() -> None:
    assert list(TREE.above("ombi")) == ["traefik", "docker", "mac"]
    assert list(TREE.above("plex")) == []
    assert list(House(depends_on={"a": ("b",), "b": ("a",)}).above("a")) == ["b"]


def test_a_parent_that_is_down_covers_its_children() -> None:
    ledger = Ledger(RULES, TREE)
    assert ledger.take([down("ombi", 1, NOON)], NOON).tellings == [], "its parent's probe may come later"
    assert ledger.take([down("docker", 1, NOON + 5 * SECOND)], NOON + 5 * SECOND).tellings == []
    assert ledger.take([down("sonarr", 1, NOON + 9 * SECOND)], NOON + 9 * SECOND).tellings == []
    assert gist(ledger.due(NOON + 2 * PARENT_WAIT).tellings) == [("alert", "docker")]
    over = ledger.take([up("docker", 1, NOON, LATER)], LATER).tellings
    assert gist(over) == [("resolved", "docker")]
    assert over[0].covers == ["ombi", "sonarr"]
    assert ledger.take([up("ombi", 1, NOON, LATER + MINUTE)], LATER + MINUTE).tellings == []
    assert ledger.due(LATER + AFTER_PARENT - 1).tellings == []
    assert gist(ledger.due(LATER + AFTER_PARENT + PARENT_WAIT).tellings) == [("alert", "sonarr")]


def test_a_parent_that_nobody_watches_any_more_covers_nothing_and_is_news_again() -> None:
    ledger = Ledger(RULES, House(depends_on={"ombi": ("docker",)}))
    assert gist(ledger.take([down("docker", 1, NOON)], NOON).tellings) == [("alert", "docker")]
    unwatched = msgspec.structs.replace(up("docker", 1, NOON, NOON + MINUTE), state=False)
    assert ledger.take([unwatched], NOON + MINUTE).tellings == [], "nobody knows that it is back"
    assert ledger.due(NOON + DAY).tellings == []
    ledger.take([down("ombi", 1, NOON + DAY)], NOON + DAY)
    assert gist(ledger.due(NOON + DAY + PARENT_WAIT).tellings) == [("alert", "ombi")]
    again = ledger.take([down("docker", 2, NOON + 2 * DAY)], NOON + 2 * DAY).tellings
    assert gist(again) == [("alert", "docker")]


def test_without_a_parent_s_outage_a_child_is_told_after_half_a_minute() -> None:
    ledger = Ledger(RULES, TREE)
    ledger.take([down("ombi", 1, NOON)], NOON)
    assert ledger.due(NOON + PARENT_WAIT - 1).tellings == []
    assert gist(ledger.due(NOON + PARENT_WAIT).tellings) == [("alert", "ombi")]


def test_a_child_that_goes_down_while_its_parent_comes_up_is_covered_too() -> None:
    ledger = Ledger(RULES, House(depends_on={"ombi": ("docker",)}))
    ledger.take([down("docker", 1, NOON)], NOON)
    ledger.take([up("docker", 1, NOON, NOON + MINUTE)], NOON + MINUTE)
    ledger.take([down("ombi", 1, NOON + 2 * MINUTE)], NOON + 2 * MINUTE)
    assert ledger.due(NOON + 5 * MINUTE).tellings == []
    assert gist(ledger.due(NOON + MINUTE + AFTER_PARENT).tellings) == [("alert", "ombi")]


def test_symptoms_of_a_parent_cover_nothing() -> None:
    ledger = Ledger(RULES, House(depends_on={"ombi": ("traefik",)}))
    ledger.take([episode(GATEWAY, 1, NOON, subject="traefik")], NOON)
    ledger.take([down("ombi", 1, NOON)], NOON)
    assert gist(ledger.due(NOON + PARENT_WAIT).tellings) == [("alert", "ombi")]


@pytest.mark.parametrize(
    ("severity", "after", "covered"),
    [
        pytest.param(Severity.medium, MINUTE, True, id="it may be down for that"),
        pytest.param(Severity.medium, AILING + 1, False, id="unhealthy for long"),
        pytest.param(Severity.high, 3 * DAY, True, id="down for long"),
    ],
)
def test_a_parent_that_ails_covers_what_goes_down_soon_after(
    severity: Severity, after: int, covered: bool
) -> None:
    ledger = Ledger(RULES, House(depends_on={"ombi": ("gluetun",)}))
    ails = msgspec.structs.replace(down("gluetun", 1, NOON), severity=severity)
    assert gist(ledger.take([ails], NOON).tellings) == [("alert", "gluetun")]
    assert ledger.take([down("ombi", 1, NOON + after)], NOON + after).tellings == []
    told = gist(ledger.due(NOON + after + 2 * PARENT_WAIT).tellings)
    assert told == ([] if covered else [("alert", "ombi")])


def test_a_childs_symptoms_that_were_over_with_the_parents_outage_are_not_told() -> None:
    ledger = Ledger(RULES, House(depends_on={"ombi": ("docker",)}))
    ledger.take([down("docker", 1, NOON)], NOON)
    symptom = episode(GATEWAY, 1, NOON, subject="ombi")
    ledger.take([symptom], NOON)
    ledger.due(NOON + MINUTE)
    ledger.take([msgspec.structs.replace(symptom, ended=True)], NOON + 2 * MINUTE)
    ledger.take([up("docker", 1, NOON, LATER)], LATER)
    assert ledger.due(LATER + DAY).tellings == []


def test_held_children_survive_a_restart() -> None:
    before = Ledger(RULES, TREE)
    kept: dict[str, Incident] = {}
    for changes in (
        before.take([down("docker", 1, NOON), down("sonarr", 1, NOON)], NOON),
        before.due(NOON + PARENT_WAIT),
    ):
        kept |= {incident.id: incident for incident in changes.incidents}
    after = Ledger(RULES, TREE)
    after.load(kept.values())
    over = after.take([up("docker", 1, NOON, LATER)], LATER).tellings
    assert (gist(over), over[0].covers) == ([("resolved", "docker")], ["sonarr"])
    assert gist(after.due(LATER + AFTER_PARENT + PARENT_WAIT).tellings) == [("alert", "sonarr")]


# --- the grace after a start

YOUNG = House(grace=5 * MINUTE, started=NOON)


def test_in_the_grace_outages_wait_and_what_ends_in_it_is_kept_in_silence() -> None:
    ledger = Ledger(RULES, YOUNG)
    assert ledger.take([down("plex", 1, NOON), down("ombi", 1, NOON)], NOON + MINUTE).tellings == []
    changes = ledger.take([up("ombi", 1, NOON, NOON + 2 * MINUTE)], NOON + 2 * MINUTE)
    assert changes.tellings == []
    assert [(i.subject, i.open, i.tellings) for i in changes.incidents] == [("ombi", False, 0)]
    assert ledger.due(NOON + 5 * MINUTE - 1).tellings == []
    assert gist(ledger.due(NOON + 5 * MINUTE).tellings) == [("alert", "plex")]
    assert gist(ledger.take([up("plex", 1, NOON, LATER)], LATER).tellings) == [("resolved", "plex")]


def test_the_grace_is_for_outages_alone() -> None:
    ledger = Ledger(RULES, YOUNG)
    assert kinds(ledger.take([episode(GATEWAY, 1, NOON)], NOON).tellings) == ["alert"]
    assert kinds(ledger.take([episode(PROBE, 1, NOON, subject="")], NOON).tellings) == ["alert"]


def test_a_start_that_a_clock_moved_into_the_future_holds_nothing() -> None:
    ledger = Ledger(RULES, YOUNG)
    assert gist(ledger.take([down("plex", 1, NOON - DAY)], NOON - DAY).tellings) == [("alert", "plex")]


@pytest.mark.parametrize(
    ("alive", "started", "title"),
    [
        (NOON + MINUTE, NOON + 14 * MINUTE, "ombi is back after 1 min to 14 min"),
        (NOON + 14 * MINUTE - 20 * SECOND, NOON + 14 * MINUTE, "ombi is back after 14 min"),
        (NOON - DAY, NOON - 2 * MINUTE, "ombi is back after 14 min"),
        (NOON + MINUTE, NOON, "ombi is back after 14 min"),
        (0, NOON + 14 * MINUTE, "ombi is back after 14 min"),
    ],
    ids=["away", "a restart", "before it", "a config that was read anew", "not known"],
)
def test_of_an_end_that_nobody_saw_it_is_said_between_what_times_it_came(
    alive: int, started: int, title: str
) -> None:
    before = Ledger(RULES)
    told = before.take([down("ombi", 1, NOON)], NOON)
    assert gist(told.tellings) == [("alert", "ombi")]
    ledger = Ledger(RULES, House(started=started, alive=alive))
    ledger.load(told.incidents)
    back = NOON + 14 * MINUTE
    (over,) = ledger.take([up("ombi", 1, NOON, back)], back).tellings
    assert over.title == title
    assert ("Nobody watched for 13 min of it" in over.message) == (" to " in title)
