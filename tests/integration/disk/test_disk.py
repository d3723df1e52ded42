"""Disks and backups, through the installed daemon: a real tmpfs that is filled, unmounted and mounted again,
files that are aged, and a `tmutil` that stands first in PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.parts.daemon import Daemon
from tests.parts.needs import require

MIB = 1 << 20
TELL_ALL = """
rules:
  every-change:
    title: Something changed
    from: probe
    when: {probe|exists: true}
    by: [name, state, was]
    cooldown: 0s
    quiet: 0s
    severity: medium
    message: "{was} to {state}"
"""


class Drive:
    """A tmpfs of 20 MiB that a test mounts, fills and takes away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.mkdir()

    def mount(self, options: str = "rw") -> None:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size=20m,{options}", "nightporter", self.path],
            check=True,
            capture_output=True,
        )

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.path], check=True, capture_output=True)

    def fill(self, percent: float) -> None:
        """Leave so much of it free; it is never emptier or fuller on the way there."""
        size = round(20 * MIB * (1 - percent / 100))
        with (self.path / "film").open("ab") as film:
            os.posix_fallocate(film.fileno(), 0, size)
            film.truncate(size)


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    require(os.geteuid() == 0 and shutil.which("mount"), "needs root, to mount a tmpfs")
    drive = Drive(tmp_path / "Media")
    try:
        drive.mount()
    except subprocess.CalledProcessError as err:
        require(False, f"a tmpfs cannot be mounted here: {err.stderr.decode()}")
    yield drive
    if drive.path.is_mount():
        drive.unmount()


def changes(daemon: Daemon) -> list[str]:
    """Every change of state so far, in order."""
    return [alert["message"] for alert in daemon.alerts("every-change") if alert["kind"] == "alert"]


def wait_for_change(daemon: Daemon, change: str) -> None:
    daemon.wait_until(lambda: change in changes(daemon)[-1:], f"{change}, after {changes(daemon)}")


def watching(tmp_path: Path, **source: Any) -> Daemon:
    """A daemon that looks every second and tells every change."""
    daemon = Daemon(tmp_path, sources=[{"name": "disks", "kind": "disk", "every": "1s", **source}])
    daemon.rule_file("all.yaml", TELL_ALL)
    return daemon


def test_a_drive_is_filled_unmounted_and_comes_back(tmp_path: Path, drive: Drive) -> None:
    path = {"path": str(drive.path), "mounted": True, "holds": "media", "least": "0B"}
    with watching(tmp_path, paths=[path]) as daemon:
        drive.fill(8)
        wait_for_change(daemon, "ok to low")
        drive.fill(2)
        wait_for_change(daemon, "low to high")
        (full,) = daemon.wait_for_alerts(1, "disk-nearly-full")
        assert full["severity"] == "high"
        assert full["message"].endswith(f"of {drive.path} are free")
        drive.fill(50)
        wait_for_change(daemon, "high to ok")
        drive.unmount()
        wait_for_change(daemon, "ok to unmounted")
        (gone,) = daemon.wait_for_alerts(1, "disk-media-not-mounted")
        assert gone["severity"] == "critical"
        assert gone["title"] == "Media drive is not mounted: stop Plex before it empties the library"
        assert gone["message"] == f"{drive.path} is not mounted"

        daemon.stop()
        daemon.start()
        drive.mount()
        wait_for_change(daemon, "unmounted to ok")
        assert changes(daemon) == [
            "ok to low",
            "low to high",
            "high to ok",
            "ok to unmounted",
            "unmounted to ok",
        ], "the restart told nothing twice"
        assert not daemon.alerts("disk-not-mounted")


def test_a_drive_that_becomes_read_only(tmp_path: Path, drive: Drive) -> None:
    with watching(tmp_path, paths=[{"path": str(drive.path), "writable": True, "least": "0B"}]) as daemon:
        drive.remount("ro")
        (alert,) = daemon.wait_for_alerts(1, "disk-read-only")
        assert alert["message"] == f"{drive.path} cannot be written to"
        drive.remount("rw")
        wait_for_change(daemon, "read_only to ok")


def backup(path: Path, *, hours: float, size: int) -> None:
    path.write_bytes(b"x" * size)
    at = time.time() - hours * 3600
    os.utime(path, (at, at))


def test_backups_that_age(tmp_path: Path) -> None:
    folder = tmp_path / "Backups"
    folder.mkdir()
    backup(folder / "1.tar.gz", hours=1, size=2000)
    newest = {"path": f"{folder}/*.tar.gz", "within": "26h", "min_size": "1kB"}
    with watching(tmp_path, newest=[newest]) as daemon:
        backup(folder / "1.tar.gz", hours=27, size=2000)
        wait_for_change(daemon, "ok to too_old")
        (alert,) = daemon.wait_for_alerts(1, "backup-too-old")
        assert alert["severity"] == "high"
        assert alert["message"] == f"the newest backup, {folder}/1.tar.gz, is 27 h old"
        backup(folder / "2.tar.gz", hours=0, size=10)
        wait_for_change(daemon, "too_old to too_small")
        backup(folder / "2.tar.gz", hours=0, size=1000)
        wait_for_change(daemon, "too_small to ok")
        folder.rename(tmp_path / "elsewhere")  # all at once
        wait_for_change(daemon, "ok to missing")


FAKE_TMUTIL = """#!/bin/sh
[ "$1" = latestbackup ] || exit 64
cat "$(dirname "$0")/latest" 2>/dev/null || { echo "No machine directory found for host." >&2; exit 1; }
"""


def test_time_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one is told; that the drive is away afterwards is no news."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "tmutil").write_text(FAKE_TMUTIL)
    (programs / "tmutil").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    made = (datetime.now(UTC) - timedelta(hours=60)).astimezone()  # tmutil names local time
    name = made.strftime("%Y-%m-%d-%H%M%S")
    (programs / "latest").write_text(f"/Volumes/.timemachine/5A/{name}.backup/{name}.backup\n")
    with watching(tmp_path, time_machine=True) as daemon:
        (alert,) = daemon.wait_for_alerts(1, "backup-too-old")
        assert alert["message"] == "Time Machine's last backup is 60 h old"
        daemon.stop()
        (programs / "latest").unlink()
        daemon.start()
        daemon.wait_until(lambda: looked(daemon), "it looked")
        assert changes(daemon) == ["ok to too_old"]


def test_time_machine_without_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with watching(tmp_path, time_machine=True) as daemon:
        (alert,) = daemon.wait_for_alerts(1, "backup-unknown")
        assert alert["message"] == "Time Machine names no backup: there is no tmutil on this machine"


def looked(daemon: Daemon) -> bool:
    """Whether the status of this run shows a look."""
    if not (daemon.state / "status.json").exists():
        return False
    status = daemon.status()
    return bool(status["pid"] == daemon.pid and status["sources"]["disks"]["counts"]["looks"])
