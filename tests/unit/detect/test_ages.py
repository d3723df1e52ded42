"""How long the container behind a request has been up."""

from __future__ import annotations

import pytest
from tests.parts.engines import NOON, Bench

from nightporter import origins
from nightporter.detect.ages import NAMES, Ages
from nightporter.lane import Arrival, Lane
from nightporter.model import MINUTE, SECOND, Chunk, Event, Fields, Origin, Position, Untrusted, Value

RULE = """
rules:
  errors: {title: t, from: traefik, when: {status: 5xx}, unless: {container_age|lt: 180},
           by: service, message: m}
"""
LIFECYCLE = Origin(source="docker", kind="docker_events", stream="events", format="record")


def running(started_s: int, **fields: Value) -> Event:
    made: Fields = {"action": "running", "started_at": NOON + started_s * SECOND, **fields}
    return Event(
        fields=made,
        time=NOON,
        arrived=NOON,
        origin=LIFECYCLE,
        format="record",
        position="",
        raw=Untrusted(""),
    )


OMBI = {
    "container": "media-ombi-1",
    "service": "ombi",
    "aliases": "ombi-media",
    "address": "172.18.0.5,fd00::5",
    "ports": "3579,3580",
}


@pytest.mark.parametrize(
    "request_fields",
    [
        pytest.param({"service": "ombi-media", "upstream": ""}, id="Traefik's name of it"),
        pytest.param({"service": "Ombi"}, id="the compose service"),
        pytest.param({"service": "x", "upstream": "http://172.18.0.5:3579"}, id="its address"),
        pytest.param({"service": "x", "upstream": "http://[fd00::5]:3579"}, id="its IPv6 address"),
        pytest.param({"service": "x", "upstream": "http://127.0.0.1:3580"}, id="a port of this machine"),
        pytest.param({"service": "x", "upstream": "http://localhost:3580/"}, id="the same by name"),
    ],
)
def test_a_request_is_matched_to_its_container(request_fields: dict[str, Value]) -> None:
    ages = Ages()
    ages.learn(running(-100, **OMBI))
    assert ages.behind(dict(request_fields), NOON) == {"container_age": 100, "behind": "ombi"}


@pytest.mark.parametrize(
    "request_fields",
    [
        {},
        {"service": "plex"},
        {"upstream": "http://127.0.0.1:32400"},
        {"upstream": "http://[::1", "service": ""},
        {"upstream": "http://172.18.0.5:99999999"},
    ],
)
def test_what_is_no_container_of_ours_has_no_age(request_fields: dict[str, Value]) -> None:
    ages = Ages()
    ages.learn(running(-100, container="ombi", service="ombi", ports="3579"))
    assert ages.behind(dict(request_fields), NOON) == {}


def test_other_records_and_clocks_ahead_do_no_harm() -> None:
    ages = Ages()
    ages.learn(running(50, container="ombi"))
    started = running(0, container="plex")
    started.fields["action"] = "start"
    ages.learn(started)
    assert ages.behind({"service": "ombi"}, NOON) == {"container_age": 0, "behind": "ombi"}
    assert ages.behind({"service": "plex"}, NOON) == {}


def lived(action: str, **fields: Value) -> Event:
    record = running(0, **{"service": "ombi", "container": "media-ombi-1", **fields})
    record.fields["action"] = action
    return record


@pytest.mark.parametrize(
    ("story", "stopped"),
    [
        ([("die", True)], True),
        ([("die", True), ("destroy", None)], True),
        ([("die", False)], False),
        ([("die", True), ("start", None)], False),
        ([("die", True), ("running", None)], False),
        ([("die", True), ("start", None), ("die", False)], False),
        ([("start", None), ("die", True)], True),
    ],
)
def test_what_somebody_stopped_is_known_until_it_starts(
    story: list[tuple[str, bool | None]], stopped: bool
) -> None:
    ages = Ages()
    for action, by_hand in story:
        ages.learn(lived(action, **({} if by_hand is None else {"by_hand": by_hand})))
    for name in ("Ombi", "media-ombi-1"):
        assert ages.stopped(name) == ({"stopped_by_hand": True} if stopped else {})
    assert ages.behind({"service": "ombi"}, NOON).get("stopped_by_hand", False) is stopped
    assert ages.stopped("plex") == {}


def test_what_the_engine_stopped_at_its_own_end_nobody_stopped() -> None:
    ages = Ages()
    for service, minutes_before in (("plex", 1), ("sonarr", 3)):
        stop = lived("die", by_hand=True, service=service, container=service)
        stop.time = NOON - minutes_before * MINUTE
        ages.learn(stop)
    ages.learn(lived("engine_down"))
    assert ages.stopped("plex") == {}
    assert ages.stopped("sonarr") == {"stopped_by_hand": True}


