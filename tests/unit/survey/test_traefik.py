"""Traefik's log is found by each of the ways in which it may be named, in folders of the test's."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock

from nightporter.doctor.containers import Running
from nightporter.doctor.looking.view import View
from nightporter.sources.docker.container import Container
from nightporter.survey import traefik
from nightporter.survey.facts import InsideLog, TraefikFacts

LINE = (
    '{"ClientHost":"203.0.113.7","DownstreamStatus":404,"RequestPath":"/x","RouterName":"web@docker",'
    '"StartUTC":"2026-11-24T08:00:00Z","Duration":1000000}\n'
)


class Machine:
    """A home and a root, and what `ps` and the engine say."""

    def __init__(self, folder: Path) -> None:
        self.home, self.root = folder / "home", folder / "root"
        self.home.mkdir()
        self.root.mkdir()

    def write(self, path: Path, text: str | bytes = LINE) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def look(self, processes: Sequence[str] = (), containers: Sequence[Running] = ()) -> TraefikFacts:
        view = View(clock=ManualClock(), environ={}, home=self.home, cwd=self.home, platform="darwin")
        return traefik.look(view, self.root, processes, containers)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def container(
    name: str = "traefik",
    command: Sequence[str] = (),
    mounts: Sequence[tuple[str, str, str]] = (),
    environ: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Running:
    return Running(
        container=Container(id="0" * 64, name=name, image="traefik:v3", labels=labels or {}),
        command=tuple(command),
        environ=tuple((environ or {}).items()),
        mounts=tuple(mounts),
    )


def paths(facts: TraefikFacts) -> list[str]:
    return [found.log.path for found in facts.logs]


def test_an_empty_machine_has_none(machine: Machine) -> None:
    assert machine.look() == TraefikFacts()


def test_the_agent_of_the_usual_guide_names_it(machine: Machine) -> None:
    log = machine.write(machine.root / "tmp" / "traefik.log", LINE * 30 + "time=x level=info msg=hello\n")
    agent = {
        "Label": "com.traefik.startup",
        "ProgramArguments": ["/usr/local/bin/traefik", f"--configFile={machine.home}/no/traefik.yml"],
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    machine.write(machine.home / "Library/LaunchAgents/com.traefik.startup.plist", plistlib.dumps(agent))
    facts = machine.look()
    (found,) = facts.logs
    assert (found.log.path, found.named) == (log, True)
    assert found.why == "StandardOutPath of the agent com.traefik.startup"
    assert (found.log.json, found.log.service, found.log.agents) == (30, 1, 0)


def test_the_running_process_leads_to_its_config_and_its_log(machine: Machine) -> None:
    log = machine.write(machine.home / "elsewhere" / "access.log")
    config = machine.write(
        machine.home / "odd" / "my.yml",
        f"accessLog: {{filePath: {log}, format: json}}\n"
        "entryPoints: {web: {forwardedHeaders: {trustedIPs: [10.1.0.0/16]}}}\n",
    )
    facts = machine.look([f"/usr/local/bin/traefik --configFile={config}", "grep traefik", "/bin/sh it's"])
    assert paths(facts) == [log]
    assert facts.trusted == ("10.1.0.0/16",)
    assert facts.logs[0].why == f"{config} says so, which the Traefik that runs here reads"


def test_a_relative_path_starts_at_the_config(machine: Machine) -> None:
    machine.write(machine.home / "traefik" / "traefik.yml", "accessLog: {filePath: logs/access.log}")
    machine.write(machine.home / "traefik" / "logs" / "access.log")
    assert paths(machine.look()) == [str(machine.home / "traefik" / "logs" / "access.log")]


def test_a_log_that_is_named_and_not_there_is_kept_and_told(machine: Machine) -> None:
    facts = machine.look(["traefik --accesslog.filepath=/nowhere/access.log"])
    assert paths(facts) == ["/nowhere/access.log"]
    assert facts.logs[0].log.trouble == "is not there"


def test_usual_places_count_only_with_requests_in_them(machine: Machine) -> None:
    log = machine.write(machine.home / "Library/Logs/Traefik/access.log")
    machine.write(machine.root / "var/log/traefik/traefik.log", "time=x level=info msg=hello\n")
    assert paths(machine.look()) == [log]


def test_one_file_under_two_names_is_one_log(machine: Machine) -> None:
    log = machine.write(machine.home / "Library/Logs/Traefik/access.log")
    link = machine.root / "tmp" / "traefik.log"
    link.parent.mkdir()
    link.symlink_to(log)
    assert paths(machine.look([f"traefik --accesslog.filepath={log}"])) == [log]


def test_a_container_names_files_by_its_mounts(machine: Machine) -> None:
    log = machine.write(machine.home / "logs" / "access.log")
    machine.write(
        machine.home / "conf" / "traefik.yml",
        "accessLog: {filePath: /logs/access.log}\nlog: {filePath: /var/log/traefik.log}",
    )
    facts = machine.look(
        containers=[
            container(
                mounts=[
                    ("bind", f"/host_mnt{machine.home}/logs", "/logs"),
                    ("bind", str(machine.home / "conf"), "/etc/traefik"),
                ]
            )
        ]
    )
    assert paths(facts) == [log]
    assert [(inside.container, inside.path) for inside in facts.inside] == [
        ("traefik", "/var/log/traefik.log")
    ]


def test_a_container_with_a_volume_is_read_through_the_engine(machine: Machine) -> None:
    one = container(
        command=["traefik", "--accesslog.filepath=/logs/access.log"], mounts=[("volume", "logs", "/logs")]
    )
    assert machine.look(containers=[one]).inside == (
        InsideLog(container="traefik", path="/logs/access.log", why="container traefik was started with it"),
    )


def test_standard_output_is_no_file(machine: Machine) -> None:
    one = container(
        command=["--accesslog.filepath=/dev/stdout"], environ={"TRAEFIK_LOG_FILEPATH": "/dev/stderr"}
    )
    facts = machine.look(containers=[one])
    assert (facts.logs, facts.inside) == ((), ())
    assert [static.access for static in facts.statics] == [True, False]


def test_a_compose_project_is_looked_at(machine: Machine) -> None:
    log = machine.write(machine.home / "srv" / "access.log")
    machine.write(machine.home / "srv" / "traefik" / "traefik.toml", f'[accessLog]\nfilePath = "{log}"\n')
    labels = {"com.docker.compose.project.working_dir": str(machine.home / "srv" / "docker")}
    (machine.home / "srv" / "docker").mkdir()
    ombi = Running(container=Container(id="1" * 64, name="ombi", image="ombi", labels=labels))
    assert paths(machine.look(containers=[ombi])) == [log]


def test_what_cannot_be_read_is_told_and_harms_nothing(machine: Machine) -> None:
    log = machine.write(machine.home / "Library/Logs/Traefik/access.log")
    machine.write(machine.home / "traefik" / "traefik.yml", "accessLog: [")
    machine.write(machine.home / "Library/LaunchAgents/traefik.plist", b"traefik, but no property list")
    (machine.root / "etc").mkdir()
    os.mkfifo(machine.root / "etc" / "traefik")
    facts = machine.look()
    assert paths(facts) == [log]
    assert len(facts.troubles) == 2
    assert "no property list" in facts.troubles[0]
    assert "traefik.yml cannot be read" in facts.troubles[1]
