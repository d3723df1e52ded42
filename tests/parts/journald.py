"""systemd's own journald, without systemd: in a namespace of its own, as root.

    with Journald("np1234") as journal:
        journal.write("sshd", "Failed password for …")

`journalctl --namespace=np1234` reads it. What it writes lies below /var/log/journal, and is taken away again.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final, Self

from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S

PROGRAM: Final = Path("/lib/systemd/systemd-journald")


class Journald:
    """One journal."""

    def __init__(self, namespace: str) -> None:
        require(
            PROGRAM.exists() and shutil.which("journalctl") and os.geteuid() == 0,
            "needs systemd-journald, journalctl and root (apt-get install systemd)",
        )
        self.namespace = namespace
        self._run = Path(f"/run/systemd/journal.{namespace}")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [PROGRAM, self.namespace], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE_S
        while not (self._run / "socket").exists():
            assert self._process.poll() is None, "journald has ended"
            assert time.monotonic() < deadline, "journald makes no socket"
            time.sleep(0.01)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait(timeout=PATIENCE_S)
        shutil.rmtree(self._run, ignore_errors=True)
        for folder in (Path("/var/log/journal"), Path("/run/log/journal")):
            for made in folder.glob(f"*.{self.namespace}"):
                shutil.rmtree(made, ignore_errors=True)

    def write(self, program: str, message: str, priority: int = 6) -> None:
        """One entry, by the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
        entry = f"SYSLOG_IDENTIFIER={program}\nPRIORITY={priority}\nMESSAGE={message}\n"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(entry.encode(), str(self._run / "socket"))
