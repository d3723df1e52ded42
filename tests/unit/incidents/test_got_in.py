"""Whoever tried many things and then gets in is told of at once, by the shipped rules."""

from __future__ import annotations

import pytest
from tests.parts.engines import Bench
from tests.parts.scene import NOON, shipped

from nightporter.incidents.ledger import Ledger
from nightporter.model import DAY, SECOND, Value

GRAFANA: dict[str, Value] = {"router": "grafana", "service": "grafana", "upstream": "http://172.18.0.7:3000"}
WEEK = 8 * DAY // SECOND


@pytest.mark.parametrize("tried", [0, 8], ids=["with the right password", "after wrong ones"])
def test_who_got_in_is_news_whatever_he_did_before(tried: int) -> None:
    bench = Bench(shipped())
    ledger = Ledger({rule.id: rule for rule in bench.ruleset.rules})

    def told(second: int, status: int, client: str, path: str) -> list[str]:
        method = "GET" if status == 200 else "POST"
        bench.feed(second, status=status, method=method, path=path, client_ip=client, **GRAFANA)
        now = NOON + second * SECOND
        changes = ledger.take(bench.engine.take_changes().episodes, now)
        return [telling.rule for telling in (*changes.tellings, *ledger.due(now).tellings)]

    assert told(0, 200, "192.168.1.20", "/api/ds/query") == []
    attempts = [told(WEEK + n, 401, "203.0.113.9", "/login") for n in range(tried)]
    assert [rule for rules in attempts for rule in rules] == (["http-401-failures"] if tried else [])
    assert told(WEEK + 300, 200, "203.0.113.9", "/api/ds/query") == ["admin-new-network"]
