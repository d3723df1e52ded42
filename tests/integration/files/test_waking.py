"""Real watches on real folders."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from tests.parts.patience import PATIENCE_S
from watchdog.observers import Observer

from nightporter.clock import SystemClock
from nightporter.config import FileSource as FileSourceConfig
from nightporter.model import Chunk
from nightporter.sources.files import FileSource
from nightporter.sources.files import source as files
from nightporter.sources.files.waker import NOISE, FolderWaker, Target

LONG_S: Final = PATIENCE_S


@pytest.fixture
def waker() -> Iterator[FolderWaker]:
    waker = FolderWaker(SystemClock())
    yield waker
    waker.close()


def woken(waker: FolderWaker, seconds: float = LONG_S) -> bool:
    """Wait; whether it ended early."""
    start = time.monotonic()
    waker.wait(seconds, heed=True)
    return time.monotonic() - start < seconds - 0.001


def append(path: Path, data: bytes = b"x\n") -> None:
    with path.open("ab") as file:
        file.write(data)


def test_an_append_wakes(tmp_path: Path, waker: FolderWaker) -> None:
    waker.watch(frozenset({Target(tmp_path, "a.log")}))
    append(tmp_path / "a.log")
    assert woken(waker)


def test_a_folder_behind_a_link_wakes(tmp_path: Path, waker: FolderWaker) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    waker.watch(frozenset({Target(tmp_path / "link", "log-*.txt")}))
    append(tmp_path / "real" / "log-1.txt")
    assert woken(waker)


def test_other_files_do_not_wake(tmp_path: Path, waker: FolderWaker) -> None:
    waker.watch(frozenset({Target(tmp_path, "a.log")}))
    append(tmp_path / "b.log")
    assert not woken(waker, 0.2)


def test_a_noisy_folder_is_only_polled(tmp_path: Path, waker: FolderWaker) -> None:
    targets = frozenset({Target(tmp_path, "a.log")})
    waker.watch(targets)
    for number in range(NOISE + 1):
        append(tmp_path / f"b{number}.log")
    while waker._noise <= NOISE:  # they arrive one by one
        assert not woken(waker, 0.05)
    waker.watch(targets)
    append(tmp_path / "a.log")
    assert not woken(waker, 0.2)


def test_nothing_wakes_once_nobody_wants_it(tmp_path: Path, waker: FolderWaker) -> None:
    waker.watch(frozenset({Target(tmp_path, "a.log")}))
    waker.watch(frozenset())
    append(tmp_path / "a.log")
    assert not woken(waker, 0.2)


def test_a_folder_made_anew_is_watched_again(tmp_path: Path, waker: FolderWaker) -> None:
    folder = tmp_path / "logs"
    targets = frozenset({Target(folder, "a.log")})
    folder.mkdir()
    waker.watch(targets)
    folder.rmdir()
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:  # until the deletion has been told and the watch renewed
        folder.mkdir(exist_ok=True)
        waker.watch(targets)
        append(folder / "a.log")
        if woken(waker, 0.1):
            return
    pytest.fail("never woken in the new folder")


def test_stop_ends_a_wait(waker: FolderWaker) -> None:
    stopper = threading.Timer(0.05, waker.stop)
    stopper.start()
    assert woken(waker)
    stopper.join()


def test_no_watches_left_is_told_and_the_poll_goes_on(
    tmp_path: Path, waker: FolderWaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(Observer, "schedule", refuse)
    waker.watch(frozenset({Target(tmp_path, "a.log")}))
    assert "max_user_watches" in waker.trouble
    assert not woken(waker, 0.05)


async def test_a_line_in_a_quiet_file_arrives_without_a_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "QUIET_POLL_S", 2 * LONG_S)
    log = tmp_path / "a.log"
    log.touch()
    arrived: asyncio.Queue[Chunk] = asyncio.Queue()

    async def take(chunk: Chunk) -> None:
        await arrived.put(chunk)

    source = FileSource(FileSourceConfig(name="logs", paths=(str(log),)), SystemClock())
    task = asyncio.ensure_future(source.run({}, take))
    try:
        async with asyncio.timeout(LONG_S):
            await arrived.get()
            for _ in range(5):
                await asyncio.sleep(1.1)  # until it is quiet and listens again
                append(log)
                await arrived.get()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
