"""A real Docker engine for tests: a private dockerd with its own folders and socket, and a busybox image made
from the system's /bin/busybox (no registry, no network for containers but `none` and `host`).

    from tests.parts.docker import docker_engine  # in a conftest.py: makes the fixture known there
    def test_x(docker_engine): docker_engine.run("echo hello", name="x")
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException
from docker.models.containers import Container
from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import worker

IMAGE = "busybox:local"
_DOWN_S = PATIENCE_S


def require_docker() -> None:
    """Skip, or fail in CI, where no engine can be started."""
    require(os.geteuid() == 0, "a private dockerd needs root")
    for program in ("dockerd", "containerd", "runc"):
        require(shutil.which(program), f"{program}: apt-get install docker.io")
    require(Path("/bin/busybox").is_file(), "/bin/busybox: apt-get install busybox-static")


def wait_for(what: str, happened: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Poll until `happened`; fails with `what` after the deadline."""
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


class DockerEngine:
    """One dockerd of ours. `host` is its address; `client` the SDK's client for it."""

    def __init__(self, root: Path, more: Sequence[str] = ()) -> None:
        self.root = root
        self._more = tuple(more)
        self.socket = root / "docker.sock"
        self.host = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None
        self._client: docker.DockerClient | None = None
        self._drivers: tuple[str, ...] = ("overlay2", "vfs")

    @property
    def client(self) -> docker.DockerClient:
        if self._client is None:
            self._client = docker.DockerClient(base_url=self.host, version="auto", timeout=PATIENCE_S)
        return self._client

    def start(self) -> None:
        """Start dockerd and wait until it answers; with vfs where overlay2 cannot be used."""
        for driver in self._drivers:
            self._launch(driver)
            if self._answers():
                self._drivers = (driver,)
                return
            self.kill()
        pytest.fail(f"dockerd did not start:\n{self.log()[-3000:]}", pytrace=False)

    def _launch(self, driver: str) -> None:
        arguments = ["dockerd", "--host", self.host, "--data-root", str(self.root / "data")]
        arguments += ["--exec-root", str(self.root / "exec"), "--pidfile", str(self.root / "dockerd.pid")]
        arguments += ["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--bridge=none"]
        # Two engines that make a network at the same moment would both take the first subnet that is free.
        arguments += ["--default-address-pool", f"base=10.{100 + worker() % 100}.0.0/16,size=24"]
        with (self.root / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*arguments, "--storage-driver", driver, *self._more],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._listens():
                with contextlib.suppress(DockerException):
                    self.client.ping()
                    return True
            time.sleep(0.05)
        return False

    def _listens(self) -> bool:
        """Asked before the SDK is: it leaves its socket open where nothing listens."""
        with socket.socket(socket.AF_UNIX) as door:
            return door.connect_ex(str(self.socket)) == 0

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End dockerd; SIGTERM makes it stop its containers first."""
        self._forget_client()
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(by)
        try:
            process.wait(_DOWN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_DOWN_S)
        (self.root / "dockerd.pid").unlink(missing_ok=True)
        if self._containerd() is None:
            # It dies with dockerd; where nobody reaps it, its pid would pass for alive at the next start.
            self._containerd_pid.unlink(missing_ok=True)

    def kill(self) -> None:
        """End dockerd without a chance to tidy up; its containers live on until it is started again."""
        self.stop(signal.SIGKILL)

    def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def log(self) -> str:
        path = self.root / "dockerd.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def import_image(self, archive: bytes, name: str, changes: list[str] | None = None) -> None:
        """Make an image of a tar archive, as `docker import` does."""
        repository, _, tag = name.rpartition(":")
        self.client.api.import_image_from_data(archive, repository=repository, tag=tag, changes=changes)

    def run(self, script: str, *, name: str, image: str = IMAGE, **options: Any) -> Container:
        """Start a container that runs a shell script; `options` are the SDK's (hence Any). A script that
        traps no signal is stopped by SIGKILL: as process 1 it would ignore SIGTERM for ten seconds."""
        return self.create(script, name=name, image=image, start=True, **options)

    def create(
        self, script: str, *, name: str, image: str = IMAGE, start: bool = False, **options: Any
    ) -> Container:
        """The same, started only if `start`."""
        options.setdefault("network_mode", "none")
        options.setdefault("stop_signal", "SIGKILL" if "trap" not in script else "SIGTERM")
        container = self.client.containers.create(image, ["/bin/sh", "-c", script], name=name, **options)
        if start:
            container.start()
        return container

    def remove_all(self) -> None:
        """Until none is left: one that is just being restarted or removed may refuse it once."""
        wait_for("the containers are gone", self._is_empty)

    def _is_empty(self) -> bool:
        """Whether there was no container; removes what there is."""
        found = self.client.containers.list(all=True, ignore_removed=True)
        for container in found:
            with contextlib.suppress(DockerException):
                container.remove(force=True)
        return not found

    def close(self) -> None:
        """Remove what ran, end the processes that are ours, unmount, delete."""
        if self._process is not None:
            with contextlib.suppress(DockerException):
                self.remove_all()
                self.client.networks.prune()  # their bridges would stay on the machine for ever
        self.stop()
        self._end_containerd()
        self._end_shims()
        for mount in reversed(_mounts_under(self.root)):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def _containerd_pid(self) -> Path:
        return self.root / "exec" / "containerd" / "containerd.pid"

    def _containerd(self) -> int | None:
        """The pid of this engine's containerd while it lives (a zombie has no command line)."""
        if not self._containerd_pid.exists():
            return None
        pid = int(self._containerd_pid.read_text())
        command = Path(f"/proc/{pid}/cmdline")
        return pid if command.exists() and str(self.root).encode() in command.read_bytes() else None

    def _end_containerd(self) -> None:
        pid = self._containerd()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            wait_for("containerd ends", lambda: self._containerd() is None, _DOWN_S)

    def _end_shims(self) -> None:
        """Containers of an engine that was killed outlive it, each below a shim that names our folder."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # processes come and go
                command = (folder / "cmdline").read_bytes()
                if b"containerd-shim" in command and f"{self.root}/".encode() in command:
                    children = [
                        child for task in folder.glob("task/*/children") for child in task.read_text().split()
                    ]
                    for pid in (*children, folder.name):
                        os.kill(int(pid), signal.SIGKILL)


def _mounts_under(root: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines if line.split()[4].startswith(f"{root}/")]


def busybox_archive() -> bytes:
    """A root file system of busybox and its applets."""
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        add_busybox(tar, applets.split())
        add_text(tar, "etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
    return out.getvalue()


def add_busybox(tar: tarfile.TarFile, applets: list[str]) -> None:
    for folder in ("bin", "tmp", "etc", "proc", "sys", "dev", "run"):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
        tar.addfile(entry)
    tar.add(Path("/bin/busybox").resolve(), "bin/busybox")
    for applet in applets:
        if applet != "busybox":
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)


def add_text(tar: tarfile.TarFile, path: str, text: str, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(text.encode()), mode
    tar.addfile(entry, BytesIO(text.encode()))


@contextlib.contextmanager
def running_engine(*more: str) -> Iterator[DockerEngine]:
    """An engine of one's own, for tests that end it; up in about a second. `more`: options of dockerd's."""
    require_docker()
    # Not pytest's tmp_path: sockets below it must stay under 108 characters.
    engine = DockerEngine(Path(tempfile.mkdtemp(prefix="np-docker-", dir="/tmp")), more)
    try:
        engine.start()
        engine.import_image(busybox_archive(), IMAGE, ['CMD ["/bin/sh"]'])
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """The session's engine (each xdist worker has its own). Tests remove their containers."""
    with running_engine() as engine:
        yield engine
