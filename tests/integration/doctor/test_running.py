"""`doctor` beside a Nightporter that really runs: it reads what that one really writes of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.parts.daemon import Daemon
from tests.parts.docker import DockerEngine, docker_engine
from tests.parts.house import requests, without_headers
from tests.parts.patience import PATIENCE_S

__all__ = ["docker_engine"]

PROGRAM = Path(sys.executable).parent / "nightporter"


def doctor(daemon: Daemon) -> list[dict[str, Any]]:  # JSON, judged by the tests
    done = subprocess.run(
        [PROGRAM, "doctor", "--json", "--config", str(daemon.config_file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


@pytest.fixture
def daemon(tmp_path: Path, docker_engine: DockerEngine) -> Iterator[Daemon]:
    docker_engine.remove_all()
    docker_engine.run("trap 'exit 0' TERM; while :; do sleep 1; done", name="paperless")
    log = tmp_path / "access.log"
    log.write_text("".join(without_headers(requests())))
    sources: list[dict[str, Any]] = [
        {"name": "traefik", "kind": "file", "paths": [str(log)], "format": "traefik", "start": "beginning"},
        {"name": "docker", "kind": "docker", "host": docker_engine.host},
    ]
    with Daemon(tmp_path / "np", sources=sources) as running:
        yield running
    docker_engine.remove_all()


def test_a_running_one_is_right_and_a_killed_one_wrong(daemon: Daemon) -> None:
    written = daemon.state / "status.json"
    daemon.wait_until(written.exists, "its first status")
    daemon.wait_until(lambda: daemon.status()["sources"]["docker"]["up"], "the engine is found")
    daemon.wait_until(lambda: daemon.last_chunk("traefik"), "the log is read")
    found = doctor(daemon)
    of_daemon = [f for f in found if f["subject"] == "daemon"]
    assert [f["state"] for f in of_daemon] == ["right", "right"], of_daemon
    assert f"pid {daemon.pid}" in of_daemon[0]["what"]
    assert [f["state"] for f in found if f["subject"] == "docker"] == ["right"]
    assert [f["state"] for f in found if f["subject"] == "storage"] == ["right", "right"]
    assert [f["state"] for f in found if f["subject"] == "clock"] == ["right"]
    daemon.kill()
    killed = json.loads(written.read_text())
    killed["at"] -= 60 * 10**9  # instead of waiting for it to be stale
    written.write_text(json.dumps(killed))
    (wrong,) = [f for f in doctor(daemon) if f["subject"] == "daemon"]
    assert "it has not written its status for 1 min" in wrong["what"]
    assert wrong["mend"] == "nightporter restart"
