"""Each probe against a real server on this machine."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.parts.certificates import Authority, Made, TlsServer
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port

from nightporter.config import HttpProbe, Secret, TcpProbe, TlsProbe
from nightporter.sources.probes.ask import Door, ask_http, ask_tcp, ask_tls, context
from nightporter.sources.probes.state import Outcome

PREFIX = "f00ba4f00ba4f00b"


class Site:
    """A web server with a page for every case; what it was asked is in `seen`."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: list[tuple[str, str, str]] = []
        """Host, path with query, and User-Agent of each request."""
        self.closing = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.host, request.path_qs, request.headers["User-Agent"]))
        match request.path:
            case "/to-https":
                return web.Response(status=301, headers={"Location": f"https://127.0.0.1{request.path_qs}"})
            case "/to-elsewhere":
                return web.Response(status=302, headers={"Location": "https://evil.example/"})
            case "/to-page":
                return web.Response(status=302, headers={"Location": "/page"})
            case "/to-localhost":
                return web.Response(status=307, headers={"Location": f"http://localhost:{self.port}/page"})
            case "/round":
                return web.Response(status=302, headers={"Location": "/round"})
            case "/to-nonsense":
                return web.Response(status=302, headers={"Location": "javascript:alert(1)"})
            case "/slow":
                await asyncio.sleep(0.2)
                return web.Response(text="late")
            case "/never":
                await self.closing.wait()
            case "/huge":
                return web.Response(body=b"x" * (1 << 20) + b"end")
            case "/page":
                return web.Response(text="<MediaContainer size='1'>")
        return web.Response(status=404)


