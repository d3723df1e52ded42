"""The history in its tables: increments add up, caps hold, and nobody who guesses pushes an account out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from nightporter.history import Account, Gap, Outage, Rows
from nightporter.model import DAY, HOUR
from nightporter.store import history

MONDAY, TUESDAY, WEDNESDAY = "2026-06-01", "2026-06-02", "2026-06-03"


@pytest.fixture
def store() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(history.SCHEMA)
    yield connection
    connection.close()


def account(user: str, at: int = 0, **more: object) -> Account:
    values: dict[str, object] = {
        "service": "ombi",
        "user": user,
        "first": at,
        "last": at,
        "successes": 1,
        **more,
    }
    return Account(**values)  # type: ignore[arg-type]  # the fields of the dict above


def logins(*accounts: Account) -> Rows:
    return Rows(logins={(a.service, a.user): a for a in accounts})


def test_numbers_add_up_and_are_read_by_days(store: sqlite3.Connection) -> None:
    history.add(store, Rows(counts={(MONDAY, "lines", "traefik"): 2, (TUESDAY, "lines", "traefik"): 5}))
    history.add(store, Rows(counts={(MONDAY, "lines", "traefik"): 3, (WEDNESDAY, "refused", ""): 1}))
    assert history.counts(store, MONDAY, TUESDAY) == {
        (MONDAY, "lines", "traefik"): 5,
        (TUESDAY, "lines", "traefik"): 5,
    }


def test_the_first_day_is_the_first_that_was_watched(store: sqlite3.Connection) -> None:
    assert history.first_day(store) is None
    counts = {(MONDAY, "lines", "traefik"): 2, (TUESDAY, "watched_s", ""): 5, (WEDNESDAY, "watched_s", ""): 5}
    history.add(store, Rows(counts=counts))  # type: ignore[arg-type]  # the literals of What, widened
    assert history.first_day(store) == TUESDAY


def test_an_account_grows_with_its_logins(store: sqlite3.Connection) -> None:
    history.add(store, logins(account("anna", 100, client="192.168.1.20")))
    history.add(store, Rows(failures={("ombi", "anna"): 2, ("ombi", "root"): 9}))
    history.add(store, logins(account("anna", 50, client="10.0.0.1"), account("ben", 70)))
    history.add(store, logins(account("anna", 300, successes=2)))
    anna, ben = history.accounts(store)
    assert anna == account("anna", first=50, last=300, successes=4, failures=2, client="192.168.1.20")
    assert ben == account("ben", 70)


def test_who_guesses_makes_no_account(store: sqlite3.Connection) -> None:
    history.add(store, logins(account("anna", 100)))
    for number in range(10):
        history.add(store, Rows(failures={("ombi", f"guess{number * 500 + n}"): 1 for n in range(500)}))
    history.prune(store, MONDAY, TUESDAY, 0)
    assert [a.user for a in history.accounts(store)] == ["anna"]


def test_of_too_many_accounts_those_not_seen_for_longest_go(store: sqlite3.Connection) -> None:
    history.add(store, logins(*(account(f"user{n}", n) for n in range(history.MOST_ACCOUNTS + 3))))
    history.prune(store, MONDAY, TUESDAY, 0)
    kept = history.accounts(store)
    assert len(kept) == history.MOST_ACCOUNTS
    assert min(a.last for a in kept) == 3


def test_a_day_under_attack_keeps_its_busiest_addresses(store: sqlite3.Connection) -> None:
    many = {
        (MONDAY, f"10.{n // 65536}.{n // 256 % 256}.{n % 256}"): 1 for n in range(history.MOST_ADDRESSES + 7)
    }
    history.add(store, Rows(refused={(MONDAY, "203.0.113.9"): 500}))
    history.add(store, Rows(refused=many))
    (kept,) = store.execute("SELECT count(*) FROM history_refused").fetchone()
    assert kept == history.MOST_ADDRESSES // 2
    assert history.refused(store, MONDAY, MONDAY)[0] == ("203.0.113.9", 500)
    assert history.most_refused(store, MONDAY, MONDAY) == len(many) + 1


def test_of_a_day_that_is_over_only_the_top_is_kept(store: sqlite3.Connection) -> None:
    rows = {(day, f"192.0.2.{n}"): n for day in (MONDAY, TUESDAY) for n in range(1, 41)}
    history.add(store, Rows(refused=rows))
    history.prune(store, MONDAY, TUESDAY, 0)
    by_day = dict(store.execute("SELECT day, count(*) FROM history_refused GROUP BY day").fetchall())
    assert by_day == {MONDAY: history.TOP, TUESDAY: 40}
    assert history.most_refused(store, MONDAY, MONDAY) == 40
    assert history.refused(store, MONDAY, TUESDAY)[0] == ("192.0.2.40", 80)
    assert len(history.refused(store, MONDAY, TUESDAY)) == history.TOP


def test_outages_are_kept_once_and_read_where_they_reach_into_the_time(store: sqlite3.Connection) -> None:
    history.add(store, Rows(outages=[Outage("plex", 10 * HOUR, 12 * HOUR), Outage("ombi", HOUR, 2 * HOUR)]))
    history.add(store, Rows(outages=[Outage("plex", 11 * HOUR, 12 * HOUR)]))
    assert history.outages(store, 11 * HOUR, 24 * HOUR) == [Outage("plex", 10 * HOUR, 12 * HOUR)]
    assert history.outages(store, 2 * HOUR, 10 * HOUR) == []


def test_a_time_without_a_watch_is_kept_once_and_forgotten_with_the_rest(store: sqlite3.Connection) -> None:
    for gap in (Gap(HOUR, 2 * HOUR), Gap(5 * HOUR, 6 * HOUR), Gap(5 * HOUR, 7 * HOUR)):
        history.add_gap(store, gap)
    assert history.gaps(store, 2 * HOUR, 24 * HOUR) == [Gap(5 * HOUR, 7 * HOUR)]
    assert history.gaps(store, 0, HOUR + 1) == [Gap(HOUR, 2 * HOUR)]
    history.prune(store, MONDAY, TUESDAY, 3 * HOUR)
    assert history.gaps(store, 0, DAY) == [Gap(5 * HOUR, 7 * HOUR)]


def test_of_very_many_gaps_the_newest_are_kept(store: sqlite3.Connection) -> None:
    store.executemany(
        "INSERT INTO history_gaps VALUES (?, ?)", [(n, n + 1) for n in range(history.MOST_GAPS + 9)]
    )
    history.prune(store, MONDAY, TUESDAY, 0)
    kept = history.gaps(store, 0, DAY)
    assert (len(kept), kept[0]) == (history.MOST_GAPS, Gap(9, 10))


def test_what_is_long_ago_is_forgotten(store: sqlite3.Connection) -> None:
    history.add(
        store,
        Rows(
            counts={(MONDAY, "lines", "a"): 1, (TUESDAY, "lines", "a"): 1},
            refused={(MONDAY, "192.0.2.1"): 1},
            outages=[Outage("plex", 0, HOUR), Outage("plex", DAY, 2 * DAY)],
        ),
    )
    history.prune(store, TUESDAY, WEDNESDAY, HOUR + 1)
    assert list(history.counts(store, MONDAY, WEDNESDAY)) == [(TUESDAY, "lines", "a")]
    assert history.refused(store, MONDAY, WEDNESDAY) == []
    assert history.outages(store, 0, 9 * DAY) == [Outage("plex", DAY, 2 * DAY)]


def test_what_was_written_is_sound_to_any_sqlite(store: sqlite3.Connection) -> None:
    history.add(store, logins(account("anna")))
    history.add(store, Rows(counts={(MONDAY, "lines", "traefik"): 2}, refused={(MONDAY, "203.0.113.9"): 1}))
    history.add(store, Rows(outages=[Outage("plex", 0, HOUR)]))
    assert store.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    for (table,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        in_key = [bool(row[5]) for row in store.execute(f"PRAGMA table_info({table})")]
        assert in_key == sorted(in_key, reverse=True), f"{table}: the key's columns come first"
