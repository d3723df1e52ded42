"""Where addresses are, as rules ask for it: looked up only then, off without, never taken from a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from nightporter import bundled
from nightporter.detect.engine import Engine
from nightporter.detect.lacking import off, off_for_places, usable
from nightporter.detect.places import Place
from nightporter.formats.fields import PLACES
from nightporter.lane import Arrival, Lane
from nightporter.model import DAY, SECOND, Chunk, Origin, Position
from nightporter.rule import PLACE_FIELDS, Ruleset
from nightporter.ruleset import SourceText, load, read

HOME, ABROAD = "192.168.1.20", "203.0.113.9"
ORIGIN = Origin(source="ombi", kind="file", stream="x", format="auto", services=("ombi",))
KNOWN: Mapping[str, Place] = {ABROAD: {"country": "NZ", "network": "AS64500 Rented"}}

NEW_COUNTRY = """
events:
  ombi:
    from: service:ombi
    when: {message|re: '^(?P<user>\\w+) from (?P<client_ip>\\S+)$'}
    set: {event: login, outcome: success, service: ombi}
rules:
  abroad:
    title: A login from a new country
    from: any
    when: {event: login}
    by: service
    first_seen: {fields: [country], learn: 7d, remember: 90d}
    message: "{country} {network}"
"""


def places(address: str) -> Place:
    return KNOWN.get(address, {})


def never(address: str) -> Place:
    pytest.fail(f"nobody asked where {address} is")


def ruleset(text: str, fields: frozenset[str] = PLACE_FIELDS) -> Ruleset:
    loaded = load([SourceText(name="x.yaml", text=text)])
    assert loaded.ok, loaded.problems
    return replace(loaded.ruleset, places=fields)


def judged(engine: Engine, *lines: tuple[int, str], origin: Origin = ORIGIN) -> list[str]:
    """The messages of the episodes that lines make, each at its day."""
    lane = Lane(origin, engine, Arrival(), scan=False)
    for number, (day, line) in enumerate(lines):
        lane.judge(
            Chunk(
                origin=origin,
                data=line.encode() + b"\n",
                start=number * 1_000,
                identity="x",
                end=Position("x", "x", b""),
                arrived=1_780_315_200 * SECOND + day * DAY,
            )
        )
    return [episode.message for episode in engine.take_changes().episodes]


def test_the_two_tables_name_the_same_fields() -> None:
    assert PLACES.keys() == PLACE_FIELDS


def test_what_an_event_entry_finds_is_looked_up_too() -> None:
    engine = Engine(ruleset(NEW_COUNTRY), places=places)
    assert judged(engine, (0, f"mum from {HOME}"), (8, f"mum from {ABROAD}")) == ["NZ AS64500 Rented"]


def test_a_week_at_home_is_learning_though_home_is_in_no_country() -> None:
    """Without events from elsewhere the first stranger would only begin it."""
    engine = Engine(ruleset(NEW_COUNTRY), places=places)
    assert judged(engine, (0, f"mum from {HOME}"), (6, f"mum from {ABROAD}")) == []
    engine = Engine(ruleset(NEW_COUNTRY), places=places)
    assert judged(engine, (0, f"mum from {ABROAD}"), (8, f"mum from {ABROAD}")) == []


def test_nothing_is_looked_up_where_no_rule_asks() -> None:
    quiet = NEW_COUNTRY.replace("fields: [country]", "fields: [client_ip]").replace(
        "{country} {network}", "{user}"
    )
    engine = Engine(ruleset(quiet), places=never)
    assert judged(engine, (0, f"mum from {HOME}"), (8, f"mum from {ABROAD}")) == ["mum"]


def test_a_message_alone_is_worth_a_look_and_may_go_without() -> None:
    asking = NEW_COUNTRY.replace("fields: [country]", "fields: [client_ip]")
    lines = (0, f"mum from {HOME}"), (8, f"mum from {ABROAD}")
    assert judged(Engine(ruleset(asking), places=places), *lines) == ["NZ AS64500 Rented"]
    assert judged(Engine(ruleset(asking, frozenset())), *lines) == ["? ?"]


def test_what_is_asked_of_one_database_alone() -> None:
    engine = Engine(ruleset(NEW_COUNTRY, frozenset({"country"})), places=lambda _: {"country": "NZ"})
    assert [rule.id for rule in engine.rules.rules] == ["abroad"]
    engine = Engine(ruleset(NEW_COUNTRY, frozenset({"network"})), places=never)
    assert engine.rules.rules == ()
    assert engine.rules.without_places == ("abroad",)


NEEDS = {
    "when": "when: {country: NZ}",
    "unless": "when: {event: login}\n    unless: {country: DE}",
    "by": "when: {event: login}\n    by: network",
    "distinct": "when: {event: login}\n    by: user\n    distinct: 3 country in 1h",
    "severity": "when: {event: login}\n    severity: [{high: {country: NZ}}, low]",
    "a list": "when: {user: $travellers}",
    "a list's field": "when: {event: login, user: $visited}",
}
ONE = """
rules:
  r:
    title: R
    from: any
    {needs}
    message: "{{user}}"
