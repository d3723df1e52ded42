"""What ends a wait early: a folder in which something moved.

Only a hint. FSEvents misses appends, inotify has limits, a network folder tells nothing: the poll is the
truth, and a wake only makes it sooner.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from watchdog.events import (
    DirDeletedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

from nightporter.clock import Clock

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

NOISE: Final = 50
"""Events about other files, within one wait, beyond which a folder is polled only: each costs us 30 µs."""
NOISY_S: Final = 60.0
REFUSED_S: Final = 300.0
"""How long until watches are asked for again after the system had none left."""


class Target(NamedTuple):
    """Files to be woken for: those in `folder` whose name fits `pattern` (`*`, `?`, `[…]`)."""

    folder: Path
    pattern: str


class Waker(Protocol):
    """Ends a source's waits. `watch` and `close` are called on the source's thread, `wait` on the loop."""

    @property
    def trouble(self) -> str:
        """Why it cannot wake; empty when it can."""
        ...

    def watch(self, targets: frozenset[Target]) -> None:
        """From now on these; none means that nobody wants to be woken."""
        ...

    async def wait(self, seconds: float, *, heed: bool) -> None:
        """Wait so long, or, if `heed`, until something moved."""
        ...

    def close(self) -> None:
        """Give all watches back."""
        ...


class _Handler(FileSystemEventHandler):
    """One folder's events, on their way to the waker."""

    def __init__(self, waker: FolderWaker, folder: Path) -> None:
        self._waker = waker
        self._folder = folder

    def dispatch(self, event: FileSystemEvent) -> None:
        self._waker.moved(self._folder, event)


class FolderWaker:
    """Wakes by inotify or FSEvents, through watchdog. Build it on the loop that waits.

    watchdog's observers are imported with the first watch. Their thread hands over once per wait, however
    much moves.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._told = False
        self._noise = 0
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, ObservedWatch] = {}
        self._targets: Mapping[Path, frozenset[str]] = {}
        self._lost: set[Path] = set()
        self._silent_until = 0.0
        self.trouble = ""

    async def wait(self, seconds: float, *, heed: bool) -> None:
        if not heed:
            await self._clock.sleep(seconds)
            return
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._woken.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._woken.clear()
        self._told = False

    def watch(self, targets: frozenset[Target]) -> None:
        now = self._clock.monotonic()
        if self._noise > NOISE:
            self._silent_until = now + NOISY_S
        self._noise = 0
        wanted: dict[Path, set[str]] = {}
        if now >= self._silent_until:
            for folder, pattern in targets:
                # FSEvents tells real paths: /private/tmp, not /tmp.
                wanted.setdefault(Path(os.path.realpath(folder)), set()).add(pattern)
        self._targets = {folder: frozenset(patterns) for folder, patterns in wanted.items()}
        for folder in set(self._watches) - wanted.keys() | set(self._lost):
            self._unschedule(folder)
        self._lost.clear()
        for folder in wanted.keys() - self._watches.keys():
            self._schedule(folder, now)

    def _schedule(self, folder: Path, now: float) -> None:
        from watchdog.observers import Observer

        if not folder.is_dir():
            return
        try:
            if self._observer is None:
                self._observer = Observer()
                self._observer.start()
            # Not "opened" and "closed": our own reading would wake us.
            kinds = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent, FileDeletedEvent, DirDeletedEvent]
            self._watches[folder] = self._observer.schedule(
                _Handler(self, folder), str(folder), event_filter=kinds
            )
            self.trouble = ""
        except OSError as err:
            self._silent_until = now + REFUSED_S
            self.trouble = _why_not(err)

    def _unschedule(self, folder: Path) -> None:
        watch = self._watches.pop(folder, None)
        if watch is not None and self._observer is not None:
            try:
                self._observer.unschedule(watch)
            except (KeyError, OSError):  # the folder is gone, and its watch with it
                return

    def moved(self, folder: Path, event: FileSystemEvent) -> None:
        """Take one event. Runs on watchdog's thread."""
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        if event.is_directory:
            if str(folder) in paths:
                self._lost.add(folder)
            return
        names = [os.path.basename(path) for path in paths]  # noqa: PTH119 - thousands a second may come
        patterns = self._targets.get(folder, frozenset())
        if not any(fnmatchcase(name, pattern) for name in names for pattern in patterns):
            self._noise += 1
        elif not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._woken.set)

    def close(self) -> None:
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None:
            observer.stop()
            observer.join()


def _why_not(err: OSError) -> str:
    if err.errno in (errno.ENOSPC, errno.EMFILE):
        return (
            "the system has no file watches left (fs.inotify.max_user_watches, max_user_instances): "
            "files are only polled, four times a second"
        )
    return f"files are only polled, four times a second: {err.strerror or err}"
