"""A receiver that answers as Discord's webhooks do, reached by an unpatched apprise over TLS and a proxy.

    with DiscordReceiver(tmp_path) as discord:
        os.environ.update(discord.env)          # or the env of another process
        notify(discord.url)
        discord.wait_for(1)

apprise's plugin knows one host only, discord.com. `env` sends it through a CONNECT proxy that leads every
tunnel to this receiver, and makes requests trust the receiver's own certificate authority. Everything runs on
a thread with a loop of its own, so that tests may be synchronous or not, and the daemon in another process.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from aiohttp import BodyPartReader, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port

T = TypeVar("T")

# https://discord.com/developers/docs/resources/message#embed-object-embed-limits, 2026-11
EMBEDS: Final = 10
TITLE: Final = 256
DESCRIPTION: Final = 4096
FIELDS: Final = 25
FIELD_NAME: Final = 256
FIELD_VALUE: Final = 1024
FOOTER: Final = 2048
AUTHOR: Final = 256
EMBED_TOTAL: Final = 6000
CONTENT: Final = 2000

WEBHOOK_ID: Final = "1234567890"
WEBHOOK_TOKEN: Final = "abcdefTOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How the receiver answers one request: a status, or with `fate` none at all.

    `hang` reads the request and never answers; `close` reads it and closes the connection.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)  # Any: JSON
    fate: str = ""

    @classmethod
    def rate_limited(cls, seconds: float) -> Answer:
        """429 as Discord words it: the wait in a header and in the body."""
        return cls(
            status=429,
            headers={"Retry-After": f"{seconds:g}", "X-RateLimit-Scope": "shared"},
            body={"message": "You are being rate limited.", "retry_after": seconds, "global": False},
        )


HANG: Final = Answer(fate="hang")
CLOSE: Final = Answer(fate="close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came, and what it was answered."""

    at: float
    """Wall clock, seconds since the epoch."""
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    payload: dict[str, Any]  # Any: JSON
    status: int
    """0 where no answer was given."""
    problems: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    """File name → what was attached."""

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """Every text of the payload that a person would see, one after another."""
        return "\n".join(visible_texts(self.payload))


def visible_texts(payload: dict[str, Any]) -> list[str]:
    """The content and every text of the embeds, in order."""
    texts = [payload.get("content") or ""]
    for embed in payload.get("embeds") or []:
        texts += [embed.get("title") or "", embed.get("description") or ""]
        texts += [
            (embed.get(part) or {}).get(key) or "" for part, key in (("author", "name"), ("footer", "text"))
        ]
        for pair in embed.get("fields") or []:
            texts += [pair.get("name") or "", pair.get("value") or ""]
    return [text for text in texts if text]


