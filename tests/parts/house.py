"""A whole, healthy set-up in a folder, for tests that then break one thing: config, Traefik's log, a daemon's
status, an agent on a Mac made of stand-ins that record their calls.

    house = House(tmp_path, bin_folder)      # bin_folder is on PATH
    house.sleeps(minutes=1)
    findings = await house.doctor()
"""

from __future__ import annotations

import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from tests.parts.access import as_json
from tests.parts.managers import PRINT, install_fake
from tests.parts.patience import PATIENCE_S

from nightporter.agent.launchd import Launchd
from nightporter.agent.service import setup
from nightporter.app import SCHEMAS
from nightporter.clock import SystemClock
from nightporter.doctor.examine import examine
from nightporter.doctor.finding import Finding
from nightporter.doctor.looking.view import View
from nightporter.judge import LAST_COMMIT
from nightporter.model import SECOND
from nightporter.statefolder import DATABASE, STATUS
from nightporter.store.state import save_text

UID = 501
TARGET = f"gui/{UID}/local.nightporter"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
_FAKE = """\
#!/bin/sh
here='{folder}'
printf '%s\\n' "$*" >> "$here/calls"
cat "$here/says"
exit $(cat "$here/code")
"""
PMSET = """\
System-wide power settings:
Currently in use:
 standby              0
 Sleep On Power Button 1
 autorestart          1
 hibernatemode        0
 powernap             1
 networkoversleep     0
 disksleep            10
 sleep                0 (sleep prevented by powerd, coreaudiod)
 ttyskeepawake        1
 displaysleep         10
 womp                 1
"""
"""`pmset -g` as a Mac mini on macOS 14 shows it."""
DISABLED = """\
disabled services = {
\t"com.apple.ManagedClientAgent.enrollagent" => disabled
\t"local.nightporter" => enabled
}
login item associations = {
}
"""
"""`launchctl print-disabled gui/501` as macOS 14 shows it."""


