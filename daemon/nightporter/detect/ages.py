"""The container behind a request or a probe: what Docker calls it, since when it is up, and who ended it.

docker_events                ──learn────▶  names, addresses and ports → service and start; what was stopped
a request in a proxy's log   ──behind───▶  `container_age`, `behind`, `stopped_by_hand`
what a probe found           ──stopped──▶  `stopped_by_hand`

A service that has just started may still answer 502, and one that somebody stopped is no outage. And Traefik
may call `ombi-media` what Docker and the owner's probes call `ombi`: an outage that all of them tell is one.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from nightporter.model import MINUTE, SECOND, Event, Fields, Nanos, Stamp
from nightporter.rule import Op, Test

LEARNED: Final = Test(field="action", op=Op.EQUALS, values=("running", "start", "die", "engine_down"))
"""The lifecycle records that are learned from: no scanner may skip them."""
ENGINE_ENDS: Final[Nanos] = 2 * MINUTE
"""An engine that is shut down stops its containers first, by the same signals as a person. What it stopped so
shortly before its end nobody wanted to be away: if it does not come back with the engine, it is down."""
NAMES: Final = 5_000
"""Names, addresses and ports that are known at most; the oldest go first."""


class Behind(NamedTuple):
    """What a proxy's request went to."""

    service: str
    started: Stamp


class Ages:
    """What the lifecycle records said of the containers that run. Memory only: the Docker source says it
    anew at each start, so that a replay, which has none, knows no ages."""

    def __init__(self) -> None:
        self._known: dict[str, Behind] = {}
        self._stopped: dict[str, Stamp] = {}
        """Services and containers that were stopped by hand and have not been started since: when, newest
        last."""

    def __bool__(self) -> bool:
        return bool(self._known or self._stopped)

    def learn(self, event: Event) -> None:
        """Take in a lifecycle record."""
        fields = event.fields
        action, started = fields.get("action"), fields.get("started_at")
        if action in ("running", "start", "die"):
            # Of an end that nobody saw (`seen_late`) it is only guessed whether it was asked for.
            asked = action == "die" and fields.get("by_hand") is True and "seen_late" not in fields
            self._note_end(fields, event.time if asked else None)
        elif action == "engine_down":
            self._stopped = {n: at for n, at in self._stopped.items() if at < event.time - ENGINE_ENDS}
        if action != "running" or not isinstance(started, int):
            return
        behind = Behind(str(fields.get("service") or fields.get("container") or ""), started)
        for name in _names(fields):
            self._known.pop(name, None)
            self._known[name] = behind
            if len(self._known) > NAMES:
                del self._known[next(iter(self._known))]

    def behind(self, request: Fields, time: Stamp) -> Fields:
        """What is known of the container of a request's service, as fields; none: it is no container we know.

        Where the request went is the better witness than what the service is called: two may share a name.
        """
        for name in (*_upstream(str(request.get("upstream", ""))), str(request.get("service", "")).lower()):
            if (found := self._known.get(name)) is not None:
                known: Fields = {
                    "container_age": max(0, time - found.started) / SECOND,
                    "behind": found.service,
                }
                return known | self.stopped(found.service)
        return self.stopped(str(request.get("service", "")))

    def stopped(self, service: str) -> Fields:
        """Whether somebody stopped that service, as a field; none: nobody did, as far as is known."""
        return {"stopped_by_hand": True} if service.lower() in self._stopped else {}

    def _note_end(self, fields: Fields, stopped: Stamp | None) -> None:
        for name in _own_names(fields):
            self._stopped.pop(name, None)
            if stopped is not None:
                self._stopped[name] = stopped
                if len(self._stopped) > NAMES:
                    del self._stopped[next(iter(self._stopped))]


def _names(fields: Fields) -> list[str]:
    listed = [str(fields.get(name, "")).lower().split(",") for name in ("aliases", "address")]
    ports = [f":{port}" for port in str(fields.get("ports", "")).split(",") if port]
    return [name for name in (*_own_names(fields), *listed[0], *listed[1], *ports) if name]


def _own_names(fields: Fields) -> list[str]:
    return [str(fields[name]).lower() for name in ("service", "container") if fields.get(name)]


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
