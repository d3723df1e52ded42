"""The source against a real engine: `follow` runs it and gathers what it gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.parts.docker import DockerEngine, docker_engine
from tests.parts.mariadb import mariadb
from tests.parts.patience import PATIENCE_S

from nightporter.clock import Clock, SystemClock
from nightporter.config import DockerSource as DockerConfig
from nightporter.model import Chunk
from nightporter.sources.docker.source import DockerSource

STANDING = ("running", "steady", "exposed")
__all__ = ["docker_engine", "mariadb"]


class Gathered:
    """The chunks that a source gave, and the marks as a store would have committed them."""

    def __init__(self, source: DockerSource, marks: Mapping[str, bytes]) -> None:
        self.source = source
        self.chunks: list[Chunk] = []
        self.marks = dict(marks)

    async def sink(self, chunk: Chunk) -> None:
        assert chunk.data.endswith(b"\n")
        assert chunk.stamps is not None
        assert len(chunk.stamps) == chunk.data.count(b"\n")
        assert chunk.channels is None or len(chunk.channels) == len(chunk.stamps)
        self.chunks.append(chunk)
        self.marks[chunk.end.stream] = chunk.end.mark

    def lines(self, container: str) -> list[bytes]:
        data = b"".join(
            c.data for c in self.chunks if c.origin.kind == "docker" and c.origin.stream == container
        )
        return data.splitlines()

    def channel(self, container: str, channel: int) -> list[bytes]:
        out = []
        for chunk in self.chunks:
            if chunk.origin.kind == "docker" and chunk.origin.stream == container and chunk.channels:
                lines = chunk.data.splitlines()
                out += [line for line, c in zip(lines, chunk.channels, strict=True) if c == channel]
        return out

    def events(self, container: str = "") -> list[dict[str, Any]]:  # JSON of ours, judged by the tests
        data = b"".join(c.data for c in self.chunks if c.origin.kind == "docker_events")
        records = [json.loads(line) for line in data.splitlines()]
        return [r for r in records if r.get("container", "") == container]

    def actions(self, container: str) -> list[str]:
        """What the engine told of it."""
        return [r["action"] for r in self.events(container) if r["action"] not in STANDING]

    def standing(self, container: str) -> list[str]:
        """What was found of it besides."""
        return [r["action"] for r in self.events(container) if r["action"] in STANDING]

    @property
    def status(self) -> dict[str, Any]:  # JSON-able, judged by the tests
        return dict(self.source.status())

    async def more(self, container: str, lines: int) -> None:
        """Wait for so many lines more than there are."""
        wanted = len(self.lines(container)) + lines
        await self.until("more lines", lambda: len(self.lines(container)) >= wanted)

    async def until(self, what: str, happened: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not happened():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"not within {within_s} s: {what}; status {self.status}")


@asynccontextmanager
async def following(
    engine: DockerEngine, marks: Mapping[str, bytes] | None = None, clock: Clock | None = None, **config: Any
) -> AsyncIterator[Gathered]:
    """Run the source from `marks` on; `config` are keys of the config's entry."""
    config.setdefault("host", engine.host)
    source = DockerSource(DockerConfig(name="docker", **config), clock or SystemClock())
    gathered = Gathered(source, marks or {})
    task = asyncio.create_task(source.run(dict(marks or {}), gathered.sink))
    try:
        await gathered.until("the engine is found", lambda: task.done() or bool(gathered.status["up"]))
        yield gathered
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        raise error


@pytest.fixture
async def engine(docker_engine: DockerEngine) -> AsyncIterator[DockerEngine]:
    """The session's engine, empty."""
    await asyncio.to_thread(docker_engine.remove_all)
    yield docker_engine
    await asyncio.to_thread(docker_engine.remove_all)
