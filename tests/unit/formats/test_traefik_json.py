"""Access lines in JSON: exact times, missing parts, and what Traefik's own encoder cannot have written."""

from __future__ import annotations

import json

import pytest
from tests.unit.formats.origins import ARRIVED, origin, stamp

from nightporter.formats import make_format
from nightporter.formats.base import Parsed
from nightporter.model import Value

LINE: dict[str, object] = {
    "ClientAddr": "10.0.0.2:4711",
    "ClientHost": "203.0.113.9",
    "ClientUsername": "-",
    "DownstreamContentSize": 19,
    "DownstreamStatus": 404,
    "Duration": 1_068_272,
    "OriginStatus": 0,
    "RequestHost": "app.lan",
    "RequestMethod": "GET",
    "RequestPath": "/a/1?x=1",
    "RequestProtocol": "HTTP/2.0",
    "RetryAttempts": 0,
    "StartUTC": "2026-11-24T10:01:30.345500879Z",
    "entryPointName": "web",
    "level": "info",
    "msg": "",
    "time": "2026-11-24T10:01:31Z",
}
FORM = make_format(origin("traefik"))


def encoded(**changes: object) -> bytes:
    row = {**LINE, **changes}
    return json.dumps({k: v for k, v in row.items() if v is not None}, separators=(",", ":")).encode()


def parsed(**changes: object) -> Parsed:
    return FORM.parse(encoded(**changes), ARRIVED)


def test_the_end_is_exact() -> None:
    event = parsed()
    assert event.started == stamp("2026-11-24T10:01:30+00:00") + 345_500_879
    assert event.time == event.started + 1_068_272
    assert event.fields["duration"] == 0.001068272


@pytest.mark.parametrize(
    ("changes", "time", "started"),
    [
        ({"StartUTC": None, "StartLocal": "2026-11-24T05:01:30-05:00", "Duration": 10**9}, 31, 30),
        ({"StartUTC": None}, 31, None),
        ({"StartUTC": "soon"}, 31, None),
        ({"Duration": -5}, 30.345500879, 30.345500879),
        ({"Duration": 10**18}, 30.345500879, 30.345500879),
        ({"Duration": None}, 30.345500879, 30.345500879),
        ({"StartUTC": None, "time": None}, None, None),
    ],
)
def test_times(changes: dict[str, object], time: float | None, started: float | None) -> None:
    event = parsed(**changes)
    minute = stamp("2026-11-24T10:01:00+00:00")
    assert event.time == (None if time is None else minute + round(time * 10**9))
    assert event.started == (None if started is None else minute + round(started * 10**9))


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({}, "origin_status", None),
        ({"OriginStatus": 502}, "origin_status", 502),
        ({}, "router", None),
        ({"RouterName": "plex@docker"}, "router", "plex"),
        ({"RouterName": "a@b@docker"}, "router", "a@b"),
        ({"RouterName": "plain"}, "router", "plain"),
        ({"ServiceName": "plex@docker"}, "service", "plex"),
        ({}, "user", None),
        ({"ClientUsername": ""}, "user", None),
        ({"ClientUsername": "x\n198.51.100.66 - y"}, "user", "x\n198.51.100.66 - y"),
        ({"TLSVersion": "1.3"}, "tls", "1.3"),
        ({"RetryAttempts": 2}, "retries", 2),
        ({"RequestHost": "-"}, "host", None),
        ({"request_User-Agent": "curl/8"}, "user_agent", "curl/8"),
        ({"request_Authorization": "Basic eDp5"}, "request_Authorization", None),
        ({"RequestPath": '/?q=<>&"\\'}, "query", 'q=<>&"\\'),
        ({"DownstreamStatus": 0}, "status", None),
        ({"DownstreamStatus": 1000}, "status", None),
        ({"DownstreamContentSize": -1}, "bytes", None),
    ],
)
def test_fields(changes: dict[str, object], field: str, value: Value | None) -> None:
    event = parsed(**changes)
    assert event.format == "traefik"
    assert event.fields.get(field) == value


@pytest.mark.parametrize(
    ("host", "peer", "client"),
    [
        ("203.0.113.9", "10.0.0.2:4711", "203.0.113.9"),
        ("2001:DB8::9", "[2001:db8::1]:80", "2001:db8::9"),
        ("203.0.113.7, 10.0.0.9", "10.0.0.2:4711", "203.0.113.7"),
        ("10.0.0.8, 10.0.0.9", "10.0.0.2:4711", "10.0.0.2"),
        ("unknown", "10.0.0.2:4711", "10.0.0.2"),
        ("1.1.1.1, unknown", "[::1]:80", "::1"),
        ("", "10.0.0.2:4711", "10.0.0.2"),
        # Forged, where Traefik believes everybody
        ("127.0.0.1", "203.0.113.66:4711", "203.0.113.66"),
        ("198.51.100.7, 192.168.1.5", "203.0.113.66:4711", "203.0.113.66"),
        ("fd00::1", "[2001:db8::66]:80", "2001:db8::66"),
        ("127.0.0.1", "100.64.0.9:4711", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        (None, None, None),
    ],
)
def test_the_client(host: str | None, peer: str | None, client: str | None) -> None:
    form = make_format(origin("traefik", trusted=("10.0.0.0/8",)))
    event = form.parse(encoded(ClientHost=host, ClientAddr=peer), ARRIVED)
    assert event.fields.get("client_ip") == client


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        (rb"\u003c\u0026\u003e", "<&>"),
        (rb"\u0022\\\"", '"\\"'),
        (rb"a\\u0041b", "a\\u0041b"),
        (rb"a\\\\\/b", None),
        (rb"a\u0041b", None),
        (rb"a\\\u0041b", None),
        (rb"a\/b", None),
        (rb"a\u005cb", None),
        (b"a\xffb", "a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_only_gos_escapes_are_traefiks(text: bytes, reads: str | None) -> None:
    """A letter that is spelled otherwise would be unseen by the scanner: such a line is no access line."""
    event = FORM.parse(encoded(ClientUsername="@@").replace(b"@@", text), ARRIVED)
    assert event.format == ("traefik_service" if reads is None else "traefik")
    assert event.fields.get("user") == reads


@pytest.mark.parametrize(
    "line",
    [
        b'{"DownstreamStatus":"404","ClientHost":"203.0.113.9"}',
        b'{"DownstreamStatus":404.0,"ClientHost":"203.0.113.9"}',
        b'{"DownstreamStatus" :404,"ClientHost":"203.0.113.9"}',
        b'{"DownstreamStatus":  404,"ClientHost":"203.0.113.9"}',
        b'{"ClientHost":["203.0.113.9"]}',
        b'{"level":"info","message":"\\"ClientHost\\":\\"203.0.113.9\\""}',
        b'{"level":"info"}',
        b"{}",
        b"{",
        b"[]",
        b"{" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_access_line(line: bytes) -> None:
    event = FORM.parse(line, ARRIVED)
    assert event.format == "traefik_service"
    assert not {"status", "client_ip", "path"} & event.fields.keys()


def test_blanks_after_colons_are_let_pass() -> None:
    event = FORM.parse(json.dumps(LINE).encode(), ARRIVED)
    assert event.format == "traefik"
    assert event.fields["status"] == 404


def test_a_trusted_proxy_outside_may_name_an_address_of_the_home() -> None:
    form = make_format(origin("traefik", trusted=("203.0.113.0/24",)))
    event = form.parse(encoded(ClientHost="192.168.1.5", ClientAddr="203.0.113.9:443"), ARRIVED)
    assert event.fields["client_ip"] == "192.168.1.5"
