"""Backups that something makes, and the drives of media servers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock

from nightporter.config import NewestFile
from nightporter.doctor.containers import Running
from nightporter.doctor.looking.view import View
from nightporter.model import SECOND
from nightporter.sources.docker.container import Container
from nightporter.survey import disks

HOUR = 3600.0


@pytest.fixture
def view(tmp_path: Path) -> View:
    (tmp_path / "Backups").mkdir()
    return View(clock=ManualClock(), environ={}, home=tmp_path, cwd=tmp_path, platform="linux")


def made(view: View, name: str, *, hours: float, size: int = 0) -> None:
    path = view.home / "Backups" / name
    path.write_bytes(b"x" * size)
    at = view.clock.now() / SECOND - hours * HOUR
    os.utime(path, (at, at))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.tar.gz": 3, "b.tar.gz": 200}, ("*.tar.gz", 26)),
        ({"a.tar.gz": 300, "b.zip": 100}, ("*.zip", 192)),
        ({"a.tar.gz": 300}, None),
        ({"notes.txt": 1}, None),
        ({}, None),
    ],
)
def test_backups(view: View, files: dict[str, float], expected: tuple[str, float] | None) -> None:
    """Daily, weekly, or a habit of the past, which is told by nobody's wish."""
    for name, hours in files.items():
        made(view, name, hours=hours)
    found = disks.look(view, []).newest
    if expected is None:
        assert found is None
    else:
        pattern, hours = expected
        assert found == NewestFile(pattern=f"{view.home}/Backups/{pattern}", within_s=hours * HOUR)


@pytest.mark.parametrize(
    ("sizes", "least"),
    [
        ([1_000], 500),
        ([900_123_456, 1_000_000_000, 950_000_000], 450_000_000),
        ([1, 900_000, 1_000_000, 950_000, 980_000], 450_000),
        ([0], 1),
        ([1], 1),
    ],
)
def test_a_backup_must_have_half_of_what_the_smallest_of_the_last_had(sizes: list[int], least: int) -> None:
    """One that is broken already does not make every other good enough."""
    assert disks.least_size(sizes) == least


def test_only_the_last_backups_say_how_large_one_is(view: View) -> None:
    for number in range(disks.RECENT + 2):
        made(view, f"{number}.zip", hours=3 + number, size=4_000 if number < disks.RECENT else 3_000)
    found = disks.look(view, []).newest
    assert found is not None
    assert found.min_bytes == 2_000


def test_drives_of_media_and_nothing_else(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [view.home / name for name in ("films", "config", "pictures")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setattr(disks, "mount_point", lambda path, platform: path)
    films, config, pictures = map(str, folders)

    def running(name: str, *mounts: tuple[str, str, str]) -> Running:
        container = Container(id="0" * 64, name=name, image="busybox", labels={}, running=True)
        return Running(container=container, mounts=mounts)

    found = disks.look(
        view,
        [
            running("plex", ("bind", films, "/data/films"), ("bind", config, "/config")),
            running(
                "sonarr", ("bind", films, "/tv"), ("volume", "x", "/tv2"), ("bind", f"{films}/no", "/no")
            ),
            running("photos", ("bind", pictures, "/photos")),
        ],
    )
    assert [at for at, _ in found.media] == [films]
    assert found.total > 0
