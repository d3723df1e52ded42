"""What a review says of services whose watch has ended, or never began: from what a daemon left."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import pytest

from nightporter.cli.review import facts_of
from nightporter.config import Config, FirewallProbe, JobProbe, ProbeSource, TcpProbe
from nightporter.history import Gap, Outage, Rows
from nightporter.judge import LAST_COMMIT
from nightporter.model import HOUR, MINUTE, SECOND, Position, Stamp
from nightporter.review import sections
from nightporter.sources.probes.state import Known
from nightporter.statefolder import DATABASE, write_status
from nightporter.store import history, incidents, state
from nightporter.store.database import Database

NOW: Final[Stamp] = 1_796_000_000 * SECOND
PROBES: Final = (
    TcpProbe(name="web", host="127.0.0.1", port=81),
    FirewallProbe(name="fw"),
    JobProbe(name="job", job="backup"),
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        state=tmp_path,
        timezone="UTC",
        shipped_rules=False,
        sources=(ProbeSource(name="asked", probes=PROBES),),
    )


async def left(
    config: Config, marks: dict[str, Known], alive: Stamp, *rows: Outage, gap: Gap | None = None
) -> None:
    """Leave what a daemon does that was alive until then. `marks`: what its probes knew."""
    schemas = (state.SCHEMA, incidents.SCHEMA, history.SCHEMA)
    database = await Database.open(config.state / DATABASE, schemas)
    positions = [Position("asked", name, msgspec.json.encode(known)) for name, known in marks.items()]
    await database.call(lambda c: state.save_positions(c, positions))
    await database.call(lambda c: state.save_text(c, LAST_COMMIT, str(alive - 10 * SECOND)))
    await database.call(lambda c: history.add(c, Rows(outages=list(rows))))
    if gap is not None:
        await database.call(lambda c: history.add_gap(c, gap))
    await database.close()
    write_status(config.state, msgspec.json.encode({"at": alive, "running": False}))


async def test_an_outage_does_not_grow_while_nobody_watches(config: Config) -> None:
    alive = NOW - 13 * MINUTE
    down = Known(target="tcp 127.0.0.1:81", up=False, since=alive - MINUTE)
    await left(config, {"web": down}, alive)
    facts = facts_of(config, 7, NOW)
    assert (facts.down, facts.unwatched_since) == (("web",), alive)
    assert facts.outages["web"] == [Outage("web", alive - MINUTE, alive)]
    lines = sections.availability(facts).lines
    assert lines[0].endswith("and not watched since: web")
    assert lines[1].startswith("web: 1 min in 1 outage, up")


async def test_of_a_service_that_came_back_unseen_only_the_seen_minutes_count(config: Config) -> None:
    up = Known(target="tcp 127.0.0.1:81", up=True, since=NOW - HOUR)
    gap = Gap(NOW - HOUR - 13 * MINUTE, NOW - HOUR)
    await left(config, {"web": up}, NOW, Outage("web", gap.start - MINUTE, NOW - HOUR), gap=gap)
    facts = facts_of(config, 7, NOW)
    assert (facts.down, facts.unwatched_since) == ((), 0)
    assert (
        sections.availability(facts)
        .lines[0]
        .startswith("web: 1 min in 1 outage (and 13 min that nobody watched), up")
    )


async def test_what_was_blocked_from_the_start_is_never_called_up(config: Config) -> None:
    up = Known(target="tcp 127.0.0.1:81", up=True, since=NOW - HOUR)
    blocked = {name: Known(target=name, blocked=True) for name in ("fw", "job")}
    await left(config, {"web": up, **blocked}, NOW)
    found = sections.availability(facts_of(config, 7, NOW))
    assert (found.verdict, found.lines) == (
        "unknown",
        ("Up whenever asked: web", "Could not be asked: fw, job"),
    )
