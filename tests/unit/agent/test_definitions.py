"""What is written for launchd and systemd, whatever the paths are."""

from __future__ import annotations

import plistlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.launchd_plist import mistakes
from tests.parts.managers import PRINT

from nightporter import bundled
from nightporter.agent.choose import choose
from nightporter.agent.launchd import Launchd, fill, log_path, read_print
from nightporter.agent.service import Setup, console_script, setup, shim
from nightporter.agent.systemd import Systemd, quoted, read_show
from nightporter.errors import UserError


def a_setup(home: str = "/Users/mina", *, config: Path | None = None, uid: int = 501) -> Setup:
    folder = Path(home)
    return Setup(
        home=folder,
        uid=uid,
        program=folder / ".local/bin/nightporter",
        config=config,
        data=folder / ".local/share",
        units=folder / ".config",
    )


ODD_HOMES = ["/Users/mina", "/Users/Tom & Jo <x>", '/Users/O\'Neil "q"', "/Users/zoë/§ %h $HOME", "/@HOME@"]


@pytest.mark.parametrize("home", ODD_HOMES)
def test_the_plist_is_one_that_launchd_takes(home: str) -> None:
    service = Launchd(a_setup(home))
    text = service.definition()
    assert mistakes(text) == []
    plist = plistlib.loads(text)
    assert plist["ProgramArguments"] == [
        f"{home}/Library/Application Support/nightporter/bin/nightporter",
        "run",
    ]
    assert plist["StandardErrorPath"] == f"{home}/Library/Logs/Nightporter/agent.out"
    assert (
        plist["EnvironmentVariables"]["NIGHTPORTER_LOG"] == f"{home}/Library/Logs/Nightporter/nightporter.log"
    )
    assert plist["KeepAlive"] == {"SuccessfulExit": False}
    assert plist["ProcessType"] == "Standard"
    assert plist["Label"] == service.path.stem


def test_a_config_that_was_named_is_in_the_plist() -> None:
    plist = plistlib.loads(Launchd(a_setup(config=Path("/Users/mina/np.yaml"))).definition())
    assert plist["ProgramArguments"][1:] == ["run", "--config", "/Users/mina/np.yaml"]


GOOD = Launchd(a_setup()).definition().decode()


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        pytest.param("</plist>", "", "cannot be read", id="broken XML"),
        pytest.param("<true/>", "<yes/>", "cannot be read", id="unknown tag"),
        pytest.param(
            "<key>RunAtLoad</key>",
            "<key>RunAtLoad</key><true/><key>RunAtLoad</key>",
            "RunAtLoad: stands there twice",
            id="duplicate key",
        ),
        pytest.param("RunAtLoad", "RunAtStart", "RunAtStart: unknown", id="unknown key"),
        pytest.param(
            "SuccessfulExit", "Succesful", "KeepAlive.Succesful: unknown", id="unknown key further down"
        ),
        pytest.param(
            "<integer>15</integer>", "<string>15</string>", "ExitTimeOut: is a str", id="wrong type"
        ),
        pytest.param("<integer>15</integer>", "<true/>", "ExitTimeOut: is a bool", id="flag for a number"),
        pytest.param(
            "/Users/mina/Library/Logs/Nightporter/agent.out",
            "~/agent.out",
            "StandardOutPath: '~/agent.out' is not absolute",
            id="home not expanded",
        ),
        pytest.param("Standard<", "Normal<", "ProcessType: 'Normal'", id="process type"),
        pytest.param("<key>Label</key>", "<key>Lable</key>", "Label: missing", id="no label"),
    ],
)
def test_the_check_of_plists_finds(old: str, new: str, mistake: str) -> None:
    assert old in GOOD
    assert any(found.startswith(mistake) for found in mistakes(GOOD.replace(old, new).encode()))


def test_the_template_is_a_good_plist_but_for_its_names() -> None:
    data = (bundled.launchd() / "local.nightporter.plist").read_bytes()
    assert {found.split(":")[0] for found in mistakes(data)} == {
        "WorkingDirectory",
        "StandardOutPath",
        "StandardErrorPath",
        "ProgramArguments",
    }


def test_a_name_without_a_value_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        fill({"a": ["@WHERE@"]}, {"HOME": "/"})


def test_what_print_says_of_the_service_itself() -> None:
    state = read_print(PRINT, installed=True)
    assert (state.loaded, state.running, state.pid, state.last_exit) == (True, True, 4711, 78)


