"""A real engine and a container that writes into a named volume, which no path of this machine leads to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.parts.docker import DockerEngine, docker_engine
from tests.parts.patience import PATIENCE_S

from nightporter.clock import SystemClock
from nightporter.config import ContainerFileSource
from nightporter.model import Chunk
from nightporter.sources.archive import ContainerFiles

__all__ = ["docker_engine"]

pytestmark = pytest.mark.real

VOLUME = {"ombi-config": {"bind": "/config", "mode": "rw"}}
LOGS = "/config/Logs"


class Got:
    """What the source gave, and its marks as a store would have committed them."""

    def __init__(self, source: ContainerFiles, marks: Mapping[str, bytes]) -> None:
        self.source = source
        self.data = b""
        self.marks = dict(marks)

    async def sink(self, chunk: Chunk) -> None:
        self.data += chunk.data
        self.marks[chunk.end.stream] = chunk.end.mark

    @property
    def status(self) -> dict[str, Any]:  # JSON-able, judged by the tests
        return dict(self.source.status())

    @property
    def asked(self) -> int:
        return int(self.status["counts"].get("asked", 0))

    async def until_data(self, data: bytes) -> None:
        await self.until(lambda: self.data == data)

    async def until(self, holds: Any) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"in vain; got {self.data[-200:]!r}; status {self.status}")

    async def looks(self, more: int = 4) -> None:
        """Wait until it has asked so often again."""
        wanted = self.asked + more
        await self.until(lambda: self.asked >= wanted)


@asynccontextmanager
async def following(
    engine: DockerEngine,
    path: str = f"{LOGS}/log-*.txt",
    marks: Mapping[str, bytes] | None = None,
    *,
    start: str = "end",
    cap_bytes: int = 1 << 20,
) -> AsyncIterator[Got]:
    config = ContainerFileSource(name="ombi", container="ombi", path=path, host=engine.host, start=start)
    source = ContainerFiles(config, SystemClock(), every_s=0.05, cap_bytes=cap_bytes)
    got = Got(source, marks or {})
    task = asyncio.create_task(source.run(dict(marks or {}), got.sink))
    try:
        yield got
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


@pytest.fixture
async def engine(docker_engine: DockerEngine) -> AsyncIterator[DockerEngine]:
    """The session's engine, empty of containers and volumes."""
    await asyncio.to_thread(_empty, docker_engine)
    yield docker_engine
    await asyncio.to_thread(_empty, docker_engine)


def _empty(engine: DockerEngine) -> None:
    engine.remove_all()
    for volume in engine.client.volumes.list():
        volume.remove(force=True)


async def ombi(engine: DockerEngine) -> None:
    """A container that waits, with the volume at /config."""
    await asyncio.to_thread(
        engine.run, f"mkdir -p {LOGS}; while :; do sleep 60; done", name="ombi", volumes=VOLUME
    )
    await do(engine, f"mkdir -p {LOGS}")


async def do(engine: DockerEngine, script: str) -> None:
    """Run a shell script in the container."""
    container = engine.client.containers.get("ombi")
    done = await asyncio.to_thread(container.exec_run, ["/bin/sh", "-c", script])
    assert done.exit_code == 0, done.output


async def test_new_lines_are_read_and_history_is_not(engine: DockerEngine) -> None:
    await ombi(engine)
    await do(engine, f"echo old > {LOGS}/log-20261124.txt; echo other > {LOGS}/web.txt")
    async with following(engine) as got:
        await got.until(lambda: got.status["state"] == "following")
        await do(engine, f"echo one >> {LOGS}/log-20261124.txt; printf tw >> {LOGS}/log-20261124.txt")
        await got.until_data(b"one\n")
        await do(engine, f"echo o >> {LOGS}/log-20261124.txt; echo more >> {LOGS}/web.txt")
        await got.until_data(b"one\ntwo\n")


