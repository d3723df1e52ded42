"""What `install` tells of the machine (sleep, FileVault, Docker at login), and programs that will vanish."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.parts.managers import fake_program

from nightporter.agent.atlogin import docker_at_login
from nightporter.agent.launchd import Launchd
from nightporter.agent.service import ServiceState, passing, setup
from nightporter.agent.systemd import Systemd
from nightporter.cli.install import about_this_machine
from nightporter.errors import UserError

PMSET = """\
System-wide power settings:
Currently in use:
 standby              0
 Sleep On Power Button 1
 autorestart          0
 powernap             1
 networkoversleep     0
 disksleep            10
 sleep                1 (sleep prevented by powerd)
 ttyskeepawake        1
 displaysleep         10
 womp                 1
"""
"""`pmset -g` of a desktop Mac, macOS 14."""


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def docker_settings(home: Path, name: str, text: str) -> None:
    folder = home / "Library" / "Group Containers" / "group.com.docker"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


async def test_a_mac_that_sleeps_stays_off_and_waits_for_a_login(tmp_path: Path, bin_folder: Path) -> None:
    pmset = fake_program(bin_folder, "pmset", PMSET)
    fdesetup = fake_program(bin_folder, "fdesetup", "FileVault is On.\n")
    docker_settings(tmp_path, "settings-store.json", '{"AutoStart": false}')
    notes = "\n".join(await about_this_machine("darwin", tmp_path))
    assert "sleeps after 1 minutes" in notes
    assert "sudo pmset -a autorestart 1" in notes
    assert "FileVault is on" in notes
    assert "Start Docker Desktop when you sign in" in notes
    assert (pmset.calls(), fdesetup.calls()) == (["-g"], ["status"])


async def test_one_that_is_as_it_should_be_hears_nothing(tmp_path: Path, bin_folder: Path) -> None:
    fake_program(bin_folder, "pmset", " sleep                0\n autorestart          1\n")
    fake_program(bin_folder, "fdesetup", "FileVault is Off.\n")
    assert await about_this_machine("darwin", tmp_path) == []


async def test_nothing_is_said_that_is_not_known(tmp_path: Path, bin_folder: Path) -> None:
    fake_program(bin_folder, "pmset", "?", code=1)
    fake_program(bin_folder, "fdesetup", code=1)
    docker_settings(tmp_path, "settings-store.json", "{")
    assert await about_this_machine("darwin", tmp_path) == []
    assert await about_this_machine("linux", tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text", "starts"),
    [
        ("settings-store.json", '{"AutoStart": true}', True),
        ("settings-store.json", '{"AutoStart": false}', False),
        ("settings.json", '{"autoStart": false}', False),
        ("settings-store.json", "{}", None),
        ("settings-store.json", "[]", None),
        ("settings-store.json", "", None),
    ],
)
def test_docker_desktops_own_settings(tmp_path: Path, name: str, text: str, starts: bool | None) -> None:
    docker_settings(tmp_path, name, text)
    assert docker_at_login(tmp_path) is starts


def test_no_docker_desktop_is_not_known(tmp_path: Path) -> None:
    assert docker_at_login(tmp_path) is None


@pytest.mark.parametrize(
    ("path", "vanishes"),
    [
        ("/Users/m/.cache/uv/archive-v0/Xy1/bin/nightporter", True),
        ("/Users/m/.cache/uv/environments-v2/abc/bin/nightporter", True),
        ("/Users/m/.local/pipx/.cache/1f/bin/nightporter", True),
        ("/Users/m/.local/share/uv/tools/nightporter/bin/nightporter", False),
        ("/Users/m/.local/pipx/venvs/nightporter/bin/nightporter", False),
        ("/Users/m/uv/bin/nightporter", False),
    ],
)
def test_a_program_in_a_cache_is_not_installed(path: str, vanishes: bool) -> None:
    assert passing(Path(path)) is vanishes


def test_uvx_is_told_to_install_first(tmp_path: Path) -> None:
    program = tmp_path / "uv" / "archive-v0" / "x" / "bin" / "nightporter"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    mine = setup(environ={"HOME": str(tmp_path)}, executable=str(program.with_name("python")), uid=501)
    nothing = ServiceState(manager="m", installed=False)
    for service in (Launchd(mine), Systemd(mine)):
        with pytest.raises(UserError, match="uv tool install nightporter"):
            service.install(nothing)
        assert service.uninstall(nothing) == []  # taking back works all the same


async def test_an_upgrade_that_keeps_the_programs_place_changes_nothing(tmp_path: Path) -> None:
    """`uv tool upgrade` makes the environment anew where it was: shim and definition stay as they are."""
    program = tmp_path / ".local/share/uv/tools/nightporter/bin/nightporter"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    python = str(program.with_name("python3"))
    before = Launchd(setup(environ={"HOME": str(tmp_path)}, executable=python))
    program.unlink()
    program.write_text("another version")
    program.chmod(0o755)
    after = Launchd(setup(environ={"HOME": str(tmp_path)}, executable=python))
    assert (after.setup, after.definition()) == (before.setup, before.definition())
