"""What both spellings of Traefik's access log share: names, paths and who the client is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from nightporter.formats import address
from nightporter.formats.address import Networks
from nightporter.model import Fields, Nanos, Value

LONGEST_REQUEST: Final[Nanos] = 400 * 86_400 * 10**9
"""A duration beyond this is none: the time of such a line is its start."""
MOST_BYTES: Final = 2**63
LONGEST_SHAPE: Final = 8_192
"""Characters of a path that are folded and kept as its shape."""
LONGEST_AGENT: Final = 256
"""Characters of a User-Agent that are folded and kept as its family."""
AGENTS_CACHED: Final = 1_024
"""User-Agents whose family is remembered: a house has some dozens, and a scanner cannot fill the memory."""
_SEGMENT: Final = re.compile(
    r"(?<=/)(?:(?P<n>[0-9]++)|[0-9a-fA-F]{16,}+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?![^/])"
)

_VERSION: Final = re.compile(r"(?<![A-Za-z0-9._+-])[0-9][A-Za-z0-9._+-]*")


def shape_of(path: str) -> str:
    """The path with whole segments of digits as `N`, and of UUIDs or 16 and more hex digits as `H`; of a very
    long path the beginning."""
    return _SEGMENT.sub(_folded, path[:LONGEST_SHAPE])


def _folded(found: re.Match[str]) -> str:
    return "N" if found["n"] else "H"


def family_of(user_agent: str) -> str:
    """The User-Agent without its versions, which change with every update: each word that begins with a digit
    is `N`; of a very long one the beginning."""
    return _family(user_agent[:LONGEST_AGENT])


@lru_cache(maxsize=AGENTS_CACHED)
def _family(user_agent: str) -> str:
    return _VERSION.sub("N", user_agent)


def put_agent(fields: Fields, user_agent: str | None) -> None:
    """`user_agent` as it was sent, and `agent`, its family."""
    if user_agent and user_agent != "-":
        fields["user_agent"] = user_agent
        fields["agent"] = family_of(user_agent)


def without_provider(name: str) -> str:
    """`plex@docker` → `plex`."""
    return name.rpartition("@")[0] or name


def put(fields: Fields, name: str, value: str | None) -> None:
    """Set a field, unless Traefik wrote that it has none."""
    if value and value != "-":
        fields[name] = value


def put_target(fields: Fields, target: str | None) -> None:
    """`uri`, `path`, `path_shape` and `query` of a request's target as it was sent."""
    if not target or target == "-":
        return
    fields["uri"] = target
    path, _, query = target.partition("?")
    if path:
        fields["path"] = path
        fields["path_shape"] = shape_of(path)
    if query:
        fields["query"] = query


def put_status(fields: Fields, name: str, status: int | None) -> None:
    """Set a status; 0 and what else is no status is missing."""
    if status is not None and 100 <= status <= 999:
        fields[name] = status


def put_count(fields: Fields, name: str, value: int | None) -> None:
    """Set a number that cannot be negative."""
    if value is not None and 0 <= value < MOST_BYTES:
        fields[name] = value


def client_of(host: str | None, peer: str | None, trusted: Networks, home: Networks) -> Value | None:
    """The client: the right-most hop of ClientHost that is no trusted proxy, else the TCP peer.

    Traefik copies the whole X-Forwarded-For of a peer that it trusts into ClientHost (v3, measured), and with
    `forwardedHeaders.insecure` that of anybody. So an address of `home` (which quiets rules) is not taken
    from a peer outside that is no trusted proxy: the peer himself is the client then. Where he invents an
    address of somebody else outside, nothing here can tell.
    """
    client = address.right_most_untrusted(host, trusted) if host else None
    if client is not None and client not in home:
        return client
    source = address.normalise(peer) if peer else None
    if client is None:
        return source
    forged = source is not None and source not in home and source not in trusted
    return source if forged else client
