"""Log files of services and certificates: found by mounts and usual places, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock
from tests.parts.managers import fake_program

from nightporter.begin import plan
from nightporter.doctor.containers import Running
from nightporter.doctor.looking.view import View
from nightporter.sources.docker.container import Container
from nightporter.survey import look
from nightporter.survey.facts import AcmeFacts, ServiceLog, Survey, TraefikFacts
from nightporter.traefikconfig import StaticConfig


@pytest.fixture
def view(tmp_path: Path) -> View:
    home = tmp_path / "home"
    home.mkdir()
    environ = {"DOCKER_HOST": "unix:///nowhere.sock"}  # not this machine's own engine
    return View(clock=ManualClock(), environ=environ, home=home, cwd=home, platform="darwin", look_s=5.0)


def container(name: str, mounts: Sequence[tuple[str, str, str]] = (), image: str = "busybox") -> Running:
    return Running(container=Container(id="0" * 64, name=name, image=image, labels={}), mounts=tuple(mounts))


def test_a_mounted_folder_is_read_on_this_machine(view: View, tmp_path: Path) -> None:
    logs = view.home / "ombi" / "Logs"
    logs.mkdir(parents=True)
    (logs / "log-20261123.txt").touch()
    (logs / "log-20261124.txt").touch()
    one = container(
        "media-ombi-1", [("bind", str(view.home / "ombi"), "/config")], "lscr.io/linuxserver/ombi:4"
    )
    assert look.service_logs(view, tmp_path, [one]) == (
        ServiceLog(
            service="ombi", title="Ombi", name="media-ombi-1", path=f"{logs}/log-*.txt", inside=False, found=2
        ),
    )


def test_a_volume_is_read_through_the_engine(view: View, tmp_path: Path) -> None:
    (found,) = look.service_logs(view, tmp_path, [container("ombi", [("volume", "ombi", "/config")])])
    assert (found.path, found.inside) == ("/config/Logs/log-*.txt", True)


def test_of_several_places_the_one_in_a_volume_is_taken(view: View, tmp_path: Path) -> None:
    (found,) = look.service_logs(view, tmp_path, [container("nextcloud", [("volume", "data", "/data")])])
    assert (found.path, found.inside) == ("/data/nextcloud.log", True)


def test_services_that_log_to_standard_output_need_no_file(view: View, tmp_path: Path) -> None:
    running = [container("jellyfin"), container("grafana"), container("something-else")]
    assert look.service_logs(view, tmp_path, running) == ()


def test_a_service_without_a_container_is_found_at_its_usual_place(view: View, tmp_path: Path) -> None:
    log = tmp_path / "var" / "log" / "auth.log"
    log.parent.mkdir(parents=True)
    log.touch()
    (found,) = look.service_logs(view, tmp_path, [])
    assert (found.service, found.path, found.found) == ("sshd", str(log), 1)


def test_certificates_are_found_once_with_their_mode(view: View, tmp_path: Path) -> None:
    folder = view.home / "traefik" / "certificates"
    folder.mkdir(parents=True)
    (folder / "acme.json").touch(mode=0o600)
    static = StaticConfig(
        place=str(view.home / "traefik" / "traefik.yml"), acme=("certificates/acme.json", "no.json")
    )
    (found,) = look.acme_files(view, tmp_path, TraefikFacts(statics=(static,)))
    assert found == AcmeFacts(path=folder / "acme.json", mode=0o600)


async def test_a_machine_without_anything_gives_facts_all_the_same(view: View, tmp_path: Path) -> None:
    found = await look.survey(view, tmp_path)
    assert (found.services, found.lists, found.acme, found.troubles) == ((), (), (), ())
    assert found.docker is not None
    assert found.docker.facts.containers == ()


async def test_a_look_that_hangs_is_given_up(
    view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(*_: object) -> tuple[ServiceLog, ...]:
        asyncio.run_coroutine_threadsafe(over.wait(), loop).result(30)
        return ()

    monkeypatch.setattr(look, "service_logs", hang)
    quick = View(clock=view.clock, environ=view.environ, home=view.home, cwd=view.home, look_s=0.2)
    found = await look.survey(quick, tmp_path)
    assert found.troubles == ("services could not be looked at: no answer within 0 s",)
    over.set()


@pytest.mark.parametrize(
    ("said", "platform", "planned"),
    [
        ("Firewall is enabled. (State = 1)", "darwin", True),
        ("Firewall is disabled. (State = 0)", "darwin", False),  # as a new Mac has it
        ("", "darwin", False),
        ("Firewall is enabled. (State = 1)", "linux", False),
    ],
)
async def test_a_firewall_that_is_on_is_watched(
    view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, platform: str, planned: bool
) -> None:
    fake_program(tmp_path, "socketfilterfw", said)
    monkeypatch.setattr(look, "FIREWALL", tmp_path / "socketfilterfw")
    found = await look.survey(replace(view, platform=platform), tmp_path)
    assert found.firewall is planned
    ombi = ServiceLog(service="ombi", title="Ombi", name="ombi", path="/x")
    names = [one.source.name for one in plan.sources(replace(found, services=(ombi,)))]
    assert ("mac" in names) is planned


# What only one system has, by stand-ins for its programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is looked at for programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def stand_in(folder: Path, name: str, says: str, code: int = 0) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\nprintf '%s' '{says}'\nexit {code}\n")
    program.chmod(0o755)


async def seen(tmp_path: Path, platform: str) -> Survey:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    environ = {"DOCKER_HOST": "unix:///nowhere.sock", "PATH": str(tmp_path / "bin")}
    here = View(clock=ManualClock(), environ=environ, home=home, cwd=home, platform=platform, look_s=5.0)
    return await look.survey(here, tmp_path / "root")


async def test_a_macs_log_and_its_time_machine(programs: Path, tmp_path: Path) -> None:
    assert (await seen(tmp_path, "darwin")).system_log == ""
    stand_in(programs, "log", "")
    stand_in(programs, "tmutil", "No machine directory found for host.", 1)
    found = await seen(tmp_path, "darwin")
    assert (found.system_log, found.disks.time_machine) == ("macos", False)
    stand_in(programs, "tmutil", "/Volumes/.timemachine/5A/2026-11-24-101500.backup")
    assert (await seen(tmp_path, "darwin")).disks.time_machine


@pytest.mark.parametrize(
    ("says", "code", "expected"), [('{"MESSAGE":"x"}', 0, "journald"), ("", 0, ""), ("", 1, "")]
)
async def test_a_journal_that_can_be_read(
    says: str, code: int, expected: str, programs: Path, tmp_path: Path
) -> None:
    stand_in(programs, "journalctl", says, code)
    assert (await seen(tmp_path, "linux")).system_log == expected
