"""Which engine is chosen, and why: the config, the Docker context, DOCKER_HOST, the known sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from nightporter.errors import Denied, Unreachable
from nightporter.sources.docker import engine as engine_module
from nightporter.sources.docker.engine import Endpoint, Tls, find_engine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home; the SDK finds its files by these variables."""
    for name in ("DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(
        engine_module, "KNOWN_SOCKETS", [(p, w) for p, w in engine_module.KNOWN_SOCKETS if p.startswith("~")]
    )
    return tmp_path


@pytest.fixture
def listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Make a socket at a place below the home."""
    made: list[socket.socket] = []

    def make(place: str) -> None:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir((tmp_path / place).parent)  # a socket's path may have 104 characters
        made.append(socket.socket(socket.AF_UNIX))
        made[-1].bind((tmp_path / place).name)

    yield make
    for one in made:
        one.close()


def make_context(
    home: Path, name: str, host: str, *, current: bool = True, tls: bool = False, skip: bool = False
) -> None:
    """What `docker context create` writes."""
    docker = home / ".docker"
    at = docker / "contexts" / "meta" / sha256(name.encode()).hexdigest()
    at.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": skip}}
    (at / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    if current:
        (docker / "config.json").write_text(json.dumps({"currentContext": name}))
    if tls:
        certs = docker / "contexts" / "tls" / sha256(name.encode()).hexdigest() / "docker"
        certs.mkdir(parents=True)
        for file in ("ca.pem", "cert.pem", "key.pem"):
            (certs / file).touch()


def test_the_configs_host_comes_first(home: Path) -> None:
    make_context(home, "desktop-linux", "unix:///context.sock")
    found = find_engine("unix:///mine.sock", {"DOCKER_HOST": "unix:///env.sock"}, home)
    assert found == Endpoint(url="unix:///mine.sock", why="host: in the config")


def test_the_current_context_comes_before_docker_host(home: Path) -> None:
    make_context(home, "desktop-linux", "unix:///context.sock")
    found = find_engine("", {"DOCKER_HOST": "unix:///env.sock"}, home)
    assert (found.url, found.why) == ("unix:///context.sock", "the current Docker context, 'desktop-linux'")


def test_docker_context_names_another(home: Path) -> None:
    make_context(home, "desktop-linux", "unix:///context.sock")
    make_context(home, "colima", "unix:///colima.sock", current=False)
    assert find_engine("", {"DOCKER_CONTEXT": "colima"}, home).url == "unix:///colima.sock"


@pytest.mark.parametrize("skip", [False, True])
def test_a_context_brings_its_certificates(home: Path, skip: bool) -> None:
    make_context(home, "nas", "tcp://nas:2376", tls=True, skip=skip)
    found = find_engine("", {}, home)
    assert found.url == "tcp://nas:2376"
    assert found.tls is not None
    files = [found.tls.ca, found.tls.cert, found.tls.key]
    assert [Path(f or "").name for f in files] == ["ca.pem", "cert.pem", "key.pem"]
    assert found.tls.verify is not skip


@pytest.mark.parametrize("text", ["{", "[]", '{"Name": "x"}'])
def test_a_broken_context_is_passed_over_and_named(home: Path, text: str) -> None:
    make_context(home, "broken", "unix:///x.sock")
    meta = next(home.rglob("meta.json"))
    meta.write_text(text)
    found = find_engine("", {"DOCKER_HOST": "unix:///env.sock"}, home)
    assert found.url == "unix:///env.sock"
    assert "the Docker context 'broken' cannot be read" in found.passed[0]


def test_a_context_that_is_not_there_is_passed_over_and_named(home: Path) -> None:
    found = find_engine("", {"DOCKER_CONTEXT": "nope", "DOCKER_HOST": "tcp://h:2375"}, home)
    assert found.passed == ("the Docker context 'nope' is not there or has no engine",)


@pytest.mark.parametrize(
    ("environ", "tls"),
    [
        ({}, None),
        ({"DOCKER_TLS_VERIFY": "1"}, ("HOME/.docker", True)),
        ({"DOCKER_CERT_PATH": "/certs"}, ("/certs", False)),
        ({"DOCKER_CERT_PATH": "/certs", "DOCKER_TLS_VERIFY": "1"}, ("/certs", True)),
        ({"DOCKER_CERT_PATH": "", "DOCKER_TLS_VERIFY": ""}, None),
    ],
)
@pytest.mark.parametrize("where", ["config", "environ"])
def test_certificates_by_environment(
    home: Path, environ: dict[str, str], tls: tuple[str, bool] | None, where: str
) -> None:
    host = "tcp://nas:2376"
    if where == "config":
        found = find_engine(host, environ, home)
    else:
        found = find_engine("", environ | {"DOCKER_HOST": host}, home)
    wanted = None
    if tls is not None:
        folder = tls[0].replace("HOME", str(home))
        wanted = Tls(f"{folder}/ca.pem", f"{folder}/cert.pem", f"{folder}/key.pem", tls[1])
    assert (found.url, found.tls) == (host, wanted)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("/run/x.sock", "unix:///run/x.sock"),
        ("nas:2375", "tcp://nas:2375"),
        ("http://nas:2375", "tcp://nas:2375"),
        ("https://nas:2376", "tcp://nas:2376"),
    ],
)
def test_hosts_are_spelled_out(home: Path, host: str, url: str) -> None:
    assert find_engine(host, {}, home).url == url


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (".docker/run/docker.sock", "Docker Desktop's socket is there"),
        (".orbstack/run/docker.sock", "OrbStack's socket is there"),
        (".colima/default/docker.sock", "Colima's socket is there"),
    ],
)
def test_known_sockets_are_tried(home: Path, listen: Callable[[str], None], place: str, why: str) -> None:
    listen(place)
    found = find_engine("", {}, home)
    assert (found.url, found.why) == (f"unix://{home / place}", why)
    assert found.passed[:2] == ("the current Docker context is the default", "DOCKER_HOST is not set")


def test_the_first_known_socket_wins(home: Path, listen: Callable[[str], None]) -> None:
    listen(".colima/default/docker.sock")
    listen(".docker/run/docker.sock")
    assert find_engine("", {}, home).why == "Docker Desktop's socket is there"


def test_none_found_says_what_was_looked_at(home: Path) -> None:
    with pytest.raises(Unreachable, match=r"no Docker engine found .*DOCKER_HOST is not set.*colima.*host:"):
        find_engine("", {}, home)


@pytest.mark.parametrize("host", ["ssh://me@nas", "npipe:////./pipe/docker_engine", "fd://"])
def test_an_address_of_another_kind_is_refused_with_a_way_out(home: Path, host: str) -> None:
    with pytest.raises(Denied, match="neither unix:// nor tcp://; forward it to a local socket"):
        find_engine(host, {}, home)


def test_importing_the_source_loads_neither_the_sdk_nor_aiohttp() -> None:
    code = (
        "import sys, nightporter.sources.docker.source; "
        "print(sorted({'docker', 'aiohttp', 'requests'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
