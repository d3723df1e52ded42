"""Asks once what the config will have asked every minute: only what answers now is worth it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nightporter import traefikconfig as static
from nightporter.boundedfiles import content, files
from nightporter.config import AcmeProbe, CanaryProbe, ContainerProbe, HttpProbe, Probe, TcpProbe, TlsProbe
from nightporter.doctor.containers import Running
from nightporter.doctor.looking.view import View, apart
from nightporter.doctor.proxy import ProxyLog
from nightporter.sources.probes import ask
from nightporter.survey.candidates import (
    Asked,
    entry_points,
    is_traefik,
    of_hosts,
    of_services,
    of_traefik,
    service_of_traefik,
)
from nightporter.survey.facts import AcmeFacts, GuardFile, TraefikFacts
from nightporter.survey.traefik import on_host
from nightporter.traefikconfig import Router

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

PATIENCE_S: Final = 1.5
"""For one that is asked; all are asked at once."""
ALL_S: Final = 2.5
"""For all: a TLS handshake may be tried twice."""
_DYNAMIC: Final = ("*.yml", "*.yaml", "*.toml")


async def answering(
    view: View,
    running: Sequence[Running],
    facts: TraefikFacts,
    acme: Iterable[AcmeFacts],
    printed: Sequence[ProxyLog] = (),
) -> tuple[Probe, ...]:
    """Traefik's doors, the certificates that it shows and keeps, and the services. `printed`: what Traefiks
    in containers print."""
    import aiohttp

    points = entry_points(facts.statics, running)
    routers = await apart(lambda: tuple(routers_of(facts, running)), "routers")
    encrypted = frozenset(point.name for config in facts.statics for point in config.points if point.tls)
    named = service_of_traefik(running)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        asking = _Asking(view, session)
        of_all: Coroutine[Any, Any, list[Asked]] = _all(
            asking.service(probe) for probe in of_services(running)
        )
        traefik, hosts, services, kept = await asyncio.gather(
            _all(asking.web(probe) for probe in of_traefik(facts.statics, running)),
            _all(asking.certificate(probe) for probe in of_hosts(routers, points, encrypted, named)),
            of_all,
            _all(asking.acme(found.path) for found in acme),
        )
    doors = traefik[:1]
    canary = [_canary(doors[0])] if doors and _logs_all(facts, printed) else []
    found: list[Probe] = [*doors, *canary, *_different(hosts), *kept, *services]
    return tuple(_named_apart(found))


class _Asking:
    """Each of these gives the probe as it is worth asking again, or None."""

    def __init__(self, view: View, session: aiohttp.ClientSession) -> None:
        self._view = view
        self._session = session
        self._contexts: dict[bool, ssl.SSLContext] = {}

    async def service(self, probe: Asked) -> Asked | None:
        """One that answers a GET with anything but success (most: it wants a login, and may count a request
        without one as a failure) is asked for a connection only."""
        if isinstance(probe, ContainerProbe):
            return probe
        if isinstance(probe, HttpProbe):
            if await self.web(probe) is not None:
                return probe
            probe = TcpProbe(name=probe.name, service=probe.service, host=probe.host, port=probe.port)
        asked = replace(probe, timeout_s=PATIENCE_S)
        return probe if (await ask.ask_tcp(asked, self._monotonic, self._view.platform)).up else None

    async def web(self, probe: HttpProbe) -> HttpProbe | None:
        verify = self._contexts.get(probe.insecure)
        if verify is None:
            verify = self._contexts[probe.insecure] = ask.context("", insecure=probe.insecure)
        door = ask.Door(self._session, verify, token=lambda: "")
        asked = replace(probe, timeout_s=PATIENCE_S)
        return probe if (await ask.ask_http(door, asked, self._monotonic, self._view.platform)).up else None

    async def certificate(self, probe: TlsProbe) -> Shown | None:
        """Asked with trust, then without: Traefik shows its own certificate where it has no better one."""
        asked = replace(probe, timeout_s=PATIENCE_S)
        now = self._view.clock.now()
        outcome = await apart(lambda: ask.ask_tls(asked, now, self._monotonic, self._view.platform), "tls")
        if not outcome.certificates:
            return None
        return Shown(replace(probe, insecure=not outcome.up), outcome.certificates[0].public_key)

    async def acme(self, path: Path) -> AcmeProbe | None:
        probe = AcmeProbe(name="certificates", path=path)
        return probe if (await apart(lambda: ask.ask_acme(probe), "acme")).up else None

    def _monotonic(self) -> float:
        return self._view.clock.monotonic()


@dataclass(frozen=True, slots=True)
class Shown:
    """A host name that Traefik shows a certificate for."""

    probe: TlsProbe
    key: str
    """Of the certificate: one for many names is watched once."""


async def _all(asked: Iterable[Coroutine[Any, Any, T | None]]) -> list[T]:
    """What answers in time, in order. (A coroutine's first two types are of no use to anyone.)"""
    tasks = [asyncio.create_task(one) for one in asked]
    if not tasks:
        return []
    done, late = await asyncio.wait(tasks, timeout=ALL_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return [found for task in tasks if task in done and (found := task.result()) is not None]


def _different(shown: Iterable[Shown]) -> Iterator[TlsProbe]:
    """One host name a certificate."""
    return iter({one.key: one.probe for one in reversed([*shown])}.values())


def _logs_all(facts: TraefikFacts, printed: Sequence[ProxyLog]) -> bool:
    """Whether a request of ours would be in a log that is followed."""
    logs = (*(found.log for found in facts.logs), *printed)
    followed = any(log.access for log in logs) or bool(facts.inside)
    return followed and not any(config.choosy for config in facts.statics)


def _canary(door: HttpProbe) -> CanaryProbe:
    return CanaryProbe(
        name="traefik-log", url=door.url, host=door.host, port=door.port, insecure=door.insecure
    )


def _named_apart(probes: Iterable[Probe]) -> Iterator[Probe]:
    """The first one of each name."""
    taken: set[str] = set()
    for probe in probes:
        if probe.name not in taken:
            taken.add(probe.name)
            yield probe


# What Traefik is told of hosts


def routers_of(facts: TraefikFacts, running: Sequence[Running]) -> Iterator[Router]:
    """The routers of its dynamic files and of containers' labels. Blocking."""
    for one in running:
        if one.container.running:
            yield from static.routers(static.read_labels(one.container.labels))
    for path in dict.fromkeys(dynamic_files(facts, running)):
        data = content(path, [])  # what is refused is no fault here: fewer names are known
        with suppress(ValueError):
            tree = static.read_file(path.name, data.decode("utf-8", "replace")) if data else None
            yield from static.routers(tree or {})


def guard_files(facts: TraefikFacts, running: Sequence[Running]) -> tuple[GuardFile, ...]:
    """Its dynamic files that have an `ipAllowList` with addresses. One that only a template makes YAML of
    cannot be read here, nor later. Blocking."""
    found: list[GuardFile] = []
    for path in dict.fromkeys(dynamic_files(facts, running)):
        data = content(path, [])
        with suppress(ValueError):
            tree = static.read_file(path.name, data.decode("utf-8", "replace")) if data else None
            ranges = dict.fromkeys(text for guard in static.guards(tree or {}) for text in guard.ranges)
            if ranges:
                found.append(GuardFile(path=path, ranges=tuple(ranges)))
    return tuple(found)


def dynamic_files(facts: TraefikFacts, running: Sequence[Running]) -> Iterator[Path]:
    """The files that its file provider reads, where they lie on this machine."""
    traefiks = [one for one in running if is_traefik(one)]
    for config in facts.statics:
        for named in config.dynamic:
            # A path that Traefik is told is its own: in a container, or from where its config lies.
            mounted = [host for one in traefiks if (host := on_host(named, one))]
            for place in map(Path, mounted or [os.path.join(os.path.dirname(config.place), named)]):  # noqa: PTH118, PTH120
                yield from files(place, _DYNAMIC, []) if place.is_dir() else (place,)
