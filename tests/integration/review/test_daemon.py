"""The installed daemon on a store with two months in it: what is due is sent, with its picture, and once."""

from __future__ import annotations

import io
import sqlite3
from datetime import date, timedelta
from pathlib import Path

from PIL import Image
from tests.parts.access import clf
from tests.parts.daemon import Daemon
from tests.parts.discord import DiscordReceiver
from tests.parts.patience import PATIENCE_S

from nightporter.clock import SystemClock
from nightporter.history import Rows
from nightporter.notify.localtime import day_of, zone_of
from nightporter.statefolder import DATABASE
from nightporter.store import history


def lived(folder: Path) -> None:
    """Sixty days that were watched, up to yesterday."""
    folder.mkdir()
    today = date.fromisoformat(day_of(SystemClock().now(), zone_of("UTC")))
    rows = Rows()
    for back in range(1, 61):
        day = (today - timedelta(days=back)).isoformat()
        rows.counts[(day, "lines", "traefik")] = 1_000
        rows.counts[(day, "watched_s", "")] = 86_400
    connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
    connection.executescript(history.SCHEMA)
    history.add(connection, rows)
    connection.close()


def counted(folder: Path, what: str) -> int:
    connection = sqlite3.connect(folder / DATABASE)
    try:
        (total,) = connection.execute(
            "SELECT sum(count) FROM history_counts WHERE what = ?", (what,)
        ).fetchone()
    finally:
        connection.close()
    return int(total or 0)


def test_the_week_and_the_month_arrive_once_over_restarts(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.touch()
    lived(tmp_path / "state")
    with DiscordReceiver(tmp_path) as discord:
        daemon = Daemon(
            tmp_path,
            sources=[{"name": "traefik", "kind": "file", "paths": [str(log)], "format": "traefik"}],
            destinations=[{"name": "phone", "kind": "apprise", "url": discord.url}],
            env=discord.env,
            shipped=False,
        )
        with daemon:
            discord.wait_for(2, timeout=PATIENCE_S)
            with log.open("a") as file:
                file.writelines(clf("192.168.1.20", "/", 200) for _ in range(30))
            daemon.wait_until(lambda: counted(daemon.state, "lines") == 60_030, "the lines are counted")
            daemon.kill()
            daemon.start()
            daemon.wait_until(lambda: len(daemon.events("review.due")) >= 4, "it looked again")
            daemon.stop()
        messages = discord.messages
    assert [bool(message.files) for message in messages] == [False, True]
    line, month = (message.payload["embeds"][0] for message in messages)
    assert ": 7,000 lines, 0 incidents, " in line["title"] or ": 6,000 lines, " in line["title"]
    assert month["title"].startswith("Review: ")
    with Image.open(io.BytesIO(messages[1].files["review.png"])) as picture:
        assert picture.format == "PNG"
    assert [told["kind"] for told in daemon.alerts()] == ["review", "review"]
