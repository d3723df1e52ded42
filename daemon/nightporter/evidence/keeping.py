"""Evidence of what is critical is kept by itself, before rotation and Docker forget it: a part of the daemon.

Gathering reads logs and masks them for up to minutes, so another process does it: the verb itself. Twice for
each incident: at once, as /tmp and Docker may forget what led to it, and with what followed once MARGIN has
passed. The second does not replace the first: what was forgotten meanwhile is in that alone. What was made is
seen by its file, so that a restart makes nothing twice; the oldest go.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from nightporter.clock import Clock, beat
from nightporter.config import Config
from nightporter.model import DAY, HOUR, MINUTE, Incident, Nanos, Severity, Stamp
from nightporter.store import incidents
from nightporter.store.database import Database

FOLDER: Final = "evidence"
"""In the state folder."""
LOOK_EVERY_S: Final = 60.0
MARGIN: Final[Nanos] = 30 * MINUTE
"""What the verb gathers before and after an incident."""
SLACK: Final[Nanos] = MINUTE
"""How much later than that lines may be in their log."""
LATEST: Final[Nanos] = 6 * HOUR
"""An incident that does not end is gathered for the second time so long after its beginning."""
SINCE: Final[Nanos] = DAY
"""What was told longer ago than this is not kept any more: it was, or the daemon did not run."""
WITHIN_S: Final = 900.0
TRIES: Final = 3
_ARCHIVE: Final = re.compile(r"[0-9a-f]{12}(?:-after)?\.zip")
_RUN: Final = "import sys; from nightporter.cli import main; main(sys.argv[1:])"


def due(known: Iterable[Incident], now: Stamp) -> Iterator[tuple[Incident, str]]:
    """The critical incidents with the names of the archives that it is time for, oldest first."""
    for incident in known:
        if incident.severity >= Severity.critical and incident.tellings > 0:
            yield incident, f"{incident.id}.zip"
            if now >= min(incident.last + MARGIN, incident.first + LATEST) + SLACK:
                yield incident, f"{incident.id}-after.zip"


def command(config: Config, incident: str, to: Path) -> list[str]:
    """What is run: this very program."""
    named = ["--config", str(config.path)] if config.path is not None else []
    return [sys.executable, "-c", _RUN, "evidence", incident, "--out", str(to), *named]


class Keeping:
    """One config's. `run` is a supervised part."""

    def __init__(self, config: Config, database: Database, clock: Clock, log: FilteringBoundLogger) -> None:
        self._config = config
        self._database = database
        self._clock = clock
        self._log = log
        self._folder = config.state / FOLDER
        self._tries: Counter[str] = Counter()

    async def run(self) -> None:
        """Look for ever; without `critical: true` there is nothing to do."""
        while True:
            if self._config.evidence.critical:
                await self.look()
            await beat(self._clock, LOOK_EVERY_S)

    async def look(self) -> None:
        """Keep what is due and not kept yet."""
        now = self._clock.now()

        def read(connection: sqlite3.Connection) -> list[Incident]:
            return incidents.recent(connection, now - SINCE)

        for incident, name in due(await self._database.call(read), now):
            to = self._folder / name
            if self._tries[name] < TRIES and not await asyncio.to_thread(to.exists):
                self._tries[name] += 1
                await self._keep(incident, to)

    async def _keep(self, incident: Incident, to: Path) -> None:
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, exist_ok=True)
        program = await asyncio.create_subprocess_exec(
            *command(self._config, incident.id, to),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        said = b""
        try:
            async with asyncio.timeout(WITHIN_S):
                _, said = await program.communicate()
        except TimeoutError:
            said = b"it took too long"
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
        if await asyncio.to_thread(to.exists):
            self._log.info("evidence.kept", incident=incident.id, rule=incident.rule, path=str(to))
            await asyncio.to_thread(forget, self._folder, self._config.evidence.keep)
            return
        why = said.decode("utf-8", "replace").strip()[-500:]
        self._log.warning("evidence.failed", incident=incident.id, rule=incident.rule, error=why)


def forget(folder: Path, keep: int) -> None:
    """Remove all but the archives of the incidents that were kept last. Nothing else in the folder is
    touched."""
    kept = archives(folder)
    newest = list(dict.fromkeys(_incident(path) for path in reversed(kept)))[:keep]
    for path in kept:
        if _incident(path) not in newest:
            path.unlink(missing_ok=True)


def _incident(archive: Path) -> str:
    return archive.stem.removesuffix("-after")


def archives(folder: Path) -> list[Path]:
    """The archives in a folder, oldest first."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _ARCHIVE.fullmatch(path.name)]
    return sorted(found, key=lambda path: (os.lstat(path).st_mtime_ns, path.name))
