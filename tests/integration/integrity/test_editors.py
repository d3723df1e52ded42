"""A save by a real editor, seen by real watches, is one change."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.parts.editors import EDITORS
from tests.parts.patience import PATIENCE_S

from nightporter.clock import SystemClock
from nightporter.config import IntegritySource as Config
from nightporter.model import Chunk
from nightporter.sources.integrity import IntegritySource
from nightporter.sources.integrity import source as integrity
from nightporter.sources.integrity.watch import SETTLE_S

OLD = "services:\n  plex:\n    image: plex:one\n"


@asynccontextmanager
async def reading(*paths: Path) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    """The source on its own thread, with what it tells; entered once it has looked."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    looked = asyncio.Event()

    async def take(chunk: Chunk) -> None:
        if chunk.data:
            await told.put(json.loads(chunk.data))
        elif chunk.end.stream == "patterns":
            looked.set()

    source = IntegritySource(Config(name="files", paths=tuple(map(str, paths))), SystemClock())
    task = asyncio.ensure_future(source.run({}, take))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await looked.wait()
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def quiet(told: asyncio.Queue[dict[str, Any]], seconds: float) -> bool:
    """Whether nothing more is told for so long."""
    try:
        async with asyncio.timeout(seconds):
            await told.get()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize("watched", ["the file", "its folder"])
@pytest.mark.parametrize("editor", EDITORS)
async def test_a_save_is_one_change(tmp_path: Path, editor: str, watched: str) -> None:
    path = tmp_path / "docker-compose.yml"
    path.write_text(OLD)
    path.chmod(0o640)
    async with reading(path if watched == "the file" else tmp_path) as told:
        await asyncio.to_thread(EDITORS[editor], path, "one", "two")
        assert path.read_text() == OLD.replace("one", "two")
        async with asyncio.timeout(PATIENCE_S):
            event = await told.get()
        assert (event["action"], event["what"]) == ("changed", "its content was changed")
        assert event["diff"] == "@ line 3\n-    image: plex:one\n+    image: plex:two"
        assert await quiet(told, 2 * SETTLE_S)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "happens",
    [
        lambda path: path.chmod(0o666),
        lambda path: path.unlink(),
        lambda path: path.write_text("evil\n"),
        lambda path: path.with_name("other").replace(path),
    ],
    ids=["chmod", "unlink", "write", "replace"],
)
async def test_it_is_told_without_a_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Path], object]
) -> None:
    monkeypatch.setattr(integrity, "POLL_S", 2.0 * PATIENCE_S)
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    (tmp_path / "other").write_text("A=2\n")
    async with reading(path) as told:
        happens(path)
        async with asyncio.timeout(PATIENCE_S):
            await told.get()


async def test_a_new_file_in_a_watched_folder_is_told_long_before_the_scan(tmp_path: Path) -> None:
    async with reading(tmp_path) as told:
        (tmp_path / "x.plist").write_text("<plist>\n")
        async with asyncio.timeout(PATIENCE_S):
            assert (await told.get())["action"] == "created"


async def test_a_sink_that_blocks_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    gate = asyncio.Event()
    events: list[dict[str, Any]] = []

    async def take(chunk: Chunk) -> None:
        if chunk.data:
            await gate.wait()
            events.append(json.loads(chunk.data))

    source = IntegritySource(Config(name="files", paths=(str(tmp_path / "*"),)), SystemClock())
    task = asyncio.ensure_future(source.run({}, take))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while source.status()["state"] != "following":
                await asyncio.sleep(0.01)
            path.write_text("2")
            (tmp_path / "b").write_text("1")
            while dict(source.status()["counts"]).get("changes", 0) < 2:  # type: ignore[call-overload]  # JSON
                await asyncio.sleep(0.01)
            (tmp_path / "c").write_text("1")
            gate.set()
            while len(events) < 3:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert sorted(event["path"][-1] for event in events) == ["a", "b", "c"]