@pytest.mark.parametrize(
    ("text", "running", "pid", "last_exit"),
    [
        pytest.param("x = {\n\tstate = not running\n\tlast exit code = 0\n}", False, None, 0, id="stopped"),
        pytest.param(
            "x = {\n\tstate = running\n\tpid = 7\n\tlast exit code = (never exited)\n}",
            True,
            7,
            None,
            id="first run",
        ),
        pytest.param("x = {\n\tstate = spawn scheduled\n}", False, None, None, id="throttled"),
        pytest.param("", False, None, None, id="another shape"),
    ],
)
def test_other_states(text: str, running: bool, pid: int | None, last_exit: int | None) -> None:
    state = read_print(text, installed=True)
    assert (state.running, state.pid, state.last_exit) == (running, pid, last_exit)


@given(st.text())
def test_no_print_makes_the_reader_fail(text: str) -> None:
    read_print(text, installed=False)
    read_show(text, installed=False)


# -- systemd


def unit_lines(text: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line and line[0] != "#")


def test_the_unit_restarts_and_may_read_logs() -> None:
    unit = unit_lines(Systemd(a_setup("/home/mina")).definition())
    assert unit["ExecStart"] == "/home/mina/.local/share/nightporter/bin/nightporter run"
    assert unit["Restart"] == "on-failure"
    # A mount namespace in a user's manager comes with a user namespace, in which group rights are lost.
    assert not [key for key in unit if key.startswith(("Protect", "Private", "ReadOnly", "Inaccessible"))]


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/usr/bin/x", "/usr/bin/x"),
        ("/home/a b", '"/home/a b"'),
        ("/home/50%", '"/home/50%%"'),
        ("/$HOME", '"/$$HOME"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("", '""'),
    ],
)
def test_words_of_a_unit_are_literal(word: str, written: str) -> None:
    assert quoted(word) == written


def test_what_show_says() -> None:
    text = (
        "ActiveState=failed\nUnitFileState=enabled\nMainPID=0\n"
        "ExecMainStatus=2\nExecMainExitTimestampMonotonic=9\n"
    )
    state = read_show(text, installed=True)
    assert (state.loaded, state.running, state.pid, state.last_exit) == (True, False, None, 2)


# -- the shim


@pytest.mark.parametrize("folder", ["plain", "with space", "it's", "$(touch x)", 'a"b', "über"])
def test_the_shim_starts_the_program_with_its_arguments(tmp_path: Path, folder: str) -> None:
    program = tmp_path / folder / "nightporter"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s|" "$$" "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "shim"
    script.write_bytes(shim(program))
    script.chmod(0o755)
    with subprocess.Popen([script, "run", "--config", "a b"], stdout=subprocess.PIPE, text=True) as process:
        out, _ = process.communicate()
    assert out == f"{process.pid}|run|--config|a b|"  # the same process: signals reach it


def test_the_program_is_the_one_beside_this_python(tmp_path: Path) -> None:
    program = tmp_path / "venv" / "bin" / "nightporter"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    assert console_script(program.with_name("python3"), {"PATH": "/nowhere"}) == program
    assert console_script(Path("/usr/bin/python3"), {"PATH": str(program.parent)}) == program
    with pytest.raises(UserError, match="install the package first"):
        console_script(Path("/usr/bin/python3"), {"PATH": "/nowhere"})


def test_a_config_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        setup(config=tmp_path / "none.yaml", environ={"HOME": str(tmp_path)})


def test_the_manager_is_chosen_by_platform() -> None:
    assert isinstance(choose(a_setup(), "darwin"), Launchd)
    assert isinstance(choose(a_setup(), "linux"), Systemd)
    with pytest.raises(UserError, match="not on win32"):
        choose(a_setup(), "win32")


def test_a_program_in_a_private_folder_is_told() -> None:
    home = Path("/Users/mina")
    inside = Setup(
        home=home,
        uid=501,
        program=home / "Documents/np/.venv/bin/nightporter",
        data=home / ".local/share",
        units=home / ".config",
    )
    assert any("Documents folder" in note for note in Launchd(inside).notes())
    assert not any("folder, which" in note for note in Launchd(a_setup()).notes())


# -- the log under launchd


def test_no_log_file_of_its_own_outside_of_launchd() -> None:
    assert log_path({}) is None


@pytest.mark.parametrize(("size", "moved"), [(1_000_000, False), (1_000_001, True)])
def test_raw_output_is_moved_aside_when_it_is_big(tmp_path: Path, size: int, moved: bool) -> None:
    (tmp_path / "agent.out").write_bytes(b"x" * size)
    named = tmp_path / "nightporter.log"
    assert log_path({"NIGHTPORTER_LOG": str(named)}) == named
    assert (tmp_path / "agent.out.1").exists() is moved
    assert log_path({"NIGHTPORTER_LOG": str(named)}) == named  # nothing there is no mistake
