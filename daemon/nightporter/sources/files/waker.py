"""What ends a wait early: a folder in which something moved.

Only a hint. FSEvents misses appends, inotify has limits, a network folder tells nothing: the poll is the
truth, and a wake only makes it sooner.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import watchdog.events
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
AGAIN_S: Final = 5.0
"""How often folders that were not there are tried again."""
REFUSED_S: Final = 300.0
"""How long until watches are asked for again after the system had none left."""


class Target(NamedTuple):
    """Files to be woken for: those in `folder` whose name fits `pattern` (`*`, `?`, `[…]`)."""

    folder: Path
    pattern: str


class Waker(Protocol):
    """Ends a source's waits. All but `stop` is called on the source's own thread."""

    @property
    def trouble(self) -> str:
        """Why it cannot wake; empty when it can."""
        ...

    def watch(self, targets: frozenset[Target]) -> None:
        """From now on these; none means that nobody wants to be woken."""
        ...

    def wait(self, seconds: float, *, heed: bool) -> None:
        """Wait so long, or until `stop`; or, if `heed`, until something moved."""
        ...

    def stop(self) -> None:
        """End the wait that is on, and all later ones. From any thread."""
        ...

    def close(self) -> None:
        """Give all watches back."""
        ...


_MOVES: Final[tuple[type[FileSystemEvent], ...]] = (
    FileModifiedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirDeletedEvent,
)


def _attributes() -> list[type[FileSystemEvent]]:
    """A chmod or chown: an event of its own in newer watchdogs, a FileModifiedEvent in those before."""
    kind = getattr(watchdog.events, "FileAttribEvent", None)
    return [] if kind is None else [kind]


class _Handler(FileSystemEventHandler):
    """One folder's events, on their way to the waker."""

    def __init__(self, waker: FolderWaker, folder: Path) -> None:
        self._waker = waker
        self._folder = folder

    def dispatch(self, event: FileSystemEvent) -> None:
        self._waker.moved(self._folder, event)


class FolderWaker:
    """Wakes by inotify or FSEvents, through watchdog. Waits are real time.

    Its observers are imported with the first watch.
    """

    def __init__(self, clock: Clock, heard: Callable[[], object] | None = None) -> None:
        """`heard` is called, on a thread of watchdog's, for whatever would end a wait."""
        self._clock = clock
        self._heard = heard
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._noise = 0
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, ObservedWatch] = {}
        self._asked: frozenset[Target] = frozenset()
        self._again_at = float("inf")
        self._patterns: Mapping[Path, frozenset[str]] = {}
        self._lost: set[Path] = set()
        self._silent_until = 0.0
        self.trouble = ""

    def wait(self, seconds: float, *, heed: bool) -> None:
        if heed:
            self._woken.wait(seconds)
        else:
            self._stopped.wait(seconds)
        if not self._stopped.is_set():
            self._woken.clear()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()

    def watch(self, targets: frozenset[Target]) -> None:
        now = self._clock.monotonic()
        if self._noise > NOISE:
            self._silent_until = now + NOISY_S
        self._noise = 0
        if now < self._silent_until:
            targets = frozenset()
        if targets != self._asked or self._lost or now >= self._again_at:
            self._asked = targets
            self._again_at = now + AGAIN_S
            self._set(targets, now)

    def _set(self, targets: frozenset[Target], now: float) -> None:
        wanted: dict[Path, set[str]] = {}
        for folder, pattern in targets:
            # FSEvents tells real paths: /private/tmp, not /tmp.
            wanted.setdefault(Path(os.path.realpath(folder)), set()).add(pattern)
        self._patterns = {folder: frozenset(patterns) for folder, patterns in wanted.items()}
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
            kinds = [*_MOVES, *_attributes()]
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
        patterns = self._patterns.get(folder, frozenset())
        if not any(fnmatchcase(name, pattern) for name in names for pattern in patterns):
            self._noise += 1
            return
        self._woken.set()
        if self._heard is not None:
            self._heard()

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
            "files are only polled, twice a second"
        )
    return f"files are only polled, twice a second: {err.strerror or err}"
