"""The look back: the newest lines within its bounds, judged as they would have been, counted as messages."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock

from nightporter.begin import back, history
from nightporter.begin.history import Found, pieces
from nightporter.begin.post import posted
from nightporter.cli._rules import ruleset_of
from nightporter.config import AppriseDestination, Caps, Config, FileSource, Route, Secret
from nightporter.doctor.looking.view import View
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Severity, Stamp, Telling
from nightporter.rule import Ruleset

NOW = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * SECOND


def line(at: Stamp, path: str, client: str = "203.0.113.7") -> str:
    moment = datetime.fromtimestamp(at / SECOND, UTC)
    access = {
        "ClientHost": client,
        "DownstreamStatus": 404,
        "RequestPath": path,
        "RouterName": "web@docker",
        "StartUTC": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
    }
    return json.dumps(access, separators=(",", ":")) + "\n"


def scan(at: Stamp, client: str = "203.0.113.7") -> str:
    """25 pages that are not there, in half a minute."""
    return "".join(line(at + n * SECOND, f"/wp-{chr(97 + n)}.php", client) for n in range(25))


def write(path: Path, text: str, at: Stamp) -> None:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    os.utime(path, ns=(at, at))


def config_of(tmp_path: Path, *paths: Path, kinds: bool = False) -> Config:
    destination = AppriseDestination(name="phone", url=Secret("discord://1/x"))
    return Config(
        timezone="UTC",
        state=tmp_path / "state",
        sources=(FileSource(name="traefik", paths=tuple(map(str, paths)), format="traefik", tz="UTC"),),
        destinations=(destination,) if kinds else (),
        routes=(Route(to="phone", min_severity=Severity.critical),) if kinds else (),
    )


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    return ruleset_of(config_of(tmp_path_factory.mktemp("rules")))


async def look(config: Config, ruleset: Ruleset) -> Found:
    return await back.look_back(config, None, ruleset, View(clock=ManualClock(NOW)))


async def test_rotated_copies_are_judged_with_their_log(tmp_path: Path, ruleset: Ruleset) -> None:
    log = tmp_path / "access.log"
    write(tmp_path / "access.log.2.gz", scan(NOW - 6 * DAY), NOW - 5 * DAY)
    write(tmp_path / "access.log.1", scan(NOW - 3 * DAY, "198.51.100.1"), NOW - 2 * DAY)
    write(log, scan(NOW - HOUR, "198.51.100.2"), NOW)
    config = config_of(tmp_path, log)
    found = await look(config, ruleset)
    assert (found.lines, found.sources, found.troubles) == (75, 1, [])
    first, *rest = back.told(found, config)
    assert first == "In the last 6 days these rules would have sent 3 messages:"
    assert rest[0] == (
        "     3  Many different missing pages from one address (http-404-scan): "
        "203.0.113.7, 198.51.100.1, 198.51.100.2"
    )


async def test_what_is_older_than_a_week_is_not_told(tmp_path: Path, ruleset: Ruleset) -> None:
    log = tmp_path / "access.log"
    write(tmp_path / "access.log.1", scan(NOW - 9 * DAY), NOW - 8 * DAY)
    write(log, scan(NOW - 8 * DAY) + line(NOW - HOUR, "/x"), NOW)
    config = config_of(tmp_path, log)
    found = await look(config, ruleset)
    assert found.lines == 26
    assert next(back.told(found, config)) == "In the last 7 days these rules would have sent 0 messages."


async def test_without_a_line_there_is_nothing_to_say(tmp_path: Path, ruleset: Ruleset) -> None:
    config = config_of(tmp_path, tmp_path / "no.log")
    assert "nothing to look back on" in next(back.told(await look(config, ruleset), config))


async def test_a_broken_copy_is_told_and_the_rest_is_judged(tmp_path: Path, ruleset: Ruleset) -> None:
    log = tmp_path / "access.log"
    write(log, scan(NOW - HOUR), NOW)
    copy = tmp_path / "access.log.1.gz"
    copy.write_bytes(gzip.compress(scan(NOW - 2 * HOUR, "198.51.100.9").encode())[:-20])
    os.utime(copy, ns=(NOW - HOUR, NOW - HOUR))
    found = await look(config_of(tmp_path, log), ruleset)
    assert len(found.troubles) == 1
    assert "access.log.1.gz" in found.troubles[0]
    assert found.tellings


def test_the_newest_that_fits_the_budget_is_read(tmp_path: Path, ruleset: Ruleset) -> None:
    log = tmp_path / "access.log"
    write(tmp_path / "access.log.1", scan(NOW - 5 * HOUR, "198.51.100.1"), NOW - 4 * HOUR)
    old, new = scan(NOW - 3 * HOUR, "198.51.100.2"), scan(NOW - HOUR, "198.51.100.3")
    write(log, old + new, NOW)
    found = Found(now=NOW, budget=len(new) + 60)
    (piece,) = pieces([str(log)], found)
    assert (piece.path, piece.skip, found.budget) == (log, len(old) - 60, 0)
    again = Found(now=NOW, budget=len(new) + 60)
    source = FileSource(name="traefik", paths=(str(log),), format="traefik")
    history.judge_files(source, ruleset, again)
    assert again.lines == 25
    assert [telling.key for telling in again.tellings] == [{"client_ip": "198.51.100.3"}]


def test_globs_and_links_name_each_file_once(tmp_path: Path) -> None:
    for name in ("log-1.txt", "log-2.txt"):
        write(tmp_path / name, "x\n", NOW)
    (tmp_path / "log-3.txt").symlink_to(tmp_path / "log-2.txt")
    found = pieces([f"{tmp_path}/log-*.txt", str(tmp_path / "log-1.txt")], Found(now=NOW))
    assert len(found) == 2


# -- counted as messages


def telling(at: Stamp, rule: str = "scan", severity: Severity = Severity.medium) -> Telling:
    return Telling(
        id=f"{rule}{at}", kind="alert", severity=severity, title=rule, message="", at=at, rule=rule
    )


def test_a_rule_that_keeps_telling_is_folded(tmp_path: Path) -> None:
    burst = [telling(NOW + n * SECOND) for n in range(30)]
    would = posted(burst, config_of(tmp_path))
    assert [len(send.rows) for send in would.singles] == [1, 29]
    assert would.digests == []


def test_low_makes_one_digest_a_day_and_info_none(tmp_path: Path) -> None:
    low = [telling(NOW + n * 12 * HOUR, severity=Severity.low) for n in range(4)]
    would = posted([*low, telling(NOW, severity=Severity.info)], config_of(tmp_path))
    assert (len(would.singles), len(would.digests)) == (0, 2)


def test_caps_fold_what_has_no_room(tmp_path: Path) -> None:
    many = [telling(NOW + n * MINUTE, rule=f"r{n}") for n in range(20)]
    would = posted(many, config_of(tmp_path))
    assert len(would.singles) + len(would.digests) <= Caps().per_hour + 1
    assert sum(len(send.rows) for send in (*would.singles, *would.digests)) == 20


def test_routes_hold(tmp_path: Path) -> None:
    would = posted([telling(NOW), telling(NOW, "b", Severity.critical)], config_of(tmp_path, kinds=True))
    assert [send.rule for send in would.singles] == ["b"]


@pytest.mark.parametrize(
    ("span", "words"),
    [(0, "hour"), (HOUR, "hour"), (30 * HOUR, "30 hours"), (2 * DAY, "2 days"), (7 * DAY - HOUR, "7 days")],
)
def test_a_span_in_words(span: int, words: str) -> None:
    assert back.in_words(span) == words
