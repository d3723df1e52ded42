"""The history of days: numbers, refused addresses, accounts and outages, all of them bounded.

| table | holds at most |
| --- | --- |
| `history_counts` | 400 days of some hundred names |
| `history_refused` | 4,000 addresses of a day; 20 of each day that is over |
| `history_accounts` | 2,000; only a successful login makes one, so nobody who guesses can push one out |
| `history_outages` | 5,000 |
| `history_gaps` | 5,000 |
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from nightporter.history.rows import Account, Day, Gap, Outage, Rows, What
from nightporter.model import Stamp

# The columns of a key come first: else SQLite before 3.41 calls a sound table damaged ("NULL value in …").
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS history_counts (
    day TEXT NOT NULL, what TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (day, what, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history_refused (
    day TEXT NOT NULL, address TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (day, address)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history_accounts (
    service TEXT NOT NULL, user TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    successes INTEGER NOT NULL, failures INTEGER NOT NULL, client TEXT NOT NULL,
    PRIMARY KEY (service, user)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history_outages (
    service TEXT NOT NULL, "end" INTEGER NOT NULL, start INTEGER NOT NULL,
    PRIMARY KEY (service, "end")
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history_gaps (start INTEGER PRIMARY KEY, "end" INTEGER NOT NULL);
"""

MOST_ADDRESSES: Final = 4_000
TOP: Final = 20
MOST_ACCOUNTS: Final = 2_000
MOST_OUTAGES: Final = 5_000
MOST_GAPS: Final = 5_000


