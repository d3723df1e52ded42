"""A drill through the installed daemon: to its destinations, and into nothing else that it knows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.daemon import PROGRAM, Daemon
from tests.parts.discord import Answer, DiscordReceiver
from tests.parts.patience import PATIENCE_S

RULE = """
rules:
  guessing:
    title: Failed logins
    from: lines
    when: {message: "login failed"}
    count: 3 in 10m
    severity: high
    message: "{count} failed logins"
    tests:
      - {name: three, fires: 1, lines: [{line: "login failed for {i}", repeat: 3}]}
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    made = Daemon(
        tmp_path,
        sources=[{"name": "lines", "kind": "file", "format": "text", "paths": [str(tmp_path / "app.log")]}],
        shipped=False,
    )
    made.rule_file("own.yaml", RULE)
    (tmp_path / "app.log").touch()
    return made


def drilled(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, "drill", *words, "--config", str(daemon.config_file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_a_drill_arrives_and_disturbs_nothing(daemon: Daemon) -> None:
    log = daemon.folder / "app.log"
    with daemon:
        daemon.wait_until(lambda: daemon.last_chunk("lines"), "the log is followed")
        with log.open("a") as file:
            file.write("login failed for real\n" * 2)  # one short of an alert
        done = drilled(daemon, "guessing")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "DRILL: Failed logins → everything: sent\n"
        with log.open("a") as file:
            file.write("login failed for real\n")
        test, alert = daemon.wait_for_alerts(2)
        assert (test["kind"], test["title"]) == ("test", "DRILL: Failed logins")
        assert (alert["kind"], alert["title"], alert["count"]) == ("alert", "Failed logins", 3)
        listed = subprocess.run(
            [PROGRAM, "alerts", "--json", "--config", str(daemon.config_file)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        assert len(listed.stdout.splitlines()) == 1  # the drill is no incident
        assert not list(daemon.state.glob("*drill*"))


@pytest.fixture
def discord(tmp_path: Path) -> Iterator[DiscordReceiver]:
    folder = tmp_path / "discord"
    folder.mkdir()
    with DiscordReceiver(folder) as receiver:
        yield receiver


@pytest.fixture
def phone(tmp_path: Path, discord: DiscordReceiver) -> Daemon:
    """A daemon that tells Discord too."""
    made = Daemon(
        tmp_path,
        sources=[{"name": "lines", "kind": "file", "format": "text", "paths": [str(tmp_path / "app.log")]}],
        destinations=[{"name": "phone", "kind": "apprise", "url": discord.url}],
        env=discord.env,
        shipped=False,
    )
    made.rule_file("own.yaml", RULE)
    return made


def test_a_drill_on_a_phone(phone: Daemon, discord: DiscordReceiver) -> None:
    with phone:
        done = drilled(phone, "--json")
        assert done.returncode == 0, done.stderr
        told = {(m["destination"], m["state"]) for m in json.loads(done.stdout)["messages"]}
        assert told == {("phone", "sent"), ("everything", "sent")}
        (received,) = discord.wait_for(1)
        assert "DRILL: a rule of severity high" in received.text


def test_a_webhook_that_is_gone_is_named(phone: Daemon, discord: DiscordReceiver) -> None:
    discord.script(Answer(status=404))
    with phone:
        done = drilled(phone, "guessing")
    assert done.returncode == 1
    assert "→ phone: refused; look at its address in the config" in done.stdout
    assert "→ everything: sent" in done.stdout
    assert "TOKEN" not in done.stdout


def test_without_a_daemon_it_says_so_and_can_send_by_itself(
    phone: Daemon, discord: DiscordReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = drilled(phone, "guessing")
    assert done.returncode == 1
    assert "Nightporter does not run" in done.stderr
    for name, value in discord.env.items():
        monkeypatch.setenv(name, value)
    done = drilled(phone, "guessing", "--here")
    assert (done.returncode, done.stderr) == (0, "")
    assert "DRILL: Failed logins → phone: sent" in done.stdout
    discord.wait_for(1)
    assert phone.alerts()[0]["title"] == "DRILL: Failed logins"


def test_a_name_that_is_no_rule(daemon: Daemon) -> None:
    with daemon:
        done = drilled(daemon, "guesing")
    assert done.returncode == 2
    assert "did you mean 'guessing'" in done.stderr
