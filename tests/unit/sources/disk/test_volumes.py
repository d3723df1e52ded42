"""What the folders of containers lie on, and what is asked of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nightporter.config import DiskPath
from nightporter.sources.disk import looks, volumes
from nightporter.sources.disk.states import Space


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the system calls a mount point; add to it."""
    points = {"/"}
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in points)
    return points


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        ("linux", "/mnt/media/films", "/mnt/media"),
        ("linux", "/mnt/media", "/mnt/media"),
        ("linux", "/mnt/other", "/"),
        ("darwin", "/Volumes/Media/films/a", "/Volumes/Media"),
        ("darwin", "/Volumes/Away/films", "/"),
        ("darwin", "/Users/me/docker", "/"),
    ],
)
def test_where_it_is_mounted(mounted: set[str], platform: str, path: str, expected: str) -> None:
    """On a Mac /Users is on another volume than / is, but on the same disk."""
    mounted |= {"/mnt/media", "/Volumes/Media", "/Users"}
    assert volumes.mount_point(path, platform) == expected


def test_each_file_system_once_and_none_of_the_systems(
    mounted: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    media, other = tmp_path / "media", tmp_path / "other"
    for folder in (media / "films", media / "music", other):
        folder.mkdir(parents=True)
    (media / "settings.yml").touch()
    mounted |= {str(media), str(other), "/dev", "/run"}
    monkeypatch.setattr(looks, "space", lambda path: Space(read_only=path == str(other)))
    folders = [str(media / "films"), str(media / "music"), str(other), "/dev", "/proc", str(media / "gone")]
    found = volumes.file_systems(folders, [], "linux")
    assert found == {str(media): "written", str(other): "read"}
    assert volumes.file_systems(folders, [str(media / "music")], "linux") == {str(other): "read"}
    assert volumes.file_systems([str(media / "settings.yml")], [], "linux") == {}


def test_there_is_an_end(mounted: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(looks, "space", lambda path: Space())
    folders = [tmp_path / str(number) for number in range(volumes.MOST + 5)]
    for folder in folders:
        folder.mkdir()
        mounted.add(str(folder))
    assert len(volumes.file_systems(map(str, folders), [], "linux")) == volumes.MOST


def test_a_drive_of_a_desktop_is_one(mounted: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    mounted |= {"/run", "/run/media/ada/Films"}
    monkeypatch.setattr(os.path, "isdir", lambda path: True)
    monkeypatch.setattr(looks, "space", lambda path: Space())
    found = volumes.file_systems(["/run/media/ada/Films/new", "/run/user/1000"], [], "linux")
    assert found == {"/run/media/ada/Films": "written"}


def test_still_named(mounted: set[str]) -> None:
    assert volumes.still_named(["/a", "/mnt/media/films"], "/mnt/media")
    assert not volumes.still_named(["/mnt/media2", "/mnt"], "/mnt/media")


@pytest.mark.parametrize(
    ("space", "volume", "state"),
    [
        (Space(mounted=True, writable=False, free=1, total=10), "written", "ok"),  # not by us: by containers
        (Space(mounted=True, writable=True, read_only=True, free=1, total=10), "written", "read_only"),
        (Space(mounted=True, read_only=True, total=10), "read", "ok"),  # a disc is always full
        (Space(mounted=False, writable=True, free=9, total=10), "read", "unmounted"),
        (Space(mounted=True, writable=True, free=4_000_000_000, total=20_000_000_000), "written", "ok"),
        (Space(mounted=True, writable=True, free=4_000_000_000, total=100_000_000_000), "written", "high"),
    ],
)
def test_a_look(space: Space, volume: volumes.Volume, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "space", lambda path: space)
    assert volumes.look_at("/mnt/media", volume, "ok").state == state


def test_the_disk_of_the_system_is_no_drive_that_goes() -> None:
    assert volumes.asked_of("/", "written", 10) == DiskPath(path="/", writable=True, high_bytes=0)