def add(connection: sqlite3.Connection, rows: Rows) -> None:
    """Add what one commit counted."""
    _count(connection, rows.counts)
    connection.executemany(
        "INSERT INTO history_refused VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(day, address, count) for (day, address), count in rows.refused.items()],
    )
    for day in {day for day, _ in rows.refused}:
        _cut(connection, day, MOST_ADDRESSES, MOST_ADDRESSES // 2)
    _add_accounts(connection, rows.logins.values(), rows.failures)
    connection.executemany(
        "INSERT INTO history_outages VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET start = min(start, excluded.start)",
        [(outage.service, outage.end, outage.start) for outage in rows.outages],
    )


def add_gap(connection: sqlite3.Connection, gap: Gap) -> None:
    """Note when nothing was watched. One that goes on from the same moment takes the place of the first."""
    connection.execute(
        'INSERT INTO history_gaps VALUES (?, ?) ON CONFLICT DO UPDATE SET "end" = max("end", excluded."end")',
        (gap.start, gap.end),
    )


def _count(connection: sqlite3.Connection, counts: Mapping[tuple[Day, What, str], int]) -> None:
    connection.executemany(
        "INSERT INTO history_counts VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(*key, count) for key, count in counts.items()],
    )


def _add_accounts(
    connection: sqlite3.Connection, logins: Iterable[Account], failures: Mapping[tuple[str, str], int]
) -> None:
    connection.executemany(
        "INSERT INTO history_accounts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "first = min(first, excluded.first), successes = successes + excluded.successes, "
        "client = CASE WHEN excluded.last >= last AND excluded.client != '' "
        "THEN excluded.client ELSE client END, "
        "last = max(last, excluded.last)",
        [(a.service, a.user, a.first, a.last, a.successes, a.failures, a.client) for a in logins],
    )
    connection.executemany(
        "UPDATE history_accounts SET failures = failures + ? WHERE service = ? AND user = ?",
        [(count, service, user) for (service, user), count in failures.items()],
    )


def _cut(connection: sqlite3.Connection, day: Day, most: int, keep: int) -> None:
    """Where a day has more than `most` addresses: the busiest `keep` stay, the others become a number."""
    (there,) = connection.execute("SELECT count(*) FROM history_refused WHERE day = ?", (day,)).fetchone()
    if there <= most:
        return
    connection.execute(
        "DELETE FROM history_refused WHERE day = ? AND address NOT IN "
        "(SELECT address FROM history_refused WHERE day = ? ORDER BY count DESC, address LIMIT ?)",
        (day, day, keep),
    )
    _count(connection, {(day, "refused_cut", ""): there - keep})


def prune(connection: sqlite3.Connection, before: Day, over: Day, stamp: Stamp) -> None:
    """Forget days before `before`, outages and gaps that ended before `stamp`; of days before `over` keep the
    busiest addresses alone; hold to the caps."""
    for table in ("history_counts", "history_refused"):
        connection.execute(f"DELETE FROM {table} WHERE day < ?", (before,))  # noqa: S608  (our own names)
    days = connection.execute(
        "SELECT day FROM history_refused WHERE day < ? GROUP BY day HAVING count(*) > ?", (over, TOP)
    ).fetchall()
    for (day,) in days:
        _cut(connection, day, TOP, TOP)
    connection.execute(
        "DELETE FROM history_accounts WHERE (service, user) IN "
        "(SELECT service, user FROM history_accounts ORDER BY last DESC LIMIT -1 OFFSET ?)",
        (MOST_ACCOUNTS,),
    )
    connection.execute('DELETE FROM history_outages WHERE "end" < ?', (stamp,))
    connection.execute(
        'DELETE FROM history_outages WHERE (service, "end") IN '
        '(SELECT service, "end" FROM history_outages ORDER BY "end" DESC LIMIT -1 OFFSET ?)',
        (MOST_OUTAGES,),
    )
    connection.execute('DELETE FROM history_gaps WHERE "end" < ?', (stamp,))
    connection.execute(
        "DELETE FROM history_gaps WHERE start IN "
        "(SELECT start FROM history_gaps ORDER BY start DESC LIMIT -1 OFFSET ?)",
        (MOST_GAPS,),
    )


def counts(connection: sqlite3.Connection, first: Day, last: Day) -> dict[tuple[Day, What, str], int]:
    """The numbers of these days, both included."""
    found = connection.execute(
        "SELECT day, what, name, count FROM history_counts WHERE day BETWEEN ? AND ?", (first, last)
    )
    return {(day, what, name): count for day, what, name, count in found}


def first_day(connection: sqlite3.Connection) -> Day | None:
    """The first day on which the daemon ran, of those that are remembered."""
    (day,) = connection.execute("SELECT min(day) FROM history_counts WHERE what = 'watched_s'").fetchone()
    return None if day is None else str(day)


def refused(connection: sqlite3.Connection, first: Day, last: Day) -> list[tuple[str, int]]:
    """The refused addresses of these days with their requests, busiest first, at most TOP. Of a day that is
    over only its own busiest count."""
    return connection.execute(
        "SELECT address, sum(count) AS total FROM history_refused WHERE day BETWEEN ? AND ? "
        "GROUP BY address ORDER BY total DESC, address LIMIT ?",
        (first, last, TOP),
    ).fetchall()


def most_refused(connection: sqlite3.Connection, first: Day, last: Day) -> int:
    """How many addresses were refused on the day that had most of them."""
    (most,) = connection.execute(
        "SELECT coalesce(max(n), 0) FROM (SELECT day, sum(n) AS n FROM ("
        "SELECT day, count(*) AS n FROM history_refused WHERE day BETWEEN ?1 AND ?2 GROUP BY day UNION ALL "
        "SELECT day, count FROM history_counts WHERE day BETWEEN ?1 AND ?2 AND what = 'refused_cut') "
        "GROUP BY day)",
        (first, last),
    ).fetchone()
    return int(most)


def accounts(connection: sqlite3.Connection) -> list[Account]:
    """All accounts that are known, by service and name."""
    found = connection.execute(
        "SELECT service, user, first, last, successes, failures, client FROM history_accounts "
        "ORDER BY service, user"
    )
    return [
        Account(service=s, user=u, first=f, last=ls, successes=n, failures=x, client=c)
        for s, u, f, ls, n, x, c in found
    ]


def outages(connection: sqlite3.Connection, since: Stamp, until: Stamp) -> list[Outage]:
    """Outages that touch this time, oldest first, each whole."""
    found = connection.execute(
        'SELECT service, start, "end" FROM history_outages WHERE "end" > ? AND start < ? ORDER BY start',
        (since, until),
    )
    return [Outage(*row) for row in found]


def gaps(connection: sqlite3.Connection, since: Stamp, until: Stamp) -> list[Gap]:
    """When nothing was watched: what touches this time, oldest first, each whole; they may overlap."""
    found = connection.execute(
        'SELECT start, "end" FROM history_gaps WHERE "end" > ? AND start < ? ORDER BY start', (since, until)
    )
    return [Gap(*row) for row in found]
