"""Which sources a config gets, and why: pure, from the facts of a look around."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from nightporter.allowlist.doors import within
from nightporter.allowlist.entries import network_of
from nightporter.begin import around
from nightporter.begin.planned import Planned
from nightporter.config import (
    AllowList,
    ContainerFileSource,
    DockerSource,
    FileSource,
    FirewallProbe,
    IntegritySource,
    LogSource,
    ProbeSource,
)
from nightporter.doctor.finding import listed
from nightporter.doctor.proxy import ENOUGH, ProxyLog
from nightporter.model import MINUTE
from nightporter.survey.facts import Survey

FROM_ENVIRON: Final = "DOCKER_HOST"
"""What `find_engine` says of an engine that the environment names."""
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


def sources(survey: Survey) -> tuple[Planned, ...]:
    """All of them, the proxy first. Empty where nothing was found."""
    host, docker = _host(survey), [*_docker(survey)]
    found = [*_traefik(survey), *docker, *_services(survey), *around.asked(survey, host)]
    if found:
        found.append(_watched(survey))
        found += [*around.disks(survey, host, docker=bool(docker)), *around.system_log(survey)]
    if found and survey.firewall:
        firewall = ProbeSource(name="mac", probes=(FirewallProbe(name="firewall"),))
        found.append(
            Planned(source=firewall, why=("The Mac's own firewall is on; it is told when it is not.",))
        )
    return tuple(_named_apart(found))


def allow_list(survey: Survey) -> AllowList | None:
    """Where the allow-list stands; None where there is none, or only an empty one. A file of Traefik's is
    named beside it where its own lists let in nobody else: then its routers are those behind the list."""
    found = next((one for one in survey.lists if one.entries), None)
    networks = [network for text in found.entries if (network := network_of(text))] if found else []
    guard = next((one for one in survey.guards if not found or within(one.ranges, networks)), None)
    if found is None and guard is None:
        return None
    file = guard.path if guard is not None else None
    if found is None:
        return AllowList(file=file, static=_guarding(survey))
    return AllowList(env=Path(found.file), variable=found.name, file=file, static=_guarding(survey))


def _guarding(survey: Survey) -> Path | None:
    """The static config whose entry points have middlewares for all their routers."""
    for config in survey.traefik.statics:
        if config.place.startswith("/") and any(point.middlewares for point in config.points):
            return Path(config.place)
    return None


def _traefik(survey: Survey) -> Iterator[Planned]:
    facts = survey.traefik
    if facts.logs:
        source = FileSource(
            name="traefik",
            paths=tuple(found.log.path for found in facts.logs),
            format="traefik",
            trusted_proxies=facts.trusted,
        )
        why = tuple(f"{found.log.path}: {found.why}; {shown(found.log)}." for found in facts.logs)
        yield Planned(source=source, why=why)
    for inside in facts.inside:
        yield Planned(
            source=ContainerFileSource(
                name=f"traefik-{inside.container}",
                container=inside.container,
                path=inside.path,
                host=_host(survey),
                format="traefik",
                trusted_proxies=facts.trusted,
            ),
            why=(f"{inside.why}. No folder of this machine leads there: it is read through the engine.",),
        )


def shown(log: ProxyLog) -> str:
    """What the end of a log holds, in a few words."""
    if log.trouble:
        return f"it {log.trouble}"
    if not log.access:
        return (
            "it holds no requests yet" if not log.service else "it holds Traefik's own log, and no requests"
        )
    spelled = "JSON" if log.json >= log.common + log.generic else "CLF" if log.common else "generic CLF"
    mixed = ", mixed with Traefik's own log" if log.service else ""
    headers = "" if log.agents or log.access < ENOUGH else ", no headers: rules about user agents are off"
    return f"{spelled}{mixed}, {rate(log)}{headers}"


def rate(log: ProxyLog) -> str:
    """`12 a minute`, `3 an hour`; how many there are, where that is too short a time to say."""
    if log.last - log.first < 10 * MINUTE:
        return f"{log.access:,} line{'s' if log.access != 1 else ''}"
    if log.rate >= 1:
        return f"{log.rate:,.0f} a minute"
    return f"{max(1, round(log.rate * 60))} an hour"


def _docker(survey: Survey) -> Iterator[Planned]:
    if survey.docker is None or not survey.docker.facts.url:
        return
    facts = survey.docker.facts
    why = f"The engine at {facts.url.removeprefix('unix://')}: {facts.why}."
    names = listed((one.container.name for one in facts.containers), 12)
    there = (
        f"It does not answer now: {facts.trouble}." if facts.trouble else f"Containers: {names or 'none'}."
    )
    yield Planned(source=DockerSource(name="docker", host=_host(survey)), why=(why, there))


def _host(survey: Survey) -> str:
    """The engine's address, where only this terminal's environment names it: the agent will not see that."""
    facts = survey.docker.facts if survey.docker is not None else None
    return facts.url if facts is not None and facts.why == FROM_ENVIRON else ""


def _services(survey: Survey) -> Iterator[Planned]:
    for log in survey.services:
        alone = f"{log.title} writes its logins to files only."
        if log.inside:
            source: LogSource = ContainerFileSource(
                name=log.name, container=log.name, path=log.path, service=log.service, host=_host(survey)
            )
            why = f"{alone} They lie in a volume of container {log.name}: they are read through the engine."
        else:
            source = FileSource(name=log.name, paths=(log.path,), service=log.service)
            why = f"{alone} {log.found or 'None'} there now."
        yield Planned(source=source, why=(why,))


def _watched(survey: Survey) -> Planned:
    why = [
        "Files that nobody should change unseen, at their usual places: Traefik's settings and certificates, "
        "compose files and .env, /etc/hosts, what starts by itself."
    ]
    if survey.watched:
        why.append(f"Also {listed(survey.watched, 6)}: named by Traefik, an allow-list or a container.")
    paths = tuple(glob.escape(path) for path in survey.watched)
    return Planned(source=IntegritySource(name="watched", paths=paths, usual=True), why=tuple(why))


def _named_apart(found: Sequence[Planned]) -> Iterator[Planned]:
    """With names that are valid and different."""
    taken: set[str] = set()
    for planned in found:
        base = _NOT_A_NAME.sub("-", planned.source.name).strip("-.")[:50] or "source"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        yield replace(planned, source=replace(planned.source, name=name))
