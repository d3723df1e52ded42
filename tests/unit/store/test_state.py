"""What the commit keeps and gives back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec
import pytest

from nightporter.detect.changes import LearnedRow, WindowRow
from nightporter.model import DAY, Episode, Incident, Position, Severity
from nightporter.store import incidents, state


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:")
    made.executescript(state.SCHEMA)
    made.executescript(incidents.SCHEMA)
    yield made
    made.close()


def test_positions_are_replaced_and_an_empty_mark_forgets(connection: sqlite3.Connection) -> None:
    state.save_positions(connection, [Position("a", "1", b"x"), Position("a", "2", b"y")])
    state.save_positions(connection, [Position("a", "1", b"z"), Position("a", "2", b"")])
    assert state.load_positions(connection) == {"a": {"1": b"z"}}


def test_window_rows_are_replaced_and_deleted(connection: sqlite3.Connection) -> None:
    state.save_windows(connection, [WindowRow("r", b"k", b"1"), WindowRow("r", b"l", b"2")])
    state.save_windows(connection, [WindowRow("r", b"k", b"3"), WindowRow("r", b"l", None)])
    assert state.load_windows(connection) == [WindowRow("r", b"k", b"3")]


def test_learned_values_are_replaced_and_deleted(connection: sqlite3.Connection) -> None:
    state.save_learned(connection, [LearnedRow("l", "a", 1), LearnedRow("l", "b", 2)])
    state.save_learned(connection, [LearnedRow("l", "a", 3), LearnedRow("l", "b", None)])
    assert state.load_learned(connection) == [LearnedRow("l", "a", 3)]


def test_texts_by_name(connection: sqlite3.Connection) -> None:
    assert state.load_text(connection, "n") is None
    state.save_text(connection, "n", "one")
    state.save_text(connection, "n", "two")
    assert state.load_text(connection, "n") == "two"


def incident(name: str, told_at: int) -> Incident:
    episode = Episode(
        id=name,
        rule="r",
        key={"client_ip": "203.0.113.9"},
        severity=Severity.high,
        first=0,
        last=0,
        crossed=0,
        count=1,
    )
    return Incident(
        id=name,
        rule="r",
        key=episode.key,
        severity=episode.severity,
        title="t",
        first=0,
        last=0,
        episodes=1,
        count=1,
        open=True,
        episode=episode,
        crossing_told=0,
        told_at=told_at,
        told_count=1,
        told_severity=episode.severity,
        wait=1,
    )


def test_incidents_come_back_as_they_were_oldest_first(connection: sqlite3.Connection) -> None:
    incidents.save(connection, [incident("b", 2), incident("a", 1)])
    assert incidents.recent(connection, since=0) == [incident("a", 1), incident("b", 2)]
    assert incidents.recent(connection, since=2) == [incident("b", 2)]
    assert incidents.recent(connection, since=0, limit=1) == [incident("b", 2)]


def test_what_goes_on_is_current_however_long_ago_it_was_told(connection: sqlite3.Connection) -> None:
    over = msgspec.structs.replace(incident("over", 1), open=False)
    incidents.save(connection, [over, incident("going on", 2), incident("new", 9)])
    assert [i.id for i in incidents.current(connection, since=5)] == ["going on", "new"]
    assert [i.id for i in incidents.current(connection, since=0, limit=2)] == ["going on", "new"]


def test_an_incident_that_another_rule_leads_is_found_by_that(connection: sqlite3.Connection) -> None:
    incidents.save(connection, [incident("a", 1)])
    incidents.save(connection, [msgspec.structs.replace(incident("a", 1), rule="worse")])
    assert connection.execute("SELECT rule FROM incidents").fetchall() == [("worse",)]


def test_old_incidents_are_pruned(connection: sqlite3.Connection) -> None:
    incidents.save(connection, [incident("old", 0), incident("new", 95 * DAY)])
    assert incidents.prune(connection, now=100 * DAY) == 1
    assert incidents.recent(connection, since=0) == [incident("new", 95 * DAY)]
