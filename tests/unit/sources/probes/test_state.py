"""Which outcomes are changes, and what is told of them."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.model import DAY, MINUTE, Fields, Stamp
from nightporter.sources.probes.certificates import Certificate, step_reached, steps
from nightporter.sources.probes.state import STILL_DOWN, Known, Outcome, Watched, remembered, removed

START: Stamp = 1_800_000_000_000_000_000
UP = Outcome(up=True, latency=0.1, facts={"status": 200})
DOWN = Outcome(up=False, why="connection refused")
BLOCKED = Outcome(up=False, blocked=True, why="macOS")


def watched(retries: int = 3, known: Known | None = None) -> Watched:
    about: Fields = {"probe": "http", "name": "plex", "host": "plex.lan"}
    return Watched(about, known or Known(target="t"), retries)


def actions(probe: Watched, outcomes: list[Outcome], *, settled: bool = True) -> list[str]:
    """The actions of outcomes a minute apart."""
    found = []
    for minute, outcome in enumerate(outcomes):
        for record in probe.take(outcome, START + minute * MINUTE, settled=settled):
            found.append(f"{minute}:{record['action']}")
    return found


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param([UP, UP, UP], ["0:first"], id="up and up"),
        pytest.param([UP, DOWN, DOWN, UP], ["0:first"], id="two failures are none"),
        pytest.param([UP, DOWN, DOWN, DOWN, DOWN, UP], ["0:first", "3:down", "5:up"], id="an outage"),
        pytest.param([DOWN, DOWN, DOWN, UP], ["2:down", "3:up"], id="down from the start"),
        pytest.param([UP, DOWN, UP, DOWN, UP, DOWN, UP], ["0:first"], id="never twice in a row"),
        pytest.param([UP, BLOCKED, BLOCKED, UP], ["0:first", "1:blocked"], id="blocked, once"),
        pytest.param(
            [UP, DOWN, DOWN, BLOCKED, DOWN, DOWN], ["0:first", "3:blocked"], id="blocked begins anew"
        ),
    ],
)
def test_only_changes_are_told(outcomes: list[Outcome], expected: list[str]) -> None:
    assert actions(watched(), outcomes) == expected


def test_in_the_grace_after_the_start_failures_are_not_told_and_successes_are() -> None:
    probe = watched()
    assert actions(probe, [DOWN] * 5, settled=False) == []
    assert [r["action"] for r in probe.take(DOWN, START + 5 * MINUTE, settled=True)] == ["down"]
    assert actions(watched(), [DOWN, DOWN, DOWN, UP], settled=False) == ["3:first"]


def test_an_outage_lasts_from_its_first_failure_and_over_a_restart() -> None:
    probe = watched()
    actions(probe, [UP, DOWN, DOWN, DOWN])
    after_restart = watched(known=remembered(probe.mark, "t"))
    assert after_restart.take(DOWN, START + 10 * MINUTE, settled=True) == []
    [back] = after_restart.take(UP, START + 15 * MINUTE, settled=True)
    assert back["action"] == "up"
    assert back["down_for"] == "14 min"
    assert back["downtime"] == 840.0
    assert after_restart.take(UP, START + 16 * MINUTE, settled=True) == []


def test_what_stays_down_is_said_to_be_every_ten_minutes_over_restarts_too() -> None:
    probe = watched()
    assert actions(probe, [UP, *[DOWN] * 25]) == ["0:first", "3:down", "13:down", "23:down"]
    later = watched(known=remembered(probe.mark, "t"))
    minutes = [m for m in range(26, 60) if later.take(DOWN, START + m * MINUTE, settled=True)]
    assert minutes == [33, 43, 53]
    [back] = later.take(UP, START + 61 * MINUTE, settled=True)
    assert back["down_for"] == "1 h"


def test_a_down_record_says_why() -> None:
    [record] = watched(retries=1).take(DOWN, START, settled=True)
    assert record == {
        "probe": "http",
        "name": "plex",
        "host": "plex.lan",
        "action": "down",
        "up": False,
        "time": START,
        "reason": "connection refused",
        "failures": 1,
    }


def test_a_mark_of_another_target_or_a_broken_one_is_forgotten() -> None:
    mark = watched().mark
    assert remembered(mark, "t").target == "t"
    assert remembered(mark, "other") == Known(target="other")
    assert remembered(b"{broken", "t") == Known(target="t")
    assert remembered(b"\xff", "t") == Known(target="t")


def test_a_sleep_forgives_failures() -> None:
    probe = watched()
    actions(probe, [UP, DOWN, DOWN])
    assert probe.doubtful
    probe.forgive()
    assert actions(probe, [DOWN, DOWN]) == []


@given(st.lists(st.sampled_from([UP, DOWN, BLOCKED]), max_size=60), st.integers(1, 4))
def test_down_and_up_take_turns_whatever_happens(outcomes: list[Outcome], retries: int) -> None:
    """Down only after that many failures in a row; twice without an up between only ten minutes apart."""
    told = actions(watched(retries), outcomes)
    turns = [one.partition(":") for one in told if not one.endswith("blocked")]
    for before, after in pairwise(turns):
        both = before[2] == after[2] == "down"
        assert both == (before[2] == after[2])
        assert not both or int(after[0]) - int(before[0]) >= STILL_DOWN // MINUTE
    for minute, _, action in turns:
        if action == "down":
            at = int(minute)
            assert outcomes[at + 1 - retries : at + 1] == [DOWN] * retries


# Certificates


def certificate(
    days: float, *, of: float = 90, issuer: str = "Let's Encrypt", key: str = "k1", made: int = 0
) -> Certificate:
    """One that has `days` left at START."""
    end = START + round(days * DAY)
    return Certificate(
        key="",
        host="example.net",
        issuer=issuer,
        not_before=end - round(of * DAY) + made,
        not_after=end,
        public_key=key,
    )


def told(probe: Watched, shown: Certificate, *, after_days: float = 0) -> list[Fields]:
    outcome = Outcome(up=True, certificates=(shown,))
    records = probe.take(outcome, START + round(after_days * DAY), settled=True)
    return [record for record in records if record["action"] not in ("first", "up", "down")]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (90, (20.7, 7, 3, 1, 0)),
        (398, (21, 7, 3, 1, 0)),
        (45, (10.35, 7, 3, 1, 0)),
        (6, (1.38, 1, 0)),
        (1, (0.23, 0)),
    ],
)
def test_steps_scale_with_the_lifetime(days: int, expected: tuple[float, ...]) -> None:
    assert steps(days * DAY) == pytest.approx(expected)


@given(st.integers(0, 4000), st.floats(-10, 4000))
def test_a_step_is_reached_exactly_from_its_days_on(lifetime: int, left: float) -> None:
    made = certificate(left, of=lifetime)
    step = step_reached(made, START)
    reached = [s for s in steps(made.lifetime) if made.days_left(START) <= s]
    assert step == (reached[-1] if reached else None)


def test_every_step_is_told_once() -> None:
    probe, shown = watched(), certificate(60)
    found = [
        (day, record["step"], record["action"])
        for day in range(64)
        for _ in range(2)
        for record in told(probe, shown, after_days=day)
    ]
    assert found == [
        (day, step, "expiring") for day, step in ((40, 20.7), (53, 7), (57, 3), (59, 1), (60, 0))
    ]


def test_a_restart_tells_no_step_again_and_a_clock_set_back_neither() -> None:
    probe, shown = watched(), certificate(5)
    assert [r["step"] for r in told(probe, shown)] == [7]
    probe = watched(known=remembered(probe.mark, "t"))
    assert told(probe, shown) == []
    assert told(probe, shown, after_days=-30) == []
    assert told(probe, shown) == []


def test_a_renewal_after_a_step_is_told_and_one_in_time_is_not() -> None:
    late = watched()
    told(late, certificate(5))
    [renewed] = told(late, certificate(90, key="k2"), after_days=0.1)
    assert (renewed["action"], renewed["days_left"]) == ("renewed", 89.9)
    in_time = watched()
    assert told(in_time, certificate(30)) == []
    assert told(in_time, certificate(90, key="k2")) == []


def test_a_renewed_one_begins_its_steps_anew() -> None:
    probe = watched()
    told(probe, certificate(0.5))
    assert [r["action"] for r in told(probe, certificate(15, key="k2"))] == ["renewed", "expiring"]


@pytest.mark.parametrize(
    ("left", "new", "expected"),
    [
        pytest.param(80, certificate(90, key="k2"), "key_changed", id="another key, far too early"),
        pytest.param(30, certificate(90, key="k2"), None, id="another key, in its turn"),
        pytest.param(80, certificate(90, made=1), None, id="the same key, made again"),
        pytest.param(30, certificate(90, key="k2", issuer="Corp"), "issuer_changed", id="another issuer"),
    ],
)
def test_a_change_out_of_turn(left: float, new: Certificate, expected: str | None) -> None:
    probe = watched()
    assert told(probe, certificate(left)) == []
    assert [r["action"] for r in told(probe, new)] == ([expected] if expected else [])
    assert told(probe, new) == []


def test_an_open_acme_file_is_told_once_and_its_mending_too() -> None:
    def outcome(mode: int) -> Outcome:
        return Outcome(up=True, mode=mode, certificates=(), facts={"mode": f"{mode:04o}"})

    shown = [outcome(mode) for mode in (0o600, 0o644, 0o644, 0o400, 0o600)]
    assert actions(watched(), shown) == ["0:first", "1:mode", "3:mode_right"]


# What the config no longer names


def test_what_was_well_is_let_go_without_a_word() -> None:
    probe = watched(known=Known(target="http plex.lan:80"))
    actions(probe, [UP, DOWN, DOWN])
    assert removed("plex", probe.mark, START) == []


def test_what_was_down_is_said_to_be_watched_no_more() -> None:
    probe = watched(known=Known(target="http plex.lan:80"))
    actions(probe, [UP, DOWN, DOWN, DOWN])
    assert removed("plex", probe.mark, START) == [
        {"probe": "http", "name": "plex", "action": "removed", "time": START}
    ]


def test_every_certificate_that_was_told_of_is_named_and_the_file_that_was_open() -> None:
    probe = watched(known=Known(target="acme /srv/acme files/acme.json"))
    shown = [
        dataclasses.replace(certificate(days), key=host, host=host)
        for host, days in (("a.example", 5), ("b.example", 80), ("c.example", -1))
    ]
    probe.take(Outcome(up=True, certificates=tuple(shown)), START, settled=True)
    about = {"probe": "acme", "name": "traefik", "path": "/srv/acme files/acme.json"}
    expected = {**about, "action": "removed", "time": START}
    assert removed("traefik", probe.mark, START) == [
        {**expected, "certificate": "a.example"},
        {**expected, "certificate": "c.example"},
    ]
    for _ in range(2):  # only then they are gone
        probe.take(Outcome(up=True, mode=0o644, certificates=()), START, settled=True)
    assert removed("traefik", probe.mark, START) == [expected]


@pytest.mark.parametrize("mark", [b"", b"{broken", b"\xff", b'{"state": "low"}'])
def test_a_mark_that_is_no_probe_s_is_left_alone(mark: bytes) -> None:
    assert removed("x", mark, START) is None


def of_file(*shown: Certificate, whole: bool = True) -> Outcome:
    """A look at acme.json."""
    return Outcome(up=whole, certificates=shown)


def test_a_certificate_that_left_the_file_is_gone_at_the_second_look() -> None:
    old = dataclasses.replace(certificate(5), key="le/old", host="old.example")
    new = dataclasses.replace(certificate(60), key="le/new", host="new.example")
    probe = watched()
    looks = [of_file(old, new), of_file(new), of_file(old, new), of_file(new), of_file(new), of_file(new)]
    assert actions(probe, looks) == ["0:first", "0:expiring", "4:gone"]
    # What has time left is nobody's story.
    assert actions(watched(), [of_file(old, new), *[of_file(old)] * 3]) == ["0:first", "0:expiring"]


def test_a_certificate_that_cannot_be_read_is_not_gone() -> None:
    old = dataclasses.replace(certificate(5), key="le/old", host="old.example")
    probe = watched(retries=9)
    assert actions(probe, [of_file(old), *[of_file(whole=False)] * 5, of_file(old)]) == [
        "0:first",
        "0:expiring",
    ]


def test_a_certificate_of_the_same_host_in_another_place_is_a_renewal_if_it_has_time() -> None:
    old = dataclasses.replace(certificate(5), key="one/a.example", host="a.example")
    fresh = dataclasses.replace(old, key="two/a.example", not_after=START + 80 * DAY)
    assert actions(watched(), [of_file(old), *[of_file(fresh)] * 3]) == ["0:first", "0:expiring", "2:renewed"]
    stale = dataclasses.replace(old, key="two/a.example")
    looks = [of_file(old), *[of_file(stale)] * 3]
    assert actions(watched(), looks) == ["0:first", "0:expiring", "1:expiring"]


def siblings() -> tuple[Certificate, Certificate]:
    """Two of one file whose main name is the same."""
    plain = dataclasses.replace(certificate(60), key="le/a.example", former="le/a.example", public_key="1")
    return plain, dataclasses.replace(plain, key="le/a.example b.example", public_key="2")


def test_two_certificates_of_one_main_name_are_no_change() -> None:
    assert actions(watched(), [of_file(*siblings())] * 4) == ["0:first"]


@pytest.mark.parametrize("kept", [0, 1], ids=["the first", "the last"])
def test_what_an_earlier_version_took_for_one_is_told_apart_without_an_alarm(kept: int) -> None:
    both = siblings()
    before = watched()
    actions(before, [of_file(dataclasses.replace(both[kept], key="le/a.example", former=""))])
    before.known.by_names = False
    after = watched(known=remembered(before.mark, "t"))
    assert actions(after, [of_file(*both)] * 4) == []
    # From then on a key that changes out of turn is one, though the other one's is in the file.
    stolen = dataclasses.replace(both[0], public_key="3")
    assert actions(after, [of_file(stolen, both[1])]) == ["0:key_changed"]


def test_what_was_told_of_a_certificate_is_known_by_its_longer_key() -> None:
    old = dataclasses.replace(certificate(5), key="le/a.example", host="a.example")
    before = watched()
    assert actions(before, [of_file(old)]) == ["0:first", "0:expiring"]
    before.known.by_names = False
    named = dataclasses.replace(old, key="le/a.example b.example", former="le/a.example")
    after = watched(known=remembered(before.mark, "t"))
    assert actions(after, [of_file(named)] * 4) == []
    renewed = dataclasses.replace(named, not_after=START + 80 * DAY)
    assert actions(after, [of_file(renewed)]) == ["0:renewed"]
