"""Incidents: what people were told of, for the ledger after a restart and for `nightporter alerts`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from nightporter.model import DAY, Incident, Stamp

SCHEMA = """
CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, severity INTEGER NOT NULL, last INTEGER NOT NULL,
    told_at INTEGER NOT NULL, open INTEGER NOT NULL, blob BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS incidents_told ON incidents (told_at);
"""

KEPT = 90 * DAY
KEPT_ROWS = 100_000

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Incident)


def save(connection: sqlite3.Connection, incidents: Iterable[Incident]) -> None:
    """Keep new and changed incidents."""
    connection.executemany(
        "INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "rule = excluded.rule, severity = excluded.severity, last = excluded.last, "
        "told_at = excluded.told_at, open = excluded.open, blob = excluded.blob",
        [(i.id, i.rule, i.severity, i.last, i.told_at, i.open, _ENCODER.encode(i)) for i in incidents],
    )


def recent(connection: sqlite3.Connection, since: Stamp, limit: int = 50_000) -> list[Incident]:
    """Incidents told since a wall time, oldest first, the newest `limit` of them."""
    rows = connection.execute(
        "SELECT blob FROM incidents WHERE told_at >= ? ORDER BY told_at DESC, id LIMIT ?", (since, limit)
    ).fetchall()
    return [_DECODER.decode(blob) for (blob,) in reversed(rows)]


def current(connection: sqlite3.Connection, since: Stamp, limit: int = 50_000) -> list[Incident]:
    """For the ledger: incidents told since a wall time, and whatever goes on, however long ago it was told;
    oldest first, the newest `limit` of them."""
    rows = connection.execute(
        "SELECT blob FROM incidents WHERE told_at >= ? OR open ORDER BY open DESC, told_at DESC, id LIMIT ?",
        (since, limit),
    ).fetchall()
    found = [_DECODER.decode(blob) for (blob,) in rows]
    return sorted(found, key=lambda incident: incident.told_at)


def prune(connection: sqlite3.Connection, now: Stamp) -> int:
    """Forget incidents not told for 90 days, and the oldest beyond 100,000; gives how many."""
    old = connection.execute("DELETE FROM incidents WHERE told_at < ?", (now - KEPT,)).rowcount
    surplus = connection.execute(
        "DELETE FROM incidents WHERE id IN "
        "(SELECT id FROM incidents ORDER BY told_at DESC LIMIT -1 OFFSET ?)",
        (KEPT_ROWS,),
    ).rowcount
    return old + surplus
