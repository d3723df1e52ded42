"""An open door while a name of the list has no address: told, but as what it may be."""

from __future__ import annotations

from dataclasses import replace

from tests.parts.scene import NOON, rule_named, shipped

from nightporter.allowlist.entries import Listed, entry_of
from nightporter.allowlist.given import with_lists
from nightporter.allowlist.keeping import FAILURES, Keeper
from nightporter.detect.engine import Engine
from nightporter.model import MINUTE, SECOND, Episode, Event, Fields, Origin, Severity, Untrusted
from nightporter.rule import Ruleset

NAME = "ada.dyn.test"
STRANGER = "198.51.100.9"
TRAEFIK = Origin(source="traefik", kind="file", stream="x", format="traefik")


def keeper() -> Keeper:
    made = Keeper()
    entries = tuple(map(entry_of, ("192.168.1.0/24", NAME)))
    made.see(Listed("/srv/.env", "IP_ALLOW_LIST", entries), ["media"], NOON)
    return made


def rules(known: Keeper) -> Ruleset:
    return with_lists(replace(shipped(), rules=(rule_named("allow-list-open"),)), known.state())


def visited(engine: Engine, second: int, client: str) -> list[Episode]:
    """A client is let in by the router that should refuse it."""
    time = NOON + second * SECOND
    fields: Fields = {
        "router": "media", "client_ip": client, "status": 200, "path": "/", "upstream": "http://10.0.0.5:80",
        "time": time, "arrived": time,
    }  # fmt: skip
    event = Event(
        fields=fields, time=time, arrived=time, origin=TRAEFIK, format="traefik", position=str(second),
        raw=Untrusted(""),
    )  # fmt: skip
    engine.judge(event, engine.plan(TRAEFIK, ("traefik",)))
    return engine.take_changes().episodes


def test_a_name_holds_the_rules_up_only_until_it_is_told_to_have_no_address() -> None:
    known = keeper()
    for number in range(FAILURES):
        assert known.state() is None
        assert known.records() == []
        known.answer(NAME, [], NOON + number * MINUTE)
    state = known.state()
    assert state is not None
    assert state.unresolved == (NAME,)
    assert [record["action"] for record in known.records()] == ["unresolved"]
    # After a restart it is tried anew first: the name server of a machine that has just come up may be late.
    again = Keeper(known.mark)
    assert again.state() is None


def test_an_open_door_is_told_less_loudly_and_names_who_it_may_have_been() -> None:
    known = keeper()
    for number in range(FAILURES):
        known.answer(NAME, [], NOON + number * MINUTE)
    engine = Engine(rules(known))
    assert visited(engine, 0, "192.168.1.20") == []
    (quiet,) = visited(engine, 1, STRANGER)
    assert quiet.severity is Severity.medium
    assert quiet.message.endswith(f"unless that was {NAME} of the list, whose address is not known")

    known.answer(NAME, ["203.0.113.7"], NOON + 5 * MINUTE)
    engine.swap(rules(known))
    assert visited(engine, 2, "203.0.113.7") == [], "it was this one, perhaps, and is known now"
    (loud,) = visited(engine, 3, STRANGER)
    assert (loud.id, loud.severity) == (quiet.id, Severity.critical)
    assert "unless" not in loud.message


def test_where_all_is_known_the_first_stranger_is_critical() -> None:
    known = keeper()
    known.answer(NAME, ["203.0.113.7"], NOON)
    (loud,) = visited(Engine(rules(known)), 0, STRANGER)
    assert loud.severity is Severity.critical
    assert loud.message.endswith("answered 200")


def test_a_name_that_had_an_address_keeps_it_for_as_long_as_it_fails() -> None:
    known = keeper()
    known.answer(NAME, ["203.0.113.7"], NOON)
    for number in range(3 * FAILURES):
        known.answer(NAME, [], NOON + number * MINUTE)
    again = Keeper(known.mark)
    for which in (known, again):
        state = which.state()
        assert state is not None
        assert ("203.0.113.7/32" in state.networks, state.unresolved) == (True, ())
