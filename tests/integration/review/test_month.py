"""A month through the real judge, ledger and store, and the page that an owner reads of it.

`UPDATE_GOLDEN=1 pytest tests/integration/review/test_month.py` writes the page anew; read the diff before
committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from tests.parts.month import STRANGER, Lived, live_through

from nightporter.allowlist.keeping import Kept
from nightporter.config import AllowList
from nightporter.model import HOUR, MINUTE, Position
from nightporter.review import faces, outages, sections
from nightporter.review.facts import Facts
from nightporter.review.page import page
from nightporter.sources.allowlist.reading import read
from nightporter.sources.allowlist.source import NAME
from nightporter.store import state

GOLDEN = Path(__file__).with_name("november.txt")


async def lived(folder: Path, **how: int) -> tuple[Lived, Facts]:
    folder.mkdir()
    month = await live_through(folder, **how)
    try:
        return month, await month.facts()
    finally:
        await month.database.close()


async def test_the_page_of_a_month(tmp_path: Path) -> None:
    month, facts = await lived(tmp_path / "month")
    shown = faces.terminal(page(facts))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(shown)
    assert shown == GOLDEN.read_text()
    assert outages.length(facts.outages["plex"], facts.unwatched) == 3 * HOUR + 14 * MINUTE
    assert {"scan", "guessing", "down", "changed"} == {told.rule for told in month.told}
    assert any(STRANGER in str(told.key) for told in month.told)


def _told(facts: Facts) -> dict[object, int]:
    """What was counted of lines and records; of a look after a beginning it is not known how long before it
    somebody watched."""
    return {key: n for key, n in facts.counts.items() if key[1] not in ("watched_s", "blind_s")}


async def test_the_allow_list_is_told_with_what_its_source_knows(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("IP_ALLOW_LIST=192.168.1.0/24,203.0.113.7/32,home.example.org,YOUR.REMOTE.IP/32\n")
    month = await live_through(tmp_path, days=1)
    kept = Kept(told=[("unused", "203.0.113.7/32"), ("unresolved", "home.example.org")])
    mark = Position(NAME, NAME, msgspec.json.encode(kept))
    await month.database.call(lambda connection: state.save_positions(connection, [mark]))
    found = sections.allow_list(await month.facts(read(AllowList(env=env))))
    await month.database.close()
    assert found.verdict == "look"
    wrong = [line.partition(":")[0] for line in found.lines[:3]]
    assert wrong == ["203.0.113.7/32", "home.example.org", "YOUR.REMOTE.IP/32"]
    assert "Let in: 192.168.1.0/24" in found.lines


@pytest.mark.parametrize("every", [1, 7])
async def test_an_end_and_a_new_beginning_count_nothing_twice_and_lose_nothing(
    tmp_path: Path, every: int
) -> None:
    _, whole = await lived(tmp_path / "whole", days=10)
    _, parts = await lived(tmp_path / "parts", days=10, restart_every=every)
    assert _told(parts) == _told(whole)
    assert parts.accounts == whole.accounts
    assert parts.refused == whole.refused
    assert parts.outages == whole.outages
