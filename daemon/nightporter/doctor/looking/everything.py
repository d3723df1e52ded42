"""All looks at once: what comes out is frozen, whole, and has taken as long as the slowest look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from nightporter.config import Config
from nightporter.doctor.agent import AgentFacts
from nightporter.doctor.allowlist import AllowList
from nightporter.doctor.configuration import ConfigFacts
from nightporter.doctor.daemon import DaemonFacts
from nightporter.doctor.logfiles import PathFacts
from nightporter.doctor.looking import (
    agent,
    allowlist,
    clocks,
    configuration,
    containers,
    daemon,
    destinations,
    logfiles,
    network,
    places,
    proxy,
    rules,
    storage,
)
from nightporter.doctor.looking.containers import EngineView
from nightporter.doctor.looking.rules import LoadedRules
from nightporter.doctor.looking.view import Unseen, View, apart, looked, told
from nightporter.doctor.network import Knock
from nightporter.doctor.places import PlaceFacts
from nightporter.doctor.proxy import ProxyLog
from nightporter.doctor.storage import StorageFacts
from nightporter.errors import Unreachable
from nightporter.survey import traefik
from nightporter.survey.facts import AcmeFacts, TraefikFacts
from nightporter.survey.look import acme_files

T = TypeVar("T")

_SEND_S = 90.0
"""A destination that does not answer takes about a minute to say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What every look gave, or why it gave nothing."""

    config: ConfigFacts
    daemon: DaemonFacts
    rules: LoadedRules | Unseen
    logs: tuple[ProxyLog, ...] | Unseen
    traefik: TraefikFacts | Unseen
    """What was found of Traefik wherever it may be, watched or not."""
    acme: tuple[AcmeFacts, ...] | Unseen
    engines: tuple[EngineView, ...] | Unseen
    paths: tuple[PathFacts, ...] | Unseen
    lists: tuple[AllowList, ...] | Unseen
    places: tuple[PlaceFacts, frozenset[str]] | Unseen
    """With the fields that they give."""
    agent: AgentFacts | Unseen
    storage: StorageFacts | Unseen
    knocks: dict[str, Knock] | Unseen
    synchronized: bool | Unseen | None
    unusable: dict[str, str] | Unseen
    trials: dict[str, str]


async def everything(view: View, config_file: Path | None, *, send: bool) -> Seen:
    """Look at all there is; `send` also sends a message to each destination. Raises Unreachable where not
    even the config's folder answers."""
    facts = await looked(apart(lambda: configuration.look(view, config_file), "config"), view.look_s)
    if isinstance(facts, Unseen):
        raise Unreachable(f"the config could not be looked at: {facts.why}")
    config = facts.config
    alive = await looked(apart(lambda: daemon.look(view, config), "status"), view.look_s)
    if isinstance(alive, Unseen):
        raise Unreachable(f"the state folder {config.state} could not be looked at: {alive.why}")
    async with asyncio.TaskGroup() as group:
        rest = group.create_task(_destinations(view, config, send=send))
        docker = group.create_task(_docker(view, config))
        rule_files = group.create_task(looked(apart(lambda: rules.look(config), "rules"), view.look_s))
        logs = group.create_task(looked(apart(lambda: proxy.look(view, config), "traefik"), view.look_s))
        paths = group.create_task(looked(apart(lambda: logfiles.look(config), "files"), view.look_s))
        service = group.create_task(looked(agent.look(view), view.look_s))
        disk = group.create_task(
            looked(apart(lambda: storage.look(view, config, alive=alive.alive), "storage"), view.look_s)
        )
        located = group.create_task(looked(apart(lambda: places.look(view, config), "places"), view.look_s))
        knocks = group.create_task(looked(network.look(view, config), view.look_s))
        synchronized = group.create_task(looked(clocks.look(view), view.look_s))
    engines, lists, found, acme = docker.result()
    unusable, trials = rest.result()
    return Seen(
        config=facts,
        daemon=alive,
        rules=rule_files.result(),
        logs=logs.result(),
        traefik=found,
        acme=acme,
        engines=engines,
        paths=paths.result(),
        lists=lists,
        places=located.result(),
        agent=service.result(),
        storage=disk.result(),
        knocks=knocks.result(),
        synchronized=synchronized.result(),
        unusable=unusable,
        trials=trials,
    )


async def _docker(
    view: View, config: Config
) -> tuple[
    tuple[EngineView, ...] | Unseen,
    tuple[AllowList, ...] | Unseen,
    TraefikFacts | Unseen,
    tuple[AcmeFacts, ...] | Unseen,
]:
    """The engines; then `.env` files and Traefik, since containers say where compose projects lie; then its
    certificates, whose place its config says."""
    engines = await looked(containers.look(view, config), 2 * view.look_s)
    views = () if isinstance(engines, Unseen) else engines
    running = [one for engine in views for one in engine.facts.containers]
    processes = (await told("ps", "-axo", "args=") or "").splitlines()
    lists, found = await asyncio.gather(
        looked(apart(lambda: allowlist.look(view, running), "env"), view.look_s),
        looked(apart(lambda: traefik.look(view, view.root, processes, running), "proxy"), view.look_s),
    )
    known = TraefikFacts() if isinstance(found, Unseen) else found
    acme = await looked(apart(lambda: acme_files(view, view.root, known), "acme"), view.look_s)
    return engines, lists, found, acme


async def _destinations(
    view: View, config: Config, *, send: bool
) -> tuple[dict[str, str] | Unseen, dict[str, str]]:
    """Can each be built, and on request: does a message arrive. All are sent to at once."""
    unusable = await looked(apart(lambda: destinations.build(config), "destinations"), view.look_s)
    if not send or isinstance(unusable, Unseen):
        return unusable, {}
    usable = [entry for entry in config.destinations if entry.name not in unusable]
    outcomes = await asyncio.gather(
        *(looked(apart(partial(destinations.send, view, config, entry), "send"), _SEND_S) for entry in usable)
    )
    return unusable, {
        entry.name: outcome.why if isinstance(outcome, Unseen) else outcome
        for entry, outcome in zip(usable, outcomes, strict=True)
    }
