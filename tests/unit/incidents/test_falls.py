"""When an incident began, of which a sequence tells: a thing was well during the first steps."""

from __future__ import annotations

import dataclasses

import pytest
from tests.parts.outages import DIED, NOON, ended, episode, rule

from nightporter.incidents.ledger import Ledger
from nightporter.model import MINUTE, SECOND
from nightporter.rule import ALWAYS, Sequence, Step

STEPS = Sequence((Step(ALWAYS), Step(ALWAYS)), 15 * MINUTE)
UPDATED = dataclasses.replace(rule("died-after-update", "It died after an update", state=False), window=STEPS)
GOT_IN = dataclasses.replace(UPDATED, id="got-in", title="Somebody got in", subject="client_ip")
RULES = {r.id: r for r in (DIED, UPDATED, GOT_IN)}
FALL = NOON + 22 * SECOND


@pytest.mark.parametrize("state_first", [True, False])
def test_an_outage_begins_with_the_last_step(state_first: bool) -> None:
    """Made anew at noon, dead 22 s later, back after 8 s."""
    ledger = Ledger(RULES)
    told = [episode(DIED, 1, FALL), episode(UPDATED, 1, FALL, first=NOON)]
    for one in told if state_first else reversed(told):
        ledger.take([one], FALL)
    (over,) = ledger.take([ended(DIED, 1, FALL, FALL + 8 * SECOND)], FALL + 8 * SECOND).tellings
    assert (over.title, over.lasted, over.first) == ("plex is back after 8 s", 8 * SECOND, FALL)
    assert {part.first for part in over.parts} == {FALL}


def test_what_somebody_did_in_an_order_began_with_the_first_step() -> None:
    ledger = Ledger(RULES)
    got_in = episode(GOT_IN, 1, FALL, first=NOON, key={"client_ip": "203.0.113.9"}, subject="203.0.113.9")
    (told,) = ledger.take([got_in], FALL).tellings
    assert told.first == NOON
