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

LEARNED: Final = Test(
    field="action", op=Op.EQUALS, values=("running", "start", "die", "destroy", "engine_down")
)
"""The lifecycle records that are learned from: no scanner may skip them."""
ENGINE_ENDS: Final[Nanos] = 2 * MINUTE
"""An engine that is shut down stops its containers first, by the same signals as a person. What it stopped so
shortly before its end nobody wanted to be away: if it does not come back with the engine, it is down."""
NAMES: Final = 5_000
"""Names, addresses and ports that are known at most; the oldest go first."""


class Behind(NamedTuple):
    """What a proxy's request went to."""

    container: str
    service: str
    started: Stamp


class Ages:
    """What the lifecycle records said of the containers that run. Memory only: the Docker source says it
    anew at each start, so that a replay, which has none, knows no ages."""

    def __init__(self) -> None:
        self._known: dict[str, Behind] = {}
        self._service_of: dict[str, str] = {}
        """Containers that there are, and those that were stopped by hand before they went."""
        self._members: dict[str, set[str]] = {}
        """The same the other way round: two projects may each have a service `db`."""
        self._stopped: dict[str, Stamp] = {}
        """Containers that were stopped by hand and have not been started since: when, newest last."""

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
        elif action == "destroy":
            self._note_gone(fields)
        elif action == "engine_down":
            self._stopped = {n: at for n, at in self._stopped.items() if at < event.time - ENGINE_ENDS}
        if action != "running" or not isinstance(started, int):
            return
        behind = Behind(*_named(fields), started)
        for name in _names(fields):
            self._known.pop(name, None)
            self._known[name] = behind
            if len(self._known) > NAMES:
                del self._known[next(iter(self._known))]

    def behind(self, request: Fields, time: Stamp) -> Fields:
        """What is known of the container of a request's service, as fields; none: it is no container we know.

        Where the request went is the better witness than what the service is called: two may share a name.
        """
        address = _upstream(str(request.get("upstream", "")))
        service = str(request.get("service", "")).lower()
        for name in (*address, service):
            if (found := self._known.get(name)) is not None:
                stopped = (
                    self._is_stopped(found.container) if name in address else self.stopped(found.service)
                )
                known: Fields = {
                    "container_age": max(0, time - found.started) / SECOND,
                    "behind": found.service,
                }
                return known | stopped
        return self.stopped(service)

    def stopped(self, service: str) -> Fields:
        """Whether somebody stopped all that goes by that name, as a field; none: nobody did, as far as is
        known."""
        members = self._members.get(service.lower(), {service.lower()})
        return {"stopped_by_hand": True} if members <= self._stopped.keys() else {}

    def _is_stopped(self, container: str) -> Fields:
        return {"stopped_by_hand": True} if container.lower() in self._stopped else {}

    def _note_end(self, fields: Fields, stopped: Stamp | None) -> None:
        container, service = (name.lower() for name in _named(fields))
        self._let_go(container)
        self._service_of[container] = service
        self._members.setdefault(service, set()).add(container)
        if stopped is not None:
            self._stopped[container] = stopped
        if len(self._service_of) > NAMES:
            self._let_go(next(iter(self._service_of)))

    def _note_gone(self, fields: Fields) -> None:
        """A container was removed. One that somebody stopped before is away because of that."""
        container = _named(fields)[0].lower()
        if container not in self._stopped:
            self._let_go(container)

    def _let_go(self, container: str) -> None:
        self._stopped.pop(container, None)
        service = self._service_of.pop(container, None)
        if service is not None:
            self._members[service].discard(container)
            if not self._members[service]:
                del self._members[service]


def _named(fields: Fields) -> tuple[str, str]:
    """Container and service, each by the other where a record has only one of them."""
    container, service = str(fields.get("container") or ""), str(fields.get("service") or "")
    return container or service, service or container


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
