"""A daemon that finds its last sign of life an hour back says so, once."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tests.parts.daemon import Daemon

from nightporter.judge import LAST_COMMIT
from nightporter.model import HOUR


def an_hour_passes(daemon: Daemon) -> None:
    """Date the last life back by an hour."""
    status = daemon.state / "status.json"
    facts = json.loads(status.read_text())
    status.write_text(json.dumps({**facts, "at": facts["at"] - HOUR, "running": True}))
    with sqlite3.connect(daemon.state / "nightporter.db") as connection:
        connection.execute("UPDATE texts SET text = text - ? WHERE name = ?", (HOUR, LAST_COMMIT))
    connection.close()


def test_the_time_away_is_told_once(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("hello\n")
    source = {"name": "app", "kind": "file", "format": "text", "paths": [str(log)]}
    daemon = Daemon(tmp_path, sources=[source], shipped=False)
    with daemon:
        daemon.wait_until(lambda: daemon.last_chunk("app"), "the log is followed")
        daemon.stop()
        an_hour_passes(daemon)
        daemon.start()
        (alert,) = daemon.wait_for_alerts(1)
        assert alert["kind"] == "notice"
        assert "Nothing was watched" in alert["message"]
        assert "1 h" in alert["message"]
        daemon.stop()
        daemon.start()
        daemon.wait_until(lambda: daemon.status()["running"], "it runs again")
        daemon.stop()
    assert len(daemon.alerts()) == 1
