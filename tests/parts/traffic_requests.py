"""Simulated requests at a Traefik: as events for an engine, or as the JSON lines that Traefik would write.

A `Hit` is one request; what it shares with a thousand others (who asks whom for what) is its `Shape`, made
once, so that a million events cost seconds. The fields are made by the functions that the format itself uses,
and a test holds both ways to the same events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import NamedTuple

from nightporter.formats.access import put_agent, put_target
from nightporter.model import SECOND, Event, Fields, Nanos, Origin, Stamp, Untrusted

RAW = Untrusted("a simulated request")


@dataclass(frozen=True)
class Service:
    """What is reached; all but the host is empty where no router matches."""

    name: str
    router: str
    host: str
    upstream: str = ""


NOWHERE = Service("", "", "198.51.100.1")
"""Asked for by address, or under a name that is not ours: no router matches."""


@dataclass(frozen=True)
class Shape:
    """Who asks whom for what, and what the answer is."""

    client: str
    service: Service
    method: str
    target: str
    status: int
    agent: str = ""
    user: str = ""

    @property
    def asked(self) -> bool:
        """Whether Traefik asked the service, or tried to (then its own 502 is the origin's status, too)."""
        return bool(self.service.upstream)

    @cached_property
    def fields(self) -> Fields:
        """All fields but sizes and times."""
        where = self.service
        fields: Fields = {
            "client_ip": self.client,
            "status": self.status,
            "method": self.method,
            "host": where.host,
            "protocol": "HTTP/2.0",
            "entrypoint": "websecure",
            "tls": "1.3",
            "retries": 0,
        }
        given = {"router": where.router, "service": where.name, "user": self.user}
        fields |= {name: value for name, value in given.items() if value}
        if self.asked:
            fields |= {"upstream": where.upstream, "origin_status": self.status}
        put_target(fields, self.target)
        put_agent(fields, self.agent)
        return fields

    @cached_property
    def line(self) -> dict[str, str | int]:
        """The same, as Traefik 3.7 names it."""
        where = self.service
        line: dict[str, str | int] = {
            "ClientAddr": f"{self.client}:4711",
            "ClientHost": self.client,
            "ClientUsername": self.user or "-",
            "DownstreamStatus": self.status,
            "OriginStatus": self.status if self.asked else 0,
            "RequestHost": where.host,
            "RequestMethod": self.method,
            "RequestPath": self.target,
            "RequestProtocol": "HTTP/2.0",
            "RetryAttempts": 0,
            "TLSVersion": "1.3",
            "entryPointName": "websecure",
        }
        if where.router:
            line["RouterName"] = f"{where.router}@docker"
        if self.asked:
            line |= {"ServiceName": f"{where.name}@docker", "ServiceURL": where.upstream}
        if self.agent:
            line["request_User-Agent"] = self.agent
        return line


@lru_cache(maxsize=20_000)
def shape(
    client: str,
    service: Service,
    target: str,
    status: int = 200,
    method: str = "GET",
    agent: str = "",
    user: str = "",
) -> Shape:
    """The one shape of these values."""
    return Shape(client, service, method, target, status, agent, user)


def refused(client: str, service: Service, target: str, agent: str = "", status: int = 403) -> Shape:
    """Traefik's own refusal: no service is asked, nor named (measured with 3.7)."""
    return shape(client, replace(service, name="", upstream=""), target, status, agent=agent)


class Hit(NamedTuple):
    """One request: when it ended, what it was, how many bytes the client got, and how long it took."""

    time: Stamp
    shape: Shape
    size: int = 1_000
    took: Nanos = 20_000_000
    container_age: float | None = None
    """In seconds; None: long enough to be of no interest."""
    stopped_by_hand: bool = False
    """Whether somebody, or an update, has stopped the service's container."""

    @property
    def by_docker(self) -> bool:
        """Whether something is known of it that Docker says, and no line of the proxy's."""
        return self.stopped_by_hand or self.container_age is not None


@dataclass
class Log:
    """Turns hits into what the engine or a lane is fed with."""

    origin: Origin
    number: int = field(default=0)

    def events(self, hits: Iterable[Hit]) -> Iterator[Event]:
        """The events that the lane would make of the lines."""
        for hit in hits:
            self.number += 1
            fields: Fields = {
                **dict(self.origin.fields),
                **hit.shape.fields,
                "source": self.origin.source,
                "time": hit.time,
                "arrived": hit.time,
                "started": hit.time - hit.took,
                "bytes": hit.size,
                "duration": hit.took / SECOND,
                "raw": RAW,
            }
            if hit.container_age is not None:
                fields["container_age"] = hit.container_age
            if hit.stopped_by_hand:
                fields["stopped_by_hand"] = True
            yield Event(
                fields=fields,
                time=hit.time,
                arrived=hit.time,
                origin=self.origin,
                format="traefik",
                position=f"simulated:{self.number}",
                raw=RAW,
            )


def lines(hits: Iterable[Hit]) -> bytes:
    """The access log of these requests, as JSON with the header User-Agent kept."""
    return b"".join(_line(hit) for hit in hits)


def _line(hit: Hit) -> bytes:
    start, nanos = divmod(hit.time - hit.took, SECOND)
    began = f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"
    sizes = {"DownstreamContentSize": hit.size, "Duration": hit.took, "StartUTC": began, "level": "info"}
    text = json.dumps({**hit.shape.line, **sizes}, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").encode() + b"\n"
