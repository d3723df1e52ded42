"""Knocks at the places on the local network that the config names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from nightporter.clock import Clock
from nightporter.config import AppriseDestination, Config, DockerSource
from nightporter.doctor.looking.view import View, word
from nightporter.doctor.network import Knock, is_local

_KNOCK_S: Final = 5.0
_PORTS: Final = {"https": 443, "mailtos": 587, "mailto": 25, "gotifys": 443, "ntfys": 443, "jsons": 443}
"""Where a URL names no port; else 80."""


async def look(view: View, config: Config) -> dict[str, Knock]:
    """By destination or source."""
    places = list(peers(config))
    knocks = await asyncio.gather(*(knock(host, port, view.clock) for _, host, port in places))
    return {name: found for (name, _, _), found in zip(places, knocks, strict=True)}


def peers(config: Config) -> Iterator[tuple[str, str, int]]:
    """(name, host, port) of what the config wants reached on the local network."""
    urls = [(d.name, d.url.reveal()) for d in config.destinations if isinstance(d, AppriseDestination)]
    urls += [(s.name, s.host) for s in config.sources if isinstance(s, DockerSource)]
    for name, url in urls:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)
        except ValueError:
            continue  # not of this shape; its channel says what it makes of it
        # A bare word in an apprise URL is mostly a token, not a machine.
        if ("." in host or ":" in host) and is_local(host):
            yield name, host, port


async def knock(host: str, port: int, clock: Clock) -> Knock:
    """One try to connect."""
    began = clock.monotonic()
    error = ""
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    except TimeoutError:
        error = "ETIMEDOUT"
    except OSError as err:
        error = word(err)
    return Knock(host=host, port=port, error=error, took_ms=(clock.monotonic() - began) * 1000)
