"""Following what lies beside the logs: config.yaml, and the databases that say where an address is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from nightporter import configfile
from nightporter.clock import Clock, beat, to_beat
from nightporter.config import Config
from nightporter.errors import BadFiles, Place, Problem
from nightporter.mistakes import Mistakes
from nightporter.places import Databases
from nightporter.rulebook import LOOK_EVERY_S, fingerprint

PLACES_EVERY_S: Final = 10.0
"""How soon a database of places that was replaced is read."""


@dataclass(slots=True)
class ConfigFollower:
    """Looks at the file that `config` came from."""

    config: Config
    clock: Clock
    log: FilteringBoundLogger
    mistakes: Mistakes
    reload: asyncio.Event
    """Set from outside (SIGHUP): look again, even if nothing has changed."""
    reload_rules: Callable[[], None]
    refused: Config | None = None
    """A config that was tried and could not be used."""

    def keep_refusing(self, config: Config, why: str) -> None:
        """This config was tried and could not be used: say so, and do not try it again until it changes."""
        self.refused = config
        problem = Problem(place=Place(str(config.path)), found=why)
        self.mistakes.are("config.yaml cannot be used; the last good config stays in force", [problem])

    async def next(self) -> Config:
        """Wait until config.yaml says something else, and is right; mistakes in it are told meanwhile."""
        path = self.config.path
        seen: object = None  # so that a change made while we started is seen at the first look
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(to_beat(self.clock, LOOK_EVERY_S)):
                    await self.reload.wait()
            asked = self.reload.is_set()
            if asked:
                self.reload.clear()
                self.reload_rules()
            if path is None:
                continue
            before, seen = seen, fingerprint(path)
            if seen == before and not asked:
                continue
            found = await self._read(path)
            if found is not None and found not in (self.config, self.refused):
                return found

    async def _read(self, path: Path) -> Config | None:
        try:
            loaded = await asyncio.to_thread(configfile.read, path)
        except BadFiles as err:  # it cannot be read now; an editor may be replacing it
            self.log.warning("config.problem", problem=str(err))
            return None
        for problem in loaded.problems:
            self.log.warning("config.problem", problem=str(problem))
        self.mistakes.are("config.yaml has a mistake; the last good config stays in force", loaded.problems)
        return loaded.config if loaded.ok else None


@dataclass(slots=True)
class PlacesFollower:
    """Reads databases that were replaced."""

    config: Config
    clock: Clock
    places: Databases
    mistakes: Mistakes
    changed: Callable[[], None]
    """Rules that need a database which is there only now are on."""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            known = self.places.fields
            await asyncio.to_thread(self.places.look)
            if self.places.fields != known:
                self.changed()
            place = Place(str(self.config.path or "config.yaml"))
            self.mistakes.are(
                "A database of countries or networks cannot be used",
                [Problem(place=place, found=trouble) for trouble in self.places.troubles],
            )
            await beat(self.clock, PLACES_EVERY_S)
