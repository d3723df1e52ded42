"""A home server for tests: a home folder, a real Traefik, a real engine with containers, services that log to
files only (their lines are the fixture's), and `.env` beside it all.

    with household(tmp_path, docker_engine) as house:
        house.run("init", "--yes")
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.parts.docker import DockerEngine
from tests.parts.patience import PATIENCE_S
from tests.parts.traefik import Traefik

PROGRAM: Final = str(Path(sys.executable).with_name("nightporter"))
ATTACKER: Final = "203.0.113.7"
GUESSER: Final = "198.51.100.23"
ENV: Final = "IP_ALLOW_LIST=127.0.0.1/32,192.168.1.0/24,10.0.0.0/8,YOUR.REMOTE.IP/32\n"
VOLUME_GUESSER: Final = "198.51.100.77"
_AT_TERMINAL: Final = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""Makes standard input the terminal of a session: passwords are asked at /dev/tty."""


@dataclass(slots=True)
class House:
    """The folders and programs, and how `nightporter` is run there."""

    folder: Path
    traefik: Traefik
    engine: DockerEngine
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def config(self) -> Path:
        return self.home / ".config" / "nightporter" / "config.yaml"

    @property
    def ombi_log(self) -> Path:
        return self.home / "docker" / "ombi" / "Logs" / "log-20261124.txt"

    def environ(self) -> dict[str, str]:
        """What the program gets to see: this home, this engine, and a `ps` that shows this Traefik alone."""
        return {
            **os.environ,
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "DOCKER_HOST": self.engine.host,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            **self.env,
        }

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a verb to its end."""
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.environ(),
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ask(self, *answers: tuple[str, str]) -> str:
        """`init` at a terminal of its own: wait for each prompt and answer it. What the terminal showed."""
        master, slave = os.openpty()
        with subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, PROGRAM, "init", "--root", str(self.folder / "root")],
            env=self.environ(),
            cwd=self.home,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        ) as process:
            os.close(slave)
            shown = b""
            for prompt, answer in answers:
                while not shown.endswith(prompt.encode()):
                    shown += _read(master)
                os.write(master, f"{answer}\n".encode())
            while data := _read(master):
                shown += data
            os.close(master)
            assert process.wait(PATIENCE_S) == 0, shown.decode()
        return shown.decode()

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """`nightporter run` by the config that is there; ends well."""
        with (self.folder / "daemon.log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, "run"], env=self.environ(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            code = process.wait(PATIENCE_S)
        assert code == 0, (self.folder / "daemon.log").read_text()

    def state_of(self, source: str) -> str:
        """What the daemon's status file says of a source; empty: nothing yet."""
        path = self.home / ".local" / "state" / "nightporter" / "status.json"
        status = json.loads(path.read_bytes()) if path.exists() else {"sources": {}}
        return str(status["sources"].get(source, {}).get("state", ""))

    def guess_in_volume(self, times: int = 6) -> None:
        """Someone tries passwords at Nextcloud, whose log lies in a volume."""
        line = json.dumps(
            {
                "reqId": "x",
                "level": 2,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "remoteAddr": VOLUME_GUESSER,
                "app": "core",
                "message": f"Login failed: bob (Remote IP: {VOLUME_GUESSER})",
            }
        )
        script = f"for i in $(seq {times}); do echo '{line}' >> /var/www/html/data/nextcloud.log; done"
        container = self.engine.client.containers.get("nextcloud")
        assert container.exec_run(["/bin/sh", "-c", script]).exit_code == 0

    def init(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`init --yes` in this house alone."""
        return self.run("init", "--yes", "--root", str(self.folder / "root"), *arguments)

    def scan(self, paths: int = 25) -> None:
        """Someone looks for pages that are not there."""
        for number in range(paths):
            self.traefik.get(f"/wp-{number:02}.php", client=ATTACKER)

    def guess(self, times: int = 6) -> None:
        """Someone tries passwords at Ombi: as it writes that (Ombi-app/Ombi, TokenController.cs)."""
        with self.ombi_log.open("a") as log:
            for _ in range(times):
                now = datetime.now().astimezone()
                stamp = f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03} {now:%z}"
                stamp = f"{stamp[:-2]}:{stamp[-2:]}"
                log.write(f"{stamp} [WRN] Failed login attempt by IP: {GUESSER}\n")


def _read(master: int) -> bytes:
    """What a terminal shows next; b"" when its programs have ended (Linux then gives EIO)."""
    try:
        return os.read(master, 65_536)
    except OSError:
        return b""


@contextmanager
def household(folder: Path, engine: DockerEngine, env: Mapping[str, str] | None = None) -> Iterator[House]:
    """Everything started; Traefik and the containers are ended with it."""
    home = folder / "home"
    traefik = Traefik(home / "traefik", keep_headers=False)
    house = House(folder, traefik, engine, dict(env or {}))
    house.ombi_log.parent.mkdir(parents=True)
    (folder / "root").mkdir()
    (home / "traefik").mkdir()
    (home / "traefik" / ".env").write_text(ENV)
    with traefik:
        _show_only(traefik.pid, folder / "bin")
        traefik.get("/ok", client="192.168.1.20")
        engine.remove_all()
        try:
            _containers(house)
            yield house
        finally:
            engine.remove_all()
            for volume in engine.client.volumes.list():
                volume.remove(force=True)


def _show_only(pid: int, folder: Path) -> None:
    """A `ps` that knows of one process: other Traefiks of this machine are none of this house's."""
    folder.mkdir()
    program = folder / "ps"
    program.write_text(f"#!/bin/sh\nexec /bin/ps -o args= -p {pid}\n")
    program.chmod(0o755)


def _containers(house: House) -> None:
    """Ombi with a mounted folder, Nextcloud with a named volume, MySQL and Portainer as they come."""
    run = house.engine.run
    bind = {str(house.home / "docker" / "ombi"): {"bind": "/config", "mode": "rw"}}
    volume = {"nextcloud-data": {"bind": "/var/www/html/data", "mode": "rw"}}
    wait = "while :; do sleep 60; done"
    run(wait, name="ombi", volumes=bind)
    run(f"echo '{{}}' > /var/www/html/data/nextcloud.log; {wait}", name="nextcloud", volumes=volume)
    run(f"echo ready for connections; {wait}", name="mysql")
    run(wait, name="portainer")
