"""Lines of containers, as the engine has kept them, and what it did with the containers meanwhile."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from nightporter.config import DockerSource
from nightporter.evidence.bag import Bag, Spool
from nightporter.evidence.span import Span, exactly
from nightporter.sources.docker.container import Container, chosen
from nightporter.sources.docker.engine import Engine, Stream, ask, connect, find_engine
from nightporter.sources.docker.frames import Demux, Line, format_since
from nightporter.sources.files.lines import LineSplitter

WAIT_S: Final = 60.0
"""How long the engine may look for the first line: it reads a container's log from its beginning."""
EVENTS: Final = "docker-events"


@asynccontextmanager
async def engine_at(host: str) -> AsyncIterator[Engine]:
    """The engine that a source's `host` means. Raises Unreachable, Denied."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evidence")
    try:
        endpoint = await ask(pool, lambda: find_engine(host, os.environ, Path.home()))
        async with connect(endpoint, pool) as engine:
            yield engine
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def collect(config: DockerSource, span: Span, bag: Bag) -> None:
    """Put the span's lines of every container that the source follows into the bag, and the engine's events.
    Raises Full, Unreachable, Denied."""
    bag.note("a container that was removed has taken its lines with it")
    async with engine_at(config.host) as engine:
        await _take_events(engine, span, bag)
        found = [await engine.inspect(container_id) for container_id in await engine.ids()]
        for container in sorted(filter(None, found), key=lambda c: (c.name, c.id)):
            if chosen(container, config):
                await _take(engine, container, span, bag)


def _between(span: Span) -> dict[str, str]:
    return {"since": format_since(span.first), "until": format_since(span.last)}


async def _take(engine: Engine, container: Container, span: Span, bag: Bag) -> None:
    query = {"stdout": "1", "stderr": "1", "timestamps": "1", **_between(span)}
    times = f"--since {exactly(span.first)} --until {exactly(span.last)}"
    demux = Demux(tty=container.tty)
    async with engine.stream(f"/containers/{container.id}/logs", query) as stream:
        if await _is_refused(stream, container.name, bag):
            return
        command = f"docker logs --timestamps {times} {container.name}"
        with bag.stream(container.name, container=container.id, command=command) as spool:
            while data := await stream.read(WAIT_S):
                _take_lines(demux.feed(data), span, spool)
            _take_lines(demux.rest(), span, spool)
            if data is None:
                bag.trouble(f"{container.name}: the engine stopped in the middle of its lines")


def _take_lines(found: list[Line], span: Span, spool: Spool) -> None:
    """Lines as `docker logs --timestamps` shows them. Engines differ in whether they heed `until`."""
    for line in found:
        if span.holds(line.stamp):
            text = f"{exactly(line.stamp)} ".encode() + line.text
            spool.line(text[:-1])
            spool.original(text)


async def _take_events(engine: Engine, span: Span, bag: Bag) -> None:
    """What became of containers, as far as the engine remembers: 256 events (moby, daemon/events)."""
    # An end that lies ahead would be waited for.
    until = Span(span.first, min(span.last, await engine.now()))
    query = {"filters": '{"type":["container"]}', **_between(until)}
    async with engine.stream("/events", query) as stream:
        if await _is_refused(stream, EVENTS, bag):
            return
        splitter = LineSplitter()
        with bag.stream(EVENTS, command="docker events --filter type=container") as spool:
            while data := await stream.read(WAIT_S):
                for block in splitter.feed(data, len(data)):
                    for line in block.data.splitlines(keepends=True):
                        spool.line(line.removesuffix(b"\n"))
                        spool.original(line)


async def _is_refused(stream: Stream, name: str, bag: Bag) -> bool:
    if stream.status == 200:
        return False
    text = (await stream.all(4_096))[:300].decode("utf-8", "replace").strip()
    bag.trouble(f"{name}: the engine refuses: {text}")
    return True
