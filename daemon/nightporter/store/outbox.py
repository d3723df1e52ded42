"""What is to be told, what was, and how each destination fares: three tables, functions on a connection.

A row is one telling for one destination. It is `pending` until a message that carried it was accepted
(`sent`) or refused for good (`parked`). `outbox_sent` remembers messages, which caps and folding count; a
message may carry many rows. `outbox_destination` holds what a retry must know over a restart.

Every function runs inside a transaction of the caller's. Disk use is bounded: a sent row keeps no text,
`prune` drops old ones, and `fold_oldest` bounds what waits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from nightporter.model import Severity, Stamp, Telling, short_id

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS outbox (
    id TEXT NOT NULL,
    destination TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    severity INTEGER NOT NULL,
    at INTEGER NOT NULL,
    weight INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    tried_at INTEGER NOT NULL DEFAULT 0,
    in_doubt INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    telling BLOB NOT NULL,
    PRIMARY KEY (destination, id)
);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (destination, severity, at, weight)
    WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS outbox_sent (
    destination TEXT NOT NULL,
    at INTEGER NOT NULL,
    shape TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity INTEGER NOT NULL,
    tellings INTEGER NOT NULL,
    remote TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_sent_at ON outbox_sent (destination, at);
CREATE TABLE IF NOT EXISTS outbox_destination (
    name TEXT PRIMARY KEY,
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER NOT NULL DEFAULT 0,
    set_at INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    broken INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    repeats INTEGER NOT NULL DEFAULT 0,
    last_sent INTEGER NOT NULL DEFAULT 0
);
"""

Shape = Literal["single", "folded", "digest", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One telling for one destination. `weight` is how many tellings it stands for (see `fold_oldest`)."""

    id: str
    destination: str
    telling: Telling
    weight: int = 1
    attempts: int = 0
    tried_at: Stamp = 0
    """When it was first tried; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """One message that a destination accepted. `rule` is empty for a digest."""

    at: Stamp
    shape: Shape
    rule: str = ""
    severity: Severity = Severity.medium
    tellings: int = 1
    remote: str = ""
    """The service's own id of the message, where it gives one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationState:
    """How a destination fares. `not_before` holds for the whole destination and was set at `set_at`."""

    failures: int = 0
    """Attempts that failed since the last one that did not."""
    failing_since: Stamp = 0
    set_at: Stamp = 0
    not_before: Stamp = 0
    broken: bool = False
    """It refused us as such (a deleted webhook, a wrong password): a person has to act."""
    error: str = ""
    """Why the last attempt failed; no secret in it."""
    repeats: int = 0
    """Messages sent again though the first sending may have arrived."""
    last_sent: Stamp = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of one destination by state; folded rows count as the tellings they stand for."""

    pending: int = 0
    sent: int = 0
    parked: int = 0


def insert(connection: sqlite3.Connection, rows: Iterable[OutboxRow]) -> None:
    """Add rows; one that is there already (same id and destination) stays as it is."""
    connection.executemany(
        "INSERT OR IGNORE INTO outbox (id, destination, severity, at, weight, telling) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                row.id,
                row.destination,
                int(row.telling.severity),
                row.telling.at,
                row.weight,
                _encoded(row.telling),
            )
            for row in rows
        ],
    )


def pending(connection: sqlite3.Connection, destination: str, limit: int) -> list[OutboxRow]:
    """What waits for this destination, the most severe and then the oldest first, at most `limit`.

    A row that cannot be read any more (another version wrote it) is parked and does not stop the rest.
    """
    found = connection.execute(
        "SELECT id, weight, attempts, tried_at, telling FROM outbox "
        "WHERE destination = ? AND state = 'pending' ORDER BY severity DESC, at, id LIMIT ?",
        (destination, limit),
    ).fetchall()
    rows = []
    for row_id, weight, attempts, tried_at, blob in found:
        try:
            telling = msgspec.json.decode(blob, type=Telling)
        except msgspec.MsgspecError as err:
            park(connection, destination, [row_id], 0, f"cannot be read: {err}")
            continue
        rows.append(
            OutboxRow(
                id=row_id,
                destination=destination,
                telling=telling,
                weight=weight,
                attempts=attempts,
                tried_at=tried_at,
            )
        )
    return rows


