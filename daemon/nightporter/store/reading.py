"""The daemon's memory for those who only look at it: commands, while the daemon runs or after it ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from nightporter.errors import Unreachable, UserError


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, opened for reading alone; nothing is made where there is none.

    What goes wrong while it is open is told as its fault: raises Unreachable for a file that cannot be read,
    UserError for one that is no database of ours.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.OperationalError as err:
        older = "; an older daemon may have made it" if "no such" in str(err) else ""
        raise Unreachable(f"{path}: cannot be read: {err}{older}") from err
    except (sqlite3.DatabaseError, msgspec.DecodeError) as err:
        raise UserError(f"{path}: is not a database of Nightporter's: {err}") from err
