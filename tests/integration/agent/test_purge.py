"""`uninstall --purge`: what is listed is removed, and nothing else; no link leads it astray."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.clock import ManualClock
from tests.parts.daemon import Daemon
from tests.parts.managers import FakeManager, install_fake

from nightporter import cli
from nightporter.agent import purge
from nightporter.agent.actions import RemoveFile, RemoveFolder, perform
from nightporter.agent.launchd import Launchd
from nightporter.agent.service import Setup
from nightporter.config import Config, FileDestination, LogConfig

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="the fake service manager is systemd")


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def home() -> Path:
    return Path(os.environ["HOME"])


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeManager:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return install_fake(folder, "systemctl")


def run(*argv: str, answer: str = "") -> tuple[int, str]:
    words = ["uninstall", "--purge", *argv]
    result = CliRunner().invoke(
        cli.build(), words, input=answer, standalone_mode=False, catch_exceptions=False
    )
    assert isinstance(result.return_value, int)
    return result.return_value, result.output


def lived_in(home: Path) -> Path:
    """What a life leaves: config, rules, a secret, state; and what is not ours beside it."""
    config = home / ".config" / "nightporter"
    (config / "rules").mkdir(parents=True)
    (config / "config.yaml").write_text(
        'destinations: [{name: phone, kind: apprise, url: "file:url"}]\n# once keychain:hook\n'
    )
    (config / "url").write_text("https://discord.com/api/webhooks/1/TOKEN")
    (config / "url").chmod(0o600)
    (config / "rules" / "mine.yaml").write_text("rules: {}\n")
    state = home / ".local" / "state" / "nightporter"
    state.mkdir(parents=True)
    (state / "nightporter.db").touch()
    (home / ".config" / "other").mkdir()
    (home / ".config" / "other" / "file").touch()
    return config


def test_a_whole_life_is_listed_asked_for_and_gone(home: Path, systemctl: FakeManager) -> None:
    before = tree(home)
    assert cli.exit_code(cli.build(), ["install"]) == 0
    lived_in(home)
    everything = tree(home)

    code, out = run("--dry-run")
    assert code == 0
    assert tree(home) == everything
    code, out = run(answer="n\n")
    assert (code, tree(home)) == (1, everything)
    assert "Nothing was removed" in out

    systemctl.calls()
    code, out = run("--yes")
    assert code == 0
    assert f"remove the folder {home}/.config/nightporter and everything in it (3 files)" in out
    assert "keyring del 'hook' nightporter" in out
    assert "The webhook in Discord lives on" in out
    assert "TOKEN" not in out
    assert "--user disable --now nightporter.service" in systemctl.calls()
    left = {path for path in tree(home) if "nightporter" in path}
    assert left == set()
    assert set(tree(home)) - set(before) <= {".config", ".config/other", ".config/other/file"} | {
        *(".config/systemd", ".config/systemd/user", ".local", ".local/share", ".local/state")
    }

    code, out = run("--yes")
    assert (code, "Nothing of Nightporter's is here." in out) == (0, True)


def test_links_are_not_followed(home: Path, systemctl: FakeManager, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "config.yaml").write_text("{}\n")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "photo").touch()
    (home / ".config").mkdir()
    (home / ".config" / "nightporter").symlink_to(dotfiles)
    state = home / ".local" / "state" / "nightporter"
    state.mkdir(parents=True)
    (state / "photos").symlink_to(precious)
    code, out = run("--yes")
    assert code == 0
    assert f"remove the link {home}/.config/nightporter, not what it leads to" in out
    assert not os.path.lexists(home / ".config" / "nightporter")
    assert not state.exists()
    assert tree(dotfiles) == ["config.yaml"]
    assert tree(precious) == ["photo"]


def test_places_that_the_config_names(home: Path, systemctl: FakeManager, tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "rules").mkdir(parents=True)
    (place / "state").mkdir()
    for name in ("nightporter.db", "nightporter.db-wal", "status.json", "np.log", "np.log.1"):
        (place / "state" / name).touch()
    (place / "state" / "evidence").mkdir()
    (place / "state" / "evidence" / "0123456789ab.zip").touch()
    for name in ("alerts.jsonl", "photo", "rules/own.yaml"):
        (place / name).touch()
    config = place / "np.yaml"
    config.write_text(
        "state: state\nlog: {path: state/np.log}\nrules: {dirs: [rules]}\n"
        "destinations: [{name: all, kind: file, path: alerts.jsonl}]\n"
    )
    code, out = run("--yes", "--config", str(config))
    assert code == 0
    assert f"{place}/rules stays: it is yours" in out
    assert f"{config} stays" in out
    assert tree(place) == ["np.yaml", "photo", "rules", "rules/own.yaml"]


def test_a_config_with_mistakes_keeps_nobody_from_removing(home: Path, systemctl: FakeManager) -> None:
    config = lived_in(home)
    (config / "config.yaml").write_text("sources: {{{ keychain:mail\n")
    code, out = run("--yes")
    assert (code, config.exists()) == (0, False)
    assert "'mail'" in out


def test_a_daemon_that_a_terminal_runs_is_stopped_first(tmp_path: Path, systemctl: FakeManager) -> None:
    with Daemon(tmp_path / "d", sources=[]) as daemon:
        daemon.wait_until(lambda: (daemon.state / "status.json").exists(), "it wrote its status")
        words = ["uninstall", "--purge", "--yes", "--config", str(daemon.config_file)]
        assert cli.exit_code(cli.build(), words) == 2
        assert (daemon.state / "nightporter.db").exists()


async def test_on_a_mac_the_agent_its_logs_and_its_state_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    install_fake(folder, "launchctl")
    mac = tmp_path / "mac"
    agent = Launchd(Setup(home=mac, uid=501, program=folder / "np", data=mac / "x", units=mac / "x"))
    state = mac / "Library" / "Application Support" / "nightporter"
    for path in (agent.path, agent.shim, agent.logs / "nightporter.log.1", state / "nightporter.db"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    config = Config(state=state)
    plan = [*agent.uninstall(await agent.state()), *purge.belongings(config, agent.left_behind())]
    await perform(plan, ManualClock(), lambda _: None)
    assert [path for path in tree(mac) if "ightporter" in path] == []


def test_what_only_a_person_can_do_on_a_mac() -> None:
    program = Path("/Users/mina/.local/share/uv/tools/nightporter/bin/nightporter")
    nothing = Config(state=Path("/nowhere"))
    text = 'url: "keychain:mail"\n{a: keychain:b}'
    steps = "\n".join(purge.by_hand("darwin", program, nothing, text))
    assert "uv tool uninstall nightporter" in steps
    assert "security delete-generic-password -s 'mail'" in steps
    assert "security delete-generic-password -s 'b'" in steps
    assert "Login Items" in steps
    assert "Full Disk Access" in steps
    pipx = Path("/home/m/.local/pipx/venvs/nightporter/bin/nightporter")
    assert "pipx uninstall" in purge.by_hand("linux", pipx, nothing, "")[0]


NAMES = st.sampled_from(["state", "logs", "deep/er", "x"])


@given(state=NAMES, log=NAMES, alerts=NAMES, usual=st.lists(NAMES))
def test_only_what_is_ours_is_ever_planned(
    tmp_path_factory: pytest.TempPathFactory, state: str, log: str, alerts: str, usual: list[str]
) -> None:
    """Whatever the config names: a folder goes only if it is a usual one, a file only if we make it."""
    root = tmp_path_factory.mktemp("root")
    for name in {state, log, alerts, *usual}:
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "photo").touch()
    (root / state / "nightporter.db").touch()
    (root / log / "np.log.2").touch()
    (root / alerts / "a.jsonl").touch()
    config = Config(
        state=root / state,
        log=LogConfig(path=root / log / "np.log"),
        destinations=(FileDestination(name="f", path=root / alerts / "a.jsonl"),),
    )
    for action in purge.belongings(config, [root / name for name in usual]):
        if isinstance(action, RemoveFolder):
            assert action.path in {root / name for name in usual}
        else:
            assert isinstance(action, RemoveFile)
            assert action.path.name in {"nightporter.db", "np.log.2", "a.jsonl"}
