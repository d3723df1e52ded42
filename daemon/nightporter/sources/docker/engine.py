"""The engine: finding it, asking it (docker SDK, in threads), and opening its streams (aiohttp).

The SDK is imported late: it costs 20 MiB and a quarter of a second that a daemon without Docker never pays.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from nightporter.errors import Denied, Unreachable
from nightporter.model import Stamp
from nightporter.sources.docker.container import COMPOSE_SERVICE, Container, Inspect, from_inspect, read_stamp

if TYPE_CHECKING:
    import aiohttp
    from docker import APIClient

T = TypeVar("T")

ASK_S: Final = 10
"""How long an answer may take before the engine counts as away."""
_READ_BYTES: Final = 1 << 20

KNOWN_SOCKETS: Final = (
    ("~/.docker/run/docker.sock", "Docker Desktop's socket"),
    ("/var/run/docker.sock", "the system's socket"),
    ("~/.orbstack/run/docker.sock", "OrbStack's socket"),
    ("~/.colima/default/docker.sock", "Colima's socket"),
)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a TLS endpoint. `verify` False accepts any certificate (the context says SkipTLSVerify)."""

    ca: str | None
    cert: str | None
    key: str | None
    verify: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An engine's address and why it is this one; `passed` says what was looked at before."""

    url: str
    why: str
    tls: Tls | None = None
    passed: tuple[str, ...] = field(default=())


def find_engine(host: str, environ: Mapping[str, str], home: Path) -> Endpoint:
    """The engine to talk to: the config's `host`; else the current Docker context, DOCKER_HOST, and the first
    of the known sockets that is there.

    Blocking (reads Docker's own files). What a person has named is taken even while nothing listens there:
    it may come. Raises Unreachable where there is none, Denied for an address of a kind we cannot use.
    """
    passed: list[str] = []
    endpoint = (
        _configured(host, environ, home) or _context(environ, passed) or _from_environ(environ, home, passed)
    )
    if endpoint is None:
        endpoint = _known_socket(home, passed)
    if endpoint is None:
        raise Unreachable(
            f"no Docker engine found ({'; '.join(passed)}); start Docker, or set the source's host:"
        )
    if not endpoint.url.startswith(("unix://", "tcp://")):
        raise Denied(
            f"the engine's address {endpoint.url} ({endpoint.why}) is neither unix:// nor tcp://; "
            "forward it to a local socket and name that in the source's host:"
        )
    return endpoint


def _configured(host: str, environ: Mapping[str, str], home: Path) -> Endpoint | None:
    if not host:
        return None
    return Endpoint(url=_spelled(host), why="host: in the config", tls=_environ_tls(host, environ, home))


def _context(environ: Mapping[str, str], passed: list[str]) -> Endpoint | None:
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name

    name = environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if name == "default":
        passed.append("the current Docker context is the default")
        return None
    try:
        context = ContextAPI.get_context(name)
        found = context.endpoints.get("docker") if context is not None else None
    except Exception as err:  # noqa: BLE001 - the SDK raises bare Exception for files it cannot read
        passed.append(f"the Docker context {name!r} cannot be read: {err}")
        return None
    if context is None or found is None or not found.get("Host"):
        passed.append(f"the Docker context {name!r} is not there or has no engine")
        return None
    config = context.tls_cfg.get("docker")
    tls = None
    if config is not None:
        cert, key = config.cert or (None, None)
        tls = Tls(ca=config.ca_cert, cert=cert, key=key, verify=not found.get("SkipTLSVerify", False))
    return Endpoint(
        url=_spelled(found["Host"]),
        why=f"the current Docker context, {name!r}",
        tls=tls,
        passed=tuple(passed),
    )


def _from_environ(environ: Mapping[str, str], home: Path, passed: list[str]) -> Endpoint | None:
    host = environ.get("DOCKER_HOST", "")
    if not host:
        passed.append("DOCKER_HOST is not set")
        return None
    return Endpoint(
        url=_spelled(host), why="DOCKER_HOST", tls=_environ_tls(host, environ, home), passed=tuple(passed)
    )


