"""A real web application with a login: Radicale, a calendar server, with one user and its own log file."""

from __future__ import annotations

import base64
import http.client
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port
from tests.parts.traefik import wait_until


class Radicale:
    """Use as a context manager; it logs to `log`."""

    def __init__(self, folder: Path) -> None:
        require(find_spec("radicale"), "no radicale here: it comes with `uv sync`")
        self.folder = folder
        self.log = folder / "radicale.log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "users").write_text("mario:secret\n")
        (self.folder / "config").write_text(
            f"[server]\nhosts = 127.0.0.1:{self.port}\n"
            f"[auth]\ntype = htpasswd\nhtpasswd_filename = {self.folder / 'users'}\n"
            "htpasswd_encryption = plain\ndelay = 0\n"
            f"[storage]\nfilesystem_folder = {self.folder / 'collections'}\n"
            "[logging]\nlevel = info\n"
        )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "radicale", "--config", str(self.folder / "config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, "radicale answers")
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE_S)

    def login(self, client: str, user: str, password: str) -> int:
        """One request with these credentials, as a proxy in front would pass it on; gives the status."""
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            headers = {
                "Authorization": f"Basic {credentials}",
                "X-Forwarded-For": client,
                "Content-Length": "0",
            }
            connection.request("PROPFIND", f"/{user}/", headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
            connection.request("GET", "/")
            connection.getresponse().read()
        except OSError:
            return False
        connection.close()
        return True
