"""How long the container behind a request has been up: a service that just started may still answer 502.

docker_events, action: running  ──learn──▶  its names, addresses and ports → since when it runs
a request in the proxy's log    ──age────▶  `container_age`, in seconds, where its service is one of them
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from nightporter.model import SECOND, Event, Fields, Stamp
from nightporter.rule import Op, Test

RUNNING: Final = Test(field="action", op=Op.EQUALS, values=("running",))
"""The lifecycle records that are learned from: no scanner may skip them."""
NAMES: Final = 5_000
"""Names, addresses and ports that are known at most; the oldest go first."""


class Ages:
    """What the lifecycle records said of the containers that run. Memory only: the Docker source says it
    anew at each start, so that a replay, which has none, knows no ages."""

    def __init__(self) -> None:
        self._started: dict[str, Stamp] = {}

    def __bool__(self) -> bool:
        return bool(self._started)

    def learn(self, event: Event) -> None:
        """Take in a lifecycle record."""
        fields = event.fields
        started = fields.get("started_at")
        if fields.get("action") != "running" or not isinstance(started, int):
            return
        for name in _names(fields):
            self._started.pop(name, None)
            self._started[name] = started
            if len(self._started) > NAMES:
                del self._started[next(iter(self._started))]

    def age(self, request: Fields, time: Stamp) -> float | None:
        """Seconds since the container of a request's service started; None: it is no container we know.

        Where the request went is the better witness than what the service is called: two may share a name.
        """
        for name in (*_upstream(str(request.get("upstream", ""))), str(request.get("service", "")).lower()):
            if name in self._started:
                return max(0, time - self._started[name]) / SECOND
        return None


def _names(fields: Fields) -> list[str]:
    listed = [str(fields.get(name, "")).lower().split(",") for name in ("aliases", "address")]
    ports = [f":{port}" for port in str(fields.get("ports", "")).split(",") if port]
    single = [str(fields.get(name, "")).lower() for name in ("service", "container")]
    return [name for name in (*single, *listed[0], *listed[1], *ports) if name]


def _upstream(url: str) -> list[str]:
    """By what a backend's URL names a container: its own address, or a port of this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return []
    if host in ("localhost", "::1") or host.startswith("127."):
        return [f":{port}"]
    return [host]
