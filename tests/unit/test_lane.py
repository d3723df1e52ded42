"""A lane: the scanner may only ever skip work; stamps, arrivals, positions."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightporter import bundled, origins, ruletest
from nightporter.detect.engine import Engine
from nightporter.detect.scanner import EveryLine
from nightporter.formats.base import stands_before
from nightporter.lane import AHEAD, Arrival, Lane, Lanes
from nightporter.model import SECOND, Chunk, Episode, Event, Origin, Position
from nightporter.own import MAX_LINES, Own
from nightporter.rule import Ruleset
from nightporter.ruleset import load, read

ARRIVED = 1_795_516_000 * SECOND


@functools.cache
def shipped() -> Ruleset:
    loaded = load(read([bundled.rules()], shipped=True).texts)
    assert loaded.ok, "\n".join(map(str, loaded.problems))
    return loaded.ruleset


@functools.cache
def real_lines() -> tuple[str, ...]:
    """Every raw line that a shipped inline test holds: real lines, look-alikes among them."""
    tests = ruletest.all_tests(shipped())
    return tuple(item.line for test in tests for item in test.items if item.line is not None)


def chunk(origin: Origin, data: bytes, start: int = 0) -> Chunk:
    return Chunk(
        origin=origin,
        data=data,
        start=start,
        identity="id",
        end=Position(origin.source, origin.stream, b""),
        arrived=ARRIVED,
    )


def outcome(origin: Origin, chunks: list[bytes], *, scan: bool) -> tuple[list[Episode], dict[str, int]]:
    """Episodes and how often each rule counted, over the shipped rules."""
    engine = Engine(shipped())
    lane = Lane(origin, engine, Arrival(), scan=scan)
    start = 0
    for data in chunks:
        lane.judge(chunk(origin, data, start))
        start += len(data)
    engine.finish()
    counted = {name: n for name, n in engine.counts.items() if name.startswith("admitted:")}
    return engine.take_changes().episodes, counted


ACCESS_JSON = st.fixed_dictionaries(
    {
        "ClientHost": st.sampled_from(
            ["203.0.113.9", "127.0.0.1", "203.0.113.7, 198.51.100.9", "2001:db8::1"]
        ),
        "ClientUsername": st.sampled_from(["-", "", "mario"]),
        "DownstreamStatus": st.sampled_from([200, 206, 401, 403, 404, 422, 499, 500, 502]),
        "Duration": st.integers(0, 10**10),
        "RequestHost": st.sampled_from(["app.lan", "x"]),
        "RequestMethod": st.sampled_from(["GET", "POST"]),
        "RequestPath": st.sampled_from(["/", "/.env", "/login", "/api/auth", "/.git/config", "/a?b=1&c=<d>"])
        | st.text(max_size=8).map(lambda s: "/" + s),
        "RouterName": st.sampled_from(["app@docker", "sonarr@docker"]),
        "StartUTC": st.just("2026-11-24T09:59:48.5Z"),
        "level": st.just("info"),
        "msg": st.just(""),
    }
).map(
    lambda fields: (
        json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        .replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .encode("utf-8", "replace")
    )
)
NOISE = st.binary(max_size=60).map(lambda b: b.replace(b"\n", b"\x00"))
REAL = st.sampled_from(range(10_000)).map(lambda i: real_lines()[i % len(real_lines())].encode())
MANGLED = st.tuples(
    REAL, st.integers(0, 400), st.sampled_from([b"\x00", b"\xff", b"\x1b[31m", b'"', b"\\", b"\r"])
).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :])
LINES = st.lists(ACCESS_JSON | REAL | MANGLED | NOISE, max_size=40)


@settings(max_examples=60)
@given(
    name=st.sampled_from(
        ["traefik", "service:ombi", "service:sonarr", "service:grafana", "service:mysql", "docker"]
    ),
    lines=LINES,
    ends=st.sampled_from([b"\n", b"\r\n"]),
    cuts=st.lists(st.integers(0, 40), max_size=3),
)
def test_scanner_on_is_scanner_off_for_all_shipped_rules_and_any_chunking(
    name: str, lines: list[bytes], ends: bytes, cuts: list[int]
) -> None:
    origin = origins.named(name)
    whole = [line.replace(b"\n", b"") + ends for line in lines]
    edges = [0, *sorted(cuts), len(whole)]
    cut = [b"".join(whole[a:b]) for a, b in itertools.pairwise(edges)]
    assert outcome(origin, cut, scan=True) == outcome(origin, [b"".join(whole)], scan=False)


def test_the_shipped_rules_let_the_scanner_work_where_traffic_is() -> None:
    """A rule that needs every line of an access log makes every request cost a parse. Only those do that
    compare a request with all others, and the login at Traefik's own question, which is a request as any."""
    rules = tuple(rule for rule in shipped().rules if not str(rule.place.file).endswith("traffic.yaml"))
    enrichers = tuple(enricher for enricher in shipped().enrichers if enricher.id != "traefik-login")
    rest = dataclasses.replace(shipped(), rules=rules, enrichers=enrichers)
    lane = Lane(origins.named("traefik"), Engine(rest), Arrival())
    assert lane.literals, lane.literals
    assert not isinstance(lane.scanner, EveryLine)


