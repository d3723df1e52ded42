"""Through the installed daemon: systemd's journal (a real journald), macOS's log (a recorded stream, played
by a `log` that stands first in PATH), and a program that dies."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.parts.daemon import Daemon
from tests.parts.journald import Journald
from tests.parts.scene import ROOT

COUNT_ALL = """
rules:
  marked:
    from: any
    when: {message|contains: marker}
    by: message
    message: "{message}"
  every-failure:
    from: any
    when: {event: login, outcome: failure}
    count: 4 in 1h
    by: service
    message: "{count} at {service}"
"""


@pytest.fixture
def journal() -> Iterator[Journald]:
    with Journald(f"np{os.getpid()}") as journal:
        yield journal


def lines_read(daemon: Daemon, source: str) -> int:
    return int(status_of(daemon, source).get("counts", {}).get("lines", 0))


def status_of(daemon: Daemon, source: str) -> dict[str, Any]:
    """What a source says of itself; {} before the first status."""
    if not (daemon.state / "status.json").exists():
        return {}
    status: dict[str, Any] = daemon.status()["sources"].get(source, {})
    return status


def fail(journal: Journald, port: int, user: str = "root") -> None:
    journal.write("sshd", f"Failed password for {user} from 203.0.113.7 port {port} ssh2")


def is_read(daemon: Daemon, journal: Journald, marker: str) -> bool:
    """Whether lines that are written now are read. Written again at each look: at its start journalctl begins
    at the end, and nothing tells when it has."""
    journal.write("cron", marker)
    return any(alert["message"] == marker for alert in daemon.alerts("marked"))


def test_the_journal_is_followed_and_gone_on_with(tmp_path: Path, journal: Journald) -> None:
    """Two failures while it runs, two while it was killed, and none of those from before the first start."""
    for port in range(9):
        fail(journal, port)
    source = {
        "name": "journal",
        "kind": "command",
        "preset": "journald",
        "args": [f"--namespace={journal.namespace}"],
    }
    daemon = Daemon(tmp_path, sources=[source])
    daemon.rule_file("all.yaml", COUNT_ALL)
    with daemon:
        daemon.wait_until(lambda: is_read(daemon, journal, "marker one"), "it follows")
        fail(journal, 101)
        fail(journal, 102)
        daemon.wait_until(lambda: is_read(daemon, journal, "marker two"), "two failures are read")
        daemon.stop()
        fail(journal, 103)
        assert not daemon.alerts("every-failure")
        daemon.start()
        # journalctl leaves such long texts out, unless it is told not to
        fail(journal, 104, user="invalid user " + "x" * 5000)
        (alert,) = daemon.wait_for_alerts(1, "every-failure")
        assert (alert["count"], alert["key"]) == (4, {"service": "sshd"})
        ports = [sample.split(" port ")[1].split()[0] for sample in alert["samples"] if " port " in sample]
        assert set(ports) <= {"101", "102", "103", "104"}


FAKE_LOG = f"""#!{sys.executable}
import json, os, pathlib, sys, time
home = pathlib.Path(os.environ["FAKE_LOG"])
with (home / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1] == "show":
    sys.stdout.write((home / "kept").read_text() + '{{"count":2,"finished":1}}\\n')
    sys.exit()
print('Filtering the log data using "' + sys.argv[-1] + '"', flush=True)
read = 0
while True:
    lines = (home / "stream").read_text().splitlines(keepends=True)
    sys.stdout.write("".join(lines[read:]))
    sys.stdout.flush()
    read = len(lines)
    time.sleep(0.02)
"""


class Mac:
    """A `log` that plays what it is given: a stream's lines as they come, and what a `show` has kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin_ = folder / "bin"
        bin_.mkdir()
        (bin_ / "log").write_text(FAKE_LOG)
        (bin_ / "log").chmod(0o755)
        self.path = f"{bin_}:{os.environ['PATH']}"
        self.stream, self.kept = folder / "stream", folder / "kept"
        self.stream.touch()
        self.kept.touch()
        rows = (ROOT / "tests/data/macos.jsonl").read_text().splitlines()
        self._recorded = next(r for r in map(json.loads, rows) if "PAM: authentication error" in r["line"])[
            "line"
        ]
        self._written = 0

    def line(self) -> str:
        """A wrong password at sshd, as it was recorded, with a stamp of its own."""
        self._written += 1
        told = json.loads(self._recorded)
        at = datetime.now(UTC) + timedelta(microseconds=self._written)
        told["timestamp"] = at.strftime("%Y-%m-%d %H:%M:%S.%f+0000")
        return json.dumps(told, separators=(",", ":")).replace("/", "\\/") + "\n"

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(lines))


def test_macos_log_is_followed_and_caught_up_with(tmp_path: Path) -> None:
    """Two in the stream, one while it was killed, which `log show` tells (with the two before), and one that
    both the show and the stream tell."""
    mac = Mac(tmp_path)
    source = {"name": "mac", "kind": "command", "preset": "macos", "env": {"FAKE_LOG": str(tmp_path)}}
    daemon = Daemon(tmp_path, sources=[source], env={"PATH": mac.path})
    daemon.rule_file("all.yaml", COUNT_ALL)
    with daemon:
        before = [mac.line(), mac.line()]
        append(mac.stream, *before)
        daemon.wait_until(lambda: lines_read(daemon, "mac") == 2, "two lines")
        daemon.stop()
        assert [call[0] for call in mac.calls()] == ["stream"]

        missed, both = mac.line(), mac.line()
        append(mac.kept, *before, missed, both)
        mac.stream.write_text(both)
        daemon.start()
        (alert,) = daemon.wait_for_alerts(1, "every-failure")
        assert alert["count"] == 4
        daemon.wait_until(lambda: lines_read(daemon, "mac") == 2, "the two new ones")
        append(mac.stream, mac.line())
        daemon.wait_until(lambda: lines_read(daemon, "mac") == 3, "one more, and none of them twice")
    calls = mac.calls()
    assert sorted(call[0] for call in calls[1:]) == ["show", "stream"]
    show = next(call for call in calls if call[0] == "show")
    since = datetime.strptime(show[show.index("--start") + 1], "%Y-%m-%d %H:%M:%S%z")
    assert timedelta() <= datetime.now(UTC) - since < timedelta(minutes=2)


def test_a_program_that_dies_is_started_again_and_told_of(tmp_path: Path) -> None:
    """It says one line and dies, again and again: each is read, the rest goes on, the status tells why."""
    program = "import sys; print('hello'); print('no licence', file=sys.stderr); sys.exit(3)"
    source = {"name": "x", "kind": "command", "command": [sys.executable, "-c", program]}
    other = {
        "name": "y",
        "kind": "command",
        "command": [sys.executable, "-c", "import time; time.sleep(600)"],
    }
    with Daemon(tmp_path, sources=[source, other]) as daemon:
        daemon.wait_until(lambda: lines_read(daemon, "x") >= 2, "it was started again")
        status = status_of(daemon, "x")
        assert status["stderr"][-1] == "no licence"
        assert status_of(daemon, "y")["state"] == "following"
        failed = daemon.events("part.failed")[0]
        assert failed["error"].endswith(" ended with exit code 3; it said: no licence")
        pid = daemon.pid
        daemon.stop()
        assert not [p for p in Path("/proc").glob("[0-9]*/stat") if parent_of(p) == pid]


def parent_of(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
