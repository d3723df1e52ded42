"""What could be asked, by the containers that run and by Traefik's settings. Pure; `doors` asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from nightporter.config import ContainerProbe, HttpProbe, Secret, TcpProbe, TlsProbe
from nightporter.doctor.containers import Running
from nightporter.services import recognised
from nightporter.sources.docker.container import Published, image_names, services
from nightporter.survey.ports import WEB, Web
from nightporter.traefikconfig import EntryPoint, Router, StaticConfig

MOST_SERVICES: Final = 20
MOST_HOSTS: Final = 10
HERE: Final = "127.0.0.1"
TRAEFIK: Final = "traefik"
BLOCKS_WHO_ASKS: Final = frozenset({"mysql", "mariadb"})
"""They count a connection that says nothing as an error of its host, and block that host after a hundred: to
ask every minute would lock out everybody else on this machine. Docker is asked about them instead."""
_ONE_OFF: Final = "com.docker.compose.oneoff"
"""`True` on a container of `docker compose run` (Docker Compose 2, 2026-11)."""
_NOT_A_NAME: Final = re.compile(r"[^\w.-]+", re.ASCII)

Asked = HttpProbe | TcpProbe | ContainerProbe


def of_services(running: Sequence[Running]) -> tuple[Asked, ...]:
    """One a service that is meant to stay, known ones first."""
    known = [one for one in running if recognised(services(one.container)) is not None]
    ordered = [*known, *(one for one in running if one not in known)]
    asked = map(_of_container, filter(_stays, ordered))
    found = list(islice((probe for probe in asked if probe is not None), MOST_SERVICES))
    if not any("plex" in services(one.container) for one in running):
        found.append(http("plex", "", HERE, WEB["plex"].port, WEB["plex"]))
    return tuple({probe.name: probe for probe in reversed(found)}.values())[::-1]


def _stays(one: Running) -> bool:
    container = one.container
    return container.running and container.labels.get(_ONE_OFF) != "True" and not is_traefik(one)


def is_traefik(one: Running) -> bool:
    return "traefik" in image_names(one.container.image)


def _of_container(one: Running) -> Asked | None:
    """How it is asked; None for one that this machine has no port of."""
    container = one.container
    service = recognised(services(container))
    name = _name(container.name if len(container.service) > len(container.name) else container.service)
    # By this word outages that Docker and Traefik tell of are known to be the same.
    more = container.service if container.service != name else ""
    ports = [port for port in container.published if port.protocol == "tcp"]
    if service is not None and service.name in BLOCKS_WHO_ASKS:
        return ContainerProbe(name=name, service=more, container=container.name)
    web = WEB.get(service.name) if service is not None else None
    if web is not None and (port := next((p for p in ports if p.inside == web.port), None)) is not None:
        return http(name, more, reached_at(port), port.port, web)
    if web is not None and one.shares_network:
        return http(name, more, HERE, web.port, web)
    return TcpProbe(name=name, service=more, host=reached_at(ports[0]), port=ports[0].port) if ports else None


def http(name: str, service: str, host: str, port: int, web: Web) -> HttpProbe:
    """A GET of a page that wants no login. On this machine a certificate proves nothing, so any will do."""
    shown = f"[{host}]" if ":" in host else host
    return HttpProbe(
        name=name,
        service=service,
        url=Secret(f"{web.scheme}://{shown}:{port}{web.path}"),
        host=host,
        port=port,
        insecure=web.scheme == "https",
    )


def reached_at(port: Published) -> str:
    """The address at which this machine itself reaches a published port."""
    return HERE if port.everywhere else port.address


# Traefik


def of_traefik(statics: Iterable[StaticConfig], running: Iterable[Running]) -> tuple[HttpProbe, ...]:
    """Its entry points, those without TLS first. Any answer but an error of its own will do: it is there."""
    containers = tuple(running)
    points = sorted(entry_points(statics, containers), key=lambda point: point.tls)
    service = service_of_traefik(containers)
    return tuple(
        HttpProbe(
            name=TRAEFIK,
            service=service if service != TRAEFIK else "",
            url=Secret(f"{'https' if point.tls else 'http'}://{point.host}:{point.port}/"),
            host=point.host,
            port=point.port,
            status=("100-499",),
            redirects=False,
            insecure=point.tls,
        )
        for point in points
    )


def service_of_traefik(running: Iterable[Running]) -> str:
    """By what name Docker tells of Traefik, so that its outage is one; the usual one where it is in no
    container, or in several."""
    names = {one.container.service for one in running if is_traefik(one) and one.container.running}
    return names.pop() if len(names) == 1 else TRAEFIK


def entry_points(statics: Iterable[StaticConfig], running: Iterable[Running]) -> tuple[EntryPoint, ...]:
    """The doors that lead to services, as they are reached from this machine; port 443 speaks TLS."""
    inside = [one for one in running if is_traefik(one) and one.container.running]
    found: dict[tuple[str, int], EntryPoint] = {}
    for static in statics:
        for point in static.points:
            if point.name == "traefik":  # of its dashboard
                continue
            for host, port in _reached(point, inside):
                tls = point.tls or point.port == 443
                found.setdefault((host, port), EntryPoint(name=point.name, host=host, port=port, tls=tls))
    return tuple(found.values())


def _reached(point: EntryPoint, inside: Sequence[Running]) -> Iterator[tuple[str, int]]:
    if not inside or any(one.shares_network for one in inside):
        yield point.host, point.port
    for one in inside:
        for port in one.container.published:
            if port.inside == point.port and port.protocol == "tcp":
                yield reached_at(port), port.port


def of_hosts(
    routers: Iterable[Router],
    points: Iterable[EntryPoint],
    encrypted: frozenset[str],
    service: str = TRAEFIK,
) -> tuple[TlsProbe, ...]:
    """The host names of routers with TLS, asked for at Traefik's own door. `encrypted`: the names of the
    entry points that speak TLS by themselves. `service`: what Docker calls Traefik."""
    door = next((point for point in points if point.tls), None)
    if door is None:
        return ()
    names = dict.fromkeys(
        host for router in routers if router.tls or encrypted & {*router.points} for host in router.hosts
    )
    return tuple(
        TlsProbe(name=_name(name), service=service, host=door.host, port=door.port, server_name=name)
        for name in islice(names, MOST_HOSTS)
    )


def _name(text: str) -> str:
    """A name as the config takes it."""
    return _NOT_A_NAME.sub("-", text).lstrip("-._")[:64] or "service"