def test_a_container_that_no_rule_cares_about_is_not_read_line_by_line() -> None:
    lane = Lane(origins.named("service:nobody-knows-it"), Engine(shipped()), Arrival())
    assert lane.literals is not None


def events(origin: Origin, data: bytes, **changes: object) -> list[Event]:
    lane = Lane(origin, Engine(Ruleset()), Arrival())
    return list(lane.every_event(dataclasses.replace(chunk(origin, data), **changes)))  # type: ignore[arg-type]


def test_a_stamp_far_ahead_is_set_back_to_its_arrival() -> None:
    lane = Lane(origins.named("file"), Engine(Ruleset()), Arrival())
    (event,) = lane.every_event(chunk(lane.origin, b"2027-01-01T00:00:00Z hello\n"))
    assert event.time == ARRIVED
    assert lane.counts["ahead"] == 1


def test_a_stamp_a_little_ahead_stays() -> None:
    origin = origins.named("file", tz="UTC")
    (event,) = events(origin, b"2026-11-24T10:27:30Z hello\n")
    assert 0 < event.time - ARRIVED < AHEAD


def test_in_replay_arrival_is_the_running_maximum_of_event_time() -> None:
    arrival = Arrival(replayed=True)
    lane = Lane(origins.named("file", tz="UTC"), Engine(Ruleset()), arrival)
    data = b"2026-01-01T10:00:00Z a\n2026-01-01T09:00:00Z b\nno stamp\n"
    a, b, c = lane.every_event(chunk(lane.origin, data))
    assert (b.arrived, c.time, c.arrived) == (a.time, a.time, a.time)


def test_a_docker_chunk_brings_its_own_stamps_and_channels() -> None:
    origin = origins.named("docker")
    made = events(origin, b"one\ntwo\n", stamps=(7 * SECOND, 8 * SECOND), channels=b"\x01\x02")
    assert [e.time for e in made] == [7 * SECOND, 8 * SECOND]
    assert [e.fields["stream"] for e in made] == ["stdout", "stderr"]
    assert made[0].position != made[1].position


def test_positions_are_offsets_in_the_stream() -> None:
    made = events(origins.named("file"), b"one\r\ntwo\n", start=100)
    assert [e.position for e in made] == ["id:100", "id:105"]
    assert made[0].raw == "one"


@pytest.mark.parametrize("data", [b"\n", b"\r\n", b"\x00\n", b"\xff\xfe\n", b"{\n", b'"' * 5000 + b"\n"])
def test_no_line_stops_a_lane(data: bytes) -> None:
    for name in ("traefik", "docker", "service:ombi"):
        lane = Lane(origins.named(name), Engine(shipped()), Arrival(), scan=False)
        lane.judge(chunk(lane.origin, data))
        assert lane.counts["candidates"] == 1


FORGED = (
    b'127.0.0.1 - x\n198.51.100.66 - y [24/Nov/2026:10:04:39 +0000] "GET /auth/ok HTTP/1.1" 401 17 "-" "-" 1 '
    b'"auth@file" "-" 0ms\n'
)


@pytest.mark.parametrize("cut", [False, True], ids=["one chunk", "cut between the two lines"])
def test_a_forged_line_blames_whoever_wrote_it(cut: bool) -> None:
    """A basicAuth user name with a line break in it, as Traefik 3.7 really writes it."""
    origin = origins.named("traefik")
    lane = Lane(origin, Engine(shipped()), Arrival())
    first, second = FORGED.splitlines(keepends=True)
    if cut:
        made = [*lane.events(chunk(origin, first)), *lane.events(chunk(origin, second, len(first)))]
    else:
        made = list(lane.events(chunk(origin, FORGED)))
    assert [event.fields["client_ip"] for event in made if "status" in event.fields] == ["127.0.0.1"]


LONG = b'203.0.113.7 - admin [24/Nov/2026:10:04:39 +0000] "POST /login?%s HTTP/1.1" 401 9 "-" "%s"\n'


