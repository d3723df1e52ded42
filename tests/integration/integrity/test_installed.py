"""Tampering through the installed daemon: found, told with what changed, open until somebody accepts it."""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.daemon import PROGRAM, Daemon
from tests.parts.discord import DiscordReceiver
from tests.parts.patience import PATIENCE_S

COMPOSE = "services:\n  db:\n    image: mysql:8\n    environment:\n      MYSQL_ROOT_PASSWORD: hunter2\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The owner's layout, small."""
    for name, text in {
        "docker/docker-compose.yml": COMPOSE,
        "docker/.env": "DISCORD=hunter2\nIP_ALLOW_LIST=192.168.1.0/24\n",
        "traefik/traefik.yml": "providers:\n  file: {directory: routes}\n",
        "traefik/routes/plex.yml": "http:\n  services:\n    plex: {}\n",
        "traefik/certificates/acme.json": '{"le": {"Certificates": [{"key": "hunter2"}]}}',
        "Library/LaunchAgents/com.traefik.startup.plist": "<plist></plist>\n",
    }.items():
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    return tmp_path / "home"


@pytest.fixture
def discord(tmp_path: Path) -> Iterator[DiscordReceiver]:
    folder = tmp_path / "discord"
    folder.mkdir()
    with DiscordReceiver(folder) as receiver:
        yield receiver


@pytest.fixture
def daemon(tmp_path: Path, home: Path, discord: DiscordReceiver) -> Daemon:
    return Daemon(
        tmp_path,
        sources=[{"name": "watched", "kind": "integrity", "paths": "default"}],
        destinations=[{"name": "phone", "kind": "apprise", "url": discord.url}],
        env={**discord.env, "HOME": str(home)},
        caps={"per_hour": 100, "per_day": 100},
    )


