"""Whoever gets in where he never was is told of at once and as one incident, by the shipped rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import pytest
from tests.parts.engines import Bench
from tests.parts.outages import GATEWAY, PROBE, RULES, episode, kinds
from tests.parts.outages import NOON as AT
from tests.parts.scene import NOON, shipped

from nightporter.formats.access import family_of
from nightporter.incidents.ledger import Ledger
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Severity, Telling, Value
from nightporter.rule import PLACE_FIELDS

GRAFANA: dict[str, Value] = {"router": "grafana", "service": "grafana", "upstream": "http://172.18.0.7:3000"}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
WEEK = 8 * DAY // SECOND


class Home:
    """Eight days in which only the owner was at Grafana, from home; then whatever a test does. There is a
    database of places."""

    def __init__(self) -> None:
        self._bench = Bench(dataclasses.replace(shipped(), places=PLACE_FIELDS))
        self._ledger = Ledger({rule.id: rule for rule in shipped().rules})
        assert self.asked(0, "192.168.1.20") == []

    def asked(
        self, second: int, client: str, agent: str = BROWSER, more: Mapping[str, Value] | None = None
    ) -> list[Telling]:
        """What is told of one request: of the page that shows who is in, if nothing else is said."""
        request: dict[str, Value] = {"method": "GET", "path": "/api/ds/query", "status": 200, **(more or {})}
        named: dict[str, Value] = {"client_ip": client, "user_agent": agent, "agent": family_of(agent)}
        self._bench.feed(second, **{**GRAFANA, **named, **request})
        now = NOON + second * SECOND
        changes = self._ledger.take(self._bench.engine.take_changes().episodes, now)
        return [*changes.tellings, *self._ledger.due(now).tellings]


def rules_of(tellings: Iterable[Telling]) -> list[str]:
    return [telling.rule for telling in tellings]


@pytest.mark.parametrize("tried", [0, 8], ids=["with the right password", "after wrong ones"])
def test_who_got_in_is_news_whatever_he_did_before(tried: int) -> None:
    home = Home()
    wrong: dict[str, Value] = {"status": 401, "method": "POST", "path": "/login"}
    attempts = [told for n in range(tried) for told in home.asked(WEEK + n, "203.0.113.9", more=wrong)]
    assert rules_of(attempts) == (["http-401-failures"] if tried else [])
    (told,) = home.asked(WEEK + 300, "203.0.113.9")
    assert (told.rule, told.kind) == ("admin-new-network", "again" if tried else "alert")
    assert told.message.startswith("203.0.113.9, from a network never seen here before, was let in")
    assert {attempt.incident for attempt in attempts} <= {told.incident}, "what he tried is part of it"


def test_all_that_is_new_about_a_stranger_is_one_incident() -> None:
    home = Home()
    places: dict[str, Value] = {"country": "NZ", "network": "AS64500 Rented Servers"}
    (told,) = home.asked(WEEK, "203.0.113.9", "curl/8.9.1", places)
    assert (told.rule, told.severity, told.subject) == ("admin-new-country", Severity.high, "203.0.113.9")
    parts = {"admin-new-country", "admin-new-network", "admin-new-provider", "admin-new-agent"}
    assert {part.rule for part in told.parts} == parts
    assert home.asked(WEEK + 60, "203.0.113.9", "curl/8.9.1", places) == []


def test_a_stranger_does_not_wait_behind_another_who_came_a_moment_earlier() -> None:
    home = Home()
    (first,) = home.asked(WEEK, "198.51.100.4")
    (second,) = home.asked(WEEK + 2, "203.0.113.9")
    assert first.incident != second.incident
    assert (first.subject, second.subject) == ("198.51.100.4", "203.0.113.9")


def test_who_shows_a_hundred_programs_is_not_told_a_hundred_times() -> None:
    home = Home()
    told = [t for n in range(100) for t in home.asked(WEEK + n, "192.168.1.20", f"{'x' * (n + 1)}/1")]
    assert rules_of(told) == ["admin-new-agent"]


# --- what does not wait, by the ledger alone ----------------------------------------------------------------

GOT_IN = dataclasses.replace(GATEWAY, id="got-in", title="Somebody got in", waits=False)
SAID = {**RULES, GOT_IN.id: GOT_IN}


def test_what_does_not_wait_is_told_once_and_leads_only_among_equals() -> None:
    ledger = Ledger(SAID)
    ledger.take([episode(PROBE, 1, AT)], AT)
    entered = episode(GOT_IN, 1, AT + MINUTE, severity=Severity.low)
    (told,) = ledger.take([entered], AT + MINUTE).tellings
    assert (told.kind, told.rule) == ("again", PROBE.id), "the outage is worse, and keeps the headline"
    assert GOT_IN.id in {part.rule for part in told.parts}
    assert ledger.take([entered], AT + 2 * MINUTE).tellings == [], "the same episode again"
    another = episode(GOT_IN, 2, AT + 3 * MINUTE, severity=Severity.low)
    assert kinds(ledger.take([another], AT + 3 * MINUTE).tellings) == ["again"]


def test_a_restart_between_entry_and_telling_loses_no_news() -> None:
    before = Ledger(SAID)
    incidents = before.take([episode(PROBE, 1, AT)], AT).incidents
    after = Ledger(SAID)
    after.load(incidents)
    entered = episode(GOT_IN, 1, AT + MINUTE, severity=Severity.low)
    changes = after.take([entered], AT + MINUTE)
    assert kinds(changes.tellings) == ["again"]
    again = Ledger(SAID)
    again.load(changes.incidents)
    assert again.due(AT + HOUR).tellings == [], "it was told, and that is remembered"


def test_a_new_browser_at_home_is_no_news_and_no_strangers_when_it_is_taken_along() -> None:
    home, phone = Home(), "Mozilla/5.0 (iPhone; like Gecko) Mobile/15E148"
    (told,) = home.asked(WEEK, "192.168.1.21", phone)
    assert (told.rule, told.severity) == ("admin-new-agent", Severity.info)
    (told,) = home.asked(WEEK + 3600, "203.0.113.9", phone)
    assert [part.rule for part in told.parts] == ["admin-new-network"]
    (told,) = home.asked(WEEK + 7200, "192.168.1.22", "curl/8.9.1")
    assert (told.rule, told.severity) == ("admin-new-agent", Severity.low)