async def test_a_day_ends_and_a_file_is_renamed(engine: DockerEngine) -> None:
    await ombi(engine)
    async with following(engine, f"{LOGS}/sonarr*.txt") as got:
        await got.until(lambda: got.status["state"] == "following")
        await do(engine, f"echo one > {LOGS}/sonarr.txt")
        await got.until_data(b"one\n")
        await do(
            engine,
            f"cd {LOGS}; echo two >> sonarr.txt; mv sonarr.txt sonarr.0.txt; echo three > sonarr.txt",
        )
        await got.until_data(b"one\ntwo\nthree\n")
        await do(engine, f"cd {LOGS}; rm sonarr.0.txt; echo four >> sonarr.txt")
        await got.until_data(b"one\ntwo\nthree\nfour\n")
        await got.until(lambda: sum(bool(mark) for mark in got.marks.values()) == 2)


async def test_what_was_written_while_the_daemon_was_away_comes_at_its_start(engine: DockerEngine) -> None:
    await ombi(engine)
    async with following(engine) as first:
        await first.until(lambda: first.status["state"] == "following")
        await do(engine, f"echo one > {LOGS}/log-1.txt")
        await first.until_data(b"one\n")
    await do(engine, f"echo two >> {LOGS}/log-1.txt; echo three > {LOGS}/log-2.txt")
    async with following(engine, marks=first.marks) as second:
        await second.until_data(b"two\nthree\n")
        await second.looks()
        assert second.data == b"two\nthree\n"


async def test_a_recreated_container_goes_on_in_its_volume(engine: DockerEngine) -> None:
    await ombi(engine)
    async with following(engine) as got:
        await got.until(lambda: got.status["state"] == "following")
        await do(engine, f"echo one > {LOGS}/log-1.txt")
        await got.until_data(b"one\n")
        await asyncio.to_thread(lambda: engine.client.containers.get("ombi").remove(force=True))
        await got.until(lambda: got.status["why"] == "No such container: ombi")
        await ombi(engine)
        await do(engine, f"echo two >> {LOGS}/log-1.txt")
        await got.until_data(b"one\ntwo\n")


async def test_a_stopped_container_is_still_read(engine: DockerEngine) -> None:
    await ombi(engine)
    await do(engine, f"echo one > {LOGS}/log-1.txt")
    await asyncio.to_thread(lambda: engine.client.containers.get("ombi").kill())
    async with following(engine, start="beginning") as got:
        await got.until_data(b"one\n")


async def test_an_unchanged_file_is_asked_for_but_not_sent(engine: DockerEngine) -> None:
    await ombi(engine)
    await do(engine, f"head -c 300000 /dev/zero | tr '\\0' 'a' > {LOGS}/log-1.txt; echo >> {LOGS}/log-1.txt")
    async with following(engine, start="beginning") as got:
        await got.until(lambda: len(got.data) == 300_001)
        await got.looks()
        before = got.status["counts"]["bytes"]
        await got.looks(8)
        assert got.status["counts"]["bytes"] == before


async def test_a_folder_over_the_cap_is_told_and_its_beginning_read(engine: DockerEngine) -> None:
    await ombi(engine)
    await do(engine, f"echo small > {LOGS}/log-1.txt; head -c 3000000 /dev/zero > {LOGS}/zz.bin")
    async with following(engine, start="beginning") as got:
        await got.until(lambda: got.status["state"] == "blind")
        assert "holds more than 1 MiB" in got.status["blind"][0]
        await do(engine, f"echo next >> {LOGS}/log-1.txt")
        await got.until_data(b"small\nnext\n")


async def test_one_file_by_its_name_through_a_link(engine: DockerEngine) -> None:
    await ombi(engine)
    await do(engine, f"echo old > {LOGS}/a.log; ln -s a.log {LOGS}/current")
    async with following(engine, f"{LOGS}/current") as got:
        await got.until(lambda: got.status["state"] == "following")
        await do(engine, f"echo new >> {LOGS}/a.log")
        await got.until_data(b"new\n")


async def test_an_engine_that_is_away_is_waited_for() -> None:
    config = ContainerFileSource(name="ombi", container="ombi", path="/x.log", host="unix:///nowhere.sock")
    source = ContainerFiles(config, SystemClock(), every_s=0.05)
    got = Got(source, {})
    task = asyncio.create_task(source.run({}, got.sink))
    await got.until(lambda: "does not answer" in got.status["why"])
    assert got.status["state"] == "waiting"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
