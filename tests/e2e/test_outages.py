"""One outage is one story, whatever tells of it: a real engine, a real Traefik and the installed daemon.

The container is `media-ombi-1` for Docker, of the compose service `ombi`, which Traefik calls `ombi-media`,
and which the probe `requests` asks for.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from docker.models.networks import Network
from tests.parts.daemon import Daemon
from tests.parts.docker import DockerEngine, running_engine
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port
from tests.parts.traefik import Traefik

from nightporter.model import SECOND
from nightporter.statefolder import DATABASE
from nightporter.store.incidents import recent

pytestmark = pytest.mark.real

NAME = "media-ombi-1"
LABELS = {"com.docker.compose.service": "ombi", "com.docker.compose.project": "media"}
SERVE = "mkdir -p /www/ombi-media; echo ok > /www/ombi-media/index.html; exec httpd -f -p 80 -h /www"
TUNE = """
tune:
  container-died: {for: 8s}
  docker-down: {for: 3s}
  http-5xx-burst: {threshold: 5, replace: [unless], unless: [{container_age|lt: 0}, {stopped_by_hand: true}]}
"""
"""A test cannot wait for two minutes, nor for a container of three."""
CHECK = {
    "test": ["CMD", "test", "-f", "/tmp/well"],
    "interval": 200_000_000,
    "retries": 1,
    "start_period": PATIENCE_S * SECOND,  # until it was well once it is not called ill
}


@pytest.fixture
def engine(docker_engine: DockerEngine) -> Iterator[DockerEngine]:
    """The session's engine, empty."""
    docker_engine.remove_all()
    yield docker_engine
    docker_engine.remove_all()


@pytest.fixture
def network(engine: DockerEngine) -> Iterator[Network]:
    """A network with published ports."""
    made = engine.client.networks.create("home", driver="bridge")
    yield made
    engine.remove_all()
    made.remove()


class House:
    """A service in a container behind Traefik, and a daemon that watches it from all sides."""

    def __init__(self, folder: Path, engine: DockerEngine) -> None:
        self.engine = engine
        self.port = free_port()
        upstream = f"http://127.0.0.1:{self.port}"
        self.traefik = Traefik(folder / "traefik", services={"ombi-media": upstream})
        self.folder = folder

    def serve(self, **options: Any) -> Container:
        """A new container of the service; `options` are the SDK's."""
        options |= {"labels": LABELS, "network_mode": "home", "stop_signal": "SIGKILL"}
        return self.engine.run(SERVE, name=NAME, ports={"80/tcp": ("127.0.0.1", self.port)}, **options)

    def daemon(self, **config: Any) -> Daemon:
        """Traefik must run; `config` are more of the config's keys."""
        url = f"http://127.0.0.1:{self.traefik.port}/ombi-media/"
        probes = [
            {"name": "requests", "http": url, "service": "ombi"},
            {"name": "ombi", "container": NAME, "host": self.engine.host},
        ]
        times = {"interval": "1s", "retries": 2, "grace": "0s"}
        log = str(self.traefik.access_log)
        daemon = Daemon(
            self.folder,
            sources=[
                {"name": "docker", "kind": "docker", "host": self.engine.host},
                {"name": "traefik", "kind": "file", "format": "traefik", "paths": [log]},
                {"name": "outside", "kind": "probe", "probes": probes, **times},
            ],
            **config,
        )
        daemon.rule_file("tune.yaml", TUNE)
        return daemon

    def visit(self, times: int) -> list[int]:
        """What people get to see."""
        return [self.traefik.get("/ombi-media/") for _ in range(times)]


def up(daemon: Daemon, count: int) -> bool:
    """Whether so many of the two probes are known to be up, and what runs is known."""
    sources = daemon.status()["sources"]
    return knows_containers(daemon) and bool(sources["outside"]["state"] == f"{count} of 2 up")


def knows_containers(daemon: Daemon) -> bool:
    """Whether the judge was handed more than that the engine is up: what runs is told about a second later,
    once all that the engine remembers was heard."""
    return bool(daemon.status()["sources"]["docker"]["counters"].get("records", 0) > 1)


