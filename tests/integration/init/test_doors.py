"""What is asked once before it is planned: servers that answer, want a login, are silent, or are away."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.parts.certificates import Authority, TlsServer
from tests.parts.ports import free_port

from nightporter.clock import SystemClock
from nightporter.config import AcmeProbe, CanaryProbe, HttpProbe, Probe, TcpProbe, TlsProbe
from nightporter.doctor.containers import Running
from nightporter.doctor.looking.view import View
from nightporter.doctor.proxy import ProxyLog
from nightporter.sources.docker.container import Container, Published
from nightporter.survey import doors
from nightporter.survey.doors import answering, guard_files, routers_of
from nightporter.survey.facts import AcmeFacts, FoundLog, GuardFile, TraefikFacts
from nightporter.traefikconfig import EntryPoint, Router, StaticConfig


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than a busy machine takes to answer; still too short for two that are asked in turn."""
    monkeypatch.setattr(doors, "PATIENCE_S", 6.0)
    monkeypatch.setattr(doors, "ALL_S", 11.0)


@contextmanager
def web(status: int) -> Iterator[int]:
    """A server that answers every GET with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def container(name: str, port: int, inside: int) -> Running:
    published = (Published(port, "tcp", "127.0.0.1", inside),)
    found = Container(id="0" * 64, name=name, image="busybox", labels={}, running=True, published=published)
    return Running(container=found)


def view(tmp_path: Path) -> View:
    return View(clock=SystemClock(), home=tmp_path, cwd=tmp_path, platform="linux")


async def found(
    tmp_path: Path,
    *running: Running,
    facts: TraefikFacts | None = None,
    acme: tuple[AcmeFacts, ...] = (),
) -> dict[str, Probe]:
    probes = await answering(view(tmp_path), running, facts or TraefikFacts(), acme)
    return {probe.name: probe for probe in probes if probe.name != "plex"}  # one may run on this machine


async def test_only_what_answers_now_is_planned(tmp_path: Path) -> None:
    with ExitStack() as stack:
        good, login, broken = (stack.enter_context(web(status)) for status in (200, 401, 503))
        silent, mute = (
            stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(2)
        )
        probes = await found(
            tmp_path,
            container("sonarr", good, 8989),
            container("transmission", login, 9091),
            container("radarr", broken, 7878),
            container("grafana", silent, 3000),
            container("jellyfin", mute, 8096),
            container("own", good, 70),
            container("gone", free_port(), 70),
            container("lidarr", free_port(), 8686),
        )
    sonarr = probes.pop("sonarr")
    assert isinstance(sonarr, HttpProbe)
    assert sonarr.url.reveal() == f"http://127.0.0.1:{good}/ping"
    assert sonarr.timeout_s == 10, "asked with little patience once, with the usual from then on"
    assert probes == {
        "grafana": TcpProbe(name="grafana", host="127.0.0.1", port=silent),
        "jellyfin": TcpProbe(name="jellyfin", host="127.0.0.1", port=mute),
        "own": TcpProbe(name="own", host="127.0.0.1", port=good),
        "transmission": TcpProbe(name="transmission", host="127.0.0.1", port=login),
        "radarr": TcpProbe(name="radarr", host="127.0.0.1", port=broken),
    }


def test_a_dynamic_file_with_an_allow_list_is_found(tmp_path: Path) -> None:
    lan = {"http": {"middlewares": {"lan": {"ipAllowList": {"sourceRange": ["192.168.1.0/24"]}}}}}
    (tmp_path / "dynamic").mkdir()
    (tmp_path / "dynamic" / "lan.yml").write_text(json.dumps(lan))
    (tmp_path / "dynamic" / "plain.yml").write_text(json.dumps({"http": {"routers": {}}}))
    (tmp_path / "dynamic" / "made.yml").write_text('ipAllowList: {sourceRange: [{{ env "LAN" }}]}')
    config = StaticConfig(place=str(tmp_path / "traefik.yml"), dynamic=("dynamic",))
    assert guard_files(TraefikFacts(statics=(config,)), ()) == (
        GuardFile(path=tmp_path / "dynamic" / "lan.yml", ranges=("192.168.1.0/24",)),
    )


async def test_certificates_at_traefiks_door(tmp_path: Path) -> None:
    """One probe a certificate; one that nobody trusts is taken as it is."""
    made = Authority().sign("a.example", "b.example", left=timedelta(days=60))
    dynamic = tmp_path / "dynamic.yml"
    rule = "Host(`a.example`) || Host(`b.example`)"
    dynamic.write_text(json.dumps({"http": {"routers": {"x": {"rule": rule, "tls": {}}}}}))
    with TlsServer(tmp_path, made) as server:
        point = EntryPoint(name="websecure", host="127.0.0.1", port=server.port, tls=True)
        place = str(tmp_path / "traefik.yml")
        config = StaticConfig(place=place, dynamic=("dynamic.yml",), points=(point,))
        probes = await found(tmp_path, facts=TraefikFacts(statics=(config,)))
    assert probes == {
        "a.example": TlsProbe(
            name="a.example",
            service="traefik",
            host="127.0.0.1",
            port=server.port,
            server_name="a.example",
            insecure=True,
        )
    }


async def test_traefik_and_its_canary(tmp_path: Path) -> None:
    with web(404) as port:
        point = EntryPoint(name="web", host="127.0.0.1", port=port)
        log = FoundLog(log=ProxyLog(source="traefik", path="/x", json=3), why="", named=True)
        static = StaticConfig(place="/x/traefik.yml", points=(point,))
        probes = await found(tmp_path, facts=TraefikFacts(statics=(static,), logs=(log,)))
        assert probes.keys() == {"traefik", "traefik-log"}
        assert isinstance(probes["traefik-log"], CanaryProbe)

        choosy = StaticConfig(place="/x/traefik.yml", points=(point,), choosy=True)
        probes = await found(tmp_path, facts=TraefikFacts(statics=(choosy,), logs=(log,)))
        assert probes.keys() == {"traefik"}, "a log that leaves requests out would be told to be silent"

        printed = [ProxyLog(source="docker", path="container traefik", json=3)]
        bare = TraefikFacts(statics=(static,))
        asked = await answering(view(tmp_path), [], bare, (), printed)
        assert "traefik-log" in {probe.name for probe in asked}, "its container's output is followed"

        empty = FoundLog(log=ProxyLog(source="traefik", path="/x"), why="", named=True)
        probes = await found(tmp_path, facts=TraefikFacts(statics=(static,), logs=(empty,)))
        assert probes.keys() == {"traefik"}, "no access log is known to be followed"


async def test_only_a_file_of_certificates_that_can_be_read(tmp_path: Path) -> None:
    good, bad = tmp_path / "acme.json", tmp_path / "bad.json"
    good.write_text("{}")
    bad.write_text("what")
    for path in (good, bad):
        path.chmod(0o600)
    files = tuple(AcmeFacts(path=path, mode=0o600) for path in (bad, good))
    assert await found(tmp_path, acme=files) == {"certificates": AcmeProbe(name="certificates", path=good)}


def test_dynamic_files_where_traefik_sees_them(tmp_path: Path) -> None:
    """In a container by its mounts; a folder is all its files, and one that is broken harms none."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "a.toml").write_text('[http.routers.a]\nrule = "Host(`a.example`)"\n')
    (folder / "b.yml").write_text("{")
    (folder / "c.txt").write_text("{}")
    running = Running(
        container=Container(id="0" * 64, name="t", image="traefik:v3", labels={}, running=True),
        mounts=(("bind", str(tmp_path), "/etc/traefik"),),
    )
    facts = TraefikFacts(statics=(StaticConfig(place="arguments of t", dynamic=("/etc/traefik/conf.d",)),))
    assert list(routers_of(facts, [running])) == [Router(hosts=("a.example",), points=(), tls=False)]
