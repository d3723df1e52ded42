"""Traefik's access log as JSON (v2 and v3; keys measured with 3.7.15): one object a line, by Go's encoder."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from nightporter.formats import address, stamps
from nightporter.formats.access import (
    LONGEST_REQUEST,
    client_of,
    put,
    put_agent,
    put_count,
    put_status,
    put_target,
    without_provider,
)
from nightporter.formats.address import Networks
from nightporter.formats.base import Parsed
from nightporter.formats.gojson import is_spelled_by_go
from nightporter.model import Fields, Stamp

STATUS: Final = "DownstreamStatus"
ORIGIN_STATUS: Final = "OriginStatus"


class Access(msgspec.Struct, frozen=True, gc=False):
    """The keys of an access line that become fields. No header but these two is read: a line that keeps
    headers holds `request_Authorization` in clear."""

    client_addr: str | None = msgspec.field(default=None, name="ClientAddr")
    client_host: str | None = msgspec.field(default=None, name="ClientHost")
    client_username: str | None = msgspec.field(default=None, name="ClientUsername")
    content_size: int | None = msgspec.field(default=None, name="DownstreamContentSize")
    status: int | None = msgspec.field(default=None, name=STATUS)
    duration: int | None = msgspec.field(default=None, name="Duration")
    origin_status: int | None = msgspec.field(default=None, name=ORIGIN_STATUS)
    host: str | None = msgspec.field(default=None, name="RequestHost")
    method: str | None = msgspec.field(default=None, name="RequestMethod")
    path: str | None = msgspec.field(default=None, name="RequestPath")
    protocol: str | None = msgspec.field(default=None, name="RequestProtocol")
    retries: int | None = msgspec.field(default=None, name="RetryAttempts")
    router: str | None = msgspec.field(default=None, name="RouterName")
    service: str | None = msgspec.field(default=None, name="ServiceName")
    upstream: str | None = msgspec.field(default=None, name="ServiceURL")
    start_utc: str | None = msgspec.field(default=None, name="StartUTC")
    start_local: str | None = msgspec.field(default=None, name="StartLocal")
    tls: str | None = msgspec.field(default=None, name="TLSVersion")
    entrypoint: str | None = msgspec.field(default=None, name="entryPointName")
    written: str | None = msgspec.field(default=None, name="time")
    user_agent: str | None = msgspec.field(default=None, name="request_User-Agent")
    referer: str | None = msgspec.field(default=None, name="request_Referer")


_HOME: Final = Networks(address.HOME)
_DECODER: Final = msgspec.json.Decoder(Access)


def read_access(line: bytes, trusted: Networks) -> Parsed | None:
    """The event of an access line, or None for a line that is none.

    Its time is StartUTC + Duration, exact to the nanosecond.
    """
    try:
        access = _DECODER.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return None
    except UnicodeDecodeError:
        return _read_repaired(line, trusted)
    if access.client_host is None and access.status is None and access.path is None:
        return None
    if not _is_traefiks(line, access):
        return None
    time, started = _times(access)
    return Parsed(format="traefik", fields=_fields(access, trusted), time=time, started=started)


def _read_repaired(line: bytes, trusted: Networks) -> Parsed | None:
    """A line with bytes that are no UTF-8, each read as U+FFFD."""
    return read_access(line.decode("utf-8", "replace").encode(), trusted)


def _is_traefiks(line: bytes, access: Access) -> bool:
    """Whether statuses and letters stand in the line as the scanner looks for them: as Traefik writes them,
    but a blank after the colon is let pass, for tests and for shippers that write the line anew."""
    return (
        _has(line, STATUS, access.status)
        and _has(line, ORIGIN_STATUS, access.origin_status)
        and is_spelled_by_go(line)
    )


def _has(line: bytes, key: str, status: int | None) -> bool:
    if not status:
        return True
    usual, blank = _spellings(key, status)
    return usual in line or blank in line


@lru_cache(maxsize=256)
def _spellings(key: str, status: int) -> tuple[bytes, bytes]:
    return f'"{key}":{status}'.encode(), f'"{key}": {status}'.encode()


def _times(access: Access) -> tuple[Stamp | None, Stamp | None]:
    """When the request ended and began."""
    started = stamps.rfc3339(access.start_utc or access.start_local or "")
    if started is None:
        return stamps.rfc3339(access.written or ""), None
    duration = access.duration or 0
    return started + (duration if 0 <= duration <= LONGEST_REQUEST else 0), started


def _fields(access: Access, trusted: Networks) -> Fields:
    fields: Fields = {}
    client = client_of(access.client_host, access.client_addr, trusted, _HOME)
    if client is not None:
        fields["client_ip"] = client
    put_status(fields, "status", access.status)
    put_status(fields, "origin_status", access.origin_status)
    put(fields, "method", access.method)
    put_target(fields, access.path)
    put(fields, "host", access.host)
    put(fields, "user", access.client_username)
    put(fields, "protocol", access.protocol)
    put(fields, "router", without_provider(access.router or ""))
    put(fields, "service", without_provider(access.service or ""))
    put(fields, "upstream", access.upstream)
    put(fields, "entrypoint", access.entrypoint)
    put_agent(fields, access.user_agent)
    put(fields, "referer", access.referer)
    put(fields, "tls", access.tls)
    put_count(fields, "bytes", access.content_size)
    put_count(fields, "retries", access.retries)
    if access.duration is not None and 0 <= access.duration <= LONGEST_REQUEST:
        fields["duration"] = access.duration / 10**9
    return fields
