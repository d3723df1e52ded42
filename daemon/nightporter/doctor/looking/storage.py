"""Looks at the state folder, its disk and the database; reads only, and bounded in time."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from nightporter.clock import Clock
from nightporter.config import Config
from nightporter.doctor.looking.view import View
from nightporter.doctor.storage import StorageFacts
from nightporter.judge import LAST_COMMIT
from nightporter.statefolder import DATABASE
from nightporter.store.state import load_text

_CHECK_S: Final = 10.0
"""The longest that SQLite may look the database over: about 2 GB on an SSD."""
_STEPS: Final = 100_000
_VERDICT: Final = 300


def look(view: View, config: Config, *, alive: bool) -> StorageFacts:
    """Blocking."""
    folder = config.state
    path = folder / DATABASE
    verdict, trouble, commit = ("", "", 0)
    there = path.exists()
    if there:
        verdict, trouble, commit = examine(path, view.clock)
    return StorageFacts(
        folder=str(folder),
        free=_free(folder),
        writable=_writable(folder),
        database=str(path) if there else "",
        size=sum(_size(path.with_name(path.name + end)) for end in ("", "-wal", "-shm")),
        verdict=verdict,
        trouble=trouble,
        private=not there or not path.stat().st_mode & 0o077,
        last_commit=commit,
        now=view.clock.now(),
        alive=alive,
    )


def examine(path: Path, clock: Clock) -> tuple[str, str, int]:
    """(quick_check's verdict, trouble, stamp of the last commit) of a database; opened for reading alone."""
    deadline = clock.monotonic() + _CHECK_S
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)
        ) as connection:
            commit = int(load_text(connection, LAST_COMMIT) or 0)
            connection.set_progress_handler(lambda: int(clock.monotonic() > deadline), _STEPS)
            try:
                row = connection.execute("PRAGMA quick_check(1)").fetchone()
            except sqlite3.OperationalError as err:
                return ("", "", commit) if "interrupted" in str(err) else ("", str(err), commit)
            return str(row[0])[:_VERDICT], "", commit
    except (sqlite3.Error, ValueError) as err:
        return "", f"cannot be used: {err}", 0


def _free(folder: Path) -> int | None:
    """Free bytes for us on the folder's disk, or on that of the nearest folder above that is there."""
    for at in (folder, *folder.parents):
        try:
            return shutil.disk_usage(at).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _writable(folder: Path) -> bool:
    for at in (folder, *folder.parents):
        if at.exists():
            return at.is_dir() and os.access(at, os.W_OK | os.X_OK)
    return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
