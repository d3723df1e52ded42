"""Where reading goes on and what the engine remembers: positions, window rows, learned values, and texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from nightporter.detect.changes import LearnedRow, WindowRow
from nightporter.model import Position

SCHEMA = """
CREATE TABLE IF NOT EXISTS positions (
    source TEXT NOT NULL, stream TEXT NOT NULL, mark BLOB NOT NULL,
    PRIMARY KEY (source, stream)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows (
    rule TEXT NOT NULL, key BLOB NOT NULL, blob BLOB NOT NULL,
    PRIMARY KEY (rule, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS learned (
    list TEXT NOT NULL, value TEXT NOT NULL, seen INTEGER NOT NULL,
    PRIMARY KEY (list, value)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (
    name TEXT PRIMARY KEY, text TEXT NOT NULL
) WITHOUT ROWID;
"""


def save_positions(connection: sqlite3.Connection, positions: Iterable[Position]) -> None:
    """Keep where each stream was judged up to; an empty mark says that the stream is gone for good."""
    positions = list(positions)
    connection.executemany(
        "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET mark = excluded.mark",
        [(p.source, p.stream, p.mark) for p in positions if p.mark],
    )
    connection.executemany(
        "DELETE FROM positions WHERE source = ? AND stream = ?",
        [(p.source, p.stream) for p in positions if not p.mark],
    )


def load_positions(connection: sqlite3.Connection) -> dict[str, dict[str, bytes]]:
    """Source → stream → mark."""
    marks: dict[str, dict[str, bytes]] = {}
    for source, stream, mark in connection.execute("SELECT source, stream, mark FROM positions"):
        marks.setdefault(source, {})[stream] = mark
    return marks


def save_windows(connection: sqlite3.Connection, rows: Iterable[WindowRow]) -> None:
    """Keep the changed rows; one without a blob is deleted."""
    rows = list(rows)
    connection.executemany(
        "INSERT INTO windows VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET blob = excluded.blob",
        [(r.rule, r.key, r.blob) for r in rows if r.blob is not None],
    )
    connection.executemany(
        "DELETE FROM windows WHERE rule = ? AND key = ?",
        [(r.rule, r.key) for r in rows if r.blob is None],
    )


def load_windows(connection: sqlite3.Connection) -> list[WindowRow]:
    """All that the engine remembered."""
    return [WindowRow(*row) for row in connection.execute("SELECT rule, key, blob FROM windows")]


def save_learned(connection: sqlite3.Connection, rows: Iterable[LearnedRow]) -> None:
    """Keep the changed values of learned lists; one that fell out of its list is deleted."""
    rows = list(rows)
    connection.executemany(
        "INSERT INTO learned VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen",
        [(r.list, r.value, r.seen) for r in rows if r.seen is not None],
    )
    connection.executemany(
        "DELETE FROM learned WHERE list = ? AND value = ?",
        [(r.list, r.value) for r in rows if r.seen is None],
    )


def load_learned(connection: sqlite3.Connection) -> list[LearnedRow]:
    """All values of all learned lists."""
    return [LearnedRow(*row) for row in connection.execute("SELECT list, value, seen FROM learned")]


def save_text(connection: sqlite3.Connection, name: str, text: str) -> None:
    """Keep a text under a name: the last good rule files, the time of the last commit."""
    connection.execute(
        "INSERT INTO texts VALUES (?, ?) ON CONFLICT DO UPDATE SET text = excluded.text", (name, text)
    )


def load_text(connection: sqlite3.Connection, name: str) -> str | None:
    """A text by its name; None: never kept."""
    row = connection.execute("SELECT text FROM texts WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])
