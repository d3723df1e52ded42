"""Routers that labels and entry points put behind the list, on a real engine and a real Traefik.

Nobody was ever refused by them: only the labels, or the static config, say that they should refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.parts.daemon import Daemon
from tests.parts.docker import DockerEngine
from tests.parts.traefik import Traefik

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

HOME = "198.51.100.7"
STRANGER = "203.0.113.66"
PATIENCE_S = 60.0
LABELS = {
    "traefik.enable": "true",
    "traefik.http.middlewares.home.ipallowlist.sourcerange": f"192.168.1.0/24,{HOME}",
    "traefik.http.routers.api.rule": "Host(`app.lan`)",
    "traefik.http.routers.api.middlewares": "home@docker",
}
"""The router `api` of the part `Traefik`, which lets everybody in."""


@pytest.fixture
def engine(docker_engine: DockerEngine) -> Iterator[DockerEngine]:
    docker_engine.remove_all()
    yield docker_engine
    docker_engine.remove_all()


def watched(folder: Path, traefik: Traefik, *sources: dict[str, Any], **allow_list: str) -> Daemon:
    env = folder / ".env"
    env.write_text(f"IP_ALLOW_LIST=192.168.1.0/24,{HOME}/32\n")
    traefik.get("/ok", client=HOME)  # so that the log is there
    log = {"name": "traefik", "kind": "file", "format": "traefik", "paths": [str(traefik.access_log)]}
    return Daemon(folder, sources=[log, *sources], allow_list={"env": str(env), **allow_list})


def routers(daemon: Daemon) -> int:
    """How many it knows to stand behind the list, by its status."""
    try:
        return int(daemon.status()["sources"]["allow_list"]["routers"])
    except (OSError, KeyError, ValueError):
        return 0


def is_told(daemon: Daemon, traefik: Traefik) -> None:
    for _ in range(3):
        assert traefik.get("/ok", client=HOME) == 200
        assert traefik.get("/ok", client=STRANGER) == 200
    [alert] = daemon.wait_for_alerts(1, "allow-list-open", seconds=PATIENCE_S)
    assert (alert["key"], alert["severity"]) == ({"router": "api"}, "critical")
    assert STRANGER in alert["message"]
    assert HOME not in alert["message"]


def test_a_router_of_a_container_s_labels(tmp_path: Path, engine: DockerEngine) -> None:
    docker = {"name": "docker", "kind": "docker", "host": engine.host}
    engine.run("sleep 600", name="app", labels=LABELS)
    with Traefik(tmp_path / "traefik") as traefik, watched(tmp_path, traefik, docker) as daemon:
        daemon.wait_until(lambda: routers(daemon) == 1, "the labels are read", PATIENCE_S)
        is_told(daemon, traefik)


def test_a_router_behind_an_entry_point(tmp_path: Path) -> None:
    """The middleware of the static config is another than that of the file, which Traefik has: as after a
    restart that somebody forgot."""
    with Traefik(tmp_path / "traefik") as traefik:
        static = tmp_path / "traefik.yml"
        web = {"address": f"127.0.0.1:{traefik.port}", "http": {"middlewares": ["lanonly@file"]}}
        static.write_text(yaml.safe_dump({"entryPoints": {"web": web}}))
        allow_list = {"file": str(traefik.folder / "dynamic.yml"), "static": str(static)}
        with watched(tmp_path, traefik, **allow_list) as daemon:
            daemon.wait_until(lambda: routers(daemon) > 1, "the entry points are read", PATIENCE_S)
            is_told(daemon, traefik)
