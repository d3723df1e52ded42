"""Asking once: whether a container runs, and is well. An engine that does not answer tells nothing of it."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nightporter.config import ContainerProbe
from nightporter.errors import WorldError
from nightporter.sources.docker.container import Container
from nightporter.sources.docker.engine import ask, connect, find_engine
from nightporter.sources.probes.state import Outcome


async def ask_container(probe: ContainerProbe, threads: ThreadPoolExecutor) -> Outcome:
    """Ask the engine that the Docker source would ask. It finds the engine anew each time: it may be another
    one by then, and a connection that was kept would hang after a sleep."""
    try:
        async with asyncio.timeout(probe.timeout_s):
            endpoint = await ask(threads, lambda: find_engine(probe.host, os.environ, Path.home()))
            async with connect(endpoint, threads) as engine:
                found = await engine.named(probe.container)
    except TimeoutError:
        return Outcome(up=False, blocked=True, why="the Docker engine does not answer in time")
    except WorldError as err:
        return Outcome(up=False, blocked=True, why=str(err))
    return judged(found, probe.container)


def judged(container: Container | None, name: str) -> Outcome:
    """What a container's state means; None: there is none of that name."""
    if container is None:
        return Outcome(up=False, why=f"there is no container or compose service called {name}")
    facts: dict[str, str | int | float | bool] = {"container": container.name, "image": container.image}
    if not container.running:
        facts["exit_code"] = container.exit_code
        why = f"its container does not run; it ended with exit code {container.exit_code}"
        return Outcome(up=False, why=why, facts=facts)
    if container.health == "starting":
        return Outcome(up=False, unknown=True, why="its health check has not said anything yet", facts=facts)
    if container.health == "unhealthy":
        return Outcome(up=False, why="its container runs, but fails its health check", facts=facts)
    return Outcome(up=True, facts=facts)
