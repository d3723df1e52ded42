"""Real Traefik under traffic, rotated twenty times: each line that a file holds at the end comes once."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Literal

import pytest
from tests.parts.patience import PATIENCE_S
from tests.parts.traefik import Traefik

from nightporter.clock import SystemClock
from nightporter.config import FileSource as FileSourceConfig
from nightporter.model import Chunk
from nightporter.sources.files import FileSource

ROTATIONS = 20
BETWEEN = 25
"""Requests between two rotations, at least."""

pytestmark = pytest.mark.real


class Traffic:
    """Asks for `/n/1`, `/n/2` … until it is stopped: every line of the access log is different."""

    def __init__(self, traefik: Traefik) -> None:
        self._traefik = traefik
        self._stop = threading.Event()
        self._more = threading.Condition()
        self.sent = 0

    def run(self) -> None:
        connection = self._traefik.client()
        while not self._stop.is_set():
            with self._more:
                self.sent += 1
                self._more.notify_all()
            self._traefik.get(f"/n/{self.sent}", connection=connection)
        connection.close()

    def wait_for(self, more: int) -> None:
        with self._more:
            target = self.sent + more
            assert self._more.wait_for(lambda: self.sent >= target, timeout=PATIENCE_S)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run, name="traffic")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


@asynccontextmanager
async def followed(source: FileSource, chunks: list[Chunk]) -> AsyncIterator[None]:
    async def take(chunk: Chunk) -> None:
        chunks.append(chunk)

    task = asyncio.ensure_future(source.run({}, take))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def lines_of(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line]


async def until_all(chunks: list[Chunk], files: list[Path], given: list[bytes]) -> None:
    """Wait until everything that is in the files was given out."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            given[:] = lines_of(b"".join(chunk.data for chunk in chunks))
            if set(lines_of(b"".join(path.read_bytes() for path in files))) <= set(given):
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("access_format", ["json", "common"])
@pytest.mark.parametrize("way", ["usr1", "copytruncate"])
async def test_twenty_rotations_under_traffic(
    tmp_path: Path,
    way: str,
    access_format: Literal["json", "common"],
    record_property: Callable[[str, object], None],
) -> None:
    with Traefik(tmp_path, access_format=access_format) as traefik:
        rotate = traefik.rotate_usr1 if way == "usr1" else traefik.rotate_copytruncate
        source = FileSource(
            FileSourceConfig(name="traefik", paths=(str(traefik.access_log),), format="traefik"),
            SystemClock(),
        )
        chunks: list[Chunk] = []
        given: list[bytes] = []
        traffic = Traffic(traefik)
        async with followed(source, chunks):
            async with asyncio.timeout(PATIENCE_S):
                while not chunks:  # the first sight: only then does the traffic begin
                    await asyncio.sleep(0.01)
            with traffic.running():
                for _ in range(ROTATIONS):
                    await asyncio.to_thread(traffic.wait_for, BETWEEN)
                    await asyncio.to_thread(rotate)
                await asyncio.to_thread(traffic.wait_for, BETWEEN)
            await until_all(chunks, traefik.access_files(), given)
            counts = source.status()["counts"]
        there = lines_of(b"".join(path.read_bytes() for path in traefik.access_files()))
    assert len(traefik.access_files()) == ROTATIONS + 1
    assert [line for line, times in Counter(given).items() if times > 1] == []
    assert set(there) <= set(given)
    assert isinstance(counts, dict)
    lost = traffic.sent - len(given)
    record_property("lost by the copier", lost)
    if way == "usr1":
        assert (lost, counts["rotations"], len(there)) == (0, ROTATIONS, traffic.sent)
    else:
        assert 0 <= lost <= traffic.sent - len(there)
        assert counts["truncations"] > 0