class House:
    """The set-up. Every attribute may be changed before `doctor` is called; `write` puts it on the disk."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder = folder
        self.bin = bin_folder
        self.home = folder / "home"
        self.state = folder / "state"
        self.logs = folder / "logs"
        self.emptied = folder / "tmp"
        self.project = folder / "docker"
        for place in (self.home, self.state, self.logs, self.emptied, self.project, folder / "rules"):
            place.mkdir(parents=True)
        self.log = self.logs / "access.log"
        self.clock = SystemClock()
        self.platform = "darwin"
        self.environ: dict[str, str] = {"HOME": str(self.home), "USER": "mina", "PATH": str(bin_folder)}
        self._stamped = now = self.clock.now()
        # Any: JSON and YAML as a person or another version may have written them.
        self.config: dict[str, Any] = {
            "state": str(self.state),
            "timezone": "UTC",
            "sources": [{"name": "traefik", "kind": "file", "paths": [str(self.log)], "format": "traefik"}],
            "rules": {"dirs": [str(folder / "rules")]},
            "destinations": [{"name": "phone", "kind": "apprise", "url": "discord://1234567890/abcdefTOKEN"}],
        }
        self.status: dict[str, Any] = {
            "at": now,
            "running": True,
            "pid": 4711,
            "version": metadata.version("nightporter"),
            "parts": {"traefik": {"name": "traefik", "state": "running", "restarts": 0, "last_error": ""}},
            "sources": {"traefik": {"kind": "file", "state": "following", "blind": [], "last_chunk": now}},
            "rules": {"in_force": 20, "kept": "files", "problems": []},
            "judge": {"candidates": 10, "trouble": "", "engine": {}},
            "outbox": {"phone": {"pending": 0, "sent": 3, "parked": 0, "last_sent": now}},
        }
        self.lines = requests()
        self._machine()
        self._database()

    # -- the machine

    def _machine(self) -> None:
        launchctl = install_fake(self.bin, "launchctl")
        self.launchctl = launchctl.folder
        (self.launchctl / "print").write_text(PRINT.replace("78: EX_CONFIG", "0"))
        (self.launchctl / "disabled").write_text(DISABLED)
        program = self.bin / "launchctl"
        program.write_text(
            program.read_text().replace(
                'case "$1" in\n', 'case "$1" in\nprint-disabled) cat "$here/disabled" ;;\n', 1
            )
        )
        launchctl.set("loaded")
        self.says("pmset", PMSET)
        self.says("ps", "/sbin/launchd\n")
        self.says("fdesetup", "FileVault is Off.\n")
        service = Launchd(setup(environ=self.environ, executable=sys.executable, uid=UID))
        for path, content, mode in (
            (service.path, service.definition(), 0o644),
            (service.shim, self._shim(service), 0o755),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(mode)
        service.logs.mkdir(parents=True)
        self.service = service

    @staticmethod
    def _shim(service: Launchd) -> bytes:
        from nightporter.agent.service import shim

        return shim(service.setup.program)

    def says(self, program: str, text: str, code: int = 0) -> None:
        """Put a stand-in on PATH that prints this and records its calls."""
        folder = self.bin / f"{program}-state"
        folder.mkdir(exist_ok=True)
        (folder / "says").write_text(text)
        (folder / "code").write_text(str(code))
        (self.bin / program).write_text(_FAKE.replace("{folder}", str(folder)))
        (self.bin / program).chmod(0o755)

    def calls(self, program: str) -> list[str]:
        """How a stand-in was called."""
        record = self.bin / f"{program}-state" / "calls"
        return record.read_text().splitlines() if record.exists() else []

    def _database(self) -> None:
        path = self.state / DATABASE
        path.touch(mode=0o600)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            for schema in SCHEMAS:
                connection.executescript(schema)
            save_text(connection, LAST_COMMIT, str(self.clock.now()))
        connection.close()

    # -- what tests break

    def rule(self, text: str) -> None:
        """A rule file of the person's own."""
        (self.folder / "rules" / "mine.yaml").write_text(text)

    def move_log(self, path: Path) -> None:
        """Traefik writes elsewhere, and the config knows."""
        self.log = path
        self.config["sources"][0]["paths"] = [str(path)]

    def launchd_prints(self, text: str) -> None:
        (self.launchctl / "print").write_text(text)

    def launchd_knows(self, *, loaded: bool) -> None:
        if loaded:
            (self.launchctl / "loaded").touch()
        else:
            (self.launchctl / "loaded").unlink()

    def uninstalled(self) -> None:
        self.launchd_knows(loaded=False)
        self.service.path.unlink()

    def docker(self, host: str) -> None:
        """A docker source whose engine is at this address."""
        self.config["sources"].append({"name": "docker", "kind": "docker", "host": host})

    @property
    def phone(self) -> dict[str, Any]:
        found = self.status["outbox"]["phone"]
        assert isinstance(found, dict)
        return found

    # -- the look

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yaml"

    def write(self) -> None:
        """Put config, log and status on the disk; the status is as old as the test has it, however long that
        took until here."""
        now = self.clock.now()
        self.status["at"] += now - self._stamped
        self._stamped = now
        self.config_file.write_text(yaml.safe_dump(self.config, sort_keys=False))
        self.log.write_text("".join(self.lines))
        (self.state / STATUS).write_text(json.dumps(self.status))

    def view(self) -> View:
        return View(
            clock=self.clock,
            environ=self.environ,
            home=self.home,
            cwd=self.project,
            root=self.folder / "root",
            platform=self.platform,
            uid=UID,
            emptied=(str(self.emptied.resolve()),),
            look_s=PATIENCE_S,
        )

    async def doctor(self, *, send: bool = False) -> list[Finding]:
        """What the doctor finds in it."""
        return await examine(self.view(), self.config_file, send=send)


def requests(count: int = 60, **fields: Any) -> list[str]:
    """Requests of several visitors over the last minutes, with their browser's name; `fields` change each
    line's own (JSON, hence Any)."""
    now = datetime.now(UTC)
    lines = []
    for number in range(count):
        at = now - timedelta(seconds=count - number)
        line = json.loads(as_json(f"203.0.113.{number % 7 + 1}", f"/page/{number}", 200, at=at))
        line |= {"request_User-Agent": AGENT, "request_Referer": "https://app.lan/", **fields}
        lines.append(json.dumps(line, separators=(",", ":")) + "\n")
    return lines


def without_headers(lines: list[str]) -> list[str]:
    """The same as Traefik writes them by default."""
    bare = []
    for line in lines:
        fields = {k: v for k, v in json.loads(line).items() if not k.startswith("request_")}
        bare.append(json.dumps(fields, separators=(",", ":")) + "\n")
    return bare


def damage(path: Path) -> None:
    """Overwrite the middle of a database with noise, its first page left as it is."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * max(0, size - 4096))
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def seconds(count: float) -> int:
    """In stamps."""
    return round(count * SECOND)
