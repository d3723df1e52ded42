"""The first message: what is watched, and what nobody can see. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nightporter.begin.plan import rate
from nightporter.config import (
    AcmeProbe,
    CommandSource,
    Config,
    ContainerFileSource,
    ContainerProbe,
    DiskSource,
    DockerSource,
    FileSource,
    HttpProbe,
    IntegritySource,
    ProbeSource,
    TcpProbe,
    TlsProbe,
)
from nightporter.doctor.containers import Running
from nightporter.doctor.finding import listed
from nightporter.doctor.logins import LoginFacts, about, is_set
from nightporter.doctor.proxy import ENOUGH, ProxyLog
from nightporter.model import Severity, Stamp, Telling, short_id
from nightporter.services import Service, recognised
from nightporter.sources.docker.container import services
from nightporter.survey.facts import Survey

_LONGEST_NEED: Final = 60
"""Characters of a setting that are still worth saying in a message."""


def telling(survey: Survey, config: Config, now: Stamp) -> Telling:
    """`On duty. Watching: … Blind: …`"""
    watching, blind = watched(survey, config), unseen(survey, config)
    text = f"Watching: {', '.join(watching) or 'nothing yet'}."
    if blind:
        text += f" Blind: {', '.join(blind)}."
    return Telling(
        id=short_id("on duty", now),
        kind="notice",
        severity=Severity.info,
        title="On duty",
        message=text,
        at=now,
        fix="Nothing. 'nightporter doctor' says how what is blind can be made to see." if blind else "",
    )


def watched(survey: Survey, config: Config) -> list[str]:
    """What the config's sources bring, shortest words first: the proxy, the containers, files."""
    found: list[str] = []
    logs = proxy_logs(survey)
    if any(log.access for log in logs):
        busiest = max(logs, key=lambda log: log.access)
        spelled = "JSON" if busiest.json >= busiest.common + busiest.generic else "CLF"
        found.append(f"Traefik ({spelled}, {rate(busiest)})")
    elif any(isinstance(s, FileSource) and s.format == "traefik" for s in config.sources):
        found.append("Traefik (no request yet)")
    running = containers(survey)
    if running and any(isinstance(s, DockerSource) for s in config.sources):
        found.append(f"{len(running)} container{'s' if len(running) != 1 else ''}")
    files = [
        source.name
        for source in config.sources
        if isinstance(source, FileSource | ContainerFileSource) and source.format != "traefik"
    ]
    return [*found, *(f"{name}'s log" for name in files), *_besides(config)]


def _besides(config: Config) -> Iterator[str]:
    """What is watched besides logs."""
    probes = [
        probe for source in config.sources if isinstance(source, ProbeSource) for probe in source.probes
    ]
    answering = sum(isinstance(probe, HttpProbe | TcpProbe | ContainerProbe) for probe in probes)
    if answering:
        yield f"whether {answering} service{'s answer' if answering != 1 else ' answers'}"
    if any(isinstance(probe, TlsProbe | AcmeProbe) for probe in probes):
        yield "certificates"
    if any(isinstance(source, DiskSource) for source in config.sources):
        yield "disks"
    if any(isinstance(source, CommandSource) for source in config.sources):
        yield "the system's log"
    if any(isinstance(source, IntegritySource) for source in config.sources):
        yield "changes of config files"


def unseen(survey: Survey, config: Config) -> list[str]:
    """What stays unseen, each with its mend where that is short."""
    facts = LoginFacts(
        containers=containers(survey),
        read=frozenset(
            s.service.lower()
            for s in config.sources
            if isinstance(s, FileSource | ContainerFileSource) and s.service
        ),
        proxied=any(log.access for log in proxy_logs(survey)),
    )
    return list(dict.fromkeys([*_logs(survey), *_docker(survey), *_logins(facts)]))


def containers(survey: Survey) -> tuple[Running, ...]:
    return survey.docker.facts.containers if survey.docker is not None else ()


def proxy_logs(survey: Survey) -> tuple[ProxyLog, ...]:
    """All of Traefik's logs that could be looked at, in files and of containers."""
    inside = survey.docker.proxies if survey.docker is not None else ()
    return (*(found.log for found in survey.traefik.logs), *inside)


def _logs(survey: Survey) -> Iterator[str]:
    for log in proxy_logs(survey):
        if log.trouble.startswith("cannot be read"):
            yield f"{log.path} ({log.trouble})"
    seen = [log for log in proxy_logs(survey) if log.access >= ENOUGH]
    if seen and not any(log.agents for log in seen):
        yield "user agents (Traefik drops headers)"


def _docker(survey: Survey) -> Iterator[str]:
    if survey.docker is not None and survey.docker.facts.url and survey.docker.facts.trouble:
        yield f"Docker ({survey.docker.facts.trouble})"
    refused = [one for one in containers(survey) if one.refused]
    if refused:
        yield f"the log of {listed(one.container.name for one in refused)} ({refused[0].refused})"


def _logins(facts: LoginFacts) -> Iterator[str]:
    for one in facts.containers:
        service = recognised(services(one.container))
        # Of one that keeps no record of logins (Plex, Watchtower) there is nothing to mend.
        if service is not None and service.failures != "nowhere" and _is_blind(service, one, facts):
            yield f"{service.title}{_need(service, one)}"


def _is_blind(service: Service, one: Running, facts: LoginFacts) -> bool:
    found = about(service, one, facts)
    return found is not None and found.state == "blind"


def _need(service: Service, one: Running) -> str:
    needs = service.needs
    if needs is None or is_set(needs, one) is not False:
        return " logins"
    flag = needs.paste.removeprefix("command:").strip()
    return f" (needs {flag})" if len(flag) <= _LONGEST_NEED and "\n" not in flag else " logins"