def run(daemon: Daemon, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words, "--config", str(daemon.config_file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )


def sighted(daemon: Daemon) -> None:
    """Wait until the first look at everything is over."""
    daemon.wait_until(lambda: daemon.last_chunk("watched"), "the files were looked at")


def test_what_an_intruder_does_is_told(daemon: Daemon, home: Path, discord: DiscordReceiver) -> None:
    with daemon:
        sighted(daemon)
        compose = home / "docker/docker-compose.yml"
        compose.write_text(COMPOSE.replace("mysql:8", "evil:1").replace("hunter2", "swordfish"))
        (home / "docker/.env").write_text("DISCORD=swordfish\nIP_ALLOW_LIST=0.0.0.0/0\n")
        (home / "traefik/routes/door.yml").write_text("http:\n  services:\n    door: {}\n")
        (home / "traefik/certificates/acme.json").chmod(0o644)
        (home / "Library/LaunchAgents/.com.evil.plist").write_text("<plist><string>/tmp/x</string></plist>\n")
        with daemon.config_file.open("a") as file:
            file.write("# changed\n")
        alerts = {alert["key"]["path"]: alert for alert in daemon.wait_for_alerts(6)}
        told = {str(Path(path).relative_to(daemon.folder)): a["rule"] for path, a in alerts.items()}
        assert told == {
            "home/docker/docker-compose.yml": "tampering-file",
            "home/docker/.env": "tampering-file",
            "home/traefik/routes/door.yml": "tampering-file",
            "home/traefik/certificates/acme.json": "tampering-keys",
            "home/Library/LaunchAgents/.com.evil.plist": "tampering-startup",
            "config.yaml": "tampering-nightporter",
        }
        alert = alerts[str(compose)]
        assert alert["message"] == f"{compose}: its content was changed"
        assert alert["samples"] == [
            "@ line 3\n-    image: mysql:8\n+    image: evil:1\n@ line 5\n"
            "-      MYSQL_ROOT_PASSWORD: ***\n+      MYSQL_ROOT_PASSWORD: ***  (another value)"
        ]
        assert alerts[str(home / "traefik/certificates/acme.json")]["severity"] == "high"
        daemon.wait_until(lambda: any("evil:1" in m.text for m in discord.messages), "Discord has the diff")
        messages = discord.messages
    everything = daemon.alerts_file.read_text() + daemon.log_file.read_text()
    everything += "".join(message.text for message in messages)
    everything += b"".join(path.read_bytes() for path in daemon.state.iterdir()).decode(errors="replace")
    assert "hunter2" not in everything
    assert "swordfish" not in everything


def test_what_happened_while_it_was_down_is_told_at_the_start(daemon: Daemon, home: Path) -> None:
    with daemon:
        sighted(daemon)
        daemon.stop()
        (home / "docker/docker-compose.yml").write_text(COMPOSE.replace("mysql:8", "evil:1"))
        (home / "traefik/routes/plex.yml").unlink()
        daemon.start()
        alerts = daemon.wait_for_alerts(2, "tampering-file")
        assert sorted(alert["message"].partition(": ")[2] for alert in alerts) == [
            "it was deleted",
            "its content was changed",
        ]
        daemon.kill()
        daemon.start()
        (home / "docker/.env").write_text("IP_ALLOW_LIST=0.0.0.0/0\n")
        # What was being written at the kill may come again with the same id; what is new has one of its own.
        daemon.wait_until(lambda: len(told_once(daemon)) == 3, "the third")
        assert told_once(daemon).count("docker-compose.yml") == 1


def told_once(daemon: Daemon) -> list[str]:
    """The files of the alerts of `tampering-file`, one an id."""
    alerts = {alert["id"]: alert for alert in daemon.alerts("tampering-file")}
    return [Path(alert["key"]["path"]).name for alert in alerts.values()]


def test_a_change_is_open_until_it_is_accepted(daemon: Daemon, home: Path) -> None:
    compose = home / "docker/docker-compose.yml"
    with daemon:
        sighted(daemon)
        compose.write_text(COMPOSE.replace("mysql:8", "mysql:9"))
        daemon.wait_for_alerts(1)
        daemon.wait_until(lambda: daemon.status()["sources"]["watched"]["unaccepted"], "the status says so")
        assert f"unaccepted: {compose}: its content was changed" in run(daemon, home, "status").stdout
        found = json.loads(run(daemon, home, "doctor", "--json").stdout)
        assert [f["mend"] for f in found if str(compose) in f["what"] and f["state"] == "note"] == [
            f"nightporter accept {compose}    # if it was you"
        ]
        assert run(daemon, home, "accept").stdout == f"{compose}: its content was changed\n"
        done = run(daemon, home, "accept", str(compose))
        assert (done.returncode, done.stdout) == (0, f"{compose}: accepted as it is now\n")
        daemon.wait_until(lambda: not daemon.status()["sources"]["watched"]["unaccepted"], "it is accepted")
        assert run(daemon, home, "accept").stdout == "Everything that is watched is as it was accepted.\n"
        daemon.stop()
        compose.write_text(COMPOSE)
        done = run(daemon, home, "accept", "--json", str(compose))
        assert json.loads(done.stdout) == {"verdicts": {str(compose): "later"}}
        daemon.start()
        daemon.wait_until(lambda: not list(daemon.state.glob("accept-watched.json")), "it was taken")
        (home / "docker/.env").write_text("IP_ALLOW_LIST=0.0.0.0/0\n")
        paths = [alert["key"]["path"] for alert in daemon.wait_for_alerts(2)]
        assert paths == [str(compose), str(home / "docker/.env")]  # the accepted one was not told again


def test_what_was_accepted_is_over_and_its_next_change_is_a_new_alert(daemon: Daemon, home: Path) -> None:
    compose = home / "docker/docker-compose.yml"

    def going_on() -> list[bool]:
        lines = run(daemon, home, "alerts", "--json").stdout.splitlines()
        return sorted(found["open"] for found in map(json.loads, lines))

    with daemon:
        sighted(daemon)
        compose.write_text(COMPOSE.replace("mysql:8", "mysql:9"))
        daemon.wait_for_alerts(1, "tampering-file")
        daemon.wait_until(lambda: going_on() == [True], "it goes on")
        assert run(daemon, home, "accept", str(compose)).returncode == 0
        daemon.wait_until(lambda: going_on() == [False], "it is over")
        compose.write_text(COMPOSE.replace("mysql:8", "evil:1"))
        first, second = daemon.wait_for_alerts(2, "tampering-file")
        assert (first["kind"], second["kind"]) == ("alert", "alert")
        assert first["key"] == second["key"] == {"path": str(compose)}
        daemon.wait_until(lambda: going_on() == [False, True], "one is over, one goes on")


def test_our_own_files_are_watched_in_every_home(tmp_path: Path, home: Path) -> None:
    """Though the config watches no files: an edit is low, what no editor does is high, and what was accepted
    is told no more."""
    daemon = Daemon(tmp_path, sources=[], env={"HOME": str(home)})
    mine = daemon.rule_file("mine.yaml", "lists: {ours: [a]}\n")
    with daemon:
        daemon.wait_until(lambda: daemon.last_chunk("own-files"), "the files were looked at")
        daemon.rule_file("mine.yaml", "lists: {ours: [a, b]}\n")
        (edited,) = daemon.wait_for_alerts(1, "tampering-nightporter")
        assert edited["severity"] == "low"
        assert edited["message"] == f"{mine}: its content was changed"
        assert edited["samples"] == ["@ line 1\n-lists: {ours: [a]}\n+lists: {ours: [a, b]}"]
        daemon.wait_until(lambda: daemon.status()["sources"]["own-files"]["unaccepted"], "the status says so")
        unaccepted = run(daemon, home, "accept").stdout
        assert unaccepted == f"{mine}: its content was changed\n"
        done = run(daemon, home, "accept", str(mine))
        assert (done.returncode, done.stdout) == (0, f"{mine}: accepted as it is now\n")
        daemon.stop()
        daemon.start()
        daemon.config_file.chmod(0o666)
        alerts = daemon.wait_for_alerts(2, "tampering-nightporter")
        assert [(a["key"]["path"], a["severity"]) for a in alerts[1:]] == [(str(daemon.config_file), "high")]


def test_what_came_after_the_look_is_not_accepted_with_it(daemon: Daemon, home: Path) -> None:
    """A request that waits for a daemon is for the state that the person saw."""
    compose = home / "docker/docker-compose.yml"
    with daemon:
        sighted(daemon)
        daemon.stop()
        compose.write_text(COMPOSE.replace("mysql:8", "mysql:9"))
        assert "accepts it at its next start" in run(daemon, home, "accept", str(compose)).stdout
        compose.write_text(COMPOSE.replace("mysql:8", "evil:1"))
        daemon.start()
        (alert,) = daemon.wait_for_alerts(1)
        assert alert["key"] == {"path": str(compose)}
        assert "evil:1" in alert["samples"][0]


def test_a_path_that_nobody_watches(daemon: Daemon, home: Path) -> None:
    done = run(daemon, home, "accept", str(home / "docker/docker-compos.yml"))
    assert done.returncode == 2
    assert f"did you mean '{home}/docker/docker-compose.yml'?" in done.stderr


def test_tail_shows_what_changes(daemon: Daemon, home: Path) -> None:
    compose = home / "docker/docker-compose.yml"
    process = subprocess.Popen(
        [PROGRAM, "tail", "--from", "watched", "--config", str(daemon.config_file)],
        stdout=subprocess.PIPE,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    assert process.stdout is not None
    try:
        shown, tries = b"", 0
        while not shown.endswith(b"tampering-file\n") and tries < 20:
            if not shown:  # its first look may not be behind it
                compose.write_text(f"{COMPOSE}    image: more-{tries}\n")
            tries += 1
            if select.select([process.stdout], [], [], 4.0)[0]:
                shown += os.read(process.stdout.fileno(), 10_000)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        process.stdout.close()
    assert b"+    image: more-" in shown
    assert shown.endswith(b"tampering-file\n")
