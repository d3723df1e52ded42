"""One SQLite file on one thread of its own.

Every call is one function run in one transaction: it commits when the function returns, and rolls back when
it raises. The modules beside this one hold such functions, one module a table group, each with its `SCHEMA`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from nightporter.errors import Denied, Unreachable, UserError

T = TypeVar("T")


class Database:
    """The daemon's memory. Use `await Database.open(path, schemas)`, then `call`, then `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None
        self._identity = (0, 0)

    @classmethod
    async def open(cls, path: Path, schemas: Sequence[str]) -> Database:
        """Open or create the file and its tables. Raises UserError for a file that is no database,
        Denied where the system refuses it."""
        database = cls(path)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(database._thread, database._connect, schemas)
        except BaseException:
            await database.close()
            raise
        return database

    def _connect(self, schemas: Sequence[str]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.touch(mode=0o600)
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        except PermissionError as err:
            raise Denied(f"{self.path}: the system refuses this file: {err.strerror}") from err
        except (OSError, sqlite3.OperationalError) as err:
            raise Unreachable(f"{self.path}: cannot be opened: {err}") from err
        self._connection = connection
        seen = self.path.stat()
        self._identity = (seen.st_dev, seen.st_ino)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if sys.platform == "darwin":
                connection.execute("PRAGMA fullfsync = 1")  # a Mac's fsync stops at the drive's cache
            for schema in schemas:
                connection.executescript(schema)
        except sqlite3.OperationalError as err:  # a full disk, a file that another program locks
            raise Unreachable(f"{self.path}: cannot be used now: {err}") from err
        except sqlite3.DatabaseError as err:
            raise UserError(
                f"{self.path}: is not a database of Nightporter's ({err}); "
                "move it away and start again: rules and config are not in it"
            ) from err

    def is_there(self) -> bool:
        """Whether the file is still the one that was opened: writes to a deleted one are found by nobody."""
        try:
            seen = self.path.stat()
        except OSError:
            return False
        return (seen.st_dev, seen.st_ino) == self._identity

    async def call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the store's thread in one transaction and give what it returns.

        Raises Unreachable when the disk is full or the file cannot be written: nothing of `work` is kept.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        assert connection is not None, "closed"
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as err:
            raise Unreachable(f"{self.path}: cannot be written: {err}") from err
        return result

    async def close(self) -> None:
        """Close the file and end the thread; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown(wait=True)
