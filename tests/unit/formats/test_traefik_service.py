"""Traefik's own log: console, JSON, v2's logfmt, and lines that follow on others."""

from __future__ import annotations

import pytest
from tests.unit.formats.origins import ARRIVED, origin, stamp

from nightporter.formats import make_format
from nightporter.model import Fields

TIME = "2026-11-24T10:24:23Z"
CASES: list[tuple[str, str, Fields]] = [
    (
        "console",
        f'{TIME} ERR Provider error, retrying in 5s error="no \\"x\\"" providerName=docker',
        {
            "message": "Provider error, retrying in 5s",
            "error": 'no "x"',
            "providerName": "docker",
            "level": "error",
        },
    ),
    (
        "console with its caller and colours",
        "\x1b[90m2026-11-24T10:24:23Z\x1b[0m DBG \x1b[1mtraefik/auth.go:96\x1b[0m\x1b[36m >\x1b[0m "
        "Authentication failed \x1b[36mmiddlewareName=\x1b[0mba@file",
        {
            "message": "Authentication failed",
            "middlewareName": "ba@file",
            "caller": "traefik/auth.go:96",
            "level": "debug",
        },
    ),
    (
        "an error without a message",
        f'{TIME} ERR error="middleware \\"a\\" does not exist" routerName=bad@file',
        {
            "message": 'middleware "a" does not exist',
            "error": 'middleware "a" does not exist',
            "routerName": "bad@file",
            "level": "error",
        },
    ),
    ("no pairs", f"{TIME} INF a=b is no pair here", {"message": "a=b is no pair here", "level": "info"}),
    ("pairs at the end only", f"{TIME} WRN a=b c d=e", {"message": "a=b c", "d": "e", "level": "warning"}),
    (
        "a key of two words",
        f'{TIME} ERR Unable to obtain ACME certificate for domains error="unable to: x=y" '
        'ACME CA=https://ca.example/directory domains=["media.example.com"] providerName=le.acme',
        {
            "message": "Unable to obtain ACME certificate for domains",
            "error": "unable to: x=y",
            "ACME CA": "https://ca.example/directory",
            "domains": '["media.example.com"]',
            "providerName": "le.acme",
            "level": "error",
        },
    ),
    (
        "two pairs with a word between",
        f"{TIME} WRN a=b Or c=d",
        {"message": "a=b Or", "c": "d", "level": "warning"},
    ),
    ("an empty message", f"{TIME} INF ", {"level": "info"}),
    (
        "access names are not taken",
        f"{TIME} INF x status=404 path=/p client_ip=1.2.3.4 event=login service=s k=v",
        {"message": "x", "k": "v", "level": "info"},
    ),
    (
        "JSON",
        '{"level":"error","entryPointName":"web","error":"boom","time":"2026-11-24T10:24:23Z"}',
        {"message": "boom", "error": "boom", "entryPointName": "web", "level": "error"},
    ),
    (
        "JSON with what it must not say",
        '{"level":"warn","status":404,"client_ip":"1.2.3.4","time":"2026-11-24T10:24:23Z","message":"m","a":{"b":1}}',
        {"message": "m", "level": "warning", "a.b": 1},
    ),
    (
        "v2's logfmt",
        'time="2026-11-24T10:24:23Z" level=warning msg="Could not \\"find\\"" n=docker container=plex',
        {
            "message": 'Could not "find"',
            "msg": 'Could not "find"',
            "n": "docker",
            "level": "warning",
        },
    ),
]


@pytest.mark.parametrize("name", ["traefik", "traefik_service"])
@pytest.mark.parametrize(("line", "fields"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_service_lines(name: str, line: str, fields: Fields) -> None:
    event = make_format(origin(name)).parse(line.encode(), ARRIVED)
    assert event.format == "traefik_service"
    assert event.fields == fields
    assert event.time == stamp("2026-11-24T10:24:23+00:00")


@pytest.mark.parametrize("line", ["Version check is disabled.", "127.0.0.1 - x", "{broken", 'time="x'])
def test_any_other_line_is_a_message(line: str) -> None:
    event = make_format(origin("traefik")).parse(line.encode(), ARRIVED)
    assert (event.format, event.fields, event.time) == ("traefik_service", {"message": line}, None)


def test_an_empty_line_has_no_fields() -> None:
    event = make_format(origin("traefik")).parse(b"", ARRIVED)
    assert (event.format, event.fields) == ("traefik_service", {})


def test_a_file_of_the_service_log_alone_reads_no_access_lines() -> None:
    form = make_format(origin("traefik_service"))
    line = b'127.0.0.1 - - [24/Nov/2026:10:01:10 +0000] "GET /ok HTTP/1.1" 200 8 "-" "-" 1 "a@f" "b" 2ms'
    event = form.parse(line, ARRIVED)
    assert event.fields == {"message": line.decode()}
