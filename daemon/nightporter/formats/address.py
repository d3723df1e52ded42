"""Addresses as logs write them, made one spelling: pure, cached, never raising on any text.

`::ffff:1.2.3.4` is `1.2.3.4`; ports, brackets and zone ids go; an octet with a leading zero
(`010.1.1.1`, decimal to some programs and octal to others) makes no address.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

LONGEST: Final = 120
"""Characters of the longest text that may be an address, with zone id, brackets and port."""
CACHED: Final = 16_384
"""Spellings remembered. All are at most LONGEST characters, so the cache is bounded in bytes too."""
MOST_HOPS: Final = 64
"""Hops of an X-Forwarded-For that are looked at, from the right; the client is never further away."""


def normalise(text: str) -> str | None:
    """The one spelling of an address (IPv6 lower case and compressed), or None when `text` is none."""
    # Remembered without its port: a client has a new one for each connection.
    return None if len(text) > LONGEST else _normalised(_bare(text.strip()))


@lru_cache(maxsize=CACHED)
def _normalised(bare: str) -> str | None:
    address = _address(bare)
    return None if address is None else str(address)


def _bare(text: str) -> str:
    """`text` without brackets, port and zone id."""
    if text.startswith("["):
        inside, closed, after = text[1:].partition("]")
        if not closed or (after and not _is_port(after)):
            return ""
        text = inside
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return ""
        text = host
    return text.partition("%")[0]


def _is_port(text: str) -> bool:
    digits = text[1:]
    return text[:1] == ":" and digits.isascii() and digits.isdigit() and len(digits) <= 5


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if not text.isascii():
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def network(text: str) -> Network | None:
    """The network that `text` names (`10.0.0.0/8`, `10.1.2.3/8` too, or one address), or None."""
    if len(text) > LONGEST:
        return None
    host, slash, prefix = text.strip().partition("/")
    address = _address(_bare(host))
    if address is None:
        return None
    if not slash:
        return ip_network(address)
    mapped = isinstance(address, IPv4Address) and ":" in host
    if mapped and prefix.isascii() and prefix.isdigit():
        prefix = str(int(prefix[:3]) - 96)  # ::ffff:10.0.0.0/104 is 10.0.0.0/8
    try:
        return ip_network(f"{address}/{prefix}", strict=False)
    except ValueError:
        return None


def group(address: str, v4: int, v6: int) -> str:
    """The group an address is counted in: `203.0.113.9` for /32, `2001:db8:1:2::/64` for /64.

    What is no address groups as itself.
    """
    return _group(address, v4, v6) if len(address) <= LONGEST else address


@lru_cache(maxsize=CACHED)
def _group(address: str, v4: int, v6: int) -> str:
    parsed = _address(_bare(address.strip()))
    if parsed is None:
        return address
    prefix = v4 if isinstance(parsed, IPv4Address) else v6
    if prefix >= parsed.max_prefixlen:
        return str(parsed)
    return str(ip_network(f"{parsed}/{max(prefix, 0)}", strict=False))


class Networks:
    """A set of networks that is asked of one normalised address after another: `"10.1.2.3" in networks`.

    Texts that name no network are left out (the config has refused them before).
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._networks = tuple(found for text in texts if (found := network(text)) is not None)
        self._known = lru_cache(maxsize=CACHED)(self._looked_up)

    def __contains__(self, address: object) -> bool:
        return bool(self._networks) and isinstance(address, str) and self._known(address)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _looked_up(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(
            parsed.version == net.version and parsed in net for net in self._networks
        )


NO_NETWORKS: Final = Networks(())

HOME: Final = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",  # carriers' NAT, and Tailscale's
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
)
"""The networks that belong to a home: the standard library's `is_private` also takes the ranges for
documentation and benchmarks, which are nobody's home."""


def right_most_untrusted(hops: str, trusted: Networks) -> str | None:
    """The client in an X-Forwarded-For list: its right-most hop that is no trusted proxy.

    None where every hop is trusted, or where that hop is no address: what stands further left was written
    by whoever sent the header.
    """
    for hop in reversed(hops.rsplit(",", MOST_HOPS)[-MOST_HOPS:]):
        address = normalise(hop)
        if address is None:
            return None
        if address not in trusted:
            return address
    return None
