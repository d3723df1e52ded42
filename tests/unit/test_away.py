"""What was missed while nobody watched: judged from the last sign of life, the boot and the clock."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.clock import NOON, ManualClock

from nightporter import away
from nightporter.away import Away, Presence
from nightporter.history import Gap
from nightporter.judge import LAST_COMMIT
from nightporter.model import HOUR, MINUTE, SECOND, Severity, Stamp, Telling
from nightporter.store import history, state
from nightporter.store.database import Database

STAMPS = st.integers(0, 2**61)


def verdict(**given: Any) -> Away | None:  # Any: whatever `judged` takes
    facts = {"last_seen": NOON - 5 * HOUR, "asked": False, "boot": NOON - 4 * MINUTE, "now": NOON}
    return away.judged(**(facts | given))


def test_a_boot_after_the_last_sign_of_life_means_the_machine_was_gone() -> None:
    assert verdict() == Away(since=NOON - 5 * HOUR, until=NOON, off=True)


@pytest.mark.parametrize("boot", [NOON - 9 * HOUR, None, NOON + HOUR], ids=["before", "unknown", "future"])
def test_without_such_a_boot_only_nightporter_was_gone(boot: Stamp | None) -> None:
    found = verdict(boot=boot)
    assert found is not None
    assert not found.off


def test_a_boot_time_that_the_clock_moved_a_little_is_no_boot() -> None:
    found = verdict(boot=NOON - 5 * HOUR + 59 * SECOND)
    assert found is not None
    assert not found.off


@pytest.mark.parametrize(
    "last_seen", [None, NOON - 10 * MINUTE + 1, NOON + HOUR], ids=["first start", "short", "clock set back"]
)
def test_nothing_to_tell(last_seen: Stamp | None) -> None:
    assert verdict(last_seen=last_seen) is None


def test_ten_minutes_are_enough() -> None:
    assert verdict(last_seen=NOON - 10 * MINUTE) is not None


@given(last_seen=STAMPS, boot=st.none() | STAMPS, now=STAMPS, asked=st.booleans())
def test_a_time_away_is_real(last_seen: Stamp, boot: Stamp | None, now: Stamp, asked: bool) -> None:
    found = away.judged(last_seen=last_seen, asked=asked, boot=boot, now=now)
    if found is not None:
        assert found.until - found.since >= away.SHORTEST
        assert not found.off or (boot is not None and boot > last_seen)


# --- the words


def said(found: Away, before: set[str], back: set[str]) -> Telling:
    return away.telling(found, before, back, machine="This Mac", zone=UTC, now=NOON)


def test_a_power_cut_in_words() -> None:
    names = {f"app-{number}" for number in range(9)}
    night = Away(since=NOON - 8 * HOUR - 48 * MINUTE, until=NOON - 3 * HOUR - 20 * MINUTE, off=True)
    told = said(night, names | {"sonarr", "radarr"}, names | {"new"})
    assert told.title == "This Mac was away; 9 of 11 containers are back"
    assert told.message == (
        "Nothing was watched 03:12 to 08:40 (5 h 28 min). This Mac was off, asleep or waiting for a login. "
        "9 of 11 containers are back; missing: radarr, sonarr."
    )
    assert (told.severity, told.kind) == (Severity.medium, "notice")


def test_days_are_named_where_there_are_two() -> None:
    told = said(Away(since=NOON - 20 * HOUR, until=NOON, off=True), set(), set())
    assert "Sat 29 Nov 16:00 to Sun 30 Nov 12:00" in told.message
    assert "containers" not in told.title


@pytest.mark.parametrize(
    ("asked", "severity", "words"),
    [(False, Severity.low, "but Nightporter did not run"), (True, Severity.info, "had been stopped")],
)
def test_nightporter_alone(asked: bool, severity: Severity, words: str) -> None:
    told = said(Away(since=NOON - HOUR, until=NOON, off=False, asked=asked), {"ombi"}, {"ombi"})
    assert told.severity == severity
    assert words in told.message
    assert told.message.endswith("All 1 containers are back.")


def test_many_missing_ones_are_not_all_named() -> None:
    told = said(Away(since=NOON - HOUR, until=NOON, off=True), {f"c{n:02}" for n in range(30)}, set())
    assert "c09 and 20 more" in told.message


# --- what the system says


def test_boot_times_of_both_systems() -> None:
    assert away.read_boottime("{ sec = 1764504000, usec = 5 } Sun Nov 30 12:00:00 2025\n") == NOON
    assert away.read_btime("cpu 1 2 3\nbtime 1764504000\nprocesses 9\n") == NOON
    assert away.read_boottime("") is away.read_btime("btime soon\n") is None


def test_this_machine_says_when_it_was_booted(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("btime 1764504000\n")
    assert away.boot_time("linux", stat) == NOON
    assert away.boot_time("linux", tmp_path / "none") is None


def test_sysctl_is_asked_on_a_mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "sysctl"
    program.write_text(
        f'#!/bin/sh\necho "$*" > {tmp_path}/asked\necho "{{ sec = 1764504000, usec = 0 }} Sun"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert away.boot_time("darwin") == NOON
    assert (tmp_path / "asked").read_text() == "-n kern.boottime\n"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert away.boot_time("darwin") is None


@pytest.mark.parametrize("text", ["", "[]", '{"at": "soon"}', "{"])
def test_an_odd_status_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert away.last_status(tmp_path / "status.json") == (None, False)
    assert away.last_status(tmp_path / "none.json") == (None, False)


# --- over lives


class House:
    """One store over several lives of the daemon, and the containers that run."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.status = folder / "status.json"
        self.clock = ManualClock()
        self.running: frozenset[str] | None = None
        self.told: list[Telling] = []
        self.booted: Stamp = NOON - 100 * HOUR

    async def live(self) -> Presence:
        presence = Presence(
            database=self.database,
            clock=self.clock,
            log=structlog.get_logger(),
            running=lambda: self.running,
            tell=self.told.append,
            zone=UTC,
            machine="This Mac",
        )
        await presence.open(self.status, lambda: self.booted)
        await presence.look()
        return presence

    async def watch(self, presence: Presence, seconds: float, *names: str) -> None:
        self.running = frozenset(names) or None
        for _ in range(round(seconds / away.LOOK_EVERY_S)):
            await self.clock.advance(away.LOOK_EVERY_S)
            await presence.look()

    async def stop(self, *, asked: bool = False) -> None:
        now = self.clock.now()
        self.status.write_text(json.dumps({"at": now, "running": not asked}))
        await self.database.call(lambda c: state.save_text(c, LAST_COMMIT, str(now - MINUTE)))

    async def gaps(self) -> list[Gap]:
        """When nothing was watched, as a review reads it."""
        return await self.database.call(lambda connection: history.gaps(connection, 0, 1 << 62))

    def power_cut(self, seconds: float) -> None:
        self.clock.jump(seconds)
        self.booted = self.clock.now() - 90 * SECOND
        self.running = None  # Docker starts later than we do


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = await Database.open(tmp_path / "nightporter.db", [state.SCHEMA, history.SCHEMA])
    yield House(database, tmp_path)
    await database.close()


