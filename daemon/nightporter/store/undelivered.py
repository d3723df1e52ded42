"""What became of single tellings, and which of them nobody has heard: read from the outbox's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import suppress

import msgspec

from nightporter.model import Severity, Stamp, Telling


def fates(connection: sqlite3.Connection, ids: Collection[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """What became of these tellings: (id, destination) → `sent`, `parked`, `pending`, or `barred` (it waits,
    and its destination refuses us as such), and why it was not sent (the row's own last error, else what its
    destination suffers from)."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for telling in ids:
        rows = connection.execute(
            "SELECT o.destination, o.state, o.error, coalesce(d.error, ''), coalesce(d.broken, 0) "
            "FROM outbox o LEFT JOIN outbox_destination d ON d.name = o.destination WHERE o.id = ?",
            (telling,),
        )
        for destination, state, own, its, broken in rows:
            fate = "barred" if state == "pending" and broken else state
            found[(telling, destination)] = (fate, "" if fate == "sent" else own or its)
    return found


def unheard(
    connection: sqlite3.Connection, names: Collection[str], least: Severity, failing_before: Stamp
) -> list[Telling]:
    """Tellings of at least that severity that wait for one of these destinations which has been failing since
    before then, and that none of them has taken; oldest first, at most 100."""
    known = msgspec.json.encode(list(names)).decode()
    found = connection.execute(
        "SELECT o.telling FROM outbox o JOIN outbox_destination d ON d.name = o.destination "
        "WHERE o.state = 'pending' AND o.severity >= ? AND d.failing_since > 0 AND d.failing_since <= ? "
        "AND o.destination IN (SELECT value FROM json_each(?)) AND NOT EXISTS ("
        "SELECT 1 FROM outbox s WHERE s.id = o.id AND s.state = 'sent' "
        "AND s.destination IN (SELECT value FROM json_each(?))) GROUP BY o.id ORDER BY o.at LIMIT 100",
        (int(least), failing_before, known, known),
    )
    tellings = []
    for (blob,) in found:
        with suppress(msgspec.MsgspecError):  # another version's: its own destination's round parks it
            tellings.append(msgspec.json.decode(blob, type=Telling))
    return tellings
