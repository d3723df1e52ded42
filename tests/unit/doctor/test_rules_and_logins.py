"""Which rules can never fire, what the end of a log shows, and what a container was told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.access import as_json, clf
from tests.parts.clock import NOON

from nightporter import origins
from nightporter.detect.predicates import compile_condition
from nightporter.doctor import accesslog, clients, logins, rules
from nightporter.doctor.containers import Running
from nightporter.doctor.proxy import ProxyLog
from nightporter.rule import All, AnyOf, Condition, Op, Test
from nightporter.services import KNOWN, Setting
from nightporter.sources.docker.container import Container

FIELDS = ("user_agent", "referer", "path", "status")
MISSING = frozenset({"user_agent", "referer"})

tests = st.builds(
    Test,
    field=st.sampled_from(FIELDS),
    op=st.sampled_from([Op.EQUALS, Op.CONTAINS, Op.STARTSWITH]),
    values=st.sampled_from([("a",), ("b",), ("a", "b")]),
    negated=st.booleans(),
) | st.builds(
    Test,
    field=st.sampled_from(FIELDS),
    op=st.just(Op.EXISTS),
    values=st.sampled_from([(True,), (False,)]),
    negated=st.booleans(),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    tests,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
    ),
    max_leaves=6,
)


@given(conditions, st.dictionaries(st.sampled_from(["path", "status"]), st.sampled_from(["a", "b", "c"])))
def test_a_rule_called_off_can_count_no_line(condition: Condition, fields: dict[str, str]) -> None:
    """The law: what `can_hold` denies is false of every event without those fields."""
    if not rules.can_hold(condition, MISSING):
        assert not compile_condition(condition, {}, timezone="UTC")({**fields}, {})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Test(field="user_agent", op=Op.CONTAINS, values=("x",)), False),
        (Test(field="user_agent", op=Op.CONTAINS, values=("x",), negated=True), False),
        (Test(field="user_agent", op=Op.EXISTS, values=(False,)), True),
        (Test(field="user_agent", op=Op.EXISTS, values=(True,)), False),
        (Test(field="path", op=Op.CONTAINS, values=("x",)), True),
        (AnyOf(()), False),
        (All(()), True),
    ],
)
def test_what_can_hold_without_headers(condition: Condition, holds: bool) -> None:
    assert rules.can_hold(condition, MISSING) is holds


def test_keyless_rules_are_told_once_it_is_sure() -> None:
    counters = {
        "no_key:a:client_ip": 9,
        "no_key:b:client_ip": 9,
        "admitted:b": 1,
        "no_key:c:user": 2,
        "late": 7,
    }
    (found,) = rules.about_keys(counters)
    assert found.what.startswith("a: 9 lines fitted, none was counted: they have no client_ip")


# -- the end of an access log

BARE = ProxyLog(source="traefik", path="x")
TRAEFIK = origins.named("traefik")


def counted(*lines: str) -> ProxyLog:
    return accesslog.counted(BARE, [line.rstrip("\n").encode() for line in lines], TRAEFIK, NOON)


def test_forms_are_told_apart() -> None:
    generic = '203.0.113.9 - - [24/Nov/2026:10:00:00 +0000] "GET /p HTTP/1.1" 200 8 "-" "curl/8"'
    log = counted(
        as_json("203.0.113.9", "/", 200),
        clf("203.0.113.9", "/", 200, agent="curl/8"),
        clf("203.0.113.8", "/", 404),
        generic,
        "2026-11-24T09:59:48Z ERR x error=y",
        "\x00\xff{",
    )
    assert (log.json, log.common, log.generic, log.service) == (1, 2, 1, 2)
    assert (log.agents, log.referers) == (2, 0)
    assert log.clients == (("203.0.113.9", 3), ("203.0.113.8", 1))
    assert 0 < log.first <= log.last


def test_an_empty_log_shows_nothing() -> None:
    assert counted() == BARE


@pytest.mark.parametrize(
    ("line", "chain"),
    [
        (b'{"ClientHost":"203.0.113.9, 10.0.0.2"}', ("203.0.113.9", "10.0.0.2")),
        (b'{"ClientHost":"203.0.113.9"}', ()),
        (b'{"ClientHost":7}', ()),
        (b"{broken", ()),
        (b"203.0.113.9, 10.0.0.2 - bob [x]", ("203.0.113.9", "10.0.0.2")),
        (b"203.0.113.9 - bob, the user [x]", ()),
    ],
)
def test_a_client_that_is_a_list(line: bytes, chain: tuple[str, ...]) -> None:
    assert accesslog.chain_of(line) == chain


# -- services


def running(name: str, **more: tuple[object, ...]) -> Running:
    container = Container(id=name * 8, name=name, image=name, labels={}, running=True)
    return Running(container=container, **more)  # type: ignore[arg-type]  # shorthand of these tests


MYSQL = KNOWN["mysql"].needs
assert MYSQL is not None


@pytest.mark.parametrize(
    ("command", "known"),
    [
        (("mysqld", "--log-error-verbosity=3"), True),
        (("docker-entrypoint.sh", "mysqld --log_error_verbosity=3"), True),
        (("mysqld", "--log-error-verbosity=2"), False),
        ((), False),
    ],
)
def test_a_flag_is_found_in_the_command(command: tuple[str, ...], known: bool) -> None:
    assert MYSQL is not None
    assert logins.is_set(MYSQL, running("mysql", command=command)) is known


def test_a_variable_is_found_in_the_environment() -> None:
    needs = Setting(where="environment", paste='FTLCONF_debug_api: "true"', why="w", checked="memory")
    assert logins.is_set(needs, running("pihole", environ=(("FTLCONF_debug_api", "true"),))) is True
    assert logins.is_set(needs, running("pihole", environ=(("FTLCONF_debug_api", "false"),))) is False
    assert logins.pasted(needs, running("pihole")) == (
        'services:\n  pihole:\n    environment:\n      FTLCONF_debug_api: "true"'
    )


def test_a_switch_on_a_page_cannot_be_seen_and_is_only_noted() -> None:
    facts = logins.LoginFacts(containers=(running("tautulli"),))
    (found,) = logins.findings(facts)
    assert found.state == "note"
    assert found.mend.startswith("# Settings, ")


@pytest.mark.parametrize("name", sorted(KNOWN))
@pytest.mark.parametrize("proxied", [True, False])
def test_every_known_service_gets_a_finding_with_a_mend(name: str, proxied: bool) -> None:
    found = list(logins.findings(logins.LoginFacts(containers=(running(name),), proxied=proxied)))
    assert len(found) == (0 if name == "traefik" else 1)
    for each in found:
        assert each.state in ("right", "blind", "note")
        assert each.state == "right" or each.mend or "keeps no record" in each.what


def test_a_service_whose_log_is_refused_is_not_called_seen() -> None:
    refused = Running(container=running("sonarr").container, refused="its log driver 'none' cannot be read")
    assert list(logins.findings(logins.LoginFacts(containers=(refused,)))) == []


def test_bridge_addresses_name_the_setting_worst_first() -> None:
    unknown = clients.counted({"address_unknown:a": 2, "address_unknown:b": 9, "late": 1})
    found = list(clients.findings(clients.ClientFacts(unknown=unknown, settings={"b": "KnownProxies"})))
    assert [f.what.split()[0] for f in found] == ["b", "a"]
    assert found[0].mend == "KnownProxies"
    assert "trusted or known proxies" in found[1].mend
