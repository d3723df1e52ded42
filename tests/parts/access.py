"""Traefik access log lines for tests, as Traefik 3.7 writes them."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

_COUNT = itertools.count(1)


def clf(
    client: str, path: str, status: int, *, at: datetime | None = None, user: str = "-", agent: str = "-"
) -> str:
    """One common-format line with its line end."""
    stamp = (at or datetime.now(UTC)).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return (
        f'{client} - {user} [{stamp}] "GET {path} HTTP/1.1" {status} 19 "-" "{agent}" {next(_COUNT)} '
        f'"app@docker" "http://127.0.0.1:8080" 1ms\n'
    )


def as_json(
    client: str, path: str, status: int, *, at: datetime | None = None, router: str = "app@docker"
) -> str:
    """One JSON line with its line end."""
    moment = at or datetime.now(UTC)
    fields = {
        "ClientAddr": f"{client}:4711",
        "ClientHost": client,
        "ClientPort": "4711",
        "ClientUsername": "-",
        "DownstreamContentSize": 19,
        "DownstreamStatus": status,
        "Duration": 1_000_000,
        "OriginStatus": status,
        "RequestAddr": "app.lan",
        "RequestCount": next(_COUNT),
        "RequestHost": "app.lan",
        "RequestMethod": "GET",
        "RequestPath": path,
        "RequestPort": "-",
        "RequestProtocol": "HTTP/1.1",
        "RequestScheme": "http",
        "RetryAttempts": 0,
        "RouterName": router,
        "ServiceName": "app@docker",
        "StartUTC": (moment - timedelta(milliseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "entryPointName": "web",
        "level": "info",
        "msg": "",
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e") + "\n"
