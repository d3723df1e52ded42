"""Which addresses belong to a home: the standard library's `is_private` also takes the ranges for
documentation and benchmarks, which are nobody's home."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

INSIDE: Final = tuple(
    ip_network(net)
    for net in (
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
)


def is_inside(place: IPv4Address | IPv6Address | IPv4Network | IPv6Network) -> bool:
    """Whether an address, or all of a network, is a home's own."""
    network = ip_network(place) if isinstance(place, IPv4Address | IPv6Address) else place
    for own in INSIDE:
        if isinstance(network, IPv4Network) and isinstance(own, IPv4Network) and network.subnet_of(own):
            return True
        if isinstance(network, IPv6Network) and isinstance(own, IPv6Network) and network.subnet_of(own):
            return True
    return False
