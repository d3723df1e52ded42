"""What is wrong with an allow-list, entry by entry, each with the line that would be right."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal

from nightporter.allowlist.entries import Entry, Listed
from nightporter.formats.inside import is_inside

Fault = Literal["placeholder", "invalid", "unresolved", "too_wide", "everybody", "unused"]


UNUSED_DAYS: Final = 60
"""For so long nobody came in by an entry before it is worth a word."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The shortest prefixes that are no fault: at home and outside, of IPv4 and of IPv6."""

    inside: tuple[int, int]
    outside: tuple[int, int]

    def of(self, network: IPv4Network | IPv6Network) -> int:
        return (self.inside if is_inside(network) else self.outside)[network.version == 6]


ALARMING: Final = Limits(inside=(16, 32), outside=(16, 32))
"""What is told unasked: a 10.0.0.0/8 at home, half a provider outside."""
ADVISED: Final = Limits(inside=(16, 48), outside=(24, 48))
"""What `doctor` advises against when somebody asks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one entry."""

    fault: Fault
    entry: Entry
    what: str
    """In words, to stand behind the entry: `holds 10.0.0.0/8: WHAT`."""
    instead: str
    """The line to write in its place: all that is right of the list."""


def findings(
    listed: Listed,
    unresolved: Collection[str] = (),
    limits: Limits = ALARMING,
    unused: Collection[str] = (),
) -> Iterator[Finding]:
    """All of a list. `unresolved`: names that no address was found for; `unused`: entries by which nobody
    came in for long."""
    found = [(entry, fault_of(entry, unresolved, limits)) for entry in listed.entries]
    found = [(e, "unused" if fault is None and e.text in unused else fault) for e, fault in found]
    right = [entry.text for entry, fault in found if fault in (None, "unresolved", "unused")]
    for entry, fault in found:
        if fault is not None:
            kept = [text for text in right if text != entry.text]
            yield Finding(fault, entry, words(fault, entry), listed.spelled(dict.fromkeys(kept)))


def fault_of(entry: Entry, unresolved: Collection[str] = (), limits: Limits = ALARMING) -> Fault | None:
    """What is wrong with one entry."""
    if entry.kind == "name":
        return "unresolved" if entry.text.lower() in unresolved else None
    if entry.kind != "network":
        return entry.kind
    network = ip_network(entry.network)
    if network.prefixlen == 0:
        return "everybody"
    return "too_wide" if network.prefixlen < limits.of(network) else None


def words(fault: Fault, entry: Entry) -> str:
    """A fault in words."""
    match fault:
        case "placeholder":
            return (
                "a placeholder that was never filled in. Traefik refuses the whole list and drops the "
                "routers that use it: another router may answer for them, and let everybody in"
            )
        case "invalid":
            return (
                "neither an address nor a network. Traefik refuses the whole list and drops the routers that "
                "use it"
            )
        case "unresolved":
            return "no address is found for this name"
        case "unused":
            return f"nobody came in by it for {UNUSED_DAYS} days"
        case "everybody":
            return "everybody is let in"
        case "too_wide":
            network = ip_network(entry.network)
            few = isinstance(network, IPv4Network)
            size = f"{network.num_addresses:,} addresses" if few else "a whole provider"
            where = "every VPN and container network in it too" if is_inside(network) else "strangers too"
            return f"too wide, {size}: {where}"
