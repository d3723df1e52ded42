"""The outbox's tables on a database in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from tests.parts.telling import MIDDAY, telling

from nightporter.model import DAY, Severity
from nightporter.store import outbox as store
from nightporter.store.outbox import Counts, DestinationState, OutboxRow, SentMessage


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(store.SCHEMA)
    yield connection
    connection.close()


def rows(*numbers: int, severity: Severity = Severity.medium, rule: str = "r") -> list[OutboxRow]:
    made = [telling(n, severity=severity, rule=rule, at=MIDDAY + n) for n in numbers]
    return [OutboxRow(id=t.id, destination="phone", telling=t) for t in made]


def test_a_row_comes_back_as_it_was_and_only_once(db: sqlite3.Connection) -> None:
    store.insert(db, rows(1, 2))
    store.insert(db, rows(2))
    assert store.pending(db, "phone", 10) == rows(1, 2)
    assert store.pending(db, "post", 10) == []


def test_what_was_sent_never_waits_again(db: sqlite3.Connection) -> None:
    store.insert(db, rows(1))
    (row,) = store.pending(db, "phone", 10)
    store.mark_sent(db, "phone", [row.id], SentMessage(at=MIDDAY, shape="single", remote="99"))
    store.insert(db, rows(1))
    assert store.pending(db, "phone", 10) == []
    assert store.counts(db, "phone") == Counts(sent=1)


def test_a_row_of_another_version_is_parked(db: sqlite3.Connection) -> None:
    store.insert(db, rows(1, 2))
    db.execute("UPDATE outbox SET telling = '{\"severity\": 99}' WHERE id = ?", (rows(1)[0].id,))
    assert store.pending(db, "phone", 10) == rows(2)
    assert store.counts(db, "phone") == Counts(pending=1, parked=1)


def test_what_a_crash_left_in_doubt_is_counted_once(db: sqlite3.Connection) -> None:
    store.insert(db, rows(1, 2, 3))
    ids = [row.id for row in rows(1, 2)]
    store.begin(db, "phone", ids, MIDDAY)
    for _ in range(2):
        store.recover(db, ["phone"], MIDDAY)
        assert store.destination_state(db, "phone").repeats == 1
    assert len(store.pending(db, "phone", 10)) == 3


def test_rows_of_a_destination_that_is_gone_are_parked(db: sqlite3.Connection) -> None:
    store.insert(db, rows(1))
    store.recover(db, ["post"], MIDDAY)
    assert store.counts(db, "phone") == Counts(parked=1)


def test_too_many_waiting_are_folded_the_least_severe_first(db: sqlite3.Connection) -> None:
    store.insert(db, rows(*range(100), severity=Severity.low, rule="noise"))
    store.insert(db, rows(*range(100, 110), severity=Severity.critical, rule="fire"))
    store.fold_oldest(db, "phone", 60)
    waiting = store.pending(db, "phone", 1000)
    assert len(waiting) <= 60
    assert sum(row.weight for row in waiting) == 110
    assert store.waiting(db, "phone") == 110
    assert sum(row.telling.severity == Severity.critical for row in waiting) == 10
    heavy = max(waiting, key=lambda row: row.weight)
    assert heavy.telling.count == 25 * heavy.weight
    assert heavy.telling.first < heavy.telling.last


def test_folding_again_adds_up(db: sqlite3.Connection) -> None:
    for start in range(0, 1000, 100):
        store.insert(db, rows(*range(start, start + 100), severity=Severity.high))
        store.fold_oldest(db, "phone", 40)
    waiting = store.pending(db, "phone", 1000)
    assert len(waiting) <= 40
    assert sum(row.weight for row in waiting) == 1000
    assert {row.telling.severity for row in waiting} == {Severity.high}


def test_old_and_many_are_pruned_but_nothing_that_waits(db: sqlite3.Connection) -> None:
    store.insert(db, rows(*range(10)))
    for n, row in enumerate(rows(*range(6))):
        message = SentMessage(at=MIDDAY - (40 - n) * DAY, shape="single")
        store.mark_sent(db, "phone", [row.id], message)
        store.remember(db, "phone", message)
    store.prune(db, MIDDAY - 38 * DAY, 2)
    assert store.counts(db, "phone") == Counts(pending=4, sent=2)
    assert len(store.history(db, "phone", 0)) == 4


def test_how_a_destination_fares_is_kept(db: sqlite3.Connection) -> None:
    assert store.destination_state(db, "phone") == DestinationState()
    state = DestinationState(failures=3, failing_since=1, set_at=2, not_before=9, broken=True, error="404")
    store.save_state(db, "phone", state)
    assert store.destination_state(db, "phone") == state
