"""The first minutes after `init` in a healthy home: all that it planned is looked at, and nobody is told."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.parts.discord import DiscordReceiver
from tests.parts.docker import DockerEngine, docker_engine, wait_for
from tests.parts.household import House, household
from tests.parts.needs import require

__all__ = ["docker_engine"]

pytestmark = pytest.mark.real

SONARR = "mkdir -p /www && echo OK > /www/ping && exec httpd -f -p 127.0.0.1:8989 -h /www"


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Path]:
    """A small drive of films."""
    require(os.geteuid() == 0, "needs root, to mount a tmpfs")
    drive = tmp_path / "media"
    drive.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "films", drive], check=True)
    yield drive
    subprocess.run(["umount", drive], check=True)


@pytest.fixture
def house(tmp_path: Path, docker_engine: DockerEngine, media: Path) -> Iterator[House]:
    with DiscordReceiver(tmp_path) as discord:
        with household(tmp_path / "machine", docker_engine, discord.env) as found:
            (found.home / "traefik" / ".env").write_text("IP_ALLOW_LIST=127.0.0.1/32,192.168.1.0/24\n")
            (found.home / "Backups").mkdir()
            (found.home / "Backups" / "tonight.tar.gz").write_bytes(b"x")
            volumes = {str(media): {"bind": "/films", "mode": "ro"}}
            docker_engine.run(SONARR, name="sonarr", network_mode="host", volumes=volumes)
            assert found.init("--to", discord.url).returncode == 0
            yield found
        assert [message.text.partition("\n")[0] for message in discord.messages] == ["On duty"]


def status_of(house: House, source: str) -> dict[str, Any]:
    """What the daemon's status says of a source; empty: nothing yet. (JSON, hence Any.)"""
    path = house.home / ".local" / "state" / "nightporter" / "status.json"
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_bytes())["sources"].get(source, {})
    return found


def test_a_healthy_home_stays_silent(house: House, media: Path) -> None:
    with house.daemon():
        # Traefik, its log by a canary, sonarr, and mysql by Docker.
        wait_for("all is up", lambda: status_of(house, "services").get("state") == "4 of 4 up")
        wait_for("disks are listed", lambda: "in use" in str(status_of(house, "disks").get("volumes")))
        disks = status_of(house, "disks")
        backups = f"{house.home}/Backups/*.tar.gz"
        assert disks["down"] == {}
        assert {"/", str(media), backups} <= disks["checks"].keys()
        assert all(disks["checks"][name]["state"] == "ok" for name in ("/", str(media), backups))
    told = house.run("alerts", "--json")
    assert told.returncode == 0
    assert told.stdout.strip() == ""