def _environ_tls(host: str, environ: Mapping[str, str], home: Path) -> Tls | None:
    """Docker's own rule: certificates are used where DOCKER_CERT_PATH or DOCKER_TLS_VERIFY says so."""
    folder, verify = environ.get("DOCKER_CERT_PATH", ""), bool(environ.get("DOCKER_TLS_VERIFY", ""))
    if not _spelled(host).startswith("tcp://") or not (folder or verify):
        return None
    at = Path(folder) if folder else home / ".docker"
    return Tls(ca=str(at / "ca.pem"), cert=str(at / "cert.pem"), key=str(at / "key.pem"), verify=verify)


def _known_socket(home: Path, passed: list[str]) -> Endpoint | None:
    for path, what in KNOWN_SOCKETS:
        at = home / path[2:] if path.startswith("~/") else Path(path)
        if at.is_socket():
            return Endpoint(url=f"unix://{at}", why=f"{what} is there", passed=tuple(passed))
        passed.append(f"{at} is not there")
    return None


def _spelled(host: str) -> str:
    """The address with its scheme, as Docker spells it."""
    for scheme in ("http://", "https://"):
        if host.startswith(scheme):
            return "tcp://" + host.removeprefix(scheme)
    if host.startswith("/"):
        return f"unix://{host}"
    return host if "://" in host else f"tcp://{host}"


class Engine:
    """One connection to one engine. `async with connect(...)` owns it.

    Questions run in `pool` (the source's own threads), each with a deadline; streams on the loop.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        client: APIClient,
        session: aiohttp.ClientSession,
        base: str,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.endpoint = endpoint
        self.api_version = client.api_version
        self._client = client
        self._session = session
        self._base = f"{base}/v{client.api_version}"
        self._pool = pool

    async def now(self) -> Stamp:
        """The engine's own clock: in a VM it need not be ours."""
        info = await self._ask(self._client.info)
        return read_stamp(str(info.get("SystemTime", "")))

    async def ids(self) -> list[str]:
        """All containers, running or not."""
        rows = await self._ask(lambda: self._client.containers(all=True, quiet=True))
        return [str(row["Id"]) for row in rows]

    async def inspect(self, container_id: str) -> Container | None:
        """The container as it stands; None when it is gone."""
        return await self._ask(lambda: _inspect(self._client, container_id))

    async def named(self, name: str) -> Container | None:
        """The container of this name; else one of the compose service of this name, one that runs before one
        that does not."""
        found = await self.inspect(name)
        if found is not None:
            return found
        label = {"label": f"{COMPOSE_SERVICE}={name}"}
        rows = await self._ask(lambda: self._client.containers(all=True, filters=label))
        rows.sort(key=lambda row: row.get("State") != "running")
        return await self.inspect(str(rows[0]["Id"])) if rows else None

    async def ping(self) -> None:
        """Raises Unreachable when the engine does not answer."""
        await self._ask(self._client.ping)

    async def _ask(self, question: Callable[[], T]) -> T:
        def knock_and_ask() -> T:
            _knock(self.endpoint)
            return question()

        return await ask(self._pool, knock_and_ask)

    @asynccontextmanager
    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncIterator[Stream]:
        """GET a stream. Raises Unreachable, for this and for what goes wrong while it is read."""
        import aiohttp

        if self._session.closed:
            raise Unreachable(f"the engine at {self.endpoint.url} was let go")
        try:
            async with asyncio.timeout(ASK_S):
                response = await self._session.get(self._base + path, params=params)
        except (aiohttp.ClientError, OSError) as err:  # TimeoutError is an OSError
            raise Unreachable(f"the engine at {self.endpoint.url} does not answer: {_words(err)}") from err
        try:
            yield Stream(response)
        finally:
            response.close()


class EngineSlot:
    """The engine while there is one; what followers wait at."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._there = asyncio.Event()

    async def get(self) -> Engine:
        while self._engine is None:
            await self._there.wait()
        return self._engine

    def set(self, engine: Engine | None) -> None:
        self._engine = engine
        if engine is None:
            self._there.clear()
        else:
            self._there.set()


class Stream:
    """The body of one answer."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self, timeout_s: float) -> bytes | None:
        """What has come, at least a byte; b"" at the end; None when nothing came in `timeout_s`.
        Raises Unreachable when the connection breaks."""
        import aiohttp

        try:
            async with asyncio.timeout(timeout_s):
                return await self._response.content.readany()
        except TimeoutError:
            return None
        except (aiohttp.ClientError, OSError) as err:
            raise Unreachable(f"the engine's stream broke: {_words(err)}") from err

    async def all(self, limit: int = 1 << 20) -> bytes:
        """The whole body of a short answer, at most `limit` bytes of it."""
        body = b""
        while len(body) < limit and (data := await self.read(ASK_S)):
            body += data
        return body