def begin(connection: sqlite3.Connection, destination: str, ids: Sequence[str], now: Stamp) -> None:
    """Note that these rows are about to be sent: whoever finds them so after a crash knows of the doubt."""
    connection.executemany(
        "UPDATE outbox SET attempts = attempts + 1, in_doubt = 1, "
        "tried_at = CASE tried_at WHEN 0 THEN ? ELSE tried_at END WHERE destination = ? AND id = ?",
        [(now, destination, row_id) for row_id in ids],
    )


def settle(
    connection: sqlite3.Connection, destination: str, ids: Sequence[str], error: str, *, unreached: bool
) -> None:
    """Note that an attempt ended without being accepted, and the rows go on waiting.

    `unreached`: no one saw the message, so the attempt does not count against it.
    """
    connection.executemany(
        "UPDATE outbox SET in_doubt = 0, error = ?, attempts = max(0, attempts - ?) "
        "WHERE destination = ? AND id = ?",
        [(error, int(unreached), destination, row_id) for row_id in ids],
    )


def mark_sent(
    connection: sqlite3.Connection, destination: str, ids: Sequence[str], message: SentMessage
) -> None:
    """Note that these rows were told, by this message."""
    connection.executemany(
        "UPDATE outbox SET state = 'sent', in_doubt = 0, done_at = ?, message = ?, error = '', telling = x'' "
        "WHERE destination = ? AND id = ?",
        [(message.at, message.remote, destination, row_id) for row_id in ids],
    )


def remember(connection: sqlite3.Connection, destination: str, message: SentMessage) -> None:
    """Keep that this message was accepted, for the caps and folding to come."""
    connection.execute(
        "INSERT INTO outbox_sent (destination, at, shape, rule, severity, tellings, remote) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            destination,
            message.at,
            message.shape,
            message.rule,
            int(message.severity),
            message.tellings,
            message.remote,
        ),
    )


def park(
    connection: sqlite3.Connection, destination: str, ids: Sequence[str], now: Stamp, error: str
) -> None:
    """Give these rows up: they are kept, counted and shown, and tried no more."""
    connection.executemany(
        "UPDATE outbox SET state = 'parked', in_doubt = 0, done_at = ?, error = ? "
        "WHERE destination = ? AND id = ?",
        [(now, error, destination, row_id) for row_id in ids],
    )


def history(connection: sqlite3.Connection, destination: str, since: Stamp) -> list[SentMessage]:
    """The messages that this destination accepted since then, oldest first."""
    found = connection.execute(
        "SELECT at, shape, rule, severity, tellings, remote FROM outbox_sent "
        "WHERE destination = ? AND at >= ? ORDER BY at",
        (destination, since),
    )
    return [
        SentMessage(
            at=at, shape=shape, rule=rule, severity=Severity(severity), tellings=tellings, remote=remote
        )
        for at, shape, rule, severity, tellings, remote in found
    ]


def counts(connection: sqlite3.Connection, destination: str) -> Counts:
    """How many tellings wait, were sent and were parked, of those still kept."""
    found = connection.execute(
        "SELECT state, sum(weight) FROM outbox WHERE destination = ? GROUP BY state", (destination,)
    )
    return Counts(**{state: total for state, total in found if state in ("pending", "sent", "parked")})


def waiting(connection: sqlite3.Connection, destination: str) -> int:
    """How many tellings wait for this destination; cheap."""
    (total,) = connection.execute(
        "SELECT coalesce(sum(weight), 0) FROM outbox WHERE destination = ? AND state = 'pending'",
        (destination,),
    ).fetchone()
    return int(total)


def destination_state(connection: sqlite3.Connection, name: str) -> DestinationState:
    """How this destination fares; one never heard of fares well."""
    row = connection.execute(
        "SELECT failures, failing_since, set_at, not_before, broken, error, repeats, last_sent "
        "FROM outbox_destination WHERE name = ?",
        (name,),
    ).fetchone()
    if row is None:
        return DestinationState()
    return DestinationState(
        failures=row[0],
        failing_since=row[1],
        set_at=row[2],
        not_before=row[3],
        broken=bool(row[4]),
        error=row[5],
        repeats=row[6],
        last_sent=row[7],
    )


def save_state(connection: sqlite3.Connection, name: str, state: DestinationState) -> None:
    """Keep how this destination fares."""
    connection.execute(
        "INSERT OR REPLACE INTO outbox_destination (name, failures, failing_since, set_at, not_before, "
        "broken, error, repeats, last_sent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            state.failures,
            state.failing_since,
            state.set_at,
            state.not_before,
            int(state.broken),
            state.error,
            state.repeats,
            state.last_sent,
        ),
    )


