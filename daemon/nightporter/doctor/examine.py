"""From what was seen to findings, subject by subject: the one place that knows all subjects."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from nightporter.config import (
    CommandSource,
    Config,
    ContainerFileSource,
    DiskSource,
    DockerSource,
    FileSource,
    IntegritySource,
    ProbeSource,
)
from nightporter.detect.lacking import off_for_places
from nightporter.doctor import (
    agent,
    allowlist,
    certificates,
    clients,
    clocks,
    configuration,
    containers,
    daemon,
    destinations,
    logfiles,
    logins,
    network,
    places,
    proxy,
    rules,
    storage,
)
from nightporter.doctor.containers import Running
from nightporter.doctor.finding import Finding
from nightporter.doctor.looking.containers import EngineView
from nightporter.doctor.looking.everything import Seen, everything
from nightporter.doctor.looking.view import Unseen, View
from nightporter.doctor.proxy import ProxyLog
from nightporter.model import Kind, Origin, Stamp
from nightporter.services import recognised
from nightporter.sources.docker.container import services

T = TypeVar("T")


async def examine(view: View, config_file: Path | None = None, *, send: bool = False) -> list[Finding]:
    """Look over the whole set-up; `send` also sends a test message to each destination."""
    return judged(await everything(view, config_file, send=send), view)


def judged(seen: Seen, view: View) -> list[Finding]:
    """All findings, in the order in which a person reads them."""
    return [
        *configuration.findings(seen.config),
        *daemon.findings(seen.daemon),
        *_of("agent", seen.agent, agent.findings),
        *_files(seen, view),
        *_proxy(seen, view),
        *_of("allow-list", seen.lists, allowlist.findings),
        *_of("allow-list", seen.lists, partial(allowlist.about_config, config=seen.config.config)),
        *_places(seen),
        *_of("certificates", seen.acme, certificates.findings),
        *_docker(seen, view),
        *logins.findings(
            logins.LoginFacts(
                containers=_running(seen), read=_read_services(seen.config.config), proxied=_proxied(seen)
            )
        ),
        *clients.findings(
            clients.ClientFacts(
                unknown=clients.counted(seen.daemon.said.judge.engine), settings=_client_settings(seen)
            )
        ),
        *_rules(seen),
        *_destinations(seen),
        *_network(seen, view),
        *_clock(seen, view),
        *_of("storage", seen.storage, storage.findings),
    ]


def _unseen(subject: str, look: Unseen) -> Finding:
    return Finding(
        subject, "blind", f"could not be looked at: {look.why}", "nightporter doctor    # once more"
    )


def _of(subject: str, look: T | Unseen, findings: Callable[[T], Iterable[Finding]]) -> Iterable[Finding]:
    """The findings of a subject whose look gave all that they are about."""
    return (_unseen(subject, look),) if isinstance(look, Unseen) else findings(look)


def _files(seen: Seen, view: View) -> Iterator[Finding]:
    if isinstance(seen.paths, Unseen):
        yield _unseen("files", seen.paths)
        return
    blind = [
        (name, text)
        for name, source in seen.daemon.said.sources.items()
        for text in (source.blind if isinstance(source.blind, list) else ())
    ]
    proxies = {log.path for log in _logs(seen) if log.missing}
    facts = logfiles.FileFacts(
        paths=tuple(path for path in seen.paths if path.path not in proxies),  # told as Traefik's
        blind=tuple(blind),
        platform=view.platform,
        home=str(view.home),
        user=view.user,
        python=os.path.realpath(view.executable),
    )
    yield from logfiles.findings(facts)


def _proxy(seen: Seen, view: View) -> Iterator[Finding]:
    if isinstance(seen.logs, Unseen):
        yield _unseen("traefik", seen.logs)
        return
    facts = proxy.ProxyFacts(
        logs=_logs(seen),
        now=view.clock.now(),
        platform=view.platform,
        home=str(view.home),
        user=view.user,
        emptied=view.emptied,
        elsewhere=_elsewhere(seen),
        insecure=() if isinstance(seen.traefik, Unseen) else seen.traefik.insecure,
        static=_static(seen),
    )
    yield from proxy.findings(facts)


def _docker(seen: Seen, view: View) -> Iterator[Finding]:
    if isinstance(seen.engines, Unseen):
        yield _unseen("docker", seen.engines)
        return
    engines = tuple(engine.facts for engine in seen.engines)
    yield from containers.findings(containers.DockerFacts(engines=engines, platform=view.platform))


def _rules(seen: Seen) -> Iterator[Finding]:
    if isinstance(seen.rules, Unseen):
        yield _unseen("rules", seen.rules)
        return
    views = _views(seen)
    complete = not isinstance(seen.engines, Unseen) and not any(view.facts.trouble for view in views)
    facts = rules.RuleFacts(
        ruleset=seen.rules.ruleset,
        problems=seen.rules.problems,
        shipped=seen.rules.shipped,
        origins=(*file_origins(seen.config.config), *(o for view in views for o in view.origins)),
        complete=complete,
        dropped=proxy.dropped(_logs(seen)),
        static=_static(seen),
        services={one.container.name: services(one.container) for one in _running(seen)},
        counters=seen.daemon.said.judge.engine,
    )
    yield from rules.findings(facts)


def _places(seen: Seen) -> Iterable[Finding]:
    if isinstance(seen.places, Unseen):
        return (_unseen("places", seen.places),)
    facts, fields = seen.places
    loaded = seen.rules
    rules_off = () if isinstance(loaded, Unseen) else off_for_places(replace(loaded.ruleset, places=fields))
    return places.findings(facts, tuple(rule.id for rule in rules_off))


def _destinations(seen: Seen) -> Iterator[Finding]:
    if isinstance(seen.unusable, Unseen):
        yield _unseen("destinations", seen.unusable)
        return
    facts = destinations.DestinationFacts(
        config=seen.config.config,
        now=seen.daemon.now,
        fares=seen.daemon.said.outbox,
        unusable=seen.unusable,
        trials=seen.trials,
    )
    yield from destinations.findings(facts)


def _network(seen: Seen, view: View) -> Iterator[Finding]:
    said = seen.daemon.said
    errors = {
        name: fare.last_error for name, fare in said.outbox.items() if fare.failing_since or fare.broken
    }
    errors |= {name: source.away_why for name, source in said.sources.items() if source.up is False}
    knocks = {} if isinstance(seen.knocks, Unseen) else seen.knocks
    yield from network.findings(network.NetworkFacts(platform=view.platform, errors=errors, knocks=knocks))


def _clock(seen: Seen, view: View) -> Iterator[Finding]:
    newest: dict[str, Stamp] = {f"the newest line of {log.path}": log.last for log in _logs(seen) if log.last}
    if seen.daemon.status is not None:
        newest["the status of Nightporter"] = seen.daemon.status.at
    if not isinstance(seen.storage, Unseen) and seen.storage.last_commit:
        newest["the last commit"] = seen.storage.last_commit
    facts = clocks.ClockFacts(
        now=view.clock.now(),
        platform=view.platform,
        newest=newest,
        ahead=seen.daemon.said.judge.ahead,
        synchronized=None if isinstance(seen.synchronized, Unseen) else seen.synchronized,
    )
    yield from clocks.findings(facts)


# What several subjects ask for


def _views(seen: Seen) -> tuple[EngineView, ...]:
    return () if isinstance(seen.engines, Unseen) else seen.engines


def _containers(seen: Seen) -> tuple[Running, ...]:
    return tuple(one for view in _views(seen) for one in view.facts.containers)


def _running(seen: Seen) -> tuple[Running, ...]:
    """What has stopped has no logins, and asks for no pack."""
    return tuple(one for one in _containers(seen) if one.container.running)


def _logs(seen: Seen) -> tuple[ProxyLog, ...]:
    files = () if isinstance(seen.logs, Unseen) else seen.logs
    return (*files, *(log for view in _views(seen) for log in view.proxies))


def _elsewhere(seen: Seen) -> tuple[tuple[str, str], ...]:
    """Logs of Traefik's that hold requests and that no source of the config means."""
    if isinstance(seen.traefik, Unseen):
        return ()
    read = {log.real for log in _logs(seen)}
    for source in seen.config.config.sources:
        if isinstance(source, FileSource):
            read |= {os.path.realpath(path) for path in source.paths}
    return tuple(
        (found.log.path, found.why)
        for found in seen.traefik.logs
        if found.log.access and found.log.real not in read
    )