@asynccontextmanager
async def connect(endpoint: Endpoint, pool: ThreadPoolExecutor) -> AsyncIterator[Engine]:
    """Open the engine: negotiate its version, make ready for streams. Raises Unreachable or Denied."""
    client = await ask(pool, lambda: _open_client(endpoint))
    try:
        async with _session(endpoint) as (session, base):
            yield Engine(endpoint, client, session, base, pool)
    finally:
        client.close()  # closes idle sockets only: does not block


async def ask(pool: ThreadPoolExecutor, question: Callable[[], T]) -> T:
    """Run a blocking question of the SDK's in `pool`. Raises Unreachable or Denied."""
    import requests
    from docker.errors import DockerException

    try:
        async with asyncio.timeout(2 * ASK_S):
            return await asyncio.get_running_loop().run_in_executor(pool, question)
    except TimeoutError as err:
        raise Unreachable(f"the engine did not answer within {2 * ASK_S} s") from err
    except (DockerException, requests.RequestException, OSError) as err:
        raise _world_error(err) from err


def _world_error(err: Exception) -> Denied | Unreachable:
    text = _words(err)
    if "Permission denied" in text:
        return Denied(f"the engine's socket refuses us ({text}); add this user to the group that owns it")
    return Unreachable(f"the engine does not answer: {text}")


def _words(err: BaseException) -> str:
    return str(err) or type(err).__name__


def _knock(endpoint: Endpoint) -> None:
    """Raises OSError where nothing listens on the unix socket; the SDK (7.2.0) would leave its own open."""
    scheme, _, path = endpoint.url.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ASK_S)
            door.connect(path)


def _open_client(endpoint: Endpoint) -> APIClient:
    """A client that speaks the engine's own version of the API."""
    _knock(endpoint)
    with _client(endpoint, "1.24") as asking:  # the lowest that the SDK takes; /version is asked without one
        version = str(asking.version(api_version=False).get("ApiVersion", ""))
    return _client(endpoint, version)


def _client(endpoint: Endpoint, version: str) -> APIClient:
    from docker import APIClient
    from docker.tls import TLSConfig

    tls: TLSConfig | bool = False
    if endpoint.tls is not None:
        pair = (endpoint.tls.cert, endpoint.tls.key) if endpoint.tls.cert and endpoint.tls.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=endpoint.tls.ca, verify=endpoint.tls.verify)
    client = APIClient(base_url=endpoint.url, version=version, timeout=ASK_S, tls=tls)
    # Else requests would go by HTTPS_PROXY, and let REQUESTS_CA_BUNDLE win over the endpoint's own CA.
    client.trust_env = False
    return client


def _inspect(client: APIClient, container_id: str) -> Container | None:
    from docker.errors import NotFound

    try:
        raw = client.inspect_container(container_id)
    except NotFound:
        return None
    try:
        return from_inspect(msgspec.convert(raw, Inspect))
    except msgspec.ValidationError as err:
        raise Unreachable(
            f"the engine describes container {container_id[:12]} in words unknown to us: {err}"
        ) from err


@asynccontextmanager
async def _session(endpoint: Endpoint) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """aiohttp's defaults would kill followers: a total timeout of 5 minutes, 100 connections. No connection
    is used twice: after a sleep, one that was kept would hang."""
    import aiohttp

    scheme, _, rest = endpoint.url.partition("://")
    connector: aiohttp.BaseConnector
    if scheme == "unix":
        connector, base = aiohttp.UnixConnector(path=rest, limit=0, force_close=True), "http://docker"
    elif endpoint.tls is None:
        connector, base = aiohttp.TCPConnector(limit=0, force_close=True), f"http://{rest}"
    else:
        context = _ssl(endpoint.tls)
        connector, base = aiohttp.TCPConnector(limit=0, force_close=True, ssl=context), f"https://{rest}"
    timeout = aiohttp.ClientTimeout(total=None, sock_read=None, sock_connect=ASK_S)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, read_bufsize=_READ_BYTES
    ) as session:
        yield session, base


def _ssl(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert and tls.key:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as err:
        raise Denied(f"the certificates for the engine cannot be used: {err}") from err
    return context
