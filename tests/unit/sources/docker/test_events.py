"""Events of the engine become records: in order, once, and with the right blame."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.sources.docker.container import Container
from nightporter.sources.docker.events import EngineEvent, EventLines, Happening, Lifecycle

S = 1_000_000_000
T0 = 1_795_516_018 * S


def event(action: str, at_s: float = 0.0, *, name: str = "web", **attributes: str) -> EngineEvent:
    raw = {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": f"id-{name}", "Attributes": {"image": "bb:1", "name": name, **attributes}},
        "timeNano": T0 + int(at_s * S),
    }
    return msgspec.convert(raw, EngineEvent)


def composed(action: str, service: str) -> EngineEvent:
    return event(action, **{"com.docker.compose.service": service})  # type: ignore[arg-type]  # a label's name


def story(text: str) -> list[EngineEvent]:
    """`kill/15 die/143 stop`: events a tenth of a second apart, details after a slash."""
    events = []
    for at, word in enumerate(text.split()):
        action, _, detail = word.partition("/")
        key = {"die": "exitCode", "kill": "signal"}.get(action, "detail")
        events.append(event(action, at / 10, **{key: detail}))
    return events


def told(events: list[EngineEvent]) -> list[dict[str, Any]]:  # JSON of ours, judged below
    lifecycle = Lifecycle(hold_s=1.0)
    for at, one in enumerate(events):
        lifecycle.feed(one, now=at / 10)
    return [msgspec.json.decode(h.line) for h in lifecycle.take(now=1000.0)]


@pytest.mark.parametrize(
    ("happened", "by_hand"),
    [
        ("start die/1", [False]),
        ("start die/0", [False]),
        ("start die/137", [False]),
        ("start kill/15 die/143 stop", [True]),
        ("start kill/15 stop die/143", [True]),
        ("start kill/15 kill/9 die/137 stop", [True]),
        ("start kill/9 die/137 destroy", [True]),
        ("start die/0 stop", [True]),
        ("start kill/SIGTERM die/143", [True]),
        ("start kill/1 die/2", [False]),
        ("start kill/28 die/0 stop", [True]),
        ("start kill/15 die/143 stop start restart die/1", [True, False]),
        ("start kill/15 stop die/143 start restart die/1", [True, False]),
        ("start die/1 start die/1 start kill/15 die/0", [False, False, True]),
        ("start oom oom oom die/137", [False]),
        ("start die/1 destroy", [False]),
    ],
)
def test_a_stop_is_told_from_a_crash(happened: str, by_hand: list[bool]) -> None:
    dies = [r for r in told(story(happened)) if r["action"] == "die"]
    assert [r["by_hand"] for r in dies] == by_hand


def test_a_signal_long_ago_does_not_excuse_a_crash() -> None:
    events = [event("kill", 0, signal="15"), event("die", 601, exitCode="1")]
    assert told(events)[-1]["by_hand"] is False


def test_other_containers_stops_are_their_own() -> None:
    events = [event("kill", 0, name="a", signal="15"), event("die", 1, name="b", exitCode="1")]
    assert told(events)[-1]["by_hand"] is False


def test_a_die_waits_for_its_stop_and_holds_what_follows() -> None:
    lifecycle = Lifecycle(hold_s=1.0)
    lifecycle.feed(event("die", exitCode="1"), now=10.0)
    lifecycle.feed(event("create", 0.1, name="other"), now=10.1)
    assert lifecycle.take(now=10.9) == []
    assert lifecycle.wait_s(now=10.9) == pytest.approx(0.1)
    assert [h.record["action"] for h in lifecycle.take(now=11.0)] == ["die", "create"]
    assert lifecycle.wait_s(now=11.0) is None


@pytest.mark.parametrize("after", ["stop", "start", "destroy"])
def test_what_settles_a_die_ends_its_wait(after: str) -> None:
    lifecycle = Lifecycle(hold_s=1.0)
    lifecycle.feed(event("die", exitCode="1"), now=10.0)
    lifecycle.feed(event(after, 0.1), now=10.1)
    assert [h.record["action"] for h in lifecycle.take(now=10.1)] == ["die", after]


def test_one_oom_is_told_once() -> None:
    lifecycle = Lifecycle()
    for at in range(19):
        lifecycle.feed(event("oom", at / 10), now=0)
    lifecycle.feed(event("die", 2, exitCode="137"), now=0)
    lifecycle.feed(event("start", 3), now=0)
    lifecycle.feed(event("oom", 4), now=0)
    lifecycle.feed(event("oom", 15), now=0)
    actions = [h.record["action"] for h in lifecycle.take(now=5)]
    assert actions == ["oom", "die", "start", "oom", "oom"]
    assert lifecycle.ooms_folded == 18


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (event("health_status: unhealthy"), {"action": "health_status", "health": "unhealthy"}),
        (event("rename", oldName="/probe"), {"action": "rename", "old_name": "probe"}),
        (composed("create", "ombi"), {"action": "create", "service": "ombi", "container": "web"}),
        (event("start"), {"service": "web", "container": "web", "image": "bb:1", "time": T0}),
        (event("die", exitCode="x"), {"action": "die", "by_hand": False}),
    ],
)
def test_records_carry_the_fields_of_their_action(made: EngineEvent, wanted: dict[str, Any]) -> None:
    (record,) = told([made])
    assert record | wanted == record
    assert "exit_code" not in record


def test_a_name_cannot_forge_a_line() -> None:
    (record,) = told([event("start", name='x","by_hand":true}\n{"action":"die')])
    assert record["action"] == "start"


STOPPED = Container(
    id="id-web", name="web", image="bb:1", labels={}, exit_code=7, started=T0, finished=T0 + 5 * S
)


def missed(container: Container, since: int, *before: EngineEvent) -> list[dict[str, Any]]:
    lifecycle = Lifecycle()
    for one in before:
        lifecycle.feed(one, now=0)
    lifecycle.take(now=100)
    lifecycle.missed(container, since)
    return [msgspec.json.decode(h.line) for h in lifecycle.take(now=200)]


@pytest.mark.parametrize(
    ("code", "oom", "by_hand"),
    [(7, False, False), (0, False, True), (137, False, True), (137, True, False), (143, False, True)],
)
def test_an_end_that_nobody_told_is_told_late(code: int, oom: bool, by_hand: bool) -> None:
    container = Container(
        id="id-web", name="web", image="bb:1", labels={}, exit_code=code, oom_killed=oom, finished=T0 + 5 * S
    )
    (record,) = missed(container, T0)
    assert record == {
        "action": "die",
        "container": "web",
        "image": "bb:1",
        "service": "web",
        "time": T0 + 5 * S,
        "seen_late": True,
        "exit_code": code,
        "by_hand": by_hand,
    }


def test_an_end_that_was_told_is_not_told_again() -> None:
    assert missed(STOPPED, T0, event("die", 5.001, exitCode="7")) == []
    assert missed(STOPPED, T0 + 5 * S) == []
    assert len(missed(STOPPED, T0, event("die", -60, exitCode="7"))) == 1


@pytest.mark.parametrize(("restarts", "by_hand"), [(0, True), (3, False)])
def test_one_that_runs_again_ended_and_started(restarts: int, by_hand: bool) -> None:
    container = Container(
        id="id-web",
        name="web",
        image="bb:1",
        labels={},
        running=True,
        restarts=restarts,
        started=T0 + 6 * S,
        finished=T0 + 5 * S,
    )
    die, start = missed(container, T0)
    assert (die["action"], die["time"], die["by_hand"]) == ("die", T0 + 5 * S, by_hand)
    assert "exit_code" not in die
    assert (start["action"], start["time"]) == ("start", T0 + 6 * S)


def test_the_waiting_room_has_an_end() -> None:
    lifecycle = Lifecycle()
    for at in range(10_005):
        lifecycle.feed(event("create", at), now=0)
    assert lifecycle.dropped == 5
    taken = lifecycle.take(now=0)
    assert (len(taken), taken[0].stamp) == (10_000, T0 + 5 * S)


def test_what_is_gone_is_forgotten() -> None:
    lifecycle = Lifecycle()
    lifecycle.feed(event("kill", signal="15"), now=0)
    lifecycle.forget([])
    lifecycle.feed(event("die", 1, exitCode="1"), now=0)
    assert lifecycle.take(now=100)[-1].record["by_hand"] is False


def test_a_note_is_of_the_engine() -> None:
    lifecycle = Lifecycle()
    lifecycle.note("engine_up", T0)
    assert lifecycle.take(now=0) == [
        Happening(T0, b"engine_up", "", {"action": "engine_up", "service": "docker", "time": T0})
    ]


LINES = b"""\
{"Action":"start","Actor":{"ID":"a","Attributes":null},"timeNano":5}

not json
{"Action":"die"}
"""


@given(st.lists(st.integers(0, len(LINES)), max_size=6))
def test_events_are_read_however_they_are_cut(cuts: list[int]) -> None:
    edges = sorted({0, len(LINES), *cuts})
    lines = EventLines()
    found = [event for start, end in pairwise(edges) for event in lines.feed(LINES[start:end])]
    assert [(e.action, e.actor.id, e.stamp) for e in found] == [("start", "a", 5), ("die", "", 0)]
    assert lines.bad == 1


def test_an_event_without_nanoseconds_has_its_seconds() -> None:
    (event,) = EventLines().feed(b'{"Action":"die","time":7}\n')
    assert event.stamp == 7 * S


def test_an_endless_line_is_given_up() -> None:
    lines = EventLines()
    assert lines.feed(b"x" * (2 << 20)) == []
    assert lines.bad == 1
    assert [e.action for e in lines.feed(b'\n{"Action":"die"}\n')] == ["die"]
