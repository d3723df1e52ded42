"""The file systems that containers use: a tmpfs that a container of a real engine has mounted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.integration.disk.test_disk import Drive
from tests.parts.clock import ManualClock
from tests.parts.daemon import Daemon
from tests.parts.docker import DockerEngine, docker_engine
from tests.parts.needs import require

from nightporter.config import DiskPath, DiskSource
from nightporter.model import Chunk
from nightporter.sources.disk import DiskSource as Source
from nightporter.sources.disk.source import RELIST_S

__all__ = ["docker_engine"]

pytestmark = pytest.mark.real
FOREVER = "while :; do sleep 60; done"


class Reader:
    """A source that asks this engine, and what it told."""

    def __init__(self, engine: DockerEngine, *paths: str) -> None:
        self._config = DiskSource(
            name="disks", volumes=True, host=engine.host, paths=tuple(DiskPath(path=path) for path in paths)
        )
        self.told: list[dict[str, object]] = []
        self.marks: dict[str, bytes] = {}

    async def start(self) -> None:
        self.clock = ManualClock()
        self.source = Source(self._config, self.clock)
        self._task = asyncio.create_task(self.source.run(dict(self.marks), self._sink))
        await self.rest()

    async def _sink(self, chunk: Chunk) -> None:
        self.marks[chunk.end.stream] = chunk.end.mark
        self.told += [msgspec.json.decode(line) for line in chunk.data.splitlines()]

    async def rest(self) -> None:
        """Wait until it has looked and listed, and sleeps again."""
        while self.clock.sleeping < 2:
            assert not self._task.done(), self._task.exception()
            await asyncio.sleep(0.01)

    async def turn(self, seconds: float = 60) -> None:
        """Let it look once more; after RELIST_S also list, and look again at what is new."""
        for step in (seconds, 60) if seconds >= RELIST_S else (seconds,):
            await self.clock.advance(step)
            await self.rest()

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def states_of(self, drive: Drive) -> list[object]:
        return [record["state"] for record in self.told if record["name"] == str(drive.path)]

    @property
    def checks(self) -> set[str]:
        found = self.source.status()["checks"]
        assert isinstance(found, dict)
        return set(found)


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    require(os.geteuid() == 0, "needs root, to mount a tmpfs")
    drive = Drive(tmp_path / "media")
    drive.mount()
    yield drive
    if drive.path.is_mount():
        drive.unmount()


@pytest.fixture
async def reader(docker_engine: DockerEngine, drive: Drive) -> AsyncIterator[Reader]:
    (drive.path / "films").mkdir()
    binds = {
        str(drive.path / "films"): {"bind": "/films", "mode": "ro"},
        "/etc/hostname": {"bind": "/etc/thing", "mode": "ro"},
        "/dev": {"bind": "/devices", "mode": "ro"},
    }
    docker_engine.run(FOREVER, name="plex", volumes=binds)
    reader = Reader(docker_engine)
    await reader.start()
    yield reader
    await reader.stop()
    docker_engine.remove_all()


async def test_a_volume_is_found_fills_goes_and_comes_back(
    docker_engine: DockerEngine, drive: Drive, reader: Reader
) -> None:
    await reader.turn()
    assert str(drive.path) in reader.checks
    assert not {path for path in reader.checks if path.startswith(("/dev", "/etc"))}
    assert reader.states_of(drive) == [], "a healthy file system is no news, however small"

    drive.fill(8)
    await reader.turn()
    drive.fill(50)
    await reader.turn()
    drive.remount("ro")
    await reader.turn()
    drive.remount("rw")
    await reader.turn()
    assert reader.states_of(drive) == ["low", "ok", "read_only", "ok"]

    drive.unmount()  # the container keeps its own copy of the mount
    await reader.turn()
    await reader.turn(RELIST_S)
    assert reader.states_of(drive)[4:] == ["unmounted"], "its container still names it"
    await reader.stop()
    await reader.start()
    await reader.turn()
    assert reader.states_of(drive)[4:] == ["unmounted"], "a restart tells nothing twice"
    drive.mount()
    await reader.turn()
    assert reader.states_of(drive)[4:] == ["unmounted", "ok"]


def test_what_becomes_of_a_volume_is_told(tmp_path: Path, docker_engine: DockerEngine, drive: Drive) -> None:
    """Through the installed daemon."""
    docker_engine.run(FOREVER, name="plex", volumes={str(drive.path): {"bind": "/films", "mode": "rw"}})
    source = {"name": "disks", "kind": "disk", "volumes": "in_use", "host": docker_engine.host, "every": "1s"}
    try:
        with Daemon(tmp_path, sources=[source]) as daemon:
            daemon.wait_until(lambda: str(drive.path) in checks_of(daemon), "the volume is known")
            drive.fill(1)
            (full,) = daemon.wait_for_alerts(1, "disk-nearly-full")
            assert full["message"].endswith(f"of {drive.path} are free")
            drive.unmount()
            (gone,) = daemon.wait_for_alerts(1, "disk-not-mounted")
            assert gone["message"] == f"{drive.path} is not mounted"
            assert gone["severity"] == "high"
    finally:
        docker_engine.remove_all()


def checks_of(daemon: Daemon) -> set[str]:
    """What the daemon's disk source looks at."""
    if not (daemon.state / "status.json").exists():
        return set()
    return set(daemon.status()["sources"]["disks"]["checks"])


async def test_what_no_container_uses_any_more_is_over(
    docker_engine: DockerEngine, drive: Drive, reader: Reader
) -> None:
    await reader.turn()
    drive.unmount()
    await reader.turn()
    assert reader.states_of(drive) == ["unmounted"]
    docker_engine.client.containers.get("plex").stop(timeout=0)
    await reader.turn(RELIST_S)
    assert reader.states_of(drive) == ["unmounted"], "a container that has ended for it still names it"
    docker_engine.client.containers.get("plex").remove(force=True)
    await reader.turn(RELIST_S)
    assert reader.states_of(drive) == ["unmounted", "ok"]
    assert reader.told[-1]["message"] == f"no container uses {drive.path} any more"
    assert str(drive.path) not in reader.checks


async def test_what_the_config_names_itself_is_watched_once(
    docker_engine: DockerEngine, drive: Drive, reader: Reader
) -> None:
    named = Reader(docker_engine, str(drive.path), "/")
    await named.start()
    await named.turn()
    assert {str(drive.path), "/"} <= named.checks
    assert named.states_of(drive) == ["high"], "by what the config asks: 5 GB must be free"
    await named.stop()


async def test_an_engine_that_is_away_changes_nothing(
    docker_engine: DockerEngine, drive: Drive, reader: Reader
) -> None:
    await reader.turn()
    before = reader.checks
    docker_engine.stop()
    try:
        await reader.turn(RELIST_S)
        assert reader.checks == before
        assert "does not answer" in str(reader.source.status()["volumes"])
    finally:
        docker_engine.start()