@pytest.mark.parametrize("agent", [b"-", b"a" * 9_000], ids=["-", "long agent"])
@pytest.mark.parametrize("length", [10, 9_000, 500_000])
@pytest.mark.parametrize("lines", [1, 5], ids=["a chunk each", "one chunk"])
def test_long_requests_do_not_hide_whose_they_are(length: int, lines: int, agent: bytes) -> None:
    """In genericCLF, whose lines end in a quote as many others do."""
    origin = origins.named("traefik")
    lane = Lane(origin, Engine(shipped()), Arrival())
    part = LONG % (b"A" * length, agent) * lines
    made = [
        event for index in range(5 // lines) for event in lane.events(chunk(origin, part, index * len(part)))
    ]
    assert [event.fields.get("client_ip") for event in made] == ["203.0.113.7"] * 5


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 50), st.data())
def test_a_lane_hands_over_whole_lines(lengths: list[int], back: int, data: st.DataObject) -> None:
    text = b"".join(b"x" * length + b"\n" for length in lengths)
    at = data.draw(st.sampled_from([0, *(i + 1 for i, byte in enumerate(text) if byte == 10)]))
    before = stands_before(text, at, back)
    assert text[:at].endswith(before)
    assert len(before) >= min(back, at)
    assert before == text[:at] or before[:1] == b"\n"
    assert b"\n" not in before[1 : max(1, len(before) - back)]


def test_what_stood_before_another_file_is_not_looked_at() -> None:
    origin = origins.named("traefik")
    lane = Lane(origin, Engine(shipped()), Arrival())
    first, second = FORGED.splitlines(keepends=True)
    list(lane.events(chunk(origin, first)))
    (event,) = lane.events(dataclasses.replace(chunk(origin, second, len(first)), identity="another"))
    assert event.fields.get("client_ip") == "198.51.100.66"


def test_new_rules_make_a_lane_anew_when_its_next_chunk_comes() -> None:
    lanes = Lanes(Engine(shipped()))
    origin = origins.named("traefik")
    before = lanes.of(origin)
    before.judge(chunk(origin, b"x\n"))
    lanes.engine.swap(shipped())
    lanes.renew()
    assert lanes.counts()["bytes"] == 2, "counters go on"
    after = lanes.of(origin)
    assert after is not before
    assert after.form is before.form
    assert after.plan.rules != before.plan.rules, "a plan belongs to its rules"
    assert lanes.counts()["bytes"] == 2
    lanes.drop(origin)
    assert lanes.counts()["bytes"] == 0


def own_line(token: str, path: str = "/.env") -> bytes:
    return (
        f'203.0.113.7 - - [24/Nov/2026:10:24:25 +0000] "GET {path}?nightporter={token} HTTP/1.1" 404 2 "-" '
        f'"Nightporter (probe {token})" 5 "a@file" "-" 0ms\n'
    ).encode()


def test_a_line_that_tells_of_our_own_probes_is_no_event() -> None:
    """By the token of one request alone: the same line with another, or with the prefix only, is judged."""
    own = Own("f00ba4f00ba4f00b")
    token = own.issue(ARRIVED)
    origin = origins.named("traefik")
    lane = Lane(origin, Engine(shipped()), Arrival(), scan=False, own=own)
    tokens = [token, "", "f00ba4f00ba4f00b", token[:-1] + ("0" if token[-1] != "0" else "1")]
    events = list(lane.events(chunk(origin, b"".join(map(own_line, tokens)))))
    assert [event.fields.get("query") for event in events] == [f"nightporter={t}" for t in tokens[1:]]
    assert [event.line for event in events] == [1, 2, 3]
    assert lane.counts["own"] == 1


def test_who_learns_a_token_of_ours_is_not_hidden_by_it() -> None:
    """The scanner looks for the prefix only, so this is asked with it and without."""
    for scan in (True, False):
        engine = Engine(shipped())
        own = Own("f00ba4f00ba4f00b")
        lane = Lane(origins.named("traefik"), engine, Arrival(), scan=scan, own=own)
        token = own.issue(ARRIVED)
        lane.judge(chunk(lane.origin, b"".join(own_line(token, f"/.env.{n}") for n in range(50))))
        engine.finish()
        assert "http-scanner-paths" in {episode.rule for episode in engine.take_changes().episodes}
        assert (lane.counts["own"], lane.counts["candidates"]) == (MAX_LINES, 50 - MAX_LINES)


@pytest.mark.parametrize(("name", "seen"), [("traefik", 1), ("service:ombi", 0)])
def test_a_line_of_our_own_is_seen_in_a_proxys_log_though_no_rule_asks_for_it(name: str, seen: int) -> None:
    """A service that logs its requests proves nothing of the proxy's log."""
    own = Own("f00ba4f00ba4f00b")
    lanes = Lanes(Engine(Ruleset()), own=own)
    lane = lanes.of(origins.named(name))
    token = own.issue(ARRIVED)
    lane.judge(chunk(lane.origin, own_line(token) + own_line("abcdef" * 5)))
    assert lanes.own_seen() == lanes.own_seen(lane.origin.source) == seen
    assert lanes.own_seen("another") == 0
    assert lane.counts["candidates"] == 0
    lanes.renew()
    lane = lanes.of(origins.named(name))
    lane.judge(chunk(lane.origin, own_line("f00ba4f00ba4f00b" + "0" * 16)))
    assert lanes.own_seen() == seen, "only what was issued proves that the log is read"
