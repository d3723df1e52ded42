"""`doctor` against a real engine: log drivers, levels, files that nobody reads, packs and strangers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.access import as_json
from tests.parts.docker import DockerEngine, docker_engine
from tests.parts.house import House

from nightporter.doctor.finding import Finding

__all__ = ["docker_engine"]

STAY = "trap 'exit 0' TERM; while :; do sleep 1; done"


@pytest.fixture
def engine(docker_engine: DockerEngine) -> Iterator[DockerEngine]:
    docker_engine.remove_all()
    yield docker_engine
    docker_engine.remove_all()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: DockerEngine) -> House:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    house = House(tmp_path / "house", bin_folder)
    house.docker(engine.host)
    return house


def of(findings: list[Finding], subject: str, state: str) -> list[Finding]:
    return [f for f in findings if (f.subject, f.state) == (subject, state)]


async def test_every_fault_of_containers_is_named(house: House, engine: DockerEngine) -> None:
    logs = house.project / "ombi"
    compose = {
        "com.docker.compose.service": "db",
        "com.docker.compose.project.working_dir": str(house.project),
    }
    (house.project / ".env").write_text("IP_ALLOW_LIST=YOUR.REMOTE.IP/32\n")

    def start() -> None:
        engine.run(STAY, name="mysql", labels=compose, log_config={"Type": "json-file"})
        engine.run(STAY, name="ombi", volumes={str(logs): {"bind": "/config", "mode": "rw"}})
        engine.run(STAY, name="nextcloud")
        engine.run(STAY, name="plex")
        engine.run(STAY, name="sonarr", log_config={"Type": "none"})
        engine.run(STAY, name="paperless")
        engine.run(STAY, name="vaultwarden")

    await asyncio.to_thread(start)
    house.write()
    findings = await house.doctor()

    (right,) = of(findings, "docker", "right")
    assert f"{engine.host}, since host: in the config: 6 of 7 containers can be read" in right.what
    (driver,) = of(findings, "docker", "blind")
    assert "sonarr: its log driver 'none' cannot be read" in driver.what
    assert "services:\n  sonarr:\n    logging:\n      driver: json-file" in driver.mend

    blind = {f.what.partition(":")[0]: f for f in of(findings, "logins", "blind")}
    assert set(blind) == {"mysql", "nextcloud", "plex"}
    assert blind["mysql"].mend == "services:\n  db:\n    command: --log-error-verbosity=3"
    assert "keeps no record of logins" in blind["plex"].what
    (seen,) = of(findings, "logins", "right")
    assert seen.what == "failed logins are seen of ombi, vaultwarden"  # the first through Traefik

    (placeholder,) = of(findings, "allow-list", "wrong")
    assert str(house.project / ".env") in placeholder.what
    notes = [f.what for f in of(findings, "rules", "note")]
    assert any(
        note.startswith("no pack for the container") and "paperless" in note and "mysql" not in note
        for note in notes
    )
    idle = next(note for note in notes if note.startswith("no container for this pack"))
    assert "grafana" in idle
    assert "vaultwarden" not in idle


async def test_a_file_that_no_source_reads_is_given_as_one(house: House, engine: DockerEngine) -> None:
    """Without Traefik in front, what a service writes into its mounted folder or volume is all there is."""
    house.config["sources"] = house.config["sources"][1:]
    logs = house.project / "ombi"

    def start() -> None:
        engine.run(STAY, name="ombi", volumes={str(logs): {"bind": "/config", "mode": "rw"}})
        engine.run(STAY, name="other", labels={"com.docker.compose.service": "ombi"},
                   volumes={"ombi-data": {"bind": "/config", "mode": "rw"}})  # fmt: skip

    await asyncio.to_thread(start)
    house.write()
    findings = await house.doctor()
    mends = {f.what.partition(":")[0]: f.mend for f in of(findings, "logins", "blind")}
    assert mends["ombi"] == (
        f'sources:\n  - {{name: ombi, kind: file, service: ombi, paths: ["{logs}/Logs/log-*.txt"]}}'
    )
    assert mends["other"] == (
        "sources:\n  - {name: other, kind: file, service: ombi, "
        'from_container: {name: other, path: "/config/Logs/log-*.txt"}}'
    )
    house.config["sources"] += [
        {"name": "ombi", "kind": "file", "service": "ombi", "paths": [f"{logs}/Logs/log-*.txt"]}
    ]
    house.write()
    assert not [f for f in of(await house.doctor(), "logins", "blind") if f.what.startswith("ombi")]


async def test_a_level_that_is_set_is_seen(house: House, engine: DockerEngine) -> None:
    command = [STAY, "mysqld", "--log_error_verbosity=3"]
    await asyncio.to_thread(
        lambda: engine.client.containers.create(
            "busybox:local", ["/bin/sh", "-c", *command], name="mysql", network_mode="none"
        ).start()
    )
    house.write()
    findings = await house.doctor()
    assert of(findings, "logins", "blind") == []
    assert [f.what for f in of(findings, "logins", "right")] == ["failed logins are seen of mysql"]


async def test_traefik_in_a_container_is_read_there(house: House, engine: DockerEngine) -> None:
    """Its lines show what a file of its own would: here, Docker's address for everyone."""
    house.config["sources"] = house.config["sources"][1:]
    line = as_json("172.18.0.1", "/", 200).strip().replace("'", "")
    script = f"for i in $(seq 40); do echo '{line}'; done; {STAY}"
    await asyncio.to_thread(lambda: engine.client.images.get("busybox:local").tag("traefik", "v3"))
    container = await asyncio.to_thread(lambda: engine.run(script, name="traefik", image="traefik:v3"))
    while (await asyncio.to_thread(container.logs)).count(b"\n") < 40:
        await asyncio.sleep(0.02)
    house.write()
    findings = await house.doctor()
    wrong = [f.what for f in of(findings, "traefik", "wrong")]
    assert any(
        "container traefik: all of the last 40 requests come from 172.18.0.1" in what for what in wrong
    )


async def test_a_container_of_an_own_rule(house: House, engine: DockerEngine) -> None:
    house.rule(
        "rules:\n  mine:\n    title: x\n    from: service:calibre\n    when: {message|contains: failed}\n"
        "    severity: low\n    message: x\n"
    )
    await asyncio.to_thread(lambda: engine.run(STAY, name="calibre"))
    house.write()
    assert of(await house.doctor(), "rules", "wrong") == []
