"""What stands: containers as inspect shows them → records of our own. Pure; `watch` does the asking.

| action | when |
| --- | --- |
| `running` | seen to run: once a start of the container, and once a start of ours |
| `exposed` | a port that every network reaches: once for as long as it is open |
| `steady` | two minutes after a start it still runs, and is well if it has a health check: once a start |
| `destroy` | it was removed when nobody looked, so that the engine's own event is lost |

`running` and `steady` say since when (`started_at`, `running_for`); `running` also by what a proxy's log may
know the container: its addresses, its ports on this machine, and the names that Traefik gives it.

`steady` is what ends an outage: a container in a restart loop starts well each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nightporter.model import MINUTE, SECOND, Fields, Nanos, Stamp
from nightporter.sources.docker.container import COMPOSE_SERVICE, Container, Published, traefik_names
from nightporter.sources.docker.events import EngineEvent, Happening
from nightporter.sources.docker.memory import Told, short

STEADY_AFTER: Final[Nanos] = 2 * MINUTE
_JUST_NOW: Final[Nanos] = 10 * SECOND
"""What is told of so fresh a start bears the start's own stamp, which is before all that follows it."""
MOST_PORTS: Final = 20
"""Ports of one container that are told of, and named in a record."""


@dataclass(slots=True)
class _Run:
    """One run of a container, from a start to its end."""

    container: Container
    health: str
    as_of: Stamp
    """When `health` was learnt."""
    steady: bool


class Standing:
    """What runs now. All stamps are the engine's clock. `told`: what earlier runs of ours have told."""

    def __init__(self, told: Told) -> None:
        self._steady = dict(told.steady)
        self._exposed = {name: frozenset(ports) for name, ports in told.exposed.items()}
        self._known = dict(told.known)
        self._runs: dict[str, _Run] = {}
        self._found: list[Happening] = []

    def sees(self, container: Container, now: Stamp) -> None:
        """A container that is watched, as inspect shows it at `now`."""
        self._known[short(container.id)] = (container.name, container.image, container.service)
        if not container.running:
            self._runs.pop(container.id, None)
            return
        run = self._runs.get(container.id)
        if run is not None and run.container.started == container.started:
            run.container, run.health, run.as_of = container, container.health, now
            return
        at = container.started if now - container.started < _JUST_NOW else now
        steady = self._steady.get(short(container.id)) == container.started
        self._runs[container.id] = _Run(container, container.health, now, steady)
        exposed = container.exposed[:MOST_PORTS]
        self._find(container, "running", at, _described(container, exposed, now))
        told = self._exposed.get(container.name, frozenset())
        for port in exposed:
            if _spelled(port) not in told:
                self._find(container, "exposed", at, {"port": port.port, "protocol": port.protocol})
        self._exposed[container.name] = frozenset(map(_spelled, exposed))

    def hears(self, event: EngineEvent) -> None:
        """An event of a container that is watched; one from before what inspect showed says nothing new."""
        action, _, detail = event.action.partition(": ")
        if action == "destroy":
            self._known.pop(short(event.actor.id), None)
        run = self._runs.get(event.actor.id)
        if run is None:
            return
        if action in ("die", "destroy") and event.stamp >= run.container.started:
            del self._runs[event.actor.id]
            self._found = [found for found in self._found if found.container != event.actor.id]
        elif action == "health_status" and event.stamp >= run.as_of:
            run.health, run.as_of = detail, event.stamp

    def take(self, now: Stamp) -> list[Happening]:
        """What is to be told by now."""
        for run in self._runs.values():
            if not run.steady and run.health in ("", "healthy") and _due(run) <= now:
                run.steady = True
                self._steady[short(run.container.id)] = run.container.started
                self._find(run.container, "steady", now, _age(run.container, now))
        found, self._found = self._found, []
        return found

    def wait_s(self, now: Stamp) -> float | None:
        """Seconds until `take` gives something, if nothing else is heard; None: nothing is to come."""
        due = [_due(run) for run in self._runs.values() if not run.steady and run.health in ("", "healthy")]
        if self._found:
            return 0.0
        return max(0, min(due) - now) / SECOND if due else None

    def missed(self, ids: Iterable[str], now: Stamp) -> None:
        """These are the containers that there are, now that all that the engine remembers was heard."""
        for gone in self._known.keys() - frozenset(map(short, ids)):
            name, image, service = self._known.pop(gone)
            container = Container(id=gone, name=name, image=image, labels={COMPOSE_SERVICE: service})
            self._find(container, "destroy", now, {"seen_late": True})

    def forget(self, ids: Iterable[str]) -> None:
        """Keep what is known of the containers that there are."""
        for gone in self._runs.keys() - frozenset(ids):
            del self._runs[gone]

    def _find(self, container: Container, action: str, at: Stamp, more: Fields) -> None:
        record: Fields = {
            "action": action,
            "container": container.name,
            "image": container.image,
            "service": container.service,
            "time": at,
            **more,
        }
        self._found.append(Happening(at, b"", container.id, record))


def _due(run: _Run) -> Stamp:
    return run.container.started + STEADY_AFTER


def _age(container: Container, now: Stamp) -> Fields:
    running_for = max(0, now - container.started) / SECOND
    return {"started_at": container.started, "running_for": round(running_for, 3)}


def _described(container: Container, exposed: tuple[Published, ...], now: Stamp) -> Fields:
    listed = {
        "address": container.addresses,
        "ports": [str(port) for port in sorted({p.port for p in container.published})[:MOST_PORTS]],
        "open": [_spelled(port) for port in exposed],
        "aliases": traefik_names(container)[:MOST_PORTS],
    }
    texts: Fields = {name: ",".join(values) for name, values in listed.items() if values}
    if container.health:
        texts["health"] = container.health
    return _age(container, now) | texts


def _spelled(port: Published) -> str:
    return f"{port.port}/{port.protocol}"