def test_an_end_that_nobody_saw_may_be_a_crash() -> None:
    ages = Ages()
    ages.learn(lived("die", by_hand=True, seen_late=True))
    assert ages.stopped("ombi") == {}


def test_a_request_to_what_was_stopped_is_known_by_its_address() -> None:
    ages = Ages()
    ages.learn(running(-100, **OMBI))
    ages.learn(lived("die", by_hand=True))
    assert ages.behind({"service": "x", "upstream": "http://172.18.0.5:3579"}, NOON) == {
        "container_age": 100,
        "behind": "ombi",
        "stopped_by_hand": True,
    }


def test_what_was_stopped_hides_no_service_of_the_same_name() -> None:
    """Two compose projects may each have a service `db`."""
    ages = Ages()
    ages.learn(running(-100, container="cloud-db-1", service="db", address="172.18.0.5", ports="5432"))
    ages.learn(running(-100, container="old-db-1", service="db", address="172.19.0.5", ports="5433"))
    ages.learn(lived("die", by_hand=True, container="old-db-1", service="db"))
    assert ages.stopped("old-db-1") == {"stopped_by_hand": True}
    assert ages.stopped("db") == ages.stopped("cloud-db-1") == {}
    for port, stopped in ((5432, False), (5433, True)):
        found = ages.behind({"service": "x", "upstream": f"http://127.0.0.1:{port}"}, NOON)
        assert found.get("stopped_by_hand", False) is stopped
    ages.learn(lived("die", by_hand=False, container="cloud-db-1", service="db"))
    assert ages.stopped("db") == {}
    ages.learn(lived("destroy", container="cloud-db-1", service="db"))
    assert ages.stopped("db") == {"stopped_by_hand": True}, "the only one that there is"


def test_a_probe_of_what_was_stopped_says_so() -> None:
    rule = """
        rules:
          down: {title: t, from: probe, when: {action: down}, unless: {stopped_by_hand: true},
                 by: name, message: m}
    """
    bench = Bench(rule, source="probe")
    bench.engine.judge(lived("die", by_hand=True), bench.engine.plan(LIFECYCLE, ("record",)))
    assert bench.feed(1, action="down", name="requests", service="ombi") == []
    assert bench.feed(2, action="down", name="plex", service="plex") == ["down"]


def test_what_is_known_is_bounded() -> None:
    ages = Ages()
    for number in range(NAMES + 10):
        ages.learn(running(0, container=f"c{number}"))
    assert ages.behind({"service": "c0"}, NOON) == {}
    for number in range(NAMES + 10):
        ages.learn(lived("die", by_hand=True, service=f"c{number}", container=f"c{number}"))
    assert ages.stopped("c0") == {}
    assert ages.stopped(f"c{NAMES}") != {}
    assert ages.behind({"service": f"c{NAMES}"}, NOON)["container_age"] == 0


def test_errors_of_a_service_that_just_started_are_none() -> None:
    """Through a lane with its scanner on: the record is read though no rule asks for it."""
    bench = Bench(RULE)
    record = b'{"action":"running","container":"ombi","service":"ombi","started_at":%d}\n' % NOON
    chunk = Chunk(
        origin=LIFECYCLE,
        data=record,
        start=0,
        identity="events",
        end=Position("docker", "events", b"x"),
        arrived=NOON,
    )
    Lane(LIFECYCLE, bench.engine, Arrival()).judge(chunk)
    assert bench.feed(179, status=502, service="ombi") == []
    assert bench.feed(180, status=502, service="ombi") == ["errors"]
    assert bench.feed(10, status=502, service="plex") == ["errors"]


def test_an_outage_that_the_proxy_tells_is_about_the_service_that_docker_names() -> None:
    bench = Bench(RULE.replace("by: service,", "by: service, subject: service,"))
    origin = bench.origin
    record: dict[str, Value] = {**OMBI, "action": "running", "started_at": NOON - 3600 * SECOND}
    bench.origin = LIFECYCLE
    bench.feed(0, **record)
    bench.origin = origin
    bench.feed(1, status=502, service="ombi-media")
    bench.feed(1, status=502, service="Plex")
    assert [(e.key, e.subject) for e in bench.episodes()] == [
        ({"service": "ombi-media"}, "ombi"),
        ({"service": "Plex"}, "plex"),
    ]


def test_a_replay_knows_no_ages() -> None:
    bench = Bench(RULE)
    bench.feed(0, status=502, service="ombi")
    assert bench.origin == origins.named("traefik")
    assert len(bench.episodes()) == 1
