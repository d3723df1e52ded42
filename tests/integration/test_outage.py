"""An outage through the installed daemon: several rules, one incident, one end; a kill, and the grace."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.parts.daemon import PROGRAM, Daemon

RULES = """
rules:
  no-answer:
    title: It does not answer
    from: house
    when: {what: probe, up: false}
    by: host
    resolve: {what: probe, up: true}
    subject: host
    severity: high
    message: "{host} does not answer"
  container-died:
    title: Its container died
    from: house
    when: {what: container, up: false}
    by: host
    resolve: {what: container, up: true}
    subject: host
    severity: high
    message: "{host}'s container died"
  bad-gateway:
    title: 502 at the proxy
    from: house
    when: {what: gateway}
    by: host
    count: 3 in 1m
    subject: host
    severity: medium
    message: "{count} times 502 for {host}"
"""


class House(Daemon):
    """A daemon on one log of JSON lines."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.log = folder / "house.log"
        self.log.touch()
        source = {"name": "house", "kind": "file", "format": "json", "paths": [str(self.log)]}
        source |= {"start": "beginning"}  # what happens before the first look counts too
        super().__init__(folder, sources=[source], shipped=False, **config)
        self.rule_file("outages.yaml", RULES)

    def happens(self, what: str, service: str, **fields: object) -> None:
        line = {"time": datetime.now(UTC).isoformat(), "what": what, "host": service, **fields}
        with self.log.open("a") as log:
            log.write(json.dumps(line) + "\n")

    def listed(self) -> list[dict[str, Any]]:
        """What `alerts --json` says."""
        words = [PROGRAM, "alerts", "--json", "--config", str(self.config_file)]
        lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in lines.splitlines()]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_service_that_is_down_is_one_incident_with_all_its_symptoms_and_one_end(house: House) -> None:
    with house:
        house.happens("container", "Plex", up=False)
        (told,) = house.wait_for_alerts(1)
        assert (told["kind"], told["title"]) == ("alert", "Its container died")
        house.happens("probe", "Plex", up=False)
        for _ in range(3):
            house.happens("gateway", "Plex")
        house.wait_until(lambda: [len(i["parts"]) for i in house.listed()] == [3], "three parts")
        house.kill()
        house.happens("container", "Plex", up=True)
        house.start()
        house.happens("probe", "Plex", up=True)
        told, over = house.wait_for_alerts(2)
    assert (over["kind"], over["severity"], over["subject"]) == ("resolved", "high", "plex")
    assert over["title"].startswith("plex is back after ")
    assert over["incident"] == told["incident"]
    assert [part["rule"] for part in over["parts"]] == ["container-died", "no-answer", "bad-gateway"]
    (listed,) = house.listed()
    assert (listed["open"], listed["told"], listed["lasted"] > 0) == (False, True, True)


def test_what_is_down_when_it_starts_is_told_after_the_grace_if_it_still_is(tmp_path: Path) -> None:
    house = House(tmp_path, grace="20s")
    with house:
        house.happens("probe", "plex", up=False)
        house.happens("probe", "ombi", up=False)
        house.wait_until(lambda: len(house.listed()) == 2, "both are known")
        assert house.alerts() == []
        house.happens("probe", "ombi", up=True)
        (told,) = house.wait_for_alerts(1)
    assert told["subject"] == "plex"
    assert {i["subject"]: (i["open"], i["told"]) for i in house.listed()} == {
        "plex": (True, True),
        "ombi": (False, False),
    }
