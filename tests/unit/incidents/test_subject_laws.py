"""Laws of subjects, over any interleaving of what several rules say of several services."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parts.outages import DIED, GATEWAY, NOON, PROBE, RULES, episode

from nightporter.incidents.changes import LedgerChanges
from nightporter.incidents.holding import House
from nightporter.incidents.ledger import Ledger
from nightporter.model import HOUR, MINUTE, SECOND, Episode, Incident, Severity, Stamp, Telling
from nightporter.store import incidents as rows

HOUSE = House(depends_on={"ombi": ("traefik",), "plex": ("docker",), "traefik": ("docker",)})
SERVICES = ("ombi", "plex", "traefik", "docker")
MOST_AN_HOUR = 14
"""Openings and ends of one flapping subject within an hour: proofs of 0, 2, 4, 8 and 16 minutes fit into one
with those around them, which makes 12; growth told at its waits may add two."""


@dataclass(frozen=True)
class Step:
    """A rule's episode of a service begins, grows or ends, and then time passes."""

    service: str
    rule: str
    what: str
    severity: Severity
    passes: int


STEPS = st.builds(
    Step,
    st.sampled_from(SERVICES),
    st.sampled_from(sorted(RULES)),
    st.sampled_from(("open", "grow", "end", "blip")),
    st.sampled_from((Severity.low, Severity.high, Severity.critical)),
    st.sampled_from((0, 0, SECOND, 40 * SECOND, 3 * MINUTE, 20 * MINUTE, 2 * HOUR)),
)


@dataclass
class Life:
    """A ledger, what was committed of it, and the engine's episodes that feed it."""

    house: House = HOUSE
    restarts: frozenset[int] = frozenset()
    ledger: Ledger = field(init=False)
    store: sqlite3.Connection = field(init=False)
    told: list[Telling] = field(default_factory=list)
    current: dict[tuple[str, str], Episode] = field(default_factory=dict)
    opened: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ledger = Ledger(RULES, self.house)
        self.store = sqlite3.connect(":memory:")
        self.store.executescript(rows.SCHEMA)

    def live(self, steps: list[Step]) -> None:
        now = NOON
        for number, step in enumerate(steps):
            if number in self.restarts:
                self.ledger = Ledger(RULES, self.house)
                self.ledger.load(rows.current(self.store, NOON))
            batch = self._episodes(step, now)
            self.commit(self.ledger.take(batch, now))
            self.commit(self.ledger.due(now))
            self.check()
            for minute in range(0, step.passes, 10 * MINUTE):
                self.commit(self.ledger.due(now + minute))
            now += step.passes
            self.commit(self.ledger.due(now))
            self.check()

    def _episodes(self, step: Step, now: Stamp) -> list[Episode]:
        at = (step.service, step.rule)
        known = self.current.get(at)
        going_on = known is not None and not known.ended
        if step.what in ("open", "blip") and not going_on:
            self.opened[at] += 1
            known = episode(
                RULES[step.rule],
                self.opened[at],
                now,
                id=f"{at}{self.opened[at]}",
                subject=step.service,
                key={"service": step.service},
                severity=step.severity,
            )
        if known is None:
            return []
        grown = msgspec.structs.replace(
            known,
            count=known.count + (step.what == "grow"),
            last=now,
            ended=step.what in ("end", "blip"),
            severity=max(known.severity, step.severity),
        )
        if known.ended:
            return []
        self.current[at] = grown
        return [grown]

    def commit(self, changes: LedgerChanges) -> None:
        rows.save(self.store, changes.incidents)
        self.told += changes.tellings

    def kept(self) -> list[Incident]:
        return rows.recent(self.store, 0)

    def check(self) -> None:
        going_on = Counter(i.subject for i in self.kept() if i.open)
        assert max(going_on.values(), default=0) <= 1, "at most one open incident a subject"


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_one_alert_and_at_most_one_recovery_an_incident_in_that_order(steps: list[Step]) -> None:
    life = Life()
    life.live(steps)
    for incident in life.kept():
        kinds = [t.kind for t in life.told if t.incident == incident.id]
        assert len(kinds) == incident.tellings
        assert kinds[:1] in ([], ["alert"])
        assert kinds.count("alert") <= 1
        assert kinds.count("resolved") == incident.told_end
        assert "resolved" not in kinds[:-1], "nothing is said after the end"
    assert len({t.id for t in life.told}) == len(life.told)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_what_is_told_and_over_is_told_to_be_over(steps: list[Step]) -> None:
    """When all states have ended and an hour of peace has passed, everyone who was alarmed knows."""
    life = Life()
    ends = [Step(s, r, "end", Severity.low, 0) for s in SERVICES for r in sorted(RULES)]
    life.live([*steps, *ends, Step("plex", "bad-gateway", "grow", Severity.low, 2 * HOUR)])
    for incident in life.kept():
        assert not incident.open
        if incident.tellings and any(p.state for p in incident.parts):
            assert incident.told_end


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40), st.frozensets(st.integers(0, 40)))
def test_a_restart_changes_nothing(steps: list[Step], restarts: frozenset[int]) -> None:
    through, restarted = Life(), Life(restarts=restarts)
    through.live(steps)
    restarted.live(steps)
    assert restarted.told == through.told
    assert restarted.kept() == through.kept()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90)), min_size=5, max_size=200))
def test_a_flapping_service_is_told_of_a_bounded_number_of_times_an_hour(
    spells: list[tuple[int, int]],
) -> None:
    """Down for so many seconds, well for so many, looked at each five seconds."""
    ledger = Ledger(RULES)
    now, told = NOON, list[Telling]()
    for n, (bad, good) in enumerate(spells * 5):
        down = episode(PROBE, n, now)
        told += ledger.take([down], now).tellings
        for until in (now + bad * SECOND, now + (bad + good) * SECOND):
            while now < until:
                now += 5 * SECOND
                told += ledger.due(now).tellings
            if not down.ended:
                down = msgspec.structs.replace(down, last=now, ended=True)
                told += ledger.take([down], now).tellings
    stamps = [t.at for t in told]
    for first in stamps:
        assert sum(first <= at < first + HOUR for at in stamps) <= MOST_AN_HOUR


def test_the_rules_of_these_laws_are_states_and_a_symptom() -> None:
    assert [r.is_state for r in (PROBE, DIED, GATEWAY)] == [True, True, False]


def test_the_worst_flapping_is_told_eleven_times_in_an_hour_and_then_twice() -> None:
    """It stays well for exactly as long as it takes to be believed."""
    ledger = Ledger(RULES)
    now, told = NOON, list[Telling]()
    for n in range(12):
        down = episode(PROBE, n, now)
        told += ledger.take([down], now).tellings
        now += SECOND
        over = ledger.take([msgspec.structs.replace(down, last=now, ended=True)], now).tellings
        while not over:
            now += SECOND
            over = ledger.due(now).tellings
        told += over
        now += SECOND
    by_hour = Counter((t.at - NOON) // HOUR for t in told)
    assert [by_hour[hour] for hour in range(5)] == [11, 2, 2, 2, 2]
