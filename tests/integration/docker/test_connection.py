"""Connections that break, hang, or are encrypted."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.integration.docker.conftest import following
from tests.parts.docker import DockerEngine, running_engine
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port

from nightporter.clock import SystemClock
from nightporter.config import DockerSource as DockerConfig
from nightporter.errors import Denied, Unreachable
from nightporter.model import Chunk
from nightporter.sources.docker.container import log_origin
from nightporter.sources.docker.engine import ASK_S, Endpoint, Engine, Tls, connect
from nightporter.sources.docker.follow import Follower
from nightporter.sources.docker.repeats import Mark

pytestmark = pytest.mark.real


class Relay:
    """A unix socket that hands on to the engine's, and can cut or freeze what goes through it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._writers: list[asyncio.StreamWriter] = []
        self._frozen: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(str(self._target))
        self._writers += [writer, up_writer]
        await asyncio.gather(self._pipe(reader, up_writer), self._pipe(up_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                if writer not in self._frozen:
                    writer.write(data)
                    await writer.drain()
        writer.close()

    def cut(self) -> None:
        """End every connection at once, mid-frame as it comes."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def freeze(self) -> None:
        """Let nothing more through the connections that are there, without an error: as sleep does."""
        self._frozen += self._writers


@asynccontextmanager
async def relay_to(engine: DockerEngine) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(engine.socket)
    with tempfile.TemporaryDirectory(prefix="np-relay-", dir="/tmp") as folder:
        server = await asyncio.start_unix_server(relay.serve, f"{folder}/relay.sock", limit=4096)
        try:
            yield relay, f"unix://{folder}/relay.sock"
        finally:
            relay.cut()
            server.close()


MIXED = (
    "i=0; while [ $i -lt 400 ]; do echo out $i; echo err $i >&2; "
    "[ $((i % 10)) -eq 0 ] && { head -c 40960 /dev/zero | tr '\\0' z; echo; sleep 0.2; }; i=$((i+1)); done"
)


async def test_connections_cut_again_and_again_lose_and_repeat_nothing(engine: DockerEngine) -> None:
    async with relay_to(engine) as (relay, host), following(engine, host=host) as got:
        await asyncio.to_thread(engine.run, MIXED, name="mixed")
        cuts = 0
        while len(got.lines("mixed")) < 780:
            await got.more("mixed", 50)
            relay.cut()
            cuts += 1
        await got.until("all lines", lambda: len(got.lines("mixed")) >= 840)
        assert cuts >= 3
        assert got.channel("mixed", 2) == [b"err %d" % i for i in range(400)]
        out = got.channel("mixed", 1)
        assert [line for line in out if line != b"z" * 40960] == [b"out %d" % i for i in range(400)]
        assert len(out) == 440


class One:
    """The engine that a follower gets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self) -> Engine:
        return self._engine


async def test_a_stream_that_hangs_is_opened_again_and_a_quiet_one_is_not(engine: DockerEngine) -> None:
    script = "echo one; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo two; sleep 60"
    running = await asyncio.to_thread(engine.run, script, name="sleepy")
    clock, lines = SystemClock(), list[bytes]()

    async def sink(chunk: Chunk) -> None:
        lines.extend(chunk.data.splitlines())

    with ThreadPoolExecutor(2) as pool:
        async with (
            relay_to(engine) as (relay, host),
            connect(Endpoint(url=host, why="test"), pool) as opened,
        ):
            container = await opened.inspect(str(running.id))
            assert container is not None
            origin = log_origin(container, DockerConfig(name="d"), ())
            follower = Follower(container, origin, Mark(id=container.id, floor=0), clock, idle_s=0.2)
            task = asyncio.create_task(follower.run(One(opened), sink))
            async with asyncio.timeout(PATIENCE_S):
                while not lines:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(1)  # several idle checks: a quiet stream is left alone
                assert (follower.hung, follower.reconnects) == (0, 0)
                relay.freeze()
                await asyncio.to_thread(running.exec_run, "touch /tmp/go")
                while len(lines) < 2:
                    await asyncio.sleep(0.01)
            assert lines == [b"one", b"two"]
            assert follower.hung >= 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class JumpingClock(SystemClock):
    """A wall clock that a test can put forward, as it seems after a sleep."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


async def test_after_a_sleep_streams_that_hang_are_opened_anew(engine: DockerEngine) -> None:
    clock = JumpingClock()
    script = "echo one; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo two; exit 6"
    async with relay_to(engine) as (relay, host), following(engine, host=host, clock=clock) as got:
        container = await asyncio.to_thread(engine.run, script, name="slept")
        await got.until("the first line", lambda: got.lines("slept") == [b"one"])
        relay.freeze()
        await asyncio.to_thread(container.exec_run, "touch /tmp/go")
        clock.ahead = 3600 * 10**9
        await got.until("what was said meanwhile", lambda: got.lines("slept") == [b"one", b"two"])
        await got.until("what happened meanwhile", lambda: "die" in got.actions("slept"))
        assert got.status["counters"]["slept"] == 1
        assert got.actions("slept") == ["create", "start", "die"]
        assert [r["action"] for r in got.events()] == ["engine_up"]


async def test_silence_is_no_reason_to_reconnect(engine: DockerEngine) -> None:
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, "sleep 60", name="silent")
        await got.until("it is followed", lambda: got.status["following"] == ["silent"])
        await asyncio.sleep(ASK_S + 1.5)  # longer than an answer may take
        assert got.status["up"]
        assert got.status["counters"]["reconnects"] == 0
        assert got.status["counters"]["engine_lost"] == 0


class Certificates:
    """A CA of the test's own, a server's and a client's certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self._write("ca", self._sign(self._ca_name, self._ca_key, ca=True), self._ca_key)
        for name, usage in (
            ("server", ExtendedKeyUsageOID.SERVER_AUTH),
            ("client", ExtendedKeyUsageOID.CLIENT_AUTH),
        ):
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
            self._write(name, self._sign(subject, key, usage=usage), key)

    def path(self, name: str) -> str:
        return str(self._folder / name)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool = False,
        usage: x509.ObjectIdentifier | None = None,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if usage is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._ca_key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        pem = serialization.Encoding.PEM
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        Path(self.path(f"{name}.pem")).write_bytes(certificate.public_bytes(pem))
        Path(self.path(f"{name}-key.pem")).write_bytes(key.private_bytes(pem, *plain))


async def test_an_engine_behind_tls_is_read_with_certificates_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = await asyncio.to_thread(Certificates, tmp_path)
    port = free_port()
    more = ["--host", f"tcp://127.0.0.1:{port}", "--tlsverify"]
    for option, file in (("tlscacert", "ca"), ("tlscert", "server"), ("tlskey", "server-key")):
        more += [f"--{option}", certificates.path(f"{file}.pem")]
    docker_files = {"ca.pem": "ca.pem", "cert.pem": "client.pem", "key.pem": "client-key.pem"}
    for name, made in docker_files.items():
        if name != made:
            Path(certificates.path(name)).write_bytes(Path(certificates.path(made)).read_bytes())
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with contextlib.ExitStack() as stack:
        engine = await asyncio.to_thread(stack.enter_context, running_engine(*more))
        host = f"tcp://127.0.0.1:{port}"
        async with following(engine, host=host) as got:
            await asyncio.to_thread(engine.run, "echo secret; sleep 60", name="tls")
            await got.until("its line", lambda: got.lines("tls") == [b"secret"])
        with ThreadPoolExecutor(1) as pool:
            without = Tls(ca=certificates.path("ca.pem"), cert=None, key=None, verify=True)
            for tls in (None, without):
                with pytest.raises((Unreachable, Denied)):
                    async with connect(Endpoint(url=host, why="test", tls=tls), pool):
                        pass
        await asyncio.to_thread(stack.close)
