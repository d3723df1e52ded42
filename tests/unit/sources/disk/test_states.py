"""What a look at a disk or a backup means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.config import DiskPath, NewestFile
from nightporter.model import DAY, HOUR, MINUTE
from nightporter.sources.disk.states import (
    File,
    Space,
    age_text,
    bytes_text,
    of_newest,
    of_space,
    of_time_machine,
)

GB = 10**9
NOW = 1_795_525_758_000_000_000
DISK = DiskPath(path="/Volumes/Media")


def space(percent: float, total: int = 1000 * GB, *, mounted: bool = True, writable: bool = True) -> Space:
    return Space(mounted=mounted, writable=writable, free=round(total * percent / 100), total=total)


@pytest.mark.parametrize(
    ("percent", "total", "was", "state"),
    [
        (10.0, 1000 * GB, "ok", "ok"),
        (9.9, 1000 * GB, "ok", "low"),
        (3.0, 1000 * GB, "ok", "low"),
        (2.9, 1000 * GB, "ok", "high"),
        (10.9, 1000 * GB, "low", "low"),
        (11.0, 1000 * GB, "low", "ok"),
        (3.2, 1000 * GB, "high", "high"),
        (3.4, 1000 * GB, "high", "low"),
        (10.5, 1000 * GB, "high", "low"),
        (24.9, 20 * GB, "ok", "high"),
        (25.0, 20 * GB, "ok", "ok"),
        (26.0, 20 * GB, "high", "high"),
        (28.0, 20 * GB, "high", "ok"),
    ],
)
def test_free_space(percent: float, total: int, was: str, state: str) -> None:
    assert of_space(DISK, space(percent, total), was).state == state


@given(st.floats(0, 100), st.integers(1, 10**14), st.sampled_from(("ok", "low", "high", "unmounted")))
def test_a_state_stays_when_nothing_changes(percent: float, total: int, was: str) -> None:
    """No look at the same disk ever gives two answers in turn."""
    first = of_space(DISK, space(percent, total), was).state
    assert of_space(DISK, space(percent, total), first).state == first


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_room_is_never_worse(less: float, more: float) -> None:
    less, more = sorted((less, more))
    order = ("high", "low", "ok")
    for was in order:
        states = [of_space(DISK, space(percent), was).state for percent in (less, more)]
        assert order.index(states[0]) <= order.index(states[1])


@pytest.mark.parametrize(
    ("asked", "told", "state"),
    [
        (DiskPath(path="/x", mounted=True), Space(exists=False), "unmounted"),
        (DiskPath(path="/x", mounted=True), space(50, mounted=False), "unmounted"),
        (DiskPath(path="/x", mounted=True), space(50), "ok"),
        (DiskPath(path="/x"), Space(exists=False), "missing"),
        (DiskPath(path="/x"), space(50, mounted=False, writable=False), "ok"),
        (DiskPath(path="/x", writable=True), space(50, writable=False), "read_only"),
        (DiskPath(path="/x", writable=True), space(1, writable=False), "read_only"),
        (DiskPath(path="/x", high_bytes=0), space(4, total=100), "low"),
    ],
)
def test_drives(asked: DiskPath, told: Space, state: str) -> None:
    assert of_space(asked, told, "ok").state == state


BACKUP = NewestFile(pattern="/b/*", within_s=26 * 3600, min_bytes=1000)


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ([], "missing"),
        ([(1, 5000)], "ok"),
        ([(26, 1000)], "ok"),
        ([(27, 5000)], "too_old"),
        ([(27, 5000), (3, 5000), (50, 5000)], "ok"),
        ([(1, 999)], "too_small"),
        ([(20, 5000), (0, 10)], "ok"),
        ([(44, 5000), (20, 10)], "too_small"),
        ([(44, 10)], "too_old"),
        ([(-5, 5000)], "ok"),
    ],
)
def test_backups(files: list[tuple[int, int]], state: str) -> None:
    """Files by their age in hours and their size."""
    found = [File(f"/b/{age}", NOW - age * HOUR, size) for age, size in files]
    assert of_newest(BACKUP, found, NOW).state == state


def test_what_is_said_of_a_backup() -> None:
    judged = of_newest(BACKUP, [File("/b/a", NOW - 50 * HOUR, 5000)], NOW)
    assert judged.message == "the newest backup, /b/a, is 50 h old"
    assert judged.facts == {"age": 180_000, "size": 5000}


def test_time_machine() -> None:
    assert of_time_machine(0, 1.0, NOW, "no drive").state == "unknown"
    assert of_time_machine(NOW - HOUR, 7200.0, NOW, "").state == "ok"
    away = of_time_machine(NOW - 5 * DAY, 7200.0, NOW, "no drive")
    assert away.state == "too_old"
    assert away.message == "Time Machine's last backup is 5 days old; tmutil says: no drive"


def test_figures_for_people() -> None:
    assert [bytes_text(size) for size in (0, 999, 1500, 4_100_000_000, 2 * 10**12)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "4.1 GB",
        "2.0 TB",
    ]
    spans = [age_text(nanos / 10**9) for nanos in (5 * MINUTE, 27 * HOUR, 80 * HOUR)]
    assert spans == ["5 min", "27 h", "3 days"]