async def test_a_first_start_tells_nothing(house: House) -> None:
    await house.watch(await house.live(), 600, "ombi")
    assert house.told == []


async def test_after_a_power_cut_it_is_told_once_when_all_are_back(house: House) -> None:
    await house.watch(await house.live(), 60, "ombi", "sonarr")
    await house.stop()
    house.power_cut(5 * 3600)
    presence = await house.live()
    await house.watch(presence, 120)
    assert house.told == []
    await house.watch(presence, 20, "ombi")
    assert house.told == []
    await house.watch(presence, 1200, "ombi", "sonarr")
    assert [told.title for told in house.told] == ["This Mac was away; 2 of 2 containers are back"]
    await house.stop()
    await house.live()
    assert len(house.told) == 1


async def test_what_is_missing_after_five_minutes_is_named(house: House) -> None:
    await house.watch(await house.live(), 60, "ombi", "sonarr")
    await house.stop()
    house.power_cut(3600)
    presence = await house.live()
    await house.watch(presence, 290, "ombi")
    assert house.told == []
    await house.watch(presence, 10, "ombi")
    assert house.told[0].message.endswith("1 of 2 containers are back; missing: sonarr.")


async def test_one_that_was_taken_down_long_before_is_not_missed(house: House) -> None:
    presence = await house.live()
    await house.watch(presence, 60, "ombi", "old")
    await house.watch(presence, 3600, "ombi")
    await house.stop()
    house.power_cut(3600)
    await house.watch(await house.live(), 10, "ombi")
    assert house.told[0].title.endswith("1 of 1 containers are back")


async def test_containers_that_an_orderly_shutdown_stopped_first_are_missed(house: House) -> None:
    presence = await house.live()
    await house.watch(presence, 3600, "ombi", "sonarr")
    await house.watch(presence, 60, "ombi")
    await house.stop(asked=True)
    house.power_cut(3600)
    await house.watch(await house.live(), 310, "ombi")
    assert "This Mac was off" in house.told[0].message
    assert "missing: sonarr" in house.told[0].message


async def test_a_life_that_ended_before_it_told_leaves_it_to_the_next(house: House) -> None:
    await house.watch(await house.live(), 60, "ombi")
    await house.stop()
    house.power_cut(3600)
    await house.watch(await house.live(), 60)
    await house.stop()
    await house.watch(await house.live(), 60, "ombi")
    assert [told.title for told in house.told] == ["This Mac was away; 1 of 1 containers are back"]


async def test_a_quiet_house_was_not_away(house: House) -> None:
    """Nothing is committed for hours where nothing happens; the status file shows the life in between."""
    await house.stop()
    await house.database.call(lambda c: state.save_text(c, LAST_COMMIT, str(NOON - 9 * HOUR)))
    house.clock.jump(60)
    await house.live()
    assert house.told == []


async def test_a_sleep_is_noted(house: House) -> None:
    presence = await house.live()
    with structlog.testing.capture_logs() as logs:
        await house.watch(presence, 60, "ombi")
        assert logs == []
        house.clock.jump(4000)
        await presence.look()
    assert [(entry["event"], entry["seconds"]) for entry in logs] == [("machine.slept", 4000)]
    (slept,) = await house.gaps()
    assert slept.end - slept.start == 4000 * SECOND


async def test_a_short_time_without_us_is_kept_for_the_review_though_it_is_not_told(house: House) -> None:
    await house.watch(await house.live(), 60, "ombi")
    await house.stop()
    ended = house.clock.now()
    house.clock.jump(300)
    await house.live()
    assert (house.told, await house.gaps()) == ([], [Gap(ended, ended + 300 * SECOND)])


async def test_a_restart_leaves_no_gap(house: House) -> None:
    await house.watch(await house.live(), 60, "ombi")
    await house.stop()
    house.clock.jump(20)
    await house.live()
    assert await house.gaps() == []


def test_who_runs_by_the_sources_own_words() -> None:
    file, down = {"state": "following"}, {"up": False, "following": []}
    assert away.following([file, down]) is None
    assert away.following([file, down, {"up": True, "following": ["a", "b"]}]) == frozenset("ab")