def recover(connection: sqlite3.Connection, known: Collection[str], now: Stamp) -> None:
    """After a start: count what a crash left in doubt as possible repeats, and park what no longer has a
    destination. Run it once, before anything is sent."""
    doubtful = connection.execute(
        "SELECT destination, count(DISTINCT attempts || ' ' || tried_at) FROM outbox "
        "WHERE state = 'pending' AND in_doubt = 1 GROUP BY destination"
    ).fetchall()
    for name, messages in doubtful:
        connection.execute("INSERT OR IGNORE INTO outbox_destination (name) VALUES (?)", (name,))
        connection.execute(
            "UPDATE outbox_destination SET repeats = repeats + ? WHERE name = ?", (messages, name)
        )
    connection.execute("UPDATE outbox SET in_doubt = 0 WHERE in_doubt = 1")
    waiting = connection.execute("SELECT DISTINCT destination FROM outbox WHERE state = 'pending'").fetchall()
    for (name,) in waiting:
        if name not in known:
            connection.execute(
                "UPDATE outbox SET state = 'parked', done_at = ?, "
                "error = 'the config has no such destination' WHERE destination = ? AND state = 'pending'",
                (now, name),
            )


def fold_oldest(connection: sqlite3.Connection, destination: str, keep: int) -> int:
    """Keep at most about `keep` rows waiting: fold the least severe, and of these the oldest, into one row
    per rule and severity that stands for all of them. Returns how many rows went.

    Nothing is dropped: the row that is left says how many it stands for and over which time, at the same
    severity; each telling is on the page all the same. High and critical rows are folded last.
    """
    (waiting,) = connection.execute(
        "SELECT count(*) FROM outbox WHERE destination = ? AND state = 'pending'", (destination,)
    ).fetchone()
    if waiting <= keep:
        return 0
    victims = connection.execute(
        "SELECT id, weight, telling FROM outbox WHERE destination = ? AND state = 'pending' AND in_doubt = 0 "
        "ORDER BY severity, at, id LIMIT ?",
        (destination, waiting - keep // 2),
    ).fetchall()
    groups: dict[tuple[str, Severity], list[tuple[str, int, Telling]]] = {}
    for row_id, weight, blob in victims:
        telling = msgspec.json.decode(blob, type=Telling)
        groups.setdefault((telling.rule or telling.title, telling.severity), []).append(
            (row_id, weight, telling)
        )
    for members in groups.values():
        if len(members) > 1:
            _fold(connection, destination, members)
    (left,) = connection.execute(
        "SELECT count(*) FROM outbox WHERE destination = ? AND state = 'pending'", (destination,)
    ).fetchone()
    return int(waiting - left)


def _fold(
    connection: sqlite3.Connection, destination: str, members: Sequence[tuple[str, int, Telling]]
) -> None:
    weight = sum(weight for _, weight, _ in members)
    newest = max((telling for _, _, telling in members), key=lambda t: t.at)
    folded = msgspec.structs.replace(
        newest,
        id=short_id("folded", destination, *(row_id for row_id, _, _ in members)),
        first=min((t.first or t.at) for _, _, t in members),
        last=max((t.last or t.at) for _, _, t in members),
        count=sum(t.count for _, _, t in members),
        samples=[],
    )
    connection.executemany(
        "DELETE FROM outbox WHERE destination = ? AND id = ?",
        [(destination, row_id) for row_id, _, _ in members],
    )
    insert(connection, [OutboxRow(id=folded.id, destination=destination, telling=folded, weight=weight)])


def prune(connection: sqlite3.Connection, before: Stamp, keep: int) -> None:
    """Forget what was sent or parked before then, and all but the newest `keep` of it."""
    connection.execute("DELETE FROM outbox WHERE state != 'pending' AND done_at < ?", (before,))
    connection.execute("DELETE FROM outbox_sent WHERE at < ?", (before,))
    connection.execute(
        "DELETE FROM outbox WHERE state != 'pending' AND rowid NOT IN "
        "(SELECT rowid FROM outbox WHERE state != 'pending' ORDER BY done_at DESC LIMIT ?)",
        (keep,),
    )


def _encoded(telling: Telling) -> bytes:
    return msgspec.json.encode(telling)