def outages(daemon: Daemon) -> list[dict[str, Any]]:
    """What people are told of at once."""
    return [alert for alert in daemon.alerts() if alert["severity"] not in ("info", "low")]


def kill(container: Container) -> None:
    """Behind the engine's back: a crash."""
    container.reload()
    os.kill(container.attrs["State"]["Pid"], signal.SIGKILL)
    container.wait()


def test_a_service_that_dies_is_one_incident_with_all_its_symptoms_and_one_recovery(
    tmp_path: Path, engine: DockerEngine, network: Network
) -> None:
    house = House(tmp_path, engine)
    ombi = house.serve()
    with house.traefik, house.daemon() as daemon:
        daemon.wait_until(lambda: up(daemon, 2), "both probes are up")
        assert house.visit(3) == [200] * 3
        kill(ombi)
        assert house.visit(8) == [502] * 8
        daemon.wait_until(lambda: up(daemon, 0), "both probes are down")
        daemon.wait_until(lambda: parts_of(daemon) >= PARTS, f"all symptoms of {PARTS}")
        assert [alert["kind"] for alert in outages(daemon)] == ["alert"]
        ombi.start()
        daemon.wait_until(lambda: len(outages(daemon)) >= 2, "it is told to be back")
        daemon.wait_until(lambda: up(daemon, 2), "both probes are up again")
        assert house.visit(3) == [200] * 3
        daemon.stop()
    down, back = outages(daemon)
    assert (down["subject"], down["severity"]) == ("ombi", "high")
    assert (back["kind"], back["incident"]) == ("resolved", down["incident"])
    assert back["title"].startswith("ombi is back after ")
    assert {part["rule"] for part in back["parts"]} == PARTS


PARTS = {"service-down", "container-died", "http-5xx-burst"}


def parts_of(daemon: Daemon) -> set[str]:
    """The rules that have crossed, told or not: what the daemon has committed."""
    with closing(sqlite3.connect(f"{(daemon.state / DATABASE).as_uri()}?mode=ro", uri=True)) as connection:
        return {part.rule for incident in recent(connection, 0) for part in incident.parts}


def test_what_is_stopped_by_hand_is_no_outage(tmp_path: Path, engine: DockerEngine, network: Network) -> None:
    house = House(tmp_path, engine)
    ombi = house.serve()
    with house.traefik, house.daemon() as daemon:
        daemon.wait_until(lambda: up(daemon, 2), "both probes are up")
        ombi.stop(timeout=5)
        assert house.visit(8) == [502] * 8
        daemon.wait_until(lambda: up(daemon, 0), "both probes are down")
        daemon.wait_until(lambda: daemon.alerts("containers-stopped") != [], "it is noted")
        assert outages(daemon) == []
        ombi.start()
        daemon.wait_until(lambda: up(daemon, 2), "both probes are up again")
        kill(ombi)
        daemon.wait_until(lambda: outages(daemon) != [], "but dying later is one")
        daemon.stop()


def test_an_update_is_no_outage(tmp_path: Path, engine: DockerEngine, network: Network) -> None:
    """As Watchtower and compose do it: stopped, removed, made anew under its name."""
    house = House(tmp_path, engine)
    ombi = house.serve()
    with house.traefik, house.daemon() as daemon:
        daemon.wait_until(lambda: up(daemon, 2), "both probes are up")
        ombi.stop(timeout=5)
        ombi.remove()
        assert house.visit(8) == [502] * 8
        house.serve()
        daemon.wait_until(lambda: up(daemon, 2), "both probes are up again")
        assert outages(daemon) == []
        daemon.stop()


