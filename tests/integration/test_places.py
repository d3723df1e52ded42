"""The installed program with real databases: late ones, replaced ones, a damaged one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.parts.daemon import Daemon
from tests.parts.geo import country_database, network_database

RULES = """
events:
  ombi:
    from: service:ombi
    when: {message|re: '^in: (?P<user>\\w+) from (?P<client_ip>\\S+)$'}
    set: {event: login, outcome: success, service: ombi}
rules:
  abroad:
    title: A login from abroad
    from: any
    when: {event: login, outcome: success}
    unless: [{country: DE}, {country|exists: false}]
    by: user
    message: "{user} from {country}, {network}"
"""


def told(daemon: Daemon) -> list[str]:
    return [alert["message"] for alert in daemon.alerts("abroad")]


def test_databases_come_late_are_replaced_and_break(tmp_path: Path) -> None:
    log, country, network = tmp_path / "ombi.log", tmp_path / "c.mmdb", tmp_path / "n.mmdb"
    log.touch()
    daemon = Daemon(
        tmp_path,
        sources=[{"name": "ombi", "kind": "file", "service": "ombi", "paths": [str(log)]}],
        shipped=False,
        geo={"country": str(country), "network": str(network)},
    )
    daemon.rule_file("mine.yaml", RULES)

    def says(line: str) -> None:
        with log.open("a") as file:
            file.write(f"{line}\n")

    def places(name: str) -> object:
        return daemon.status()["places"].get(name)

    with daemon:
        notice = daemon.wait_for_alerts(1)[0]
        assert notice["title"] == "A database of countries or networks cannot be used"
        assert f"{country} is not there" in notice["message"]
        assert daemon.status()["rules"]["without_places"] == ["abroad"]

        country_database(country)
        network_database(network)
        daemon.wait_until(lambda: places("network"), "the databases are read")
        daemon.wait_until(lambda: not daemon.status()["rules"]["without_places"], "the rule is on")
        says("in: mum from 203.0.113.9")
        says("in: dad from 192.168.1.20")
        says("in: eve from 198.51.100.4")
        daemon.wait_for_alerts(1, "abroad")

        country.write_bytes(b"half")
        daemon.wait_until(lambda: daemon.status()["places"]["troubles"], "the damage is seen")
        says("in: ida from 198.51.100.5")  # by the last good one
        daemon.wait_for_alerts(2, "abroad")

        country_database(country, {"198.51.100.0/24": "CH"})
        daemon.wait_until(lambda: not daemon.status()["places"]["troubles"], "it is read again")
        says("in: kai from 198.51.100.6")
        daemon.wait_for_alerts(3, "abroad")
        daemon.stop()
    network_of = "AS64500 Bullet-Proof Hosting"
    assert told(daemon) == [
        f"eve from RU, {network_of}",
        f"ida from RU, {network_of}",
        f"kai from CH, {network_of}",
    ]
    damaged = [alert["message"] for alert in daemon.alerts() if "damaged" in json.dumps(alert)]
    assert len(damaged) == 1
    assert "stays in use" in damaged[0]
