"""The daemon's life: kill -9, reload, broken rules over restarts, stopping."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.parts.access import clf
from tests.parts.daemon import PROGRAM, Daemon
from tests.parts.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(900)

BURST = """
rules:
  burst:
    title: A burst
    from: traefik
    when: {status: 404}
    by: client_ip
    count: 5 in 1m
    severity: medium
    message: "{client_ip} {count}"
"""


def daemon_on(folder: Path, log: Path, *, shipped: bool = False) -> Daemon:
    log.touch()
    return Daemon(
        folder,
        sources=[
            {
                "name": "traefik",
                "kind": "file",
                "format": "traefik",
                "paths": [str(log)],
                "start": "beginning",
            }
        ],
        shipped=shipped,
    )


class Writer(threading.Thread):
    """Writes five requests of each of `addresses` to a log, at a steady pace, in a thread."""

    def __init__(self, log: Path, addresses: int) -> None:
        super().__init__(name="writer")
        self.addresses = [f"198.51.{n // 250}.{n % 250 + 1}" for n in range(addresses)]
        self._log = log
        self.done = 0

    def has_done(self, enough: int) -> bool:
        return self.done >= enough or not self.is_alive()

    def run(self) -> None:
        with self._log.open("a") as file:
            for address in self.addresses:
                for page in range(5):
                    file.write(clf(address, f"/{page}", 404))
                    file.flush()
                    time.sleep(0.004)  # the pace of the traffic, not a wait for something
                self.done += 1


def test_killed_twenty_times_while_lines_are_written_no_episode_is_lost_and_none_is_told_twice(
    tmp_path: Path,
) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    dice = random.Random(20)
    writer = Writer(log, addresses=600)
    with daemon:
        writer.start()
        for _ in range(20):
            enough = writer.done + dice.randrange(5, 25)
            daemon.wait_until(lambda e=enough: writer.done >= e or not writer.is_alive(), "some lines more")
            daemon.kill()
            daemon.start()
        writer.join()
        wanted = set(writer.addresses)
        daemon.wait_until(
            lambda: {a["key"]["client_ip"] for a in daemon.alerts("burst")} >= wanted, "all episodes"
        )
        daemon.stop()
    told = Counter(alert["id"] for alert in daemon.alerts("burst"))
    assert {alert["key"]["client_ip"] for alert in daemon.alerts("burst")} == wanted
    # Between writing an alert and committing that it was written there is a moment that nothing can close:
    # what was in it at the kill is repeated with the same id.
    assert len(told) == len(wanted)
    assert sum(n - 1 for n in told.values()) <= 20
    counts = {alert["key"]["client_ip"]: alert["count"] for alert in daemon.alerts("burst")}
    assert set(counts.values()) == {5}


def test_an_edited_rule_takes_effect(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST.replace("count: 5", "count: 500"))
    with daemon, log.open("a") as file:
        daemon.rule_file("burst.yaml", BURST)
        daemon.wait_until(lambda: len(daemon.events("rules.in_force")) == 2, "the rule was read")
        file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(5))
        file.flush()
        daemon.wait_for_alerts(1, "burst")


def test_a_broken_edit_changes_nothing_is_told_once_and_survives_a_cold_start(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        daemon.rule_file("burst.yaml", BURST.replace("count:", "cuont:"))
        (notice,) = daemon.wait_for_alerts(1)
        assert notice["kind"] == "notice"
        assert "burst.yaml:8:5: unknown key 'cuont'" in notice["message"]
        assert "did you mean 'count'?" in notice["message"]
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(5))
        daemon.wait_for_alerts(1, "burst")
        daemon.stop()
        daemon.start()
        assert daemon.events("rules.in_force")[-1]["kept"] == "last good"
        with log.open("a") as file:
            file.writelines(clf("203.0.113.10", "/x", 404) for _ in range(5))
        daemon.wait_for_alerts(2, "burst")


@pytest.mark.parametrize("moved", ["file", "folder", "folder that no config names"])
def test_rules_that_go_missing_stay_in_force_and_are_told(tmp_path: Path, moved: str) -> None:
    """A link whose file moves away, and a folder that does."""
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    if moved == "folder that no config names":
        text = daemon.config_file.read_text()
        named = f"  dirs:\n  - {daemon.rules}\n"
        assert named in text
        daemon.edit(text.replace(named, ""))
    mine = tmp_path / "mine.yaml"
    mine.write_text(BURST)
    (daemon.rules / "burst.yaml").symlink_to(mine)
    with daemon:
        moving = mine if moved == "file" else daemon.rules
        moving.rename(tmp_path / "elsewhere")
        (notice,) = daemon.wait_for_alerts(1)
        assert str(daemon.rules) in notice["message"]
        assert "cannot be read" in notice["message"]
        assert daemon.events("rules.in_force")[-1]["rules"] == 1
        daemon.stop()
        daemon.start()
        assert daemon.events("rules.in_force")[-1]["rules"] == 1
        assert daemon.events("rules.in_force")[-1]["kept"] == "last good"


def test_a_rule_whose_own_test_fails_is_a_broken_edit(tmp_path: Path) -> None:
    daemon = daemon_on(tmp_path, tmp_path / "access.log")
    with daemon:
        daemon.rule_file(
            "burst.yaml",
            BURST + "    tests:\n"
            "      - {name: two, fires: 1, events: [{event: {status: 404, client_ip: 203.0.113.9}}]}\n",
        )
        (notice,) = daemon.wait_for_alerts(1)
        assert "the test 'two' of rule 'burst' fails: it fires 0 times" in notice["message"]


def test_a_config_that_changes_is_taken_over_without_losing_a_line(tmp_path: Path) -> None:
    log, other = tmp_path / "access.log", tmp_path / "other.log"
    other.touch()
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(3))
        text = daemon.config_file.read_text()
        daemon.edit(text.replace(str(log), f"{log}\n  - {other}"))
        daemon.wait_until(lambda: len(daemon.events("daemon.started")) == 2, "the new config runs")
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(2))
        with other.open("a") as file:
            file.writelines(clf("203.0.113.10", "/x", 404) for _ in range(5))
        told = {a["key"]["client_ip"] for a in daemon.wait_for_alerts(2, "burst")}
    assert told == {"203.0.113.9", "203.0.113.10"}


def test_a_broken_config_changes_nothing_and_is_told(tmp_path: Path) -> None:
    daemon = daemon_on(tmp_path, tmp_path / "access.log")
    with daemon:
        daemon.edit(daemon.config_file.read_text().replace("sources:", "sorces:"))
        (notice,) = daemon.wait_for_alerts(1)
        assert "did you mean 'sources'?" in notice["message"]
        assert len(daemon.events("daemon.started")) == 1


def test_a_broken_config_at_a_cold_start_runs_on_the_last_good_one(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        daemon.stop()
        daemon.edit(daemon.config_file.read_text().replace("sources:", "sorces:"))
        daemon.start()
        (notice,) = daemon.wait_for_alerts(1)
        assert "did you mean 'sources'?" in notice["message"]
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(5))
        daemon.wait_for_alerts(1, "burst")


def test_a_config_that_cannot_be_used_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        good = daemon.config_file.read_text()
        daemon.edit(
            good.replace("destinations:", "destinations:\n- {name: x, kind: apprise, url: 'nonsense://x'}")
        )
        (notice,) = daemon.wait_for_alerts(1)
        assert "apprise knows no such URL" in notice["message"]
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(5))
        daemon.wait_for_alerts(1, "burst")
        assert len(daemon.events("config.unusable")) == 1


def test_a_state_folder_that_is_deleted_is_told_and_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        gone = daemon.state.rename(tmp_path / "gone")  # at once: it writes there now and then
        shutil.rmtree(gone)
        (notice,) = daemon.wait_for_alerts(1)
        assert notice["title"] == "Nightporter's memory was deleted"
        daemon.wait_until(lambda: len(daemon.events("daemon.started")) == 2, "it begins anew")
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(5))
        daemon.wait_for_alerts(1, "burst")
        daemon.stop()
        assert (daemon.state / "nightporter.db").exists()


def test_a_second_daemon_on_the_same_state_is_refused(tmp_path: Path) -> None:
    daemon = daemon_on(tmp_path, tmp_path / "access.log")
    with daemon:
        command = [PROGRAM, "run", "--config", str(daemon.config_file)]
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert second.returncode == 2
        assert f"another Nightporter (process {daemon.pid})" in second.stderr
        assert "Traceback" not in second.stderr


def test_sigterm_ends_it_and_what_was_written_is_told(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(5))
        daemon.wait_for_alerts(1, "burst")
        daemon.stop()
        with log.open("a") as file:
            file.writelines(clf("203.0.113.10", "/x", 404) for _ in range(5))
        daemon.start()
        alerts = daemon.wait_for_alerts(2, "burst")
    assert [a["key"]["client_ip"] for a in alerts] == ["203.0.113.9", "203.0.113.10"]
    assert [a["seen_late"] for a in alerts] == [False, False]


def test_what_happened_while_it_did_not_run_is_found_and_marked(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        with log.open("a") as file:
            file.write(clf("192.0.2.1", "/x", 404))
        daemon.wait_until(lambda: daemon.last_chunk("traefik"), "the line was read")
        daemon.stop()
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        with log.open("a") as file:
            file.writelines(clf("203.0.113.9", "/x", 404, at=an_hour_ago) for _ in range(5))
        daemon.start()
        (alert,) = daemon.wait_for_alerts(1, "burst")
    assert alert["seen_late"]


@pytest.mark.parametrize(
    "line",
    ["[" * 5000, '{"a":' * 3000, "\x00" * 100, '"' * 9000, "%s %n {} {0.__class__}"],
    ids=["brackets", "nested", "nul", "quotes", "templates"],
)
def test_no_line_stops_it(tmp_path: Path, line: str) -> None:
    log = tmp_path / "access.log"
    daemon = daemon_on(tmp_path, log)
    daemon.rule_file("burst.yaml", BURST)
    with daemon:
        with log.open("a") as file:
            file.write(f'{line} " 404 "downstreamstatus":404\n')
            # One more than the threshold: the line behind a torn one names nobody, since it may be forged.
            file.writelines(clf("203.0.113.9", "/x", 404) for _ in range(6))
        daemon.wait_for_alerts(1, "burst")
        assert daemon.events("line.failed") == []


def test_it_does_not_hear_itself(tmp_path: Path) -> None:
    """Its own log and alerts, followed as a source, match none of the shipped rules."""
    ours = [str(tmp_path / name) for name in ("log.jsonl", "alerts.jsonl")]
    access = {"name": "traefik", "kind": "file", "format": "traefik", "paths": [str(tmp_path / "access.log")]}
    sources = [access, {"name": "itself", "kind": "file", "paths": ours}]
    daemon = Daemon(tmp_path, sources=[{**source, "start": "beginning"} for source in sources])
    with daemon:
        with (tmp_path / "access.log").open("a") as file:
            file.writelines(clf("203.0.113.9", f"/{chr(97 + n)}", 404) for n in range(25))
        daemon.wait_for_alerts(1, "http-404-scan")
        daemon.wait_until(
            lambda: daemon.status()["sources"]["itself"]["last_chunk"], "it read its own alerts"
        )
        daemon.stop()
    assert {alert["rule"] for alert in daemon.alerts()} == {"http-404-scan"}
