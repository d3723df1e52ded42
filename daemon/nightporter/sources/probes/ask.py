"""Asking once: HTTP over aiohttp (imported late), TCP, a TLS handshake, acme.json. Outcomes come out.

**Known by its token.** A request carries a token in its query and its User-Agent, by which the lanes drop
what a proxy's log says of it. Each request has its own (`nightporter.own`); on a redirect only the same host
gets one.
**Blocked.** On macOS an app without leave for the local network gets EHOSTUNREACH at once, whatever the
host does: that is told as it is, and is no outage. **Secrets.** No outcome holds a URL: its user, password
and query are secrets.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nightporter.config import AcmeProbe, HttpProbe, TcpProbe, TlsProbe
from nightporter.errors import Unreachable
from nightporter.model import Stamp
from nightporter.sources.probes.certificates import Certificate, parsed, read_acme
from nightporter.sources.probes.state import Outcome

if TYPE_CHECKING:
    import aiohttp
    import yarl

Monotonic = Callable[[], float]

QUERY_KEY: Final = "nightporter"
AT_ONCE_S: Final = 0.5
"""A host that is really away takes seconds of unanswered ARP to be called unreachable."""
MAX_REDIRECTS: Final = 5
MAX_BODY_BYTES: Final = 256 << 10
"""So much of a page is searched for the expected text."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def failed(error: BaseException, latency: float, platform: str) -> Outcome:
    """What an error means: a host that is down, or a system that lets nothing out."""
    system = _system_error(error)
    if (
        platform == "darwin"
        and system is not None
        and system.errno == errno.EHOSTUNREACH
        and latency < AT_ONCE_S
    ):
        return Outcome(up=False, blocked=True, why="macOS does not let Nightporter into the local network")
    return Outcome(up=False, why=told(error), latency=latency)


def _system_error(error: BaseException) -> OSError | None:
    """The system's own error, where a library has wrapped it."""
    inner = getattr(error, "os_error", None)  # aiohttp.ClientConnectorError, which is not imported here
    found = inner if isinstance(inner, OSError) else error
    if isinstance(found, OSError) and found.errno is not None:
        return found
    return None


def told(error: BaseException) -> str:
    """An error of the network or of a file, for a person."""
    system = _system_error(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(system, socket.gaierror) or isinstance(error, UnicodeError):  # a label that IDNA refuses
        return "its name is not known (DNS)"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error)
    if isinstance(error, ssl.SSLError):
        # Python raises some of its own, without a reason.
        return f"no TLS: {getattr(error, 'reason', '') or 'the handshake failed'}"
    if system is not None and system.errno is not None and system.errno in errno.errorcode:
        return os.strerror(system.errno).lower()
    return f"the connection broke ({type(error).__name__})"


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    return f"its certificate is not trusted: {error.verify_message.rstrip('.')}"


# HTTP


@dataclass(frozen=True, slots=True)
class Door:
    """What requests go out through."""

    session: aiohttp.ClientSession
    verify: ssl.SSLContext
    token: Callable[[], str]
    """Makes the token of one request; "" for none."""


async def ask_http(door: Door, probe: HttpProbe, clock: Monotonic, platform: str) -> Outcome:
    """One GET, with its redirects where they are followed; all of it within the probe's timeout."""
    import aiohttp

    begun = clock()
    try:
        async with asyncio.timeout(probe.timeout_s):
            return await _get(door, probe, clock)
    except aiohttp.ClientConnectorCertificateError as err:
        return failed(err.certificate_error, clock() - begun, platform)
    except (aiohttp.ClientError, OSError, ValueError) as err:
        return failed(err, clock() - begun, platform)


async def _get(door: Door, probe: HttpProbe, clock: Monotonic) -> Outcome:
    import yarl

    url = first = yarl.URL(probe.url.reveal())
    begun = clock()
    for _ in range(MAX_REDIRECTS + 1):
        own = door.token() if url.host == first.host else ""
        async with door.session.get(
            _marked(url, own), headers=_headers(own), allow_redirects=False, ssl=door.verify
        ) as answer:
            target = answer.headers.get("Location", "") if answer.status in _REDIRECTS else ""
            following = _joined(url, target)
            if probe.to_https:
                return _https_or_not(answer.status, first, following, clock() - begun)
            if target and probe.redirects:
                if following is None:
                    return Outcome(up=False, why="it redirects to something that is no URL")
                url = following
                continue
            text = await _body(answer) if probe.text else b""
            return _weighed(probe, answer.status, text, clock() - begun)
    return Outcome(up=False, why=f"more than {MAX_REDIRECTS} redirects", latency=clock() - begun)


def _marked(url: yarl.URL, token: str) -> yarl.URL:
    return url.update_query({QUERY_KEY: token}) if token else url


def _headers(token: str) -> dict[str, str]:
    """Uncompressed, so that no small answer unfolds into a large one."""
    agent = f"Nightporter (probe {token})" if token else "Nightporter (probe)"
    return {"User-Agent": agent, "Accept-Encoding": "identity"}