"""
LISTS = """
lists:
  travellers: {from: any, when: {country: NZ}, field: user}
  visited: {from: any, when: {event: login}, field: country}
"""


@pytest.mark.parametrize("needs", NEEDS)
def test_a_rule_that_needs_what_is_not_there_is_off(needs: str) -> None:
    text = LISTS + ONE.format(needs=NEEDS[needs])
    assert usable(ruleset(text, frozenset())).rules == ()
    assert [rule.id for rule in off_for_places(ruleset(text, frozenset()))] == ["r"]
    whole = ruleset(text)
    assert usable(whole) is not None
    assert [rule.id for rule in usable(whole).rules] == ["r"]
    assert off_for_places(whole) == ()


def test_what_lacks_a_list_is_not_told_to_lack_a_database() -> None:
    text = (
        "rules:\n  r:\n    title: R\n    from: any\n    when: {client_ip: $allow_list, country: NZ}\n"
        "    message: '{user}'\nlists:\n  allow_list: [10.0.0.0/8]\n"
    )
    lacking = ruleset(text, frozenset())
    assert [rule.id for rule in off(lacking)] == ["r"]
    assert off_for_places(lacking) == ()


def test_no_line_says_where_it_comes_from() -> None:
    text = ONE.format(needs="when: {country|exists: true}").replace("{user}", "x {country}")
    origin = Origin(source="json", kind="file", stream="x", format="json")
    line = f'{{"country": "DE", "network": "AS1", "client_ip": "{ABROAD}"}}'
    assert judged(Engine(ruleset(text), places=places), (0, line), origin=origin) == ["x NZ"]
    assert judged(Engine(ruleset(text), places=lambda _: {}), (0, line), origin=origin) == []


def test_a_quick_lane_skips_no_line_for_want_of_a_country() -> None:
    text = "rules:\n  r:\n    title: R\n    from: any\n    when: {country: NZ}\n    message: '{country}'\n"
    for form in ("traefik", "json", "logfmt", "text", "syslog", "auto", "record", "journald", "macos"):
        origin = Origin(source="x", kind="file", stream="x", format=form)
        assert Lane(origin, Engine(ruleset(text), places=places), Arrival()).literals is None, form


def test_the_shipped_rules_that_need_databases() -> None:
    shipped = load(read([bundled.rules()], shipped=True).texts).ruleset
    assert {rule.id for rule in off_for_places(shipped)} == {
        "admin-new-country",
        "admin-new-provider",
        "login-new-country",
        "login-new-country-user",
    }
    assert off_for_places(replace(shipped, places=PLACE_FIELDS)) == ()
