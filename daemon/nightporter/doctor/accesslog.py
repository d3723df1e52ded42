"""What the end of one of Traefik's logs shows: forms, headers, clients, times. Pure: lines in, counts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import msgspec

from nightporter.doctor.proxy import ProxyLog
from nightporter.formats import LooksBack, Parsed, make_format
from nightporter.formats.base import stands_before
from nightporter.model import Origin, Stamp

_TOP: Final = 3
_MOST_KEYS: Final = 5_000
"""Different clients that are counted; what comes after is not named anyway."""


class _Host(msgspec.Struct, frozen=True):
    host: str = msgspec.field(default="", name="ClientHost")


_HOST: Final = msgspec.json.Decoder(_Host)


def counted(log: ProxyLog, lines: Iterable[bytes], origin: Origin, arrived: Stamp) -> ProxyLog:
    """The log with what its last lines show."""
    form = make_format(origin)
    kinds: Counter[str] = Counter()
    clients: Counter[str] = Counter()
    hops: Counter[str] = Counter()
    times: list[Stamp] = []
    before = b""
    for line in lines:
        parsed = (
            form.parse_after(before, line, arrived)
            if isinstance(form, LooksBack)
            else form.parse(line, arrived)
        )
        if isinstance(form, LooksBack):
            before = stands_before(before + line + b"\n", len(before) + len(line) + 1, form.look_back)
        kind = kind_of(line, parsed)
        kinds[kind] += 1
        if kind == "service":
            continue
        kinds["agents"] += "user_agent" in parsed.fields
        kinds["referers"] += "referer" in parsed.fields
        if parsed.time is not None:
            times.append(parsed.time)
        client = parsed.fields.get("client_ip")
        if isinstance(client, str) and (client in clients or len(clients) < _MOST_KEYS):
            clients[client] += 1
        if chain := chain_of(line):
            kinds["chained"] += 1
            hops[chain[-1]] += 1
    return replace(
        log,
        json=kinds["json"],
        common=kinds["common"],
        generic=kinds["generic"],
        service=kinds["service"],
        agents=kinds["agents"],
        referers=kinds["referers"],
        first=min(times, default=0),
        last=max(times, default=0),
        clients=tuple(clients.most_common(_TOP)),
        chained=kinds["chained"],
        last_hops=tuple(hop for hop, _ in hops.most_common(_TOP)),
    )


def kind_of(line: bytes, parsed: Parsed) -> str:
    """`json`, `common` or `generic` for a request, else `service`."""
    if parsed.format != "traefik":
        return "service"
    if line[:1] == b"{":
        return "json"
    return "common" if "duration" in parsed.fields else "generic"


def chain_of(line: bytes) -> tuple[str, ...]:
    """The addresses of a client that is a list, left to right; empty where it is one address."""
    if line[:1] == b"{":
        try:
            host = _HOST.decode(line).host
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ()
    else:
        host = line.partition(b" - ")[0].decode("utf-8", "replace")
    parts = tuple(part.strip() for part in host.split(","))
    return parts if len(parts) > 1 else ()
