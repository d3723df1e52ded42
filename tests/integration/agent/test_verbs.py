"""install, restart, uninstall against stand-ins for launchctl and systemctl that record their calls."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock
from tests.parts.launchd_plist import mistakes
from tests.parts.managers import FakeManager, install_fake

from nightporter import cli
from nightporter.agent.actions import Action, Command, UntilGone, WriteFile, ask, perform
from nightporter.agent.launchd import Launchd
from nightporter.agent.service import Service, ServiceState, Setup
from nightporter.agent.systemd import Systemd
from nightporter.errors import Denied, Unreachable, UserError

TARGET = "gui/501/local.nightporter"


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nightporter"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def launchctl(bin_folder: Path) -> FakeManager:
    return install_fake(bin_folder, "launchctl")


@pytest.fixture
def systemctl(bin_folder: Path) -> FakeManager:
    return install_fake(bin_folder, "systemctl")


@pytest.fixture
def setup(tmp_path: Path, bin_folder: Path) -> Setup:
    home = tmp_path / "Mina & co"
    home.mkdir()
    return Setup(
        home=home,
        uid=501,
        program=bin_folder / "nightporter",
        data=home / ".local" / "share",
        units=home / ".config",
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def carried_out(plan: Sequence[Action], clock: ManualClock) -> list[str]:
    """Carry out a plan, moving the clock while it waits; what it told."""
    told: list[str] = []
    work = asyncio.create_task(perform(plan, clock, told.append))
    while not work.done():
        await asyncio.wait([work], timeout=0.02)
        if clock.sleeping:
            await clock.advance(0.2)
    await work
    return told


async def install(service: Service, clock: ManualClock) -> list[str]:
    return await carried_out(service.install(await service.state()), clock)


async def test_a_first_install_loads_the_agent(
    launchctl: FakeManager, setup: Setup, clock: ManualClock
) -> None:
    agent = Launchd(setup)
    told = await install(agent, clock)
    assert launchctl.calls() == [
        f"print {TARGET}",
        f"enable {TARGET}",
        f"bootstrap gui/501 {agent.path}",
    ]
    assert mistakes(agent.path.read_bytes()) == []
    assert stat.S_IMODE(agent.shim.stat().st_mode) == 0o755
    assert agent.logs.is_dir()
    assert f"write {agent.path}" in told
    assert not list(agent.path.parent.glob(".*"))


async def test_a_second_install_does_nothing(
    launchctl: FakeManager, setup: Setup, clock: ManualClock
) -> None:
    await install(Launchd(setup), clock)
    launchctl.calls()
    assert await install(Launchd(setup), clock) == []
    assert launchctl.calls() == [f"print {TARGET}"]


async def test_a_changed_plist_is_booted_out_waited_for_and_loaded_again(
    launchctl: FakeManager, setup: Setup, clock: ManualClock
) -> None:
    agent = Launchd(setup)
    await install(agent, clock)
    agent.path.write_bytes(agent.path.read_bytes().replace(b"<integer>15<", b"<integer>20<"))
    launchctl.calls()
    await install(agent, clock)
    assert launchctl.calls() == [
        f"print {TARGET}",
        f"bootout {TARGET}",
        *[f"print {TARGET}"] * 3,  # still stopping twice: a bootstrap then would fail
        f"bootstrap gui/501 {agent.path}",
    ]
    assert b"<integer>15<" in agent.path.read_bytes()


async def test_a_moved_program_leaves_the_plist_alone_and_restarts(
    launchctl: FakeManager, setup: Setup, clock: ManualClock, tmp_path: Path
) -> None:
    await install(Launchd(setup), clock)
    before = Launchd(setup).path.read_bytes()
    launchctl.calls()
    moved = Launchd(
        Setup(
            home=setup.home,
            uid=501,
            program=tmp_path / "new" / "nightporter",
            data=setup.data,
            units=setup.units,
        )
    )
    await install(moved, clock)
    assert moved.path.read_bytes() == before
    assert b"/new/nightporter" in moved.shim.read_bytes()
    assert launchctl.calls() == [f"print {TARGET}", f"kickstart -k {TARGET}"]


async def test_uninstall_takes_back_what_install_made(
    launchctl: FakeManager, setup: Setup, clock: ManualClock
) -> None:
    agent = Launchd(setup)
    await install(agent, clock)
    launchctl.calls()
    await carried_out(agent.uninstall(await agent.state()), clock)
    assert launchctl.calls()[1] == f"bootout {TARGET}"
    assert not agent.path.exists()
    assert not agent.shim.parent.exists()
    assert agent.uninstall(await agent.state()) == []


async def test_restart_kicks_a_loaded_agent_and_loads_one_that_is_not(
    launchctl: FakeManager, setup: Setup, clock: ManualClock
) -> None:
    agent = Launchd(setup)
    with pytest.raises(UserError, match="'nightporter install' does that"):
        agent.restart(await agent.state())
    await install(agent, clock)
    launchctl.calls()
    await carried_out(agent.restart(await agent.state()), clock)
    assert launchctl.calls()[1:] == [f"kickstart -k {TARGET}"]
    launchctl.set("loaded", False)
    await carried_out(agent.restart(await agent.state()), clock)
    assert launchctl.calls()[1:] == [f"bootstrap gui/501 {agent.path}"]


async def test_without_a_login_session_the_person_is_told_what_to_do(
    launchctl: FakeManager, setup: Setup, clock: ManualClock
) -> None:
    launchctl.set("no-session")
    with pytest.raises(Unreachable, match=r"failed with 125.*log in at the Mac's own screen"):
        await install(Launchd(setup), clock)


def test_an_agent_is_not_for_root(setup: Setup) -> None:
    root = Setup(home=setup.home, uid=0, program=setup.program, data=setup.data, units=setup.units)
    with pytest.raises(UserError, match="without sudo"):
        Launchd(root).install(ServiceState(manager="launchd", installed=False))


async def test_an_agent_that_never_stops_is_not_waited_for_for_ever(
    launchctl: FakeManager, clock: ManualClock
) -> None:
    launchctl.set("loaded")
    with pytest.raises(Unreachable, match="has not stopped within 20 s"):
        await carried_out([UntilGone(("launchctl", "print", TARGET))], clock)


async def test_the_state_is_what_launchctl_says(launchctl: FakeManager, setup: Setup) -> None:
    assert (await Launchd(setup).state()).as_dict() == {
        "manager": "launchd",
        "installed": False,
        "loaded": False,
        "running": False,
        "pid": None,
        "last_exit": None,
        "note": "",
    }
    launchctl.set("loaded")
    state = await Launchd(setup).state()
    assert (state.loaded, state.running, state.pid) == (True, True, 4711)


# -- systemd, through the verbs a person types


def run(*argv: str) -> int:
    return cli.exit_code(cli.build(), argv)


@pytest.mark.skipif("sys.platform != 'linux'", reason="systemd runs on Linux only")
def test_the_verbs_on_linux(
    systemctl: FakeManager, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = Path(os.environ["XDG_CONFIG_HOME"]) / "systemd" / "user" / "nightporter.service"

    assert run("install", "--dry-run") == 0
    assert f"would write {unit}" in capsys.readouterr().out
    assert not unit.exists()
    assert all(" show " in call for call in systemctl.calls())

    assert run("install") == 0
    assert str(unit) in capsys.readouterr().out
    assert systemctl.calls()[1:] == ["--user daemon-reload", "--user enable --now nightporter.service"]

    assert run("install") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert len(systemctl.calls()) == 1

    assert run("install", "--print") == 0
    assert capsys.readouterr().out.encode() == unit.read_bytes()

    assert run("restart") == 0
    assert systemctl.calls()[1:] == ["--user restart nightporter.service"]

    config = tmp_path / "np.yaml"
    config.touch()
    assert run("install", "--config", str(config)) == 0
    assert systemctl.calls()[1:] == ["--user daemon-reload", "--user restart nightporter.service"]
    assert f"run --config {config}" in unit.read_text()

    assert run("uninstall") == 0
    assert systemctl.calls()[1:] == ["--user disable --now nightporter.service", "--user daemon-reload"]
    assert not unit.exists()

    assert run("uninstall") == 0
    assert run("restart") == 2
    assert "is not installed" in capsys.readouterr().err


@pytest.mark.skipif("sys.platform != 'linux'", reason="systemd runs on Linux only")
def test_a_variable_that_only_the_shell_knows_is_told(
    systemctl: FakeManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "np.yaml"
    config.write_text('destinations:\n  - {name: phone, kind: apprise, url: "${DISCORD_URL}"}\n')
    monkeypatch.setenv("DISCORD_URL", "discord://1234/abcd")
    assert run("check", "--config", str(config)) == 0
    for words in (["--dry-run"], []):
        assert run("install", "--config", str(config), *words) == 0
        told = capsys.readouterr().err
        assert f"{config}:2:39: the environment variable DISCORD_URL is not set" in told
        assert "file:PATH" in told

    systemctl.says_environment("DISCORD_URL=discord://1234/abcd")
    assert run("install", "--config", str(config)) == 0
    assert capsys.readouterr().err == ""


async def test_an_agent_knows_its_session_and_what_its_definition_names(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_URL", "discord://1234/abcd")
    known = await Launchd(setup).environment()
    assert known["HOME"] == os.environ["HOME"]
    assert known["NIGHTPORTER_LOG"].endswith("nightporter.log")
    assert "DISCORD_URL" not in known


async def test_a_user_without_a_session_is_told(
    systemctl: FakeManager, setup: Setup, clock: ManualClock
) -> None:
    systemctl.set("no-session")
    state = await Systemd(setup).state()
    assert state.note == "Failed to connect to bus: No medium found"
    with pytest.raises(Unreachable, match="need a login session"):
        await carried_out(Systemd(setup).install(state), clock)


# -- the actions themselves


async def test_a_machine_without_the_manager_is_told_what_else_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"there is no 'systemctl' here.*run 'nightporter run'"):
        await ask(("systemctl", "--user", "show"))


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable, match=r"cannot write .*unit"):
        await perform([WriteFile(tmp_path / "file" / "unit", b"")], clock, lambda _: None)


async def test_a_refused_write_is_denied_and_leaves_no_draft(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_fd: int, _mode: int) -> None:  # root may write anywhere: the refusal is the system's, played
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refused)
    with pytest.raises(Denied, match="Operation not permitted"):
        await perform([WriteFile(tmp_path / "unit", b"x")], clock, lambda _: None)
    assert list(tmp_path.iterdir()) == []


async def test_a_command_that_fails_says_what_it_said(clock: ManualClock) -> None:
    with pytest.raises(Unreachable, match="false: failed with 1: it said nothing"):
        await perform([Command(("false",))], clock, lambda _: None)
