"""What a change of config.yaml ends: the installed daemon, and a service that nobody answers for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml
from tests.parts.daemon import PROGRAM, Daemon
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port


def probes(source: str, *names: str) -> dict[str, Any]:
    """A source of probes of ports that nobody listens on."""
    dead = [{"name": name, "tcp": f"127.0.0.1:{free_port()}"} for name in names]
    return {"name": source, "kind": "probe", "interval": "1s", "retries": 1, "grace": "0s", "probes": dead}


def reload(daemon: Daemon, *sources: dict[str, Any]) -> None:
    """Write the config with these sources, and wait for the life that follows it."""
    lives = len(daemon.events("daemon.started"))
    config = yaml.safe_load(daemon.config_file.read_text())
    daemon.configure({**config, "sources": list(sources)})
    daemon.wait_until(lambda: len(daemon.events("daemon.started")) > lives, "it took the config", PATIENCE_S)


def told(daemon: Daemon, kind: str) -> list[str]:
    """`SOURCE/PROBE` of what people were told, in order."""
    said = [event for event in daemon.events("incident.told") if event["kind"] == kind]
    return ["{source}/{name}".format(**event["key"]) for event in said]


def wait_for(daemon: Daemon, kind: str, *expected: str) -> None:
    daemon.wait_until(lambda: {*told(daemon, kind)} == {*expected}, f"{kind}: {expected}", PATIENCE_S)


def test_a_probe_that_is_taken_out_and_a_source_that_is_renamed_end_what_they_told(tmp_path: Path) -> None:
    both = probes("web", "plex", "ombi")
    one = {**both, "probes": both["probes"][1:]}
    with Daemon(tmp_path, sources=[both]) as daemon:
        wait_for(daemon, "alert", "web/plex", "web/ombi")

        reload(daemon, one)
        wait_for(daemon, "resolved", "web/plex")

        reload(daemon, {**one, "name": "outside"})
        wait_for(daemon, "resolved", "web/plex", "web/ombi")
        wait_for(daemon, "alert", "web/plex", "web/ombi", "outside/ombi")

        daemon.stop()
        assert told(daemon, "resolved") == ["web/plex", "web/ombi"]
        ends = [alert for alert in daemon.alerts() if alert["kind"] == "resolved"]
        assert [end["title"] for end in ends] == ["plex: no longer watched", "ombi: no longer watched"]
        assert all("nobody knows whether it is well again" in end["message"] for end in ends)
        alerts = [PROGRAM, "alerts", "--config", str(daemon.config_file)]
        page = subprocess.run(alerts, capture_output=True, text=True, check=True).stdout
        assert page.count("no longer watched") == 2
