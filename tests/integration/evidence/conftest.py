"""What is gathered, as texts."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from tests.parts.docker import DockerEngine, docker_engine

from nightporter.config import SourceConfig
from nightporter.evidence.bag import Bag
from nightporter.evidence.gather import Wanted, gather
from nightporter.evidence.span import Span

__all__ = ["docker_engine"]


def texts(bag: Bag) -> dict[str, str]:
    """Stream → its masked text."""
    found = {}
    for part in bag.parts:
        out = io.BytesIO()
        bag.copy(part, out)
        found[part.name] = out.getvalue().decode()
    return found


async def gathered(source: SourceConfig, span: Span, stack: ExitStack, room: int = 10**8) -> Bag:
    """The bag of one source."""
    (bag,) = await gather((source,), Wanted(span, span), stack, source_bytes=room)
    return bag


@pytest.fixture
async def engine(docker_engine: DockerEngine) -> AsyncIterator[DockerEngine]:
    """The session's engine, empty."""
    await asyncio.to_thread(docker_engine.remove_all)
    yield docker_engine
    await asyncio.to_thread(docker_engine.remove_all)
