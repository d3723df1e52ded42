"""`nightporter evidence` as a person uses it: a real daemon finds something, and it is kept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.parts.access import as_json
from tests.parts.daemon import PROGRAM, Daemon
from tests.parts.incidents import an_incident
from tests.parts.patience import PATIENCE_S

from nightporter.store import incidents

RULE = """
rules:
  many-missing:
    title: Many missing pages
    from: traefik
    when: {status: 404}
    by: client_ip
    count: 5 in 10m
    message: "{count} missing pages asked for by {client_ip}"
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    log = tmp_path / "access.log"
    log.write_text("")
    source = {
        "name": "traefik",
        "kind": "file",
        "format": "traefik",
        "paths": [str(log)],
        "start": "beginning",
    }
    daemon = Daemon(tmp_path, sources=[source], shipped=False)
    daemon.rule_file("mine.yaml", RULE)
    return daemon


def run(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "evidence", *words, "--config", str(daemon.config_file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=daemon.folder,
    )


def knows(daemon: Daemon, *numbers: int) -> None:
    """Let the store know incidents of these numbers, as a daemon leaves them."""
    daemon.state.mkdir(exist_ok=True)
    connection = sqlite3.connect(daemon.state / "nightporter.db", isolation_level=None)
    connection.executescript(incidents.SCHEMA)
    incidents.save(connection, [an_incident(n, 1_764_504_000_000_000_000 + n) for n in numbers])
    connection.close()


def test_what_a_daemon_found_is_kept_with_its_lines(daemon: Daemon) -> None:
    log = daemon.folder / "access.log"
    with daemon:
        begin = datetime.now(UTC)
        moments = (begin - timedelta(hours=2), *(begin + timedelta(seconds=n / 10) for n in range(6)))
        lines = (as_json("203.0.113.9", "/wp-login.php?token=SECRET", 404, at=at) for at in moments)
        with log.open("ab", buffering=0) as to:
            to.write("".join(lines).encode())  # at once: all six are counted before the first is told
        (alert,) = daemon.wait_for_alerts(1, "many-missing")
    log.rename(log.with_name("access.log.1"))
    log.write_text(as_json("198.51.100.7", "/", 200))

    done = run(daemon, "last", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    path = daemon.folder / said["file"]
    assert path.name == f"nightporter-evidence-{alert['incident']}.zip"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == said["sha256"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert said["sources"][0]["lines"] == 7
    with zipfile.ZipFile(path) as archive:
        rotated = archive.read("sources/traefik/access.log.1.txt").decode().splitlines()
        assert len(rotated) == 6
        assert all("wp-login.php?token=***" in line for line in rotated)
        assert archive.read("sources/traefik/access.log.txt").count(b"\n") == 1
        text = archive.read("incident.txt").decode()
        assert "\nwho             client_ip 203.0.113.9\n" in text
        assert "\ntop host        app.lan ×6\n" in text
        assert "6 missing pages asked for by 203.0.113.9" in text
        rule = archive.read("rules/many-missing.yaml").decode()
        assert rule.startswith(f"# {daemon.rules}/mine.yaml:3, as it is in force\n  many-missing:\n")
        assert rule.endswith('asked for by {client_ip}"\n')
        assert archive.read("rules/own/mine.yaml").decode() == RULE
        assert json.loads(archive.read("manifest.json"))["versions"].keys() >= {"nightporter", "python"}
        archive.extractall(daemon.folder / "out")
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"SECRET" not in everything
    checked = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=daemon.folder / "out", check=False
    )
    assert checked.returncode == 0


def test_the_rule_that_was_in_force_is_kept_though_its_file_is_broken_now(daemon: Daemon) -> None:
    log = daemon.folder / "access.log"
    with daemon:
        with log.open("a") as to:
            to.write("".join(as_json("203.0.113.9", "/x", 404) for _ in range(6)))
        daemon.wait_for_alerts(1, "many-missing")
    daemon.rule_file("mine.yaml", "rules: [broken")
    done = run(daemon, "last", "--out", "e.zip")
    assert done.returncode == 0
    assert "Its time ends at " in done.stdout
    with zipfile.ZipFile(daemon.folder / "e.zip") as archive:
        rule = archive.read("rules/many-missing.yaml").decode()
    assert "count: 5 in 10m" in rule
    assert "after this was first seen" in rule


def test_a_second_time_it_takes_no_files_place(daemon: Daemon) -> None:
    knows(daemon, 1)
    assert run(daemon, "i1").returncode == 0
    again = run(daemon, "i1")
    assert again.returncode == 2
    assert "nightporter-evidence-i1.zip: there is a file of that name" in again.stderr
    assert run(daemon, "i1", "--force").returncode == 0


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param("i12", "i12", id="id"),
        pytest.param("i2", "i2", id="an id that others begin with"),
        pytest.param("i3", "i31", id="beginning"),
        pytest.param("last", "i31", id="last"),
    ],
)
def test_which_one_is_meant(daemon: Daemon, asked: str, found: str) -> None:
    knows(daemon, 2, 12, 13, 20, 31)
    done = run(daemon, asked, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["incident"] == found


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param("i1", "2 incidents begin with 'i1'; the last ones:\n  i13 ", id="several"),
        pytest.param("x9", "there is no incident 'x9'; the last ones:\n  i31 ", id="unknown"),
        pytest.param("", "there is no incident ''", id="empty"),
    ],
)
def test_one_that_is_not_meant_by_that_is_a_mistake(daemon: Daemon, asked: str, said: str) -> None:
    knows(daemon, 2, 12, 13, 20, 31)
    done = run(daemon, asked)
    assert done.returncode == 2
    assert said in done.stderr
    assert list(daemon.folder.glob("*.zip")) == []


def test_without_incidents_there_is_none(daemon: Daemon) -> None:
    done = run(daemon, "last")
    assert done.returncode == 2
    assert "there is no incident 'last': none was found so far" in done.stderr


@pytest.mark.parametrize("margin", ["soon", "2d", "-5m"])
def test_a_margin_is_a_duration_of_a_day_at_most(daemon: Daemon, margin: str) -> None:
    knows(daemon, 1)
    done = run(daemon, "i1", "--around", margin)
    assert done.returncode == 2
    assert "--around" in done.stderr


def test_a_source_that_cannot_be_read_is_trouble_and_the_rest_is_kept(daemon: Daemon) -> None:
    knows(daemon, 1)
    log = daemon.folder / "access.log"
    log.unlink()
    log.mkdir()
    done = run(daemon, "i1", "--out", "e.zip")
    assert done.returncode == 1
    assert f"could not be read: {log}: is not a regular file" in done.stdout
    with zipfile.ZipFile(daemon.folder / "e.zip") as archive:
        assert json.loads(archive.read("manifest.json"))["sources"][0]["troubles"] != []
