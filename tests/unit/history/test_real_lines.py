"""Real lines of Traefik through the lane of the shipped rules: who was refused counts, and nobody else."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from pathlib import Path

import pytest

from nightporter import bundled, origins
from nightporter.detect.engine import Engine
from nightporter.history import Rows, Tally
from nightporter.lane import Lanes
from nightporter.model import Chunk, Position
from nightporter.notify.localtime import day_of
from nightporter.rule import Ruleset
from nightporter.ruleset import load, read

LOGS = Path(__file__).parents[2] / "data" / "traefik"
NOW = 1_795_600_000_000_000_000
"""After the last of these lines."""


@cache
def shipped() -> Ruleset:
    return load(read([bundled.rules()], shipped=True).texts).ruleset


def tallied(name: str, *, scan: bool) -> Rows:
    tally = Tally(partial(day_of, zone=None))
    origin = origins.named("traefik", tz="UTC")
    lanes = Lanes(Engine(shipped()), scan=scan, saw=tally.event)
    chunk = Chunk(
        origin=origin,
        data=(LOGS / name).read_bytes(),
        start=0,
        identity=name,
        end=Position("traefik", name, b"1"),
        arrived=NOW,
    )
    lanes.of(origin).judge(chunk)
    return tally.take()


def of(rows: Rows, what: str) -> int:
    return sum(n for (_, named, _), n in rows.counts.items() if named == what)


def test_json() -> None:
    lines = [json.loads(line) for line in (LOGS / "access-json-default.log").read_bytes().splitlines()]
    refused = [line for line in lines if line["DownstreamStatus"] == 403 and "ServiceURL" not in line]
    unrouted = [line for line in lines if line["DownstreamStatus"] == 404 and "RouterName" not in line]
    rows = tallied("access-json-default.log", scan=True)
    assert refused
    assert unrouted
    assert (of(rows, "refused"), of(rows, "unrouted")) == (len(refused), len(unrouted))
    assert sum(rows.refused.values()) == len(refused)


def test_clf() -> None:
    lines = (LOGS / "access-clf-default.log").read_text().splitlines()
    refused = [line for line in lines if re.search(r'" 403 \d+ .* "-" \d+ms$', line)]
    assert refused
    assert of(tallied("access-clf-default.log", scan=True), "refused") == len(refused)


@pytest.mark.parametrize("name", sorted(path.name for path in LOGS.glob("access-*.log")))
def test_the_scanner_hides_nobody_from_it(name: str) -> None:
    """The shipped rules ask for refusals and logins: of these lines none is skipped."""
    scanned, every = tallied(name, scan=True), tallied(name, scan=False)
    assert scanned.counts == every.counts
    assert scanned.refused == every.refused
    assert scanned.logins == every.logins
