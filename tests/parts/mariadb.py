"""A real MariaDB in a container, made from the system's own files; it logs to stderr as the official image.

from tests.parts.mariadb import mariadb  # beside docker_engine, in a conftest.py
def test_x(mariadb): mariadb.denied(6)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from docker.models.containers import Container
from tests.parts.docker import DockerEngine, add_busybox, add_text, wait_for
from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port

IMAGE = "mariadb:local"
ROOT_PASSWORD = "right-one"
_PROGRAMS = ("mariadbd", "mariadb", "mariadb-install-db", "my_print_defaults", "resolveip")

_ENTRY = """#!/bin/sh
chown -R mysql /var/lib/mysql /run/mysqld
[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db \\
  --auth-root-authentication-method=normal >/dev/null
cat >/run/init.sql <<SQL
ALTER USER 'root'@'localhost' IDENTIFIED BY '$ROOT_PASSWORD';
SQL
chmod 644 /run/init.sql
exec mariadbd --no-defaults --user=mysql --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock \\
  --bind-address=127.0.0.1 --port="$PORT" --innodb-buffer-pool-size=16M --init-file=/run/init.sql "$@"
"""


def require_mariadb() -> None:
    for program in _PROGRAMS:
        require(_path(program), f"{program}: apt-get install mariadb-server")


class MariaDb:
    """A server that answers on loopback."""

    def __init__(self, container: Container, port: int) -> None:
        self.container = container
        self.port = port

    def denied(self, times: int, user: str = "root") -> None:
        """Try to log in with a wrong password; each try makes the server log one line."""
        for attempt in range(times):
            done = self._client(user, f"wrong-{attempt}")
            assert b"Access denied" in done.stderr, done.stderr

    def answers(self) -> bool:
        return self._client("root", ROOT_PASSWORD).returncode == 0

    def _client(self, user: str, password: str) -> subprocess.CompletedProcess[bytes]:
        command = ["mariadb", "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{self.port}"]
        command += [f"-u{user}", f"-p{password}", f"--connect-timeout={PATIENCE_S}", "-e", "select 1"]
        return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S)


@contextmanager
def running_mariadb(engine: DockerEngine, name: str = "mariadb") -> Iterator[MariaDb]:
    """Build the image (once an engine) and run a server; ready within some seconds."""
    require_mariadb()
    if not engine.client.images.list(name=IMAGE):
        engine.import_image(_archive(), IMAGE, ['ENTRYPOINT ["/entry.sh"]'])
    port = free_port()
    container = engine.client.containers.create(
        IMAGE,
        name=name,
        network_mode="host",
        environment={"ROOT_PASSWORD": ROOT_PASSWORD, "PORT": str(port)},
    )
    try:
        container.start()
        server = MariaDb(container, port)
        wait_for("MariaDB answers", server.answers)
        yield server
    finally:
        container.remove(force=True, v=True)


@pytest.fixture
def mariadb(docker_engine: DockerEngine) -> Iterator[MariaDb]:
    """A fresh server in the container `mariadb` of the session's engine."""
    with running_mariadb(docker_engine) as server:
        yield server


def _path(program: str) -> Path | None:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin")
    return Path(found) if found else None


def _archive() -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", dereference=True) as tar:
        applets = subprocess.run(
            ["/bin/busybox", "--list"], check=True, capture_output=True, text=True
        ).stdout
        add_busybox(tar, applets.split())
        for path in sorted(_programs_and_libraries()):
            tar.add(path, str(path).lstrip("/"))
        for folder in ("/usr/share/mysql", "/usr/lib/mysql/plugin"):
            if Path(folder).is_dir():
                tar.add(folder, folder.lstrip("/"))
        for folder in ("var/lib/mysql", "run/mysqld"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        add_text(tar, "etc/passwd", "root:x:0:0:root:/:/bin/sh\nmysql:x:999:999::/:/bin/sh\n")
        add_text(tar, "etc/group", "root:x:0:\nmysql:x:999:\n")
        add_text(tar, "etc/nsswitch.conf", "hosts: files\npasswd: files\n")
        add_text(tar, "etc/hosts", "127.0.0.1 localhost\n")
        add_text(tar, "entry.sh", _ENTRY, 0o755)
    return out.getvalue()


def _programs_and_libraries() -> set[Path]:
    """The server's programs and what they link to. Plugins of the C library are found by glob: they depend
    on the machine's architecture."""
    programs = {path for name in _PROGRAMS if (path := _path(name)) is not None}
    libraries: set[Path] = set()
    for program in programs:
        linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
        libraries |= {Path(found) for found in re.findall(r"/\S+\.so\S*", linked)}
    libraries |= set(Path("/lib").glob("*-linux-gnu/libnss_files.so.2"))
    return programs | libraries
