"""Made-up access logs in Traefik's two shapes, for benchmarks: the same seed gives the same bytes.

The shapes follow lines that a real Traefik 3.7 wrote (default fields; in JSON the request's User-Agent kept).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Literal

Shape = Literal["json", "clf"]

ERRORS: Final = (401, 403, 404, 500)
_START: Final = datetime(2026, 10, 26, tzinfo=UTC)
_HOSTS: Final = ("plex", "sonarr", "requests", "jelly", "stats")
_AGENT: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
)


def lines(shape: Shape, count: int, *, errors: float, seed: int = 7) -> Iterator[bytes]:
    """`count` lines, each with its newline; a share of `errors` has one of ERRORS as its status."""
    random = Random(seed)
    write = _WRITERS[shape]
    for number in range(count):
        status = random.choice(ERRORS) if random.random() < errors else random.choice((200, 200, 206, 304))
        yield write(random, number, status)


def _request(random: Random) -> tuple[str, str, str]:
    host = random.choice(_HOSTS)
    token = f"{random.getrandbits(64):016x}"
    path = f"/library/parts/{random.randrange(90_000)}/file.mkv?X-Token={token}"
    return host, path, f"198.51.100.{random.randrange(256)}"


def _json(random: Random, number: int, status: int) -> bytes:
    host, path, client = _request(random)
    at = _START + timedelta(milliseconds=40 * number)
    stamp = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    port = str(random.randrange(20_000, 60_000))
    duration = random.randrange(100_000, 90_000_000)
    size = random.randrange(90_000)
    fields = {
        "ClientAddr": f"{client}:{port}",
        "ClientHost": client,
        "ClientPort": port,
        "ClientUsername": "-",
        "DownstreamContentSize": size,
        "DownstreamStatus": status,
        "Duration": duration,
        "OriginContentSize": size,
        "OriginDuration": duration - 60_000,
        "OriginStatus": status,
        "Overhead": 60_000,
        "RequestAddr": f"{host}.home.example",
        "RequestContentSize": 0,
        "RequestCount": number,
        "RequestHost": f"{host}.home.example",
        "RequestMethod": "GET",
        "RequestPath": path,
        "RequestPort": "-",
        "RequestProtocol": "HTTP/2.0",
        "RequestScheme": "https",
        "RetryAttempts": 0,
        "RouterName": f"{host}@docker",
        "ServiceAddr": "192.168.1.10:32400",
        "ServiceName": f"{host}@docker",
        "ServiceURL": "http://192.168.1.10:32400",
        "StartLocal": stamp,
        "StartUTC": stamp,
        "entryPointName": "websecure",
        "level": "info",
        "msg": "",
        "request_User-Agent": _AGENT,
        "time": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _clf(random: Random, number: int, status: int) -> bytes:
    host, path, client = _request(random)
    at = (_START + timedelta(milliseconds=40 * number)).strftime("%d/%b/%Y:%H:%M:%S +0000")
    size, duration = random.randrange(90_000), random.randrange(1, 900)
    text = (
        f'{client} - - [{at}] "GET {path} HTTP/2.0" {status} {size} "-" "-" {number} '
        f'"{host}@docker" "http://192.168.1.10:32400" {duration}ms\n'
    )
    return text.encode()


_WRITERS: Final[dict[Shape, Callable[[Random, int, int], bytes]]] = {"json": _json, "clf": _clf}
