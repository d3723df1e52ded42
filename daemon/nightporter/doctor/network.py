"""The local network: macOS 15 and later may keep an agent from it, and that looks like a dead machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from nightporter.doctor.finding import Finding, Voice
from nightporter.formats.inside import is_inside

_SAY: Final = Voice("network")
_NO_ROUTE: Final = re.compile(r"No route to host|EHOSTUNREACH|\[Errno (?:65|113)\]")
"""EHOSTUNREACH as macOS (65) and Linux (113) number it."""
_AT_ONCE_MS: Final = 5.0
"""A machine that is off takes seconds to be found missing (ARP); a refusal takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One try to connect from this process."""

    host: str
    port: int
    error: str = ""
    """The system's word (EHOSTUNREACH …), empty when it answered."""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """What the daemon could not reach, and what this process can."""

    platform: str
    errors: Mapping[str, str] = field(default_factory=dict)
    """Destination or source → the running daemon's last error."""
    knocks: Mapping[str, Knock] = field(default_factory=dict)
    """The same names → a try from here, where the place is on the local network."""


def is_local(host: str) -> bool:
    """Whether a host is on the local network: a private address, a bare name, or one of mDNS's."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.endswith((".local", ".lan", ".home", ".home.arpa")) or (
            "." not in host and host != "localhost"
        )
    return is_inside(address) and not address.is_loopback


def findings(facts: NetworkFacts) -> Iterator[Finding]:
    """All checks."""
    for name, error in facts.errors.items():
        if _NO_ROUTE.search(error):
            yield about_no_route(name, error, facts.knocks.get(name), facts.platform)
    for name, knock in facts.knocks.items():
        if name not in facts.errors:
            yield from about_knock(name, knock, facts.platform)


def about_no_route(name: str, error: str, knock: Knock | None, platform: str) -> Finding:
    """The daemon found no way to a host."""
    if platform == "darwin" and (knock is None or not knock.error):
        proof = "" if knock is None else ", though it answers from here"
        return _SAY.wrong(f"{name}: macOS keeps the agent from the local network ({error}){proof}", privacy())
    return _SAY.wrong(f"{name}: {error}", "ping the machine: it is off, or in another network")


def about_knock(name: str, knock: Knock, platform: str) -> Iterator[Finding]:
    """What this process found."""
    where = f"{knock.host}:{knock.port}"
    if not knock.error:
        yield _SAY.right(f"{name}: {where} answers")
    elif platform == "darwin" and knock.error == "EHOSTUNREACH" and knock.took_ms < _AT_ONCE_MS:
        yield _SAY.wrong(
            f"{name}: macOS keeps this program from the local network ({where}, {knock.error} at once)",
            privacy(),
        )
    else:
        yield _SAY.wrong(
            f"{name}: {where} does not answer ({knock.error})", f"nc -vz {knock.host} {knock.port}"
        )


def privacy() -> str:
    """The way through System Settings (macOS 15)."""
    return (
        "open 'x-apple.systempreferences:com.apple.preference.security?Privacy_LocalNetwork'\n"
        "# Local Network > switch the Python that runs Nightporter on\n"
        "nightporter restart"
    )
