"""Which addresses, and which whole networks, belong to a home."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

from nightporter.formats import address

INSIDE: Final = tuple(ip_network(net) for net in address.HOME)


def is_inside(place: IPv4Address | IPv6Address | IPv4Network | IPv6Network) -> bool:
    """Whether an address, or all of a network, is a home's own."""
    network = ip_network(place) if isinstance(place, IPv4Address | IPv6Address) else place
    for own in INSIDE:
        if isinstance(network, IPv4Network) and isinstance(own, IPv4Network) and network.subnet_of(own):
            return True
        if isinstance(network, IPv6Network) and isinstance(own, IPv6Network) and network.subnet_of(own):
            return True
    return False
