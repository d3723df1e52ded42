"""The rules in force: read, judged by their own tests, replaced on change, never broken.

A file with an error changes nothing: the last good set stays in force. Its texts are kept in the store, so
that a cold start with a broken file runs on them, or, without any, on the shipped rules.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Literal

import msgspec
from structlog.typing import FilteringBoundLogger

from nightporter import bundled
from nightporter.clock import Clock, to_beat
from nightporter.config import Config
from nightporter.errors import Problem
from nightporter.rule import Ruleset
from nightporter.rulefiles import judged, texts
from nightporter.ruleset import Loaded, SourceText, read
from nightporter.sources.files.waker import FolderWaker, Target
from nightporter.store import state
from nightporter.store.database import Database

LOOK_EVERY_S: Final = 1.25
"""How often the files are looked at: the truth behind watchdog's hints, which may be lost."""
SHIPPED_BEATS: Final = 8
"""Unless something moved the shipped ones are looked at every so many looks: only an upgrade changes them."""
SETTLE_S: Final = 0.2
"""How long the files must be still before they are read: an editor's save is several changes."""
LAST_GOOD: Final = "last good rules"

Print = tuple[tuple[str, int, int, int], ...]
Kept = Literal["files", "last good", "shipped"]


@dataclass(frozen=True, slots=True)
class InForce:
    """The set that judges now, and all that is wrong with the files as they are now."""

    ruleset: Ruleset
    problems: tuple[Problem, ...]
    kept: Kept = "files"

    @property
    def broken(self) -> bool:
        """Whether the files on disk are not what is in force."""
        return self.kept != "files"


class _Text(msgspec.Struct, frozen=True):
    name: str
    text: str
    shipped: bool


class Rulebook:
    """Reads the rule files at the start and on every change."""

    def __init__(self, config: Config, database: Database, clock: Clock, log: FilteringBoundLogger) -> None:
        self._config = config
        self._database = database
        self._clock = clock
        self._log = log
        self._again = False
        self._in_use: frozenset[Path] = frozenset()
        """The folders whose rules are in force."""
        self.in_force = InForce(Ruleset(), ())

    async def open(self) -> InForce:
        """The set to start with."""
        self._in_use = _folders_of(await self._last_good() or ())
        self._prints = prints(self._folders())
        loaded, sources, unread = await asyncio.to_thread(self._load)
        if loaded.ok and not unread:
            await self._keep(sources)
            self.in_force = InForce(loaded.ruleset, loaded.problems)
        else:
            self.in_force = await self._fall_back(unread + loaded.problems)
        self._tell()
        return self.in_force

    def _load(self) -> tuple[Loaded, tuple[SourceText, ...], tuple[Problem, ...]]:
        sources, unread = texts(self._config, self._in_use)
        return judged(sources, self._config), sources, unread

    async def _fall_back(self, problems: tuple[Problem, ...]) -> InForce:
        kept = await self._last_good()
        if kept is not None:
            loaded = await asyncio.to_thread(judged, kept, self._config)
            if loaded.ok:
                return InForce(loaded.ruleset, problems, "last good")
        shipped = read([bundled.rules()], shipped=True)
        loaded = await asyncio.to_thread(judged, shipped.texts, self._config)
        return InForce(loaded.ruleset, problems, "shipped")

    async def _last_good(self) -> list[SourceText] | None:
        kept = await self._database.call(lambda connection: state.load_text(connection, LAST_GOOD))
        return None if kept is None else kept_texts(kept)

    async def _keep(self, sources: Iterable[SourceText]) -> None:
        self._in_use = _folders_of(sources)
        kept = msgspec.json.encode(
            [
                _Text(s.name, s.text if isinstance(s.text, str) else s.text.decode(), s.shipped)
                for s in sources
            ]
        ).decode()

        def write(connection: sqlite3.Connection) -> None:
            state.save_text(connection, LAST_GOOD, kept)

        await self._database.call(write)

    def reload(self) -> None:
        """Read the files again at the next look, even if they are the same (SIGHUP)."""
        self._again = True

    async def run(self, changed: Callable[[InForce], Awaitable[None]]) -> None:
        """Follow the files for ever; `changed` gets each new state, good or broken."""
        moved, beats = asyncio.Event(), count()
        loop = asyncio.get_running_loop()
        waker = FolderWaker(self._clock, lambda: loop.call_soon_threadsafe(moved.set))
        try:
            while True:
                waker.watch(frozenset(Target(folder, "*.y*ml") for folder in self._folders()))
                with suppress(TimeoutError):
                    async with asyncio.timeout(to_beat(self._clock, LOOK_EVERY_S)):
                        await moved.wait()
                everywhere = moved.is_set() or next(beats) % SHIPPED_BEATS == 0
                moved.clear()
                if self._again or self._changed(self._folders() if everywhere else self._config.rule_dirs):
                    await self._settled()
                    await changed(await self._read_again())
        finally:
            waker.stop()
            waker.close()

    async def _read_again(self) -> InForce:
        self._again = False
        loaded, sources, unread = await asyncio.to_thread(self._load)
        if loaded.ok and not unread:
            await self._keep(sources)
            self.in_force = InForce(loaded.ruleset, loaded.problems)
        else:
            self.in_force = InForce(self.in_force.ruleset, unread + loaded.problems, "last good")
        self._tell()
        return self.in_force

    def _changed(self, folders: Iterable[Path]) -> bool:
        return not prints(folders).items() <= self._prints.items()

    async def _settled(self) -> None:
        """Wait until the files are still for SETTLE_S (but not for ever)."""
        for _ in range(10):
            self._prints = prints(self._folders())
            await self._clock.sleep(SETTLE_S)
            if not self._changed(self._folders()):
                return

    def _folders(self) -> list[Path]:
        return [bundled.rules(), *self._config.rule_dirs]

    def _tell(self) -> None:
        log = self._log.bind(rules=len(self.in_force.ruleset.rules), kept=self.in_force.kept)
        for problem in self.in_force.problems:
            log.warning("rule.problem", problem=str(problem))
        log.info("rules.in_force")


def _folders_of(sources: Iterable[SourceText]) -> frozenset[Path]:
    """Where the person's own rule files lie."""
    return frozenset(Path(source.name).parent for source in sources if not source.shipped)


def kept_texts(kept: str) -> list[SourceText]:
    """The rule files as the store has them under LAST_GOOD: what was in force last."""
    return [
        SourceText(name=t.name, text=t.text, shipped=t.shipped)
        for t in msgspec.json.decode(kept, type=list[_Text])
    ]


def prints(folders: Iterable[Path]) -> dict[Path, Print]:
    """The fingerprint of each folder."""
    return {folder: fingerprint(folder) for folder in folders}


def fingerprint(path: Path) -> Print:
    """Names, times, sizes and inodes of a folder's files, or of the one file: changes whenever one does."""
    found: list[tuple[str, int, int, int]] = []
    with suppress(OSError):
        files: list[os.DirEntry[str] | Path] = [*os.scandir(path)] if path.is_dir() else [path]
        for file in files:
            with suppress(OSError):
                stat = file.stat()
                found.append((os.fspath(file), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(sorted(found))
