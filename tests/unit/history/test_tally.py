"""What a day's numbers are made of, and that nothing grows without end."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter import origins
from nightporter.history import Account, Tally
from nightporter.history.rows import OTHERS
from nightporter.history.tally import ADDRESSES, NAMES_A_DAY, USERS, merged
from nightporter.model import DAY, MINUTE, SECOND, Chunk, Event, Position, Stamp, Untrusted, Value
from nightporter.notify.localtime import day_of, zone_of

NOON: Stamp = 1_780_315_200 * SECOND
"""2026-06-01 12:00 UTC."""
TODAY = "2026-06-01"


def tally(zone: str = "UTC") -> Tally:
    return Tally(partial(day_of, zone=zone_of(zone)))


def chunk(source: str, data: bytes, at: Stamp = NOON) -> Chunk:
    return Chunk(
        origin=origins.named(source),
        data=data,
        start=0,
        identity="x",
        end=Position(source, "x", b"1"),
        arrived=at,
    )


def event(form: str = "traefik", at: Stamp = NOON, **fields: Value) -> Event:
    return Event(
        fields=dict(fields),
        time=at,
        arrived=at,
        origin=origins.named("traefik"),
        format=form,
        position="p",
        raw=Untrusted(""),
    )


def login(user: str, outcome: str = "success", at: Stamp = NOON, **more: Value) -> Event:
    fields: dict[str, Value] = {"event": "login", "outcome": outcome, "service": "ombi", "user": user, **more}
    return event("text", at, **fields)


def test_lines_count_by_source_and_day() -> None:
    counting = tally()
    counting.chunk(chunk("traefik", b"a\nb\n"))
    counting.chunk(chunk("traefik", b"c\n", NOON + DAY))
    counting.chunk(chunk("docker", b"d\n"))
    counting.chunk(chunk("docker", b""))
    assert counting.take().counts == {
        (TODAY, "lines", "traefik"): 2,
        ("2026-06-02", "lines", "traefik"): 1,
        (TODAY, "lines", "docker"): 1,
    }
    assert not counting
    assert not counting.take()


def test_a_day_is_the_owners() -> None:
    counting = tally("Pacific/Kiritimati")  # 14 hours ahead
    counting.chunk(chunk("traefik", b"a\n"))
    assert list(counting.take().counts) == [("2026-06-02", "lines", "traefik")]


def test_a_refusal_is_traefiks_own_403() -> None:
    counting = tally()
    for address in ("203.0.113.9", "203.0.113.9", "2001:db8::1"):
        counting.event(event(status=403, client_ip=address, duration=0.1, router="app"))
    counting.event(event(status=403, client_ip="203.0.113.9", upstream="http://app", router="app"))
    counting.event(event("text", status=403, client_ip="203.0.113.9"))
    counting.event(event(status=404, client_ip="203.0.113.9", router="app"))  # rejectStatusCode: 404
    rows = counting.take()
    assert rows.refused == {(TODAY, "203.0.113.9"): 3, (TODAY, "2001:db8::1"): 1}
    assert rows.counts == {(TODAY, "refused", ""): 4}


def test_what_no_router_takes_is_counted_where_the_format_names_routers() -> None:
    counting = tally()
    counting.event(event(status=404, duration=0.1))
    counting.event(event(status=404, duration=0.1, router="app", upstream="http://app"))
    counting.event(event(status=404))  # genericCLF names none
    assert counting.take().counts == {(TODAY, "unrouted", ""): 1}


def test_only_a_success_makes_an_account() -> None:
    counting = tally()
    counting.event(login("anna", client_ip="192.168.1.20"))
    counting.event(login("anna", at=NOON + MINUTE, client_ip="192.168.1.21"))
    counting.event(login("root", "failure"))
    counting.event(login("anna", "failure"))
    counting.event(login("", "success"))
    counting.event(login("mallory", torn="for"))
    rows = counting.take()
    assert list(rows.logins.values()) == [
        Account(
            service="ombi", user="anna", first=NOON, last=NOON + MINUTE, successes=2, client="192.168.1.21"
        )
    ]
    assert rows.failures == {("ombi", "root"): 1, ("ombi", "anna"): 1}
    assert rows.counts == {(TODAY, "failures", "ombi"): 2}


def test_an_outage_is_its_end_and_how_long_it_was() -> None:
    counting = tally()
    up = {
        "probe": "http",
        "name": "front",
        "service": "plex",
        "action": "up",
        "downtime": 840.5,
        "time": NOON,
    }
    acme, canary = {**up, "probe": "acme"}, {**up, "probe": "canary"}
    down = {**up, "action": "down"}
    for record in (up, acme, canary, down, {"downtime": "long"}, [1], "x"):
        counting.chunk(chunk("probe", msgspec.json.encode(record) + b"\n"))
    counting.chunk(chunk("probe", b'{"half'))
    (outage,) = counting.take().outages
    assert (outage.service, outage.end - outage.start, outage.end) == ("plex", 840_500_000_000, NOON)


def test_what_our_own_requests_left_counts_apart() -> None:
    counting = tally()
    counting.chunk(chunk("traefik", b"a\nb\nc\n"), own=2)
    counting.chunk(chunk("inside", b"a\n"), own=1)
    assert counting.take().counts == {
        (TODAY, "lines", "traefik"): 1,
        (TODAY, "own_lines", "traefik"): 2,
        (TODAY, "own_lines", "inside"): 1,
    }


def test_a_file_that_was_accepted_is_no_change() -> None:
    counting = tally()
    record = {"action": "accepted", "path": "/etc/hosts", "time": NOON}
    counting.chunk(chunk("integrity", msgspec.json.encode(record) + b"\n"))
    assert counting.take().counts == {}


def test_a_changed_file_counts_by_its_path() -> None:
    counting = tally()
    record = {"action": "changed", "path": "/etc/hosts", "time": NOON, "accepted": False}
    counting.chunk(chunk("integrity", msgspec.json.encode(record) + b"\n"))
    counting.chunk(chunk("probe", msgspec.json.encode(record) + b"\n"))
    assert counting.take().counts == {(TODAY, "changed", "/etc/hosts"): 1}


def test_looks_make_the_time_that_was_watched() -> None:
    counting = tally()
    for seconds in (0, 5, 10.7, 15, 20):
        counting.looked(NOON + round(seconds * SECOND), ["docker"] if seconds == 15 else [])
    assert counting.take().counts == {(TODAY, "watched_s", ""): 20, (TODAY, "blind_s", "docker"): 5}


@pytest.mark.parametrize("jump", [DAY, -DAY, 31 * SECOND], ids=["asleep", "set back", "a long pause"])
def test_a_gap_between_looks_was_not_watched(jump: int) -> None:
    counting = tally()
    counting.looked(NOON, [])
    counting.looked(NOON + jump, [])
    assert not counting.take()
    counting.looked(NOON + jump + 5 * SECOND, [])
    assert list(counting.take().counts.values()) == [5]


def test_names_addresses_and_users_have_caps() -> None:
    counting = tally()
    for number in range(max(ADDRESSES, USERS, NAMES_A_DAY) + 50):
        counting.event(event(status=403, client_ip=f"2001:db8::{number:x}", router="app"))
        counting.event(login(f"user{number}", "failure", service=f"service{number}"))
    rows = counting.take()
    assert len(rows.refused) == ADDRESSES
    assert rows.counts[(TODAY, "refused", "")] == ADDRESSES + 50
    assert len(rows.failures) == USERS
    failures = {name: n for (_, what, name), n in rows.counts.items() if what == "failures"}
    assert len(failures) == NAMES_A_DAY + 1
    assert sum(failures.values()) == ADDRESSES + 50
    assert failures[OTHERS] == ADDRESSES + 50 - NAMES_A_DAY


def test_a_name_is_short_and_can_be_kept() -> None:
    counting = tally()
    counting.event(login("\ud800" + "x" * 5000))
    ((_, user),) = counting.take().logins
    assert len(user) <= 120
    user.encode()


stamps = st.integers(NOON, NOON + DAY)


@given(st.permutations(list(range(4))), st.lists(stamps, min_size=4, max_size=4))
def test_merging_accounts_does_not_depend_on_the_order(order: list[int], at: list[Stamp]) -> None:
    logins = [
        Account(service="s", user="u", first=t, last=t, successes=1, client=f"c{t}" if t % 2 else "")
        for t in at
    ]

    def all_of(them: list[Account]) -> Account:
        first, *rest = them
        for each in rest:
            first = merged(first, each)
        return first

    one, other = all_of(logins), all_of([logins[n] for n in order])
    assert (one.first, one.last, one.successes) == (other.first, other.last, other.successes)
    assert one.first == min(at)
    assert one.successes == 4
