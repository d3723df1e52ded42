"""What runs, what is open to everybody, and what has been steady: once each, over restarts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.model import Fields
from nightporter.sources.docker.container import Container, Published
from nightporter.sources.docker.events import EngineEvent
from nightporter.sources.docker.memory import EventsMark, Told, events_mark
from nightporter.sources.docker.repeats import Mark
from nightporter.sources.docker.standing import STEADY_AFTER, Standing

S = 1_000_000_000
T0 = 1_795_516_018 * S
ID = "26e80f35c9a9e27ef435c057d9a2ba2e178d418c2eefe4190d79269b8381f8af"
LABELS = {
    "com.docker.compose.service": "ombi",
    "com.docker.compose.project": "media",
    "traefik.http.routers.Requests.rule": "Host(`x`)",
}
OMBI = Container(
    id=ID,
    name="media-ombi-1",
    image="linuxserver/ombi:4",
    labels=LABELS,
    running=True,
    started=T0,
    addresses=("172.18.0.5", "fd00::5"),
    published=(Published(3579, "tcp", "127.0.0.1", 3579),),
)
WELL = replace(OMBI, health="starting")
OPEN = Published(3306, "tcp", "0.0.0.0", 3306)
OPEN6 = Published(3306, "tcp", "::", 3306)


def event(action: str, at_s: float) -> EngineEvent:
    raw = {"Action": action, "Actor": {"ID": ID}, "timeNano": T0 + int(at_s * S)}
    return msgspec.convert(raw, EngineEvent)


def taken(standing: Standing, at_s: float, told: Told | None = None) -> list[Fields]:
    found = standing.take(T0 + int(at_s * S))
    for happening in found if told is not None else ():
        assert told is not None
        told.note(happening.container, happening.record)
    return [happening.record for happening in found]


def actions(standing: Standing, at_s: float) -> list[Any]:
    return [record["action"] for record in taken(standing, at_s)]


def seen(container: Container = OMBI, at_s: float = 1.0, told: Told | None = None) -> Standing:
    standing = Standing(told or Told())
    standing.sees(container, T0 + int(at_s * S))
    return standing


def test_what_runs_says_since_when_and_what_a_proxy_may_call_it() -> None:
    assert taken(seen(at_s=90), 90) == [
        {
            "action": "running",
            "container": "media-ombi-1",
            "image": "linuxserver/ombi:4",
            "service": "ombi",
            "time": T0 + 90 * S,
            "started_at": T0,
            "running_for": 90.0,
            "address": "172.18.0.5,fd00::5",
            "ports": "3579",
            "aliases": "requests,ombi-media,ombi,media-ombi-1",
        }
    ]


def test_it_is_told_once_a_start() -> None:
    standing = seen()
    assert actions(standing, 1) == ["running"]
    standing.sees(OMBI, T0 + 5 * S)
    assert actions(standing, 5) == []
    standing.sees(replace(OMBI, started=T0 + 6 * S), T0 + 7 * S)
    assert actions(standing, 7) == ["running"]


def test_what_is_told_of_a_fresh_start_bears_its_stamp() -> None:
    [record] = taken(seen(at_s=3), 3)
    assert (record["time"], record["running_for"]) == (T0, 3.0)


def test_what_has_ended_before_it_was_told_is_not_told_to_run() -> None:
    standing = seen()
    standing.hears(event("die", 2))
    assert actions(standing, 3) == []


def test_what_does_not_run_is_not_told() -> None:
    assert actions(seen(replace(OMBI, running=False)), 500) == []


# steady


def test_two_minutes_after_its_start_it_is_steady_once() -> None:
    standing = seen()
    assert actions(standing, 119.9) == ["running"]
    assert standing.wait_s(T0 + 119 * S) == 1.0
    [steady] = taken(standing, 120)
    assert (steady["action"], steady["service"], steady["time"]) == ("steady", "ombi", T0 + STEADY_AFTER)
    assert standing.wait_s(T0 + 121 * S) is None
    assert actions(standing, 500) == []


@pytest.mark.parametrize("end", ["die", "destroy"])
def test_one_that_ends_before_is_not(end: str) -> None:
    standing = seen()
    assert actions(standing, 1) == ["running"]
    standing.hears(event(end, 119))
    assert actions(standing, 500) == []


def test_nor_is_one_that_was_found_ended() -> None:
    standing = seen()
    standing.sees(replace(OMBI, running=False), T0 + 100 * S)
    assert actions(standing, 500) == ["running"]


def test_an_end_from_before_its_start_says_nothing() -> None:
    standing = seen()
    standing.hears(event("die", -3))
    assert actions(standing, 120) == ["running", "steady"]


def test_one_with_a_health_check_must_also_be_well() -> None:
    standing = seen(WELL)
    assert actions(standing, 300) == ["running"]
    assert standing.wait_s(T0 + 300 * S) is None
    standing.hears(event("health_status: unhealthy", 301))
    assert actions(standing, 302) == []
    standing.hears(event("health_status: healthy", 303))
    assert standing.wait_s(T0 + 303 * S) == 0.0
    assert actions(standing, 303) == ["steady"]


def test_old_news_of_its_health_say_nothing() -> None:
    standing = seen(replace(OMBI, health="unhealthy"), at_s=300)
    standing.hears(event("health_status: healthy", 200))
    assert actions(standing, 301) == ["running"]


def test_each_start_is_steady_by_itself() -> None:
    standing = seen()
    assert actions(standing, 120) == ["running", "steady"]
    standing.hears(event("die", 200))
    standing.sees(replace(OMBI, started=T0 + 201 * S), T0 + 202 * S)
    assert actions(standing, 320) == ["running"]
    assert actions(standing, 321) == ["steady"]


def test_what_others_do_is_not_its_affair() -> None:
    standing = seen()
    other = msgspec.convert({"Action": "die", "Actor": {"ID": "x"}, "timeNano": T0 + S}, EngineEvent)
    standing.hears(other)
    assert actions(standing, 120) == ["running", "steady"]


def test_what_is_gone_is_forgotten() -> None:
    standing = seen()
    standing.forget([])
    assert actions(standing, 500) == ["running"]


def life(steps: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """A life of seconds between its steps; what was told, with the second of its stamp."""
    told = Told()
    standing, found, at, started = Standing(told), list[tuple[str, int]](), 0, 0
    for step, pause in steps:
        at += pause
        if step == "start":
            started = at
            standing.sees(replace(OMBI, started=T0 + at * S), T0 + at * S)
        elif step == "die":
            standing.hears(event("die", at))
        elif step == "look":
            standing.sees(replace(OMBI, started=T0 + started * S), T0 + at * S)
        else:
            standing = Standing(told)
            standing.sees(replace(OMBI, started=T0 + started * S), T0 + at * S)
        found += [(str(r["action"]), at - started) for r in taken(standing, at, told)]
    return found


@given(st.lists(st.tuples(st.sampled_from(["start", "die", "look", "restart of ours"]), st.integers(0, 150))))
def test_steady_is_told_at_most_once_a_start_and_never_too_early(steps: list[tuple[str, int]]) -> None:
    told = [after for action, after in life([("start", 0), *steps]) if action == "steady"]
    starts = 1 + sum(step == "start" for step, _ in steps)
    assert len(told) <= starts
    assert all(after >= STEADY_AFTER // S for after in told)


# exposed


def ports(records: list[Fields]) -> list[Any]:
    return [(r["port"], r["protocol"]) for r in records if r["action"] == "exposed"]


@pytest.mark.parametrize(
    ("image", "published", "told"),
    [
        ("mysql:8", [OPEN, OPEN6], [(3306, "tcp")]),
        ("mysql:8", [OPEN6], [(3306, "tcp")]),
        ("mysql:8", [Published(3306, "tcp", "", 3306)], [(3306, "tcp")]),
        ("mysql:8", [Published(3306, "tcp", "127.0.0.1", 3306)], []),
        ("mysql:8", [Published(3306, "tcp", "192.168.1.2", 3306)], []),
        (
            "pihole/pihole",
            [Published(53, p, "0.0.0.0", 53) for p in ("udp", "tcp")],
            [(53, "tcp"), (53, "udp")],
        ),
        ("traefik:v3", [Published(p, "tcp", "0.0.0.0", p) for p in (80, 443)], []),
        ("traefik:v3", [Published(p, "tcp", "0.0.0.0", p) for p in (80, 443, 8080)], [(8080, "tcp")]),
        ("caddy:2", [Published(443, "udp", "0.0.0.0", 443)], []),
        ("my-own-proxy", [Published(p, "tcp", "::", p + 8000) for p in (80, 443)], []),
        ("wordpress", [Published(80, "tcp", "::", 80)], [(80, "tcp")]),
    ],
)
def test_ports_that_everybody_reaches_are_told(
    image: str, published: list[Published], told: list[tuple[int, str]]
) -> None:
    container = replace(OMBI, image=image, published=tuple(published))
    assert ports(taken(seen(container), 1)) == told


def test_a_port_is_told_once_however_often_its_container_starts_or_is_made_anew() -> None:
    standing = seen(replace(OMBI, published=(OPEN,)))
    assert ports(taken(standing, 1)) == [(3306, "tcp")]
    again = replace(OMBI, id="f" * 64, started=T0 + 60 * S, published=(OPEN,))
    standing.sees(again, T0 + 61 * S)
    assert actions(standing, 61) == ["running"]


def test_a_container_with_a_thousand_ports_is_told_of_twenty() -> None:
    container = replace(OMBI, published=tuple(Published(p, "udp", "", p) for p in range(2000, 3000)))
    records = taken(seen(container), 1)
    assert len(records) == 21
    assert str(records[0]["ports"]).count(",") == 19


# Over restarts


def test_a_restart_of_ours_tells_only_what_runs() -> None:
    told = Told()
    container = replace(OMBI, published=(OPEN,))
    assert [r["action"] for r in taken(seen(container), 120, told)] == ["running", "exposed", "steady"]
    mark = EventsMark(position=Mark(id="events", floor=0), began=0, choice="", told=told)
    kept = events_mark(msgspec.json.encode(mark))
    assert kept is not None
    assert actions(seen(container, 200, kept.told), 200) == ["running"]


def test_a_start_meanwhile_is_steady_in_its_turn() -> None:
    told = Told()
    taken(seen(), 120, told)
    later = seen(replace(OMBI, started=T0 + 200 * S), 230, told)
    assert actions(later, 319) == ["running"]
    assert actions(later, 320) == ["steady"]


def test_a_port_that_was_closed_is_told_when_it_is_open_again() -> None:
    told = Told()
    taken(seen(replace(OMBI, published=(OPEN,))), 1, told)
    taken(seen(told=told), 1, told)
    assert ports(taken(seen(replace(OMBI, published=(OPEN,)), told=told), 1, told)) == [(3306, "tcp")]
    assert told.exposed == {"media-ombi-1": ["3306/tcp"]}


def test_marks_keep_only_what_is_there() -> None:
    told = Told()
    taken(seen(replace(OMBI, published=(OPEN,))), 120, told)
    told.forget([ID], ["media-ombi-1"])
    known = {ID[:12]: ("media-ombi-1", "linuxserver/ombi:4", "ombi")}
    assert told == Told(steady={ID[:12]: T0}, exposed={"media-ombi-1": ["3306/tcp"]}, known=known)
    told.forget([], [])
    assert told == Told(known=known)


def test_what_was_removed_when_nobody_looked_is_told_to_be_gone_once() -> None:
    told = Told()
    taken(seen(), 120, told)
    later = Standing(told)
    later.missed([], T0 + 500 * S)
    [gone] = taken(later, 500, told)
    assert gone == {
        "action": "destroy",
        "container": "media-ombi-1",
        "image": "linuxserver/ombi:4",
        "service": "ombi",
        "time": T0 + 500 * S,
        "seen_late": True,
    }
    assert told.known == {}
    later.missed([], T0 + 600 * S)
    assert actions(later, 600) == []


def test_what_is_there_or_was_told_to_be_gone_is_not_told_so() -> None:
    told = Told()
    taken(seen(), 120, told)
    there = Standing(told)
    there.missed([ID], T0 + 500 * S)
    assert actions(there, 500) == []
    there.hears(event("destroy", 501))
    there.missed([], T0 + 600 * S)
    assert actions(there, 600) == []


def test_a_mark_of_an_earlier_version_is_read() -> None:
    raw = b'{"position":{"id":"events","floor":5,"offset":0,"seen":[]},"began":4,"choice":"x"}'
    kept = events_mark(raw)
    assert kept is not None
    assert (kept.began, kept.told) == (4, Told())