def length(text: str) -> int:
    """Length in UTF-16 units, the larger of the two ways in which Discord's parts count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def problems_of(payload: dict[str, Any]) -> list[str]:
    """Why Discord would refuse this payload with a 400; empty: it would not."""
    embeds = payload.get("embeds") or []
    found = [] if payload.get("content") or embeds else ["empty message"]
    if length(payload.get("content") or "") > CONTENT:
        found.append("content too long")
    if len(embeds) > EMBEDS:
        found.append("too many embeds")
    for embed in embeds:
        found += _embed_problems(embed)
    if sum(length(t) for e in embeds for t in visible_texts({"embeds": [e]})) > EMBED_TOTAL:
        found.append("embeds too long together")
    return found + _mention_problems(payload.get("allowed_mentions") or {})


def _embed_problems(embed: dict[str, Any]) -> list[str]:
    checks = [
        ("title", embed.get("title") or "", TITLE),
        ("description", embed.get("description") or "", DESCRIPTION),
        ("footer", (embed.get("footer") or {}).get("text") or "", FOOTER),
        ("author", (embed.get("author") or {}).get("name") or "", AUTHOR),
    ]
    found = [f"{name} too long" for name, text, limit in checks if length(text) > limit]
    if not any(embed.get(key) for key in ("title", "description", "fields", "author", "footer", "image")):
        found.append("empty embed")
    color = embed.get("color", 0)
    if not isinstance(color, int) or not 0 <= color <= 0xFFFFFF:
        found.append("bad color")
    fields = embed.get("fields") or []
    if len(fields) > FIELDS:
        found.append("too many fields")
    for pair in fields:
        for key, limit in (("name", FIELD_NAME), ("value", FIELD_VALUE)):
            text = pair.get(key)
            if not isinstance(text, str) or not text.strip() or length(text) > limit:
                found.append(f"field {key} empty or too long")
    return found


def _mention_problems(allowed: dict[str, Any]) -> list[str]:
    found = [
        f"bad parse {kind}" for kind in allowed.get("parse", []) if kind not in ("users", "roles", "everyone")
    ]
    for kind in ("users", "roles"):
        ids = allowed.get(kind, [])
        if ids and kind in allowed.get("parse", []):
            found.append(f"{kind} listed and parsed")
        if len(ids) > 100 or not all(isinstance(i, str) and i.isdigit() for i in ids):
            found.append(f"bad {kind}")
    return found


class DiscordReceiver:
    """The receiver and its proxy. `script` decides the next answers; after it, what is valid is accepted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="discord-receiver", daemon=True)
        self._script: list[Answer] = []
        self._lock = threading.Condition()
        self._received: list[Received] = []
        self._hanging = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._proxy: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self._port = 0
        self._proxy_port = free_port()  # its own also while it is away
        self.ca = folder / "discord-ca.pem"

    # --- what a test uses

    @property
    def url(self) -> str:
        """The apprise URL of the webhook."""
        return f"discord://{WEBHOOK_ID}/{WEBHOOK_TOKEN}"

    @property
    def env(self) -> dict[str, str]:
        """The environment under which requests reaches this receiver."""
        proxy = f"http://127.0.0.1:{self._proxy_port}"
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "",
            "no_proxy": "",
            "REQUESTS_CA_BUNDLE": str(self.ca),
        }

    def script(self, *answers: Answer) -> None:
        """Answer the next requests so, one each; after them, as Discord would."""
        with self._lock:
            self._script.extend(answers)

    @property
    def requests(self) -> list[Received]:
        """Everything that came, in order."""
        with self._lock:
            return list(self._received)

    @property
    def messages(self) -> list[Received]:
        """What was accepted and so is in the channel, in order."""
        return [r for r in self.requests if r.accepted]

    def wait_for(self, count: int, *, of: str = "messages", timeout: float = PATIENCE_S) -> list[Received]:
        """Wait for `count` messages (or `of="requests"`); AssertionError if they do not come."""
        deadline = time.monotonic() + timeout
        with self._lock:
            while True:
                there = self._received if of == "requests" else [r for r in self._received if r.accepted]
                if len(there) >= count:
                    return list(there)
                left = deadline - time.monotonic()
                assert left > 0, f"{len(there)} of {count} {of} came within {timeout} s"
                self._lock.wait(left)

    def go_away(self) -> None:
        """Refuse connections from now on, as when the network is gone."""
        self._do(self._close_proxy())

    def come_back(self) -> None:
        """Listen again, on the same port."""
        self._do(self._open_proxy())

    # --- how it runs

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *exc: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(PATIENCE_S)

    async def _open(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/api/webhooks/{id}/{token}", self._webhook)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=make_certificates(self._folder, self.ca))
        await site.start()
        self._port = self._runner.addresses[0][1]
        await self._open_proxy()

    async def _close(self) -> None:
        self._hanging.set()
        await self._close_proxy()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _open_proxy(self) -> None:
        self._proxy = await asyncio.start_server(self._connected, "127.0.0.1", self._proxy_port)

    async def _close_proxy(self) -> None:
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None
        for task in list(self._pipes):
            task.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            await self._tunnel(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client or the test ended the connection
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[:2]
        if (method, target) != (b"CONNECT", b"discord.com:443"):
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
        finally:
            far_writer.close()

    async def _webhook(self, request: web.Request) -> web.Response:
        payload, files = await _read(request)
        answer, problems = self._answer(request, payload)
        self._record(request, payload, 0 if answer.fate else answer.status, problems, files)
        if answer.fate == "hang":
            await self._hanging.wait()
        if answer.fate:
            if request.transport is not None:  # None: the client left first
                request.transport.abort()
            return web.Response(status=204)
        if answer.status == 204:
            return web.Response(status=204)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)

    def _answer(self, request: web.Request, payload: dict[str, Any]) -> tuple[Answer, tuple[str, ...]]:
        with self._lock:
            scripted = self._script.pop(0) if self._script else None
            number = len(self._received) + 1
        if scripted is not None and not 200 <= (scripted.status if not scripted.fate else 0) < 300:
            return scripted, ()
        if (request.match_info["id"], request.match_info["token"]) != (WEBHOOK_ID, WEBHOOK_TOKEN):
            return Answer(status=404, body={"message": "Unknown Webhook", "code": 10015}), ()
        problems = tuple(problems_of(payload))
        if problems:
            return Answer(status=400, body={"message": "Invalid Form Body", "code": 50035}), problems
        if request.query.get("wait") != "true":
            return Answer(status=204, headers=scripted.headers if scripted else {}), ()
        return Answer(body={"id": f"99{number:06}"}, headers=scripted.headers if scripted else {}), ()

    def _record(
        self,
        request: web.Request,
        payload: dict[str, Any],
        status: int,
        problems: Sequence[str],
        files: dict[str, bytes],
    ) -> None:
        received = Received(
            at=time.time(),
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            payload=payload,
            status=status,
            problems=tuple(problems),
            files=files,
        )
        with self._lock:
            self._received.append(received)
            self._lock.notify_all()


async def _read(request: web.Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The payload, and what is attached: then Discord takes a form whose `payload_json` is the payload.

    https://docs.discord.com/developers/reference#uploading-files (2026-11)
    """
    if request.content_type != "multipart/form-data":
        return json.loads(await request.text()), {}
    payload: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        content = bytes(await part.read())
        if part.name == "payload_json":
            payload = json.loads(content)
        else:
            assert (part.name or "").startswith("files["), part.name
            files[part.filename or ""] = content
    return payload, files


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def make_certificates(folder: Path, ca_file: Path) -> ssl.SSLContext:
    """A fresh authority, written to `ca_file`, and a server's context that it vouches for as discord.com."""
    ca_key, ca_name = ec.generate_private_key(ec.SECP256R1()), _name("Nightporter test authority")
    ca = _certificate(
        ca_name,
        ca_name,
        ca_key,
        ca_key,
        [(x509.BasicConstraints(ca=True, path_length=0), True), (_usage(sign=True), True)],
    )
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate(
        _name("discord.com"),
        ca_name,
        key,
        ca_key,
        [
            (x509.SubjectAlternativeName([x509.DNSName("discord.com")]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False),
        ],
    )
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain, key_file = folder / "discord-cert.pem", folder / "discord-key.pem"
    chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key_file)
    return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer, hashes.SHA256())
