"""The daemon's memory, opened by those who only look."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nightporter.errors import Unreachable, UserError
from nightporter.store import state
from nightporter.store.reading import reading


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a b?.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(state.SCHEMA)
    state.save_text(connection, "name", "kept")
    connection.close()
    return path


def test_what_was_kept_is_read_and_nothing_is_written(database: Path) -> None:
    with reading(database) as connection:
        assert state.load_text(connection, "name") == "kept"
    with pytest.raises(Unreachable, match="readonly"), reading(database) as connection:
        state.save_text(connection, "name", "another")


def test_nothing_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(Unreachable, match="cannot be read: unable to open"), reading(path) as connection:
        state.load_text(connection, "name")
    assert not path.exists()


def test_a_table_that_an_older_daemon_did_not_have(database: Path) -> None:
    with (
        pytest.raises(Unreachable, match="no such table: later; an older daemon may have made it"),
        reading(database) as connection,
    ):
        connection.execute("SELECT * FROM later")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database, however long it is " * 100)
    with (
        pytest.raises(UserError, match=r"notes\.txt: is not a database of Nightporter's"),
        reading(path) as connection,
    ):
        state.load_text(connection, "name")
