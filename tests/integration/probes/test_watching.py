"""Probes of containers on a real engine, and the canary through a real Traefik."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.parts.daemon import Daemon
from tests.parts.docker import DockerEngine, wait_for
from tests.parts.docker import docker_engine as docker_engine
from tests.parts.patience import PATIENCE_S
from tests.parts.traefik import Traefik

from nightporter.config import ContainerProbe
from nightporter.sources.probes.containers import ask_container
from nightporter.sources.probes.state import Outcome

pytestmark = pytest.mark.real

CHECK: dict[str, Any] = {
    "test": ["CMD", "test", "-f", "/tmp/well"],
    "interval": 200_000_000,
    "retries": 1,
}


@pytest.fixture
def engine(docker_engine: DockerEngine) -> Iterator[DockerEngine]:
    """The session's engine, empty."""
    docker_engine.remove_all()
    yield docker_engine
    docker_engine.remove_all()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def asked(host: str, threads: ThreadPoolExecutor, name: str = "ombi") -> Outcome:
    probe = ContainerProbe(name="ombi", container=name, host=host, timeout_s=PATIENCE_S)
    return asyncio.run(ask_container(probe, threads))


def test_a_container_over_its_life(engine: DockerEngine, threads: ThreadPoolExecutor) -> None:
    assert "no container or compose service called ombi" in asked(engine.host, threads).why
    labels = {"com.docker.compose.service": "requests"}
    ombi = engine.run("sleep 600", name="ombi", labels=labels)
    assert asked(engine.host, threads).up
    assert asked(engine.host, threads, "requests").up
    ombi.reload()
    os.kill(ombi.attrs["State"]["Pid"], signal.SIGKILL)
    ombi.wait()
    gone = asked(engine.host, threads)
    assert (gone.up, gone.facts["exit_code"]) == (False, 137)
    engine.run("sleep 600", name="requests-2", labels=labels)
    assert asked(engine.host, threads, "requests").facts["container"] == "requests-2"


def test_a_containers_health(engine: DockerEngine, threads: ThreadPoolExecutor) -> None:
    script = "sleep 0.5; touch /tmp/well; while [ -f /tmp/well ]; do sleep 0.1; done; sleep 600"
    ombi = engine.run(script, name="ombi", healthcheck=CHECK)
    wait_for("it is well", lambda: asked(engine.host, threads).up)
    ombi.exec_run("rm /tmp/well")
    wait_for("it is ill", lambda: "fails its health" in asked(engine.host, threads).why)


def test_an_engine_that_is_away_says_nothing_of_the_container(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    outcome = asked(f"unix://{tmp_path}/docker.sock", threads)
    assert outcome.blocked
    assert "the engine does not answer" in outcome.why


@pytest.mark.parametrize("form", ["json", "common"])
def test_a_log_that_is_silent_and_then_speaks(tmp_path: Path, form: Any) -> None:
    """Traefik writes elsewhere than the config says, until a link leads there."""
    with Traefik(tmp_path / "traefik", access_format=form) as traefik:
        followed = tmp_path / "followed.log"
        log = {"name": "traefik", "kind": "file", "paths": [str(followed)], "format": "traefik"}
        canary = {"name": "log", "canary": f"http://127.0.0.1:{traefik.port}/nothing", "within": "1s"}
        times = {"interval": "1s", "retries": 1, "grace": "0s"}
        eyes = {"name": "eyes", "kind": "probe", "probes": [canary], **times}
        with Daemon(tmp_path, sources=[log, eyes]) as daemon:
            [silent] = daemon.wait_for_alerts(1)
            assert (silent["rule"], silent["severity"]) == ("traefik-silent", "high")
            assert "the request is not in its log after 1 s" in silent["message"]
            os.link(traefik.access_log, followed)
            [_, speaks] = daemon.wait_for_alerts(2)
            assert (speaks["kind"], speaks["rule"]) == ("resolved", "traefik-silent")


def test_of_two_logs_the_one_that_speaks_does_not_hide_the_other(tmp_path: Path) -> None:
    """The front's log is followed; the inner Traefik's is not where the config says."""
    with Traefik(tmp_path / "front") as front, Traefik(tmp_path / "inside") as inside:
        logs = [
            {"name": name, "kind": "file", "paths": [str(path)], "format": "traefik"}
            for name, path in (("front", front.access_log), ("inside", tmp_path / "nowhere.log"))
        ]
        canaries = [
            {"name": name, "canary": f"http://127.0.0.1:{port}/x", "source": name, "within": "5s"}
            for name, port in (("front", front.port), ("inside", inside.port))
        ]
        times = {"interval": "1s", "retries": 1, "grace": "0s"}
        eyes = {"name": "eyes", "kind": "probe", "probes": canaries, **times}
        with Daemon(tmp_path, sources=[*logs, eyes]) as daemon:
            [silent] = daemon.wait_for_alerts(1, "traefik-silent", seconds=60)
            assert silent["key"] == {"name": "inside"}
            assert "not in the log of the source inside" in silent["message"]
            daemon.wait_until(lambda: "1 of 2 up" in state_of(daemon), "the front's log speaks", 60)


def test_a_traefik_that_is_down_is_not_silent(tmp_path: Path) -> None:
    with Traefik(tmp_path / "traefik") as traefik:
        log = {"name": "traefik", "kind": "file", "paths": [str(traefik.access_log)], "format": "traefik"}
        url = f"http://127.0.0.1:{traefik.port}/ok"
        canary = {"name": "log", "canary": url, "within": "1m"}
        front = {"name": "front", "http": url, "status": "404"}
        times = {"interval": "1s", "retries": 1, "grace": "0s"}
        eyes = {"name": "eyes", "kind": "probe", "probes": [canary, front], **times}
        with Daemon(tmp_path, sources=[log, eyes]) as daemon:
            daemon.wait_until(lambda: "2 of 2 up" in state_of(daemon), "the canary is in the log")
            traefik.stop()
            [down] = daemon.wait_for_alerts(1)
            assert down["rule"] == "service-down"
            daemon.wait_until(lambda: "1 of 2 up" in state_of(daemon), "one is known to be down")
        assert len(daemon.alerts()) == 1


def state_of(daemon: Daemon) -> str:
    """What the probes' source says of itself; nothing before its first status."""
    try:
        return str(daemon.status()["sources"]["eyes"]["state"])
    except (OSError, KeyError, ValueError):
        return ""
