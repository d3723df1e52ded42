"""Lists that the config gives: rules that name one are off without it, and right with it."""

from __future__ import annotations

from nightporter import bundled
from nightporter.allowlist.given import Given, with_lists
from nightporter.detect.engine import Engine
from nightporter.detect.lacking import lacking, off, usable
from nightporter.model import Event, Fields, Origin, Untrusted
from nightporter.rule import Ruleset
from nightporter.ruleset import SourceText, load, read

RULES = """
lists:
  allow_list: [203.0.113.7/32]
  regulars: {from: traefik, when: {client_ip: $allow_list}, field: agent}
rules:
  stranger:
    title: A stranger
    from: traefik
    when: {status: 200}
    unless: {client_ip: $allow_list}
    by: client_ip
    message: "{client_ip} is none of {allow_list}"
    tests:
      - {fires: 1, events: [{event: {status: 200, client_ip: 198.51.100.1}}]}
      - {fires: 0, events: [{event: {status: 200, client_ip: 203.0.113.7}}]}
  regular:
    title: A regular
    from: traefik
    when: {agent: $regulars}
    by: client_ip
  anybody:
    title: Anybody
    from: traefik
    when: {status: 200}
    by: client_ip
"""
ORIGIN = Origin(source="traefik", kind="file", stream="x", format="traefik")


def rules() -> Ruleset:
    loaded = load([SourceText(name="x.yaml", text=RULES)])
    assert loaded.ok, loaded.problems
    return loaded.ruleset


def counted(ruleset: Ruleset, client: str, agent: str = "Plex/N") -> set[str]:
    engine = Engine(ruleset)
    plan = engine.plan(ORIGIN, ("traefik",))
    fields: Fields = {"time": 1, "arrived": 1, "status": 200, "client_ip": client, "agent": agent}

    def event(position: str) -> Event:
        return Event(
            fields=dict(fields),
            time=1,
            arrived=1,
            origin=ORIGIN,
            format="traefik",
            position=position,
            raw=Untrusted(""),
        )

    engine.judge(event("first"), plan)
    return set(engine.judge(event("second"), plan))


def test_without_the_list_what_names_it_is_off_and_all_else_goes_on() -> None:
    ruleset = rules()
    assert lacking(ruleset) >= {"allow_list", "regulars"}
    assert [rule.id for rule in off(ruleset)] == ["stranger", "regular"]
    assert [rule.id for rule in usable(ruleset).rules] == ["anybody"]
    assert counted(ruleset, "198.51.100.1") == {"anybody"}


def test_with_the_list_a_rule_judges_by_it_and_not_by_what_the_file_wrote_for_its_tests() -> None:
    ruleset = with_lists(rules(), Given(networks=("198.51.100.0/24",), line="L=198.51.100.0/24"))
    assert off(ruleset) == ()
    assert usable(ruleset) is ruleset
    assert counted(ruleset, "198.51.100.1") == {"anybody", "regular"}
    assert counted(ruleset, "203.0.113.7") == {"anybody", "stranger"}


def test_the_line_to_paste_stands_in_the_message() -> None:
    state = Given(networks=(), line="L=10.0.0.1,{client_ip}")  # the place of the client's own
    messages = {rule.id: rule.message for rule in with_lists(rules(), state).rules}
    assert messages["stranger"] == "{client_ip} is none of L=10.0.0.1,{client_ip}"


def test_the_shipped_rules_that_need_the_list() -> None:
    shipped = load(read([bundled.rules()], shipped=True).texts).ruleset
    assert {rule.id for rule in off(shipped)} == {
        "allow-list-open",
        "allow-list-new-address",
        "allow-list-known-program",
    }
    assert off(with_lists(shipped, Given(networks=("127.0.0.1/32",)))) == ()
