"""The disk source on its own: looks that hang or fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from tests.parts.clock import ManualClock
from tests.parts.patience import PATIENCE_S

from nightporter.config import DiskPath, DiskSource, NewestFile
from nightporter.model import Chunk
from nightporter.sources.disk import DiskSource as Source
from nightporter.sources.disk import looks
from nightporter.sources.disk.states import Space


class Reader:
    """A source and what it told; `turn` lets it look once more."""

    def __init__(
        self, config: DiskSource, *, patience_s: float = 10.0, marks: Mapping[str, bytes] | None = None
    ) -> None:
        self.clock = ManualClock()
        self.source = Source(config, self.clock, patience_s=patience_s)
        self.told: list[dict[str, object]] = []
        self.marks: dict[str, bytes] = dict(marks or {})
        self._task = asyncio.create_task(self.source.run(dict(self.marks), self._sink))

    async def _sink(self, chunk: Chunk) -> None:
        self.marks[chunk.end.stream] = chunk.end.mark
        self.told += [msgspec.json.decode(line) for line in chunk.data.splitlines()]

    async def looked(self) -> None:
        """Wait until it sleeps again."""
        while not self.clock.sleeping:
            await asyncio.sleep(0.01)

    async def turn(self) -> None:
        await self.looked()
        await self.clock.advance(60)
        await self.looked()

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def states(self) -> list[object]:
        return [record["state"] for record in self.told]


async def test_a_look_that_hangs_is_told_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network drive that is away: the thread that looks at it waits in the kernel."""
    away, entered = threading.Event(), threading.Semaphore(0)
    real = looks.space

    def space(path: str) -> Space:
        if path == "/mnt/nas":
            entered.release()
            away.wait(PATIENCE_S)
            return Space(free=10**12, total=10**12)
        return real(path)

    monkeypatch.setattr(looks, "space", space)
    (tmp_path / "gone").mkdir()
    paths = (
        DiskPath(path="/mnt/nas"),
        DiskPath(path=str(tmp_path / "gone"), low_percent=0, high_percent=0, high_bytes=0),
    )
    reader = Reader(DiskSource(name="d", paths=paths), patience_s=3.0)
    await reader.looked()
    assert reader.states == ["stuck"]
    (tmp_path / "gone").rmdir()
    await reader.turn()
    assert reader.states == ["stuck", "missing"]
    assert entered.acquire(blocking=False)
    assert not entered.acquire(blocking=False), "one thread waits, not one for each look"
    away.set()
    await reader.turn()
    assert reader.states == ["stuck", "missing", "ok"]
    await reader.stop()


async def test_what_the_system_refuses_is_blindness_and_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def files(pattern: str) -> list[object]:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(looks, "files", files)
    reader = Reader(DiskSource(name="d", newest=(NewestFile(pattern="/b/*", within_s=1.0),)))
    await reader.turn()
    assert reader.told == []
    assert reader.source.status()["state"] == "blind"
    assert reader.source.status()["blind"] == ["/b/*: Operation not permitted"]
    await reader.stop()


async def test_a_path_that_is_named_twice_is_looked_at_once(tmp_path: Path) -> None:
    paths = (DiskPath(path=str(tmp_path / "x"), holds="media"), DiskPath(path=str(tmp_path / "x")))
    reader = Reader(DiskSource(name="d", paths=paths))
    await reader.turn()
    assert [(record["state"], record["holds"]) for record in reader.told] == [("missing", "media")]
    await reader.stop()


async def test_what_was_not_well_and_is_no_longer_in_the_config_is_let_go(tmp_path: Path) -> None:
    gone, pattern = str(tmp_path / "gone"), f"{tmp_path}/*.gz"
    here = DiskPath(path=str(tmp_path), low_percent=0, high_percent=0, high_bytes=0)
    newest = (NewestFile(pattern=pattern, within_s=9.0),)
    first = Reader(DiskSource(name="d", paths=(DiskPath(path=gone), here), newest=newest))
    await first.turn()
    assert first.states == ["missing", "missing"]
    await first.stop()
    other = DiskSource(name="d", paths=(here,))
    second = Reader(other, marks=first.marks)
    await second.turn()
    assert [(r["probe"], r["name"], r["state"], r["was"]) for r in second.told] == [
        ("disk", gone, "removed", "missing"),
        ("backup", pattern, "removed", "missing"),
    ]
    assert (second.marks[gone], second.marks[pattern]) == (b"", b"")
    await second.stop()
    third = Reader(other, marks=second.marks)
    await third.turn()
    assert third.told == []
    await third.stop()


def test_folders_and_files_that_go_are_no_backups(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "1.gz").write_bytes(b"x")
    (tmp_path / "a b" / "2.gz").symlink_to("nowhere")
    (tmp_path / "a b" / "3.gz").mkdir()
    found = looks.files(f"{tmp_path}/*/*.gz")
    assert [(file.path, file.size) for file in found] == [(str(tmp_path / "a b" / "1.gz"), 1)]
    assert looks.files(f"{tmp_path}/nothing/*.gz") == []
    assert [file.size for file in looks.files(f"{tmp_path}/a b/1.gz")] == [1]