def test_what_needs_docker_is_not_told_while_docker_is_down(tmp_path: Path) -> None:
    with running_engine() as engine:
        engine.client.networks.create("home", driver="bridge")
        house = House(tmp_path, engine)
        house.serve(restart_policy={"Name": "always"})
        with house.traefik, house.daemon(depends_on={"ombi": ["docker"]}) as daemon:
            daemon.wait_until(lambda: up(daemon, 2), "both probes are up")
            engine.stop()
            assert house.visit(8) == [502] * 8
            daemon.wait_until(lambda: "service-down" in parts_of(daemon), "the probe has seen it")
            daemon.wait_until(lambda: outages(daemon) != [], "Docker is told to be down")
            engine.start()
            daemon.wait_until(lambda: len(outages(daemon)) == 2, "Docker is back")
            daemon.wait_until(lambda: up(daemon, 2), "both probes are up")
            daemon.stop()
        down, back = outages(daemon)
        assert (down["rule"], down["subject"]) == ("docker-down", "docker")
        assert back["title"].startswith("docker is back after ")


# What Docker alone tells


@pytest.fixture
def docker_only(tmp_path: Path, engine: DockerEngine) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, sources=[{"name": "docker", "kind": "docker", "host": engine.host}])
    daemon.rule_file("tune.yaml", TUNE)
    with daemon:
        daemon.wait_until(lambda: daemon.last_chunk("docker") > 0, "the engine is watched")
        yield daemon
        daemon.stop()


def told(daemon: Daemon) -> list[tuple[str, str]]:
    return [(alert["kind"], alert["subject"]) for alert in outages(daemon)]


def test_a_container_that_is_restarted_in_time_is_no_outage(
    docker_only: Daemon, engine: DockerEngine
) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 1}
    once = "test -e /tmp/been || { touch /tmp/been; sleep 0.5; exit 1; }; sleep 600"
    engine.run(once, name="once", restart_policy=policy)
    engine.run("sleep 0.5; exit 3", name="dead")
    docker_only.wait_until(lambda: told(docker_only) != [], "the other one is dead")
    assert told(docker_only) == [("alert", "dead")]


def test_a_container_that_falls_ill_and_recovers(docker_only: Daemon, engine: DockerEngine) -> None:
    plex = engine.run("touch /tmp/well; sleep 600", name="plex", healthcheck=CHECK)
    docker_only.wait_until(lambda: health(plex) == "healthy", "it is well")
    plex.exec_run("rm /tmp/well")
    docker_only.wait_until(lambda: told(docker_only) == [("alert", "plex")], "it is ill")
    plex.exec_run("touch /tmp/well")
    docker_only.wait_until(lambda: len(told(docker_only)) == 2, "it is well")
    assert told(docker_only) == [("alert", "plex"), ("resolved", "plex")]
    assert outages(docker_only)[0]["rule"] == "container-unhealthy"


def test_a_container_that_runs_out_of_memory_is_one_incident(
    docker_only: Daemon, engine: DockerEngine
) -> None:
    script = "x=a; while :; do x=$x$x; done"
    hungry = engine.run(script, name="hungry", mem_limit="16m", memswap_limit="16m")
    docker_only.wait_until(lambda: told(docker_only) != [], "it has no memory")
    docker_only.wait_until(
        lambda: parts_of(docker_only) == {"container-oom", "container-died"}, "and is dead"
    )
    hungry.remove(force=True)
    docker_only.wait_until(lambda: told(docker_only)[1:] == [("resolved", "hungry")], "somebody saw to it")
    assert outages(docker_only)[0]["rule"] == "container-oom"


def test_a_crash_loop_is_one_incident_until_it_is_stopped(docker_only: Daemon, engine: DockerEngine) -> None:
    loop = engine.run("sleep 0.3; exit 1", name="loop", restart_policy={"Name": "always"})
    docker_only.wait_until(lambda: told(docker_only) != [], "it loops")
    restarts = count(loop)
    docker_only.wait_until(lambda: count(loop) > restarts, "it goes on")
    assert told(docker_only) == [("alert", "loop")]
    assert outages(docker_only)[0]["rule"] == "container-restart-loop"
    loop.stop(timeout=1)
    docker_only.wait_until(lambda: told(docker_only)[1:] == [("resolved", "loop")], "it was stopped")


def health(container: Container) -> str:
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


def count(container: Container) -> int:
    container.reload()
    return int(container.attrs["RestartCount"])