@asynccontextmanager
async def site(context: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    here = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        here.port = runner.addresses[0][1]
        yield here
    finally:
        here.closing.set()
        await runner.cleanup()


async def asked(here: Site, path: str, *, scheme: str = "http", **more: Any) -> Outcome:
    url = f"{scheme}://127.0.0.1:{here.port}{path}"
    more = {"timeout_s": PATIENCE_S, **more}
    probe = HttpProbe(name="x", url=Secret(url), host="127.0.0.1", port=here.port, **more)
    async with aiohttp.ClientSession() as session:
        numbers = itertools.count(1)
        door = Door(session, context(probe.ca, insecure=probe.insecure), lambda: f"{PREFIX}{next(numbers)}")
        return await ask_http(door, probe, time.monotonic, "linux")


@pytest.mark.parametrize(
    ("path", "expected", "why"),
    [
        ("/page", {}, ""),
        ("/page", {"text": "MediaContainer"}, ""),
        ("/page", {"text": "Jellyfin"}, "its answer does not hold the text 'Jellyfin'"),
        ("/missing", {}, "it answered with status 404"),
        ("/missing", {"status": ("2xx", 404)}, ""),
        ("/missing", {"status": ("400-403",)}, "it answered with status 404"),
        ("/missing", {"status": ("4xx",)}, ""),
        ("/to-page", {"text": "MediaContainer"}, ""),
        ("/to-page", {"redirects": False}, "it answered with status 302"),
        ("/to-page", {"redirects": False, "status": (302,)}, ""),
        ("/round", {}, "more than 5 redirects"),
        ("/to-nonsense", {}, "it redirects to something that is no URL"),
        ("/slow", {"latency_s": PATIENCE_S}, ""),
        ("/never", {"timeout_s": 0.1}, "no answer in time"),
        ("/huge", {"text": "end"}, "its answer does not hold the text 'end'"),
        ("/to-https?a=b", {"to_https": True}, ""),
        ("/page", {"to_https": True}, "plain HTTP is not redirected to HTTPS"),
        ("/to-page", {"to_https": True}, "plain HTTP is not redirected to HTTPS, but to http://127.0.0.1"),
        (
            "/to-elsewhere",
            {"to_https": True},
            "plain HTTP is not redirected to HTTPS, but to https://evil.example",
        ),
    ],
)
async def test_what_an_answer_is_worth(path: str, expected: dict[str, Any], why: str) -> None:
    async with site() as here:
        outcome = await asked(here, path, **expected)
    assert (outcome.why, outcome.up) == (why, not why)


async def test_an_answer_that_comes_late() -> None:
    async with site() as here:
        outcome = await asked(here, "/slow", latency_s=0.05)
    assert re.fullmatch(r"it took [\d.]+ s, more than 0\.05 s", outcome.why)
    assert not outcome.up


async def test_each_of_our_requests_carries_its_own_token_to_the_same_host_only() -> None:
    async with site() as here:
        await asked(here, "/to-page?key=1")
        await asked(here, "/to-localhost")
    assert [(path, agent) for _, path, agent in here.seen] == [
        (f"/to-page?key=1&nightporter={PREFIX}1", f"Nightporter (probe {PREFIX}1)"),
        (f"/page?nightporter={PREFIX}2", f"Nightporter (probe {PREFIX}2)"),
        (f"/to-localhost?nightporter={PREFIX}1", f"Nightporter (probe {PREFIX}1)"),
        ("/page", "Nightporter (probe)"),
    ]


async def test_a_self_signed_certificate_is_trusted_where_that_is_said(tmp_path: Path) -> None:
    authority = Authority()
    served = server_context(tmp_path, authority.sign("127.0.0.1", left=timedelta(days=20)))
    async with site(served) as here:
        refused = await asked(here, "/page", scheme="https")
        assert not refused.up
        assert refused.why == "its certificate is not trusted: unable to get local issuer certificate"
        assert (await asked(here, "/page", scheme="https", insecure=True)).up
        assert (await asked(here, "/page", scheme="https", ca=str(authority.file(tmp_path)))).up


async def test_nobody_there() -> None:
    here = Site()
    here.port = free_port()
    assert (await asked(here, "/page")).why == "connection refused"


def server_context(folder: Path, made: Made) -> ssl.SSLContext:
    pem = folder / "site.pem"
    pem.write_bytes(made.certificate + made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_name_that_cannot_be_one_ends_no_other_probe() -> None:
    for host in ("a..b", f"{'x' * 64}.lan"):
        outcome = await ask_tcp(TcpProbe(name="x", host=host, port=80), time.monotonic, "linux")
        assert (outcome.up, outcome.why) == (False, "its name is not known (DNS)")
        tls = TlsProbe(name="x", host=host, port=443)
        outcome = await asyncio.to_thread(ask_tls, tls, time.time_ns(), time.monotonic, "linux")
        assert (outcome.up, outcome.why) == (False, "its name is not known (DNS)")


async def test_tcp() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        probe = TcpProbe(name="x", host="127.0.0.1", port=server.getsockname()[1])
        outcome = await ask_tcp(probe, time.monotonic, "linux")
        assert outcome.up
        assert outcome.latency is not None
    outcome = await ask_tcp(probe, time.monotonic, "linux")
    assert (outcome.up, outcome.why) == (False, "connection refused")


# TLS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority("Test Authority")
    made.file(tmp_path)
    return made


@pytest.fixture
def good(tmp_path: Path, authority: Authority) -> Iterator[TlsServer]:
    with TlsServer(tmp_path, authority.sign("localhost", left=timedelta(days=20))) as server:
        yield server


def handshake(server: TlsServer, folder: Path, **more: Any) -> Outcome:
    expected = {"ca": str(folder / "root.pem"), "server_name": "localhost", "timeout_s": PATIENCE_S, **more}
    probe = TlsProbe(name="x", host="127.0.0.1", port=server.port, **expected)
    return ask_tls(probe, time.time_ns(), time.monotonic, "linux")


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ({}, ""),
        ({"issuer": "test authority"}, ""),
        ({"issuer": "Let's Encrypt"}, "its certificate is from Test Authority, not from Let's Encrypt"),
        ({"ca": ""}, "its certificate is not trusted: unable to get local issuer certificate"),
        ({"ca": "", "insecure": True}, ""),
        (
            {"server_name": "other.example"},
            "its certificate is not trusted: Hostname mismatch, certificate is not valid for 'other.example'",
        ),
    ],
)
def test_a_certificate_seen_from_outside(
    tmp_path: Path, good: TlsServer, expected: dict[str, Any], why: str
) -> None:
    outcome = handshake(good, tmp_path, **expected)
    assert (outcome.why, outcome.up) == (why, not why)
    assert outcome.certificates is not None  # even of one that is not trusted
    [shown] = outcome.certificates
    assert (shown.host, shown.issuer) == ("localhost", "Test Authority")
    assert shown.days_left(time.time_ns()) == pytest.approx(20, abs=0.01)


def test_an_end_is_told_by_its_steps_not_as_an_outage(tmp_path: Path, authority: Authority) -> None:
    with TlsServer(tmp_path, authority.sign("localhost", left=timedelta(hours=-1))) as server:
        outcome = handshake(server, tmp_path)
    assert outcome.up
    assert outcome.certificates is not None
    assert outcome.certificates[0].days_left(time.time_ns()) < 0


def test_what_speaks_no_tls(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        probe = TlsProbe(name="x", host="127.0.0.1", port=plain.getsockname()[1], timeout_s=0.2)
        outcome = ask_tls(probe, time.time_ns(), time.monotonic, "linux")
    assert (outcome.up, outcome.why) == (False, "no answer in time")
