"""Logs that a real Traefik 3.7.15 wrote, and the lines of the corpus with their truths."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from tests.unit.formats.origins import ARRIVED, DATA, origin, sample, stamp, with_before

from nightporter.formats import make_format
from nightporter.formats.base import LooksBack, Parsed
from nightporter.model import Value

PROXY = ("127.0.0.1/32",)
A_ROUND = {404: 2, 200: 3, 403: 2, 500: 1, 401: 3, 204: 1, 502: 1}
"""Statuses of the first 14 requests of the recorded traffic, the first of a start-up left out."""


def read(name: str, trusted: tuple[str, ...] = ()) -> list[Parsed]:
    form = make_format(origin("traefik", trusted=trusted))
    assert isinstance(form, LooksBack)
    return [form.parse_after(before, line, ARRIVED) for before, line in with_before(sample(name))]


@pytest.mark.parametrize(
    "name",
    [
        "access-clf-default.log",
        "access-clf-trusted-debug.log",
        "access-genericclf.log",
        "access-json-default.log",
        "access-json-keep-trusted.log",
    ],
)
def test_every_line_of_an_access_log_is_a_request(name: str) -> None:
    events = read(name)
    assert len(events) == 60
    for event in events:
        assert event.format == "traefik"
        assert event.fields["method"] in ("GET", "POST")
        assert str(event.fields["path"]).startswith("/")
        assert isinstance(event.fields["status"], int)
        assert isinstance(event.fields["bytes"], int)
        assert event.fields["protocol"] == "HTTP/1.1"
        assert event.time is not None
        assert event.started is not None
        assert abs(event.time - stamp("2026-11-24T10:01:30+00:00")) < 60 * 10**9
        assert event.time >= event.started
        assert "client_ip" in event.fields
    first_round = Counter(event.fields["status"] for event in events[2:16])
    assert first_round[401] in (3, 2)
    assert first_round[403] == 2
    assert first_round[500] == 1
    users = {event.fields.get("user") for event in events}
    assert users == {None, "mario"}


@pytest.mark.parametrize("name", ["access-clf-default.log", "access-clf-trusted-debug.log"])
def test_clf_and_json_tell_the_same_requests(name: str) -> None:
    """The recorded rounds are the same requests, whatever the spelling."""
    told = ("method", "uri", "status", "router", "user", "bytes")

    def rounds(log: str) -> set[tuple[Value | None, ...]]:
        return {tuple(event.fields.get(field) for field in told) for event in read(log) if "start" not in log}

    def settled(log: str) -> set[tuple[Value | None, ...]]:
        return {row for row in rounds(log) if row[2] not in (429, 502) and "?" not in str(row[1])}

    assert settled(name) == settled("access-json-default.log")


@pytest.mark.parametrize("name", ["access-clf-trusted-debug.log", "access-json-keep-trusted.log"])
def test_a_list_of_hops_gives_its_right_most_hop(name: str) -> None:
    clients = Counter(event.fields["client_ip"] for event in read(name))
    assert clients["198.51.100.9"] >= 3
    assert set(clients) == {"127.0.0.1", "198.51.100.9"}
    trusting = Counter(event.fields["client_ip"] for event in read(name, ("198.51.100.0/24", *PROXY)))
    assert set(trusting) == {"127.0.0.1", "203.0.113.7"}


def test_a_json_line_in_full() -> None:
    event = next(e for e in read("access-json-keep-trusted.log") if e.fields["client_ip"] == "198.51.100.9")
    assert event.started is not None
    assert event.time is not None
    duration = event.fields.pop("duration")
    assert event.time - event.started == round(float(duration) * 10**9)
    assert event.fields == {
        "client_ip": "198.51.100.9",
        "status": 200,
        "origin_status": 200,
        "method": "GET",
        "uri": "/ok?a=1&b=%22c%20d",
        "path": "/ok",
        "path_shape": "/ok",
        "query": "a=1&b=%22c%20d",
        "host": "app.lan",
        "protocol": "HTTP/1.1",
        "router": "api",
        "service": "up",
        "upstream": "http://127.0.0.1:18081",
        "entrypoint": "web",
        "user_agent": 'Mozilla/5.0 "q" \\x é',
        "agent": 'Mozilla/N "q" \\x é',
        "referer": 'https://ref.example/a"b',
        "bytes": 8,
        "retries": 0,
    }


def test_no_password_becomes_a_field() -> None:
    assert b"request_Authorization" in sample("access-json-keep-trusted.log")
    for event in read("access-json-keep-trusted.log"):
        assert "Basic" not in str(event.fields)


def test_dropped_headers_are_missing() -> None:
    for name in ("access-clf-default.log", "access-json-default.log"):
        for event in read(name):
            assert "user_agent" not in event.fields
            assert "referer" not in event.fields


def test_odd_clf_lines() -> None:
    events = [event.fields for event in read("access-clf-keep-odd.log")]
    assert len(events) == 12
    assert {event["client_ip"] for event in events} == {"127.0.0.1"}
    assert events[2]["user_agent"] == 'Mozilla/5.0 "quoted" \\back é'
    assert events[2]["referer"] == 'https://r/"x"'
    assert events[3]["path"] == "/ok%22%0AINJ%20%22x%22"
    assert events[3]["user_agent"] == "tab\tagent"
    assert events[4]["user"] == 'ma rio" - [x]'
    assert events[5]["user"] == "é"
    assert events[6]["method"] == "FOO"
    assert events[9]["protocol"] == "HTTP/2.0"
    assert events[10]["status"] == 499
    assert events[10]["duration"] == 0.299
    assert len(str(events[11]["path"])) > 8_000


def test_a_forged_line_blames_the_one_who_forged_it() -> None:
    whole, torn, forged = read("access-clf-forged-line.log")
    assert whole.fields["client_ip"] == "127.0.0.1"
    assert torn.format == "traefik_service"
    assert forged.fields["client_ip"] == "127.0.0.1"
    assert forged.fields["user"] == "x\n198.51.100.66 - y"
    assert forged.fields["status"] == 401


@pytest.mark.parametrize(
    ("name", "stamped", "continued"),
    [
        ("service-clf-broken-config.log", 16, 8),
        ("service-clf-trusted-debug.log", 52, 8),
        ("service-json-default.log", 13, 0),
        ("service-json-keep-trusted.log", 60, 0),
    ],
)
def test_every_line_of_a_service_log(name: str, stamped: int, continued: int) -> None:
    events = read(name)
    assert {event.format for event in events} == {"traefik_service"}
    assert sum(event.time is not None for event in events) == stamped
    assert sum(event.time is None for event in events) == continued
    for event in events:
        if event.time is not None:
            assert event.fields["level"] in ("debug", "info", "warning", "error")
            assert ".go:" not in str(event.fields.get("message", ""))[:80]


def corpus() -> list[dict[str, Any]]:  # rows of JSON
    return [json.loads(line) for line in (DATA / "lines.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", corpus(), ids=lambda row: str(row["id"]))
def test_the_corpus(row: dict[str, Any]) -> None:
    event = make_format(origin("traefik")).parse(str(row["line"]).encode(), ARRIVED)
    truth = row["fields"] or {}
    if row["kind"] in ("http", "auth_fail") and "ip" in truth:
        assert event.format == "traefik"
        assert event.time is not None
        told = {"ip": event.fields.get("client_ip"), "status": event.fields.get("status")}
        if "user" in truth:
            told["user"] = event.fields.get("user")
        assert {name: told[name] for name in truth} == truth
    else:
        assert event.format == "traefik_service"
        assert event.fields["message"]
        assert event.fields["level"] in ("debug", "info", "warning", "error")
