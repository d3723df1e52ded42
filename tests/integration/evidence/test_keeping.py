"""Evidence that is kept by itself: of what is critical, once, for as long as there is room."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs
from tests.parts.access import as_json
from tests.parts.clock import ManualClock
from tests.parts.incidents import an_incident

from nightporter.config import Config, Evidence
from nightporter.configfile import World, parse_config
from nightporter.evidence.keeping import LATEST, MARGIN, SLACK, TRIES, Keeping, due, forget
from nightporter.model import DAY, MINUTE, SECOND, Incident, Severity, Stamp
from nightporter.store import incidents
from nightporter.store.database import Database

CRITICAL = "0123456789ab"


def critical(clock: ManualClock, ago: int = 6 * MINUTE, **changes: object) -> Incident:
    incident = an_incident(1, clock.now() - ago, severity=Severity.critical)
    return msgspec.structs.replace(incident, **{"id": CRITICAL, **changes})


class House:
    """A state folder with a database, and a config beside it."""

    def __init__(self, folder: Path, clock: ManualClock, database: Database, *, keep: int = 20) -> None:
        self.clock = clock
        self.database = database
        self.path = folder / "config.yaml"
        self.log = folder / "access.log"
        self.log.write_text(as_json("203.0.113.9", "/x?token=SECRET", 404))
        self.path.write_text(
            json.dumps(
                {
                    "state": str(folder),
                    "sources": [{"name": "traefik", "kind": "file", "paths": [str(self.log)]}],
                    "evidence": {"critical": True, "keep": keep},
                }
            )
        )
        self.config = parse_config(str(self.path), self.path.read_text(), World(home=folder)).config
        self.keeping = Keeping(self.config, database, clock, structlog.get_logger())

    @property
    def kept(self) -> Path:
        return self.config.state / "evidence" / f"{CRITICAL}.zip"

    @property
    def whole(self) -> Path:
        return self.kept.with_name(f"{CRITICAL}-after.zip")

    async def knows(self, incident: Incident) -> None:
        await self.database.call(lambda connection: incidents.save(connection, [incident]))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = await Database.open(tmp_path / "nightporter.db", (incidents.SCHEMA,))
    try:
        yield House(tmp_path, ManualClock(), database)
    finally:
        await database.close()


async def test_what_is_critical_is_kept_at_once_and_again_with_what_followed(house: House) -> None:
    """The first one before the logs forget; the second with the half hour after it, by another life."""
    happened = house.clock.now()
    before = as_json("203.0.113.9", "/before", 404, at=at(happened - 20 * MINUTE))
    house.log.write_text(before)
    await house.knows(critical(house.clock, ago=0))
    await house.keeping.look()
    assert lines_of(house.kept) == before
    house.log.write_text(after := as_json("203.0.113.9", "/after", 404, at=at(happened + 20 * MINUTE)))
    await house.clock.advance((MARGIN - MINUTE) / SECOND)
    await house.keeping.look()
    assert not house.whole.exists()
    await house.clock.advance((MINUTE + SLACK) / SECOND)
    again = Keeping(house.config, house.database, house.clock, structlog.get_logger())
    await again.look()
    made = (house.kept.stat(), house.whole.stat())
    assert (lines_of(house.kept), lines_of(house.whole)) == (before, after)
    await again.look()
    assert (house.kept.stat(), house.whole.stat()) == made


def at(stamp: Stamp) -> datetime:
    return datetime.fromtimestamp(stamp / SECOND, UTC)


def lines_of(archive: Path) -> str:
    with zipfile.ZipFile(archive) as opened:
        (name,) = (name for name in opened.namelist() if name.startswith("sources/"))
        return opened.read(name).decode()


async def test_what_is_critical_is_kept_once(house: House) -> None:
    await house.knows(critical(house.clock))
    with capture_logs() as logged:
        await house.keeping.look()
        first = house.kept.stat()
        await house.keeping.look()
    assert [entry["event"] for entry in logged] == ["evidence.kept"]
    assert house.kept.stat() == first
    assert stat.S_IMODE(first.st_mode) == 0o600
    assert stat.S_IMODE(house.kept.parent.stat().st_mode) == 0o700
    with zipfile.ZipFile(house.kept) as archive:
        assert json.loads(archive.read("manifest.json"))["incident"] == CRITICAL


async def test_what_cannot_be_kept_is_tried_three_times(house: House) -> None:
    await house.knows(critical(house.clock))
    house.path.write_text("sources: [broken")
    with capture_logs() as logged:
        for _ in range(TRIES + 2):
            await house.keeping.look()
    assert [entry["event"] for entry in logged] == ["evidence.failed"] * TRIES
    assert "config.yaml" in logged[0]["error"]
    assert not house.kept.exists()


async def test_what_was_told_days_ago_is_left(house: House) -> None:
    await house.knows(critical(house.clock, ago=2 * DAY))
    await house.keeping.look()
    assert not house.kept.parent.exists()


async def test_the_oldest_go_and_nothing_else(house: House) -> None:
    folder = house.kept.parent
    folder.mkdir()
    for number in range(25):
        path = folder / f"{number:012x}.zip"
        path.write_bytes(b"")
        os.utime(path, (number, number))
    for other in ("notes.txt", "mine.zip"):
        (folder / other).write_bytes(b"")
        os.utime(folder / other, (0, 0))
    await house.knows(critical(house.clock))
    await house.keeping.look()
    names = {path.name for path in folder.iterdir()}
    assert len(names) == 22
    assert {f"{CRITICAL}.zip", "notes.txt", "mine.zip", f"{24:012x}.zip"} <= names
    assert f"{5:012x}.zip" not in names


def test_both_archives_of_an_incident_stay_or_go_together(tmp_path: Path) -> None:
    for at, name in enumerate(["a" * 12, "b" * 12, "c" * 12, f"{'b' * 12}-after"]):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(b"")
        os.utime(path, (at, at))
    forget(tmp_path, 2)
    assert {path.stem for path in tmp_path.iterdir()} == {"b" * 12, f"{'b' * 12}-after", "c" * 12}


def test_the_second_is_made_when_it_has_been_quiet_for_half_an_hour_or_does_not_end() -> None:
    clock = ManualClock()
    now = clock.now()
    quiet = critical(clock, ago=MARGIN + SLACK)
    lively = critical(clock, ago=MARGIN + SLACK - SECOND)
    lasting = critical(clock, ago=0, first=now - LATEST - SLACK)
    lesser = critical(clock, severity=Severity.high)
    untold = critical(clock, tellings=0)
    first, second = f"{CRITICAL}.zip", f"{CRITICAL}-after.zip"
    assert [*due([lesser, untold], now)] == []
    assert [*due([lively], now)] == [(lively, first)]
    for one in (quiet, lasting):
        assert [*due([one], now)] == [(one, first), (one, second)]


def test_without_archives_there_is_nothing_to_forget(tmp_path: Path) -> None:
    forget(tmp_path / "none", 1)


@pytest.mark.parametrize(
    ("text", "evidence", "problems"),
    [
        ("", Evidence(), 0),
        ("evidence: {critical: true}", Evidence(critical=True), 0),
        ("evidence: {critical: true, keep: 3}", Evidence(critical=True, keep=3), 0),
        ("evidence: {keep: 0}", Evidence(), 1),
        ("evidence: {criticl: true}", Evidence(), 1),
    ],
)
def test_the_config_says_whether(text: str, evidence: Evidence, problems: int, tmp_path: Path) -> None:
    loaded = parse_config("config.yaml", f"sources: []\n{text}\n", World(home=tmp_path))
    assert loaded.config.evidence == evidence
    assert len(loaded.problems) == problems


def test_a_config_without_it_keeps_nothing() -> None:
    assert Config(state=Path("/s")).evidence.critical is False
