"""Two sources may have probes of one name: the one that is up does not end the other's outage."""

from __future__ import annotations

from tests.parts.scene import NOON, shipped

from nightporter.detect.engine import Engine
from nightporter.incidents.ledger import Ledger
from nightporter.model import MINUTE, Event, Origin, Untrusted


def test_another_source_s_probe_of_the_same_name_is_no_recovery() -> None:
    engine = Engine(shipped())
    ledger = Ledger({rule.id: rule for rule in engine.rules.ruleset.rules})

    def told(minute: int, source: str, action: str) -> list[str]:
        origin = Origin(source=source, kind="probe", stream="web", format="record")
        now = NOON + minute * MINUTE
        fields = {"probe": "http", "name": "web", "service": source, "source": source, "action": action}
        event = Event(
            fields={**fields},
            time=now,
            arrived=now,
            origin=origin,
            format="record",
            position=f"{source}:{minute}",
            raw=Untrusted(""),
        )
        engine.judge(event, engine.plan(origin, ("record",)))
        return [telling.kind for telling in ledger.take(engine.take_changes().episodes, now).tellings]

    assert told(0, "house", "down") == ["alert"]
    assert told(1, "cabin", "first") == []
    assert told(2, "house", "up") == ["resolved"]
