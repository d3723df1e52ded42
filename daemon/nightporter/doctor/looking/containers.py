"""Asks the engine of each docker source: its containers, whether it gives their lines, what Traefik's say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from nightporter.clock import Clock
from nightporter.config import Config
from nightporter.config import DockerSource as DockerConfig
from nightporter.doctor.accesslog import counted
from nightporter.doctor.containers import EngineFacts, Running
from nightporter.doctor.looking.view import View
from nightporter.doctor.proxy import ProxyLog
from nightporter.errors import NightporterError
from nightporter.model import Origin
from nightporter.sources.docker.container import Container, chosen, log_origin
from nightporter.sources.docker.engine import Endpoint, Engine, ask, connect, find_engine
from nightporter.sources.docker.frames import Demux

_MOST: Final = 200
"""Containers that are asked about."""
_TAIL: Final = 1_000
_LOG_BYTES: Final = 4 << 20
_INSPECT_BYTES: Final = 4 << 20


class _Settings(msgspec.Struct, frozen=True, rename="pascal"):
    cmd: list[str] | None = None
    entrypoint: list[str] | None = None
    env: list[str] | None = None


class _Mount(msgspec.Struct, frozen=True, rename="pascal"):
    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""


class _Host(msgspec.Struct, frozen=True, rename="pascal"):
    network_mode: str = ""


class _More(msgspec.Struct, frozen=True, rename="pascal"):
    """What the doctor wants of inspect's answer besides a Container."""

    config: _Settings = _Settings()
    mounts: list[_Mount] | None = None
    host_config: _Host = _Host()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineView:
    """One engine's facts, the origins of its containers' lines, and its Traefiks' logs."""

    facts: EngineFacts
    origins: tuple[Origin, ...] = ()
    proxies: tuple[ProxyLog, ...] = ()


async def look(view: View, config: Config) -> tuple[EngineView, ...]:
    """All docker sources, one after the other: mostly there is one."""
    sources = [source for source in config.sources if isinstance(source, DockerConfig)]
    return tuple([await look_at(view, source) for source in sources])


async def look_at(view: View, source: DockerConfig) -> EngineView:
    """One source's engine; what keeps us from it is its `trouble`."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="doctor docker")
    endpoint: Endpoint | None = None
    try:
        endpoint = await ask(pool, lambda: find_engine(source.host, view.environ, view.home))
        async with connect(endpoint, pool) as engine:
            return await _survey(engine, endpoint, source, view.clock)
    except NightporterError as err:
        found = endpoint or Endpoint(url="", why="")
        return EngineView(
            facts=EngineFacts(
                source=source.name, url=found.url, why=found.why, passed=found.passed, trouble=str(err)
            )
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def _survey(engine: Engine, endpoint: Endpoint, source: DockerConfig, clock: Clock) -> EngineView:
    before = clock.now()
    drift = await engine.now() - (before + clock.now()) // 2
    everyone = [c for id_ in (await engine.ids())[:_MOST] if (c := await engine.inspect(id_)) is not None]
    running = [await _running(engine, container) for container in everyone if chosen(container, source)]
    proxies = [address for container in everyone if container.is_proxy for address in container.addresses]
    origins = [log_origin(one.container, source, proxies) for one in running]
    logs = [
        await _proxy_log(engine, one.container, origin, clock)
        for one, origin in zip(running, origins, strict=True)
        if origin.format == "traefik" and not one.refused and one.container.running
    ]
    facts = EngineFacts(
        source=source.name,
        url=endpoint.url,
        why=endpoint.why,
        passed=endpoint.passed,
        containers=tuple(running),
        left_out=len(everyone) - len(running),
        drift=drift,
    )
    return EngineView(facts=facts, origins=tuple(origins), proxies=tuple(logs))


async def _running(engine: Engine, container: Container) -> Running:
    more = await _more(engine, container)
    return Running(
        container=container,
        refused=await _refusal(engine, container),
        command=(*(more.config.entrypoint or ()), *(more.config.cmd or ())),
        environ=tuple(
            (name, value) for name, _, value in (entry.partition("=") for entry in more.config.env or ())
        ),
        mounts=tuple(
            (mount.type, mount.source if mount.type == "bind" else mount.name, mount.destination)
            for mount in more.mounts or ()
        ),
        shares_network=more.host_config.network_mode == "host",
    )


async def _more(engine: Engine, container: Container) -> _More:
    """The command, environment and mounts; nothing where the engine answers in words unknown to us."""
    async with engine.stream(f"/containers/{container.id}/json", {}) as answer:
        body = await answer.all(_INSPECT_BYTES)
    try:
        return msgspec.json.decode(body, type=_More)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _More()


async def _refusal(engine: Engine, container: Container) -> str:
    """Why the engine does not give a container's lines; asked without reading one."""
    async with _log(engine, container, tail=0) as (status, body):
        if status == 200:
            return ""
        said = body[:300].decode("utf-8", "replace").strip()
        if status == 501 or "does not support reading" in said:
            return f"its log driver {container.driver!r} cannot be read"
        return f"the engine refuses its log ({status}): {said}"


async def _proxy_log(engine: Engine, container: Container, origin: Origin, clock: Clock) -> ProxyLog:
    """What the last lines of a Traefik in a container show."""
    demux = Demux(tty=container.tty)
    async with _log(engine, container, tail=_TAIL) as (_, body):
        lines = [line.text.rstrip(b"\r\n") for line in (*demux.feed(body), *demux.rest())]
    bare = ProxyLog(
        source=origin.source, path=f"container {container.name}", trusts=bool(origin.trusted_proxies)
    )
    return await asyncio.to_thread(counted, bare, lines, origin, clock.now())


@asynccontextmanager
async def _log(engine: Engine, container: Container, *, tail: int) -> AsyncIterator[tuple[int, bytes]]:
    query = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": str(tail)}
    async with engine.stream(f"/containers/{container.id}/logs", query) as answer:
        yield answer.status, await answer.all(_LOG_BYTES)
