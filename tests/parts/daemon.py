"""The installed program as a process of its own, on a config and a state folder of the test's.

    with Daemon(tmp_path, sources=[...], destinations=[...]) as daemon:
        daemon.wait_for_alerts(1)

Every daemon also writes its tellings to `alerts.jsonl` (a destination of kind file), which is what
`alerts()` reads; what it logs is in `events()`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import yaml
from tests.parts.patience import PATIENCE_S

PROGRAM: Final = str(Path(sys.executable).with_name("nightporter"))


class Daemon:
    """One config, started and stopped as often as a test likes."""

    def __init__(
        self,
        folder: Path,
        *,
        sources: Sequence[Mapping[str, Any]],
        destinations: Sequence[Mapping[str, Any]] = (),
        env: Mapping[str, str] | None = None,
        shipped: bool = True,
        **config: Any,
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.rules = folder / "rules"
        self.rules.mkdir(parents=True, exist_ok=True)
        self.config_file = folder / "config.yaml"
        self.alerts_file = folder / "alerts.jsonl"
        self.log_file = folder / "log.jsonl"
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(
            {
                "state": str(self.state),
                "timezone": "UTC",
                "grace": "0s",  # a test cannot wait for five minutes
                "sources": list(sources),
                "rules": {"shipped": shipped, "dirs": [str(self.rules)]},
                "destinations": [
                    {"name": "everything", "kind": "file", "path": str(self.alerts_file)},
                    *destinations,
                ],
                **config,
            }
        )

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write config.yaml anew."""
        self.edit(yaml.safe_dump(dict(config), sort_keys=False))

    def edit(self, text: str) -> None:
        """Write config.yaml as an editor does."""
        replace_text(self.config_file, text)

    def rule_file(self, name: str, text: str) -> Path:
        """The same of a rule file."""
        path = self.rules / name
        replace_text(path, text)
        return path

    # --- its life

    @property
    def pid(self) -> int:
        assert self._process is not None, "not running"
        return self._process.pid

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, until its sources are being read."""
        before = self._count("daemon.started")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "run", "--config", str(self.config_file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._env,
            )
        if wait:
            self.wait_until(lambda: self._count("daemon.started") > before, "it started")

    def stop(self) -> None:
        """SIGTERM, as launchd and systemd end it. AssertionError if it did not end well."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(timeout=PATIENCE_S)
        self._process = None
        assert code == 0, self.log_file.read_text()

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=PATIENCE_S)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=PATIENCE_S)
            self._process = None

    # --- what it says

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The lines of its own log, or those of one event."""
        found = [json.loads(line) for line in _whole_lines(self.log_file) if line.startswith("{")]
        return [event for event in found if not name or event["event"] == name]

    def alerts(self, rule: str = "") -> list[dict[str, Any]]:
        """All tellings so far, or those of one rule."""
        found = [json.loads(line) for line in _whole_lines(self.alerts_file)]
        return [alert for alert in found if not rule or alert["rule"] == rule]

    def status(self) -> dict[str, Any]:
        """Its status file; waits for the first one."""
        self.wait_until((self.state / "status.json").exists, "it has written its status")
        status: dict[str, Any] = json.loads((self.state / "status.json").read_text())
        return status

    def last_chunk(self, source: str) -> int:
        """When it last read something of a source (0: not yet), by its status file."""
        if not (self.state / "status.json").exists():
            return 0
        return int(self.status()["sources"][source]["last_chunk"] or 0)

    def wait_for_alerts(
        self, count: int, rule: str = "", seconds: float = PATIENCE_S
    ) -> list[dict[str, Any]]:
        """Wait for this many tellings."""
        self.wait_until(
            lambda: len(self.alerts(rule)) >= count, f"{count} alerts of {rule or 'any'}", seconds
        )
        return self.alerts(rule)

    def wait_until(self, holds: Any, what: str, seconds: float = PATIENCE_S) -> None:
        """Wait for a condition while the daemon lives; fails with its log."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert self._process is None or self._process.poll() is None, self.log_file.read_text()
            assert time.monotonic() < deadline, (
                f"not within {seconds} s: {what}\n{self.log_file.read_text()[-4000:]}"
            )
            time.sleep(0.03)

    def _count(self, event: str) -> int:
        return len(self.events(event)) if self.log_file.exists() else 0


def replace_text(path: Path, text: str) -> None:
    """A new file that takes the old one's place: nobody reads half of it."""
    beside = path.with_name(f".{path.name}.swp")
    beside.write_text(text)
    beside.replace(path)


def _whole_lines(path: Path) -> list[str]:
    """The finished lines of a file that is being written."""
    if not path.exists():
        return []
    return path.read_text(errors="replace").rpartition("\n")[0].splitlines()