def _static(seen: Seen) -> str:
    """The file of Traefik's static configuration where one alone was found."""
    statics = () if isinstance(seen.traefik, Unseen) else seen.traefik.statics
    files = [static.place for static in statics if static.place.startswith("/")]
    return files[0] if len(files) == 1 else proxy.STATIC


def _proxied(seen: Seen) -> bool:
    return any(log.access for log in _logs(seen))


def _read_services(config: Config) -> frozenset[str]:
    """What the config's file sources are called by rules."""
    files = (s for s in config.sources if isinstance(s, FileSource | ContainerFileSource))
    return frozenset(source.service.lower() for source in files if source.service)


def _client_settings(seen: Seen) -> dict[str, str]:
    """Container → its service's setting for trusted proxies, ready to paste."""
    known = {one.container.name: services(one.container) for one in _containers(seen)}
    settings = {}
    for name in clients.counted(seen.daemon.said.judge.engine):
        service = recognised(known.get(name, (name,)))
        if service is not None and service.client_setting is not None:
            settings[name] = logins.where(service.client_setting)
    return settings


def file_origins(config: Config) -> Iterable[Origin]:
    """The origins of the lines of the config's file sources, one a source."""
    for source in config.sources:
        if isinstance(source, DockerSource):
            # What the engine itself tells; its containers' own lines are origins of theirs.
            yield Origin(source=source.name, kind="docker_events", stream="events", format="record")
            continue
        if isinstance(source, DiskSource | ProbeSource):
            yield Origin(source=source.name, kind="probe", stream=source.name, format="record")
            continue
        if isinstance(source, IntegritySource):
            yield Origin(source=source.name, kind="integrity", stream=source.name, format="record")
            continue
        service = source.service.lower()
        kind: Kind = "command" if isinstance(source, CommandSource) else "file"
        bare = Origin(source=source.name, kind=kind, stream=source.name, format=source.format, tz=source.tz)
        yield replace(bare, services=(service,) if service else ())