def _joined(url: yarl.URL, target: str) -> yarl.URL | None:
    """Where a redirect leads; None for what is no http(s) URL."""
    import yarl

    try:
        found = url.join(yarl.URL(target)) if target else None
    except ValueError:
        return None
    return found if found is not None and found.scheme in ("http", "https") and found.host else None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_chunked(16 << 10):
        body += piece
        if len(body) >= MAX_BODY_BYTES:
            break
    return bytes(body)


def _https_or_not(status: int, first: yarl.URL, target: yarl.URL | None, latency: float) -> Outcome:
    good = target is not None and target.scheme == "https" and target.host == first.host
    why = "" if good else "plain HTTP is not redirected to HTTPS"
    if not good and target is not None:
        why += f", but to {target.scheme}://{target.host}"
    return Outcome(up=good, why=why, latency=latency, facts={"status": status})


def _weighed(probe: HttpProbe, status: int, body: bytes, latency: float) -> Outcome:
    """An answer against what is expected of it."""
    why = ""
    if not any(_fits(status, expected) for expected in probe.status):
        why = f"it answered with status {status}"
    elif probe.text and probe.text.encode() not in body:
        why = f"its answer does not hold the text '{probe.text[:80]}'"
    elif probe.latency_s is not None and latency > probe.latency_s:
        why = f"it took {latency:.1f} s, more than {probe.latency_s:g} s"
    return Outcome(up=not why, why=why, latency=latency, facts={"status": status})


def _fits(status: int, expected: int | str) -> bool:
    """`404`, `2xx` or `200-399`, as `ruleset.values.status` reads them."""
    if isinstance(expected, int):
        return status == expected
    low, dash, high = expected.partition("-")
    if dash:
        return int(low) <= status <= int(high)
    return str(status)[0] == expected[0]


def context(ca: str, *, insecure: bool) -> ssl.SSLContext:
    """Raises OSError where the file of `ca` is not there or holds no certificate."""
    made = ssl.create_default_context(cafile=ca or None)
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


# TCP


async def ask_tcp(probe: TcpProbe, clock: Monotonic, platform: str) -> Outcome:
    """Whether something accepts a connection."""
    begun = clock()
    try:
        async with asyncio.timeout(probe.timeout_s):
            _, writer = await asyncio.open_connection(probe.host, probe.port)
    except (OSError, ValueError) as err:
        return failed(err, clock() - begun, platform)
    latency = clock() - begun
    writer.close()
    with suppress(OSError):  # the other side may hang up first: it was there, which is all that was asked
        await writer.wait_closed()
    return Outcome(up=True, latency=latency)


# TLS and acme.json: these block, and run on a thread


def ask_tls(probe: TlsProbe, now: Stamp, clock: Monotonic, platform: str) -> Outcome:
    """Two handshakes at most: one that verifies, and where that fails one that only reads the certificate.

    An end of validity is no outage of its own: the steps of days left tell it.
    """
    begun = clock()
    why = ""
    try:
        try:
            der = _handshake(probe, verify=not probe.insecure)
        except ssl.SSLCertVerificationError as err:
            why = _untrusted(err)
            der = _handshake(probe, verify=False)
        latency = clock() - begun
        certificate = parsed(der, "")
    except (OSError, ValueError) as err:
        return failed(err, clock() - begun, platform)
    except Unreachable as err:
        return Outcome(up=False, why=str(err), latency=clock() - begun)
    if why and certificate.not_after <= now:
        why = ""
    return _of_certificate(probe, certificate, why, latency)


def _of_certificate(probe: TlsProbe, certificate: Certificate, why: str, latency: float) -> Outcome:
    if not why and probe.issuer and probe.issuer.lower() not in certificate.issuer.lower():
        why = f"its certificate is from {certificate.issuer}, not from {probe.issuer}"
    return Outcome(up=not why, why=why, latency=latency, certificates=(certificate,))


def _handshake(probe: TlsProbe, *, verify: bool) -> bytes:
    """The leaf in DER. Raises OSError, of which ssl.SSLError and TimeoutError are kinds."""
    trusted = context(probe.ca, insecure=not verify)
    name = probe.server_name or probe.host
    with (
        socket.create_connection((probe.host, probe.port), timeout=probe.timeout_s) as plain,
        trusted.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


def ask_acme(probe: AcmeProbe) -> Outcome:
    """Every certificate in the file, and its mode."""
    try:
        found = read_acme(probe.path)
    except Unreachable as err:
        return Outcome(up=False, why=str(err))
    why = f"certificates that cannot be read: {', '.join(found.unreadable[:5])}" if found.unreadable else ""
    facts: dict[str, str | int | float | bool] = {
        "path": str(probe.path),
        "mode": f"{found.mode:04o}",
        "certificates": len(found.certificates),
    }
    return Outcome(up=not why, why=why, facts=facts, certificates=tuple(found.certificates), mode=found.mode)
