"""The allow-list in `.env`: whom Traefik lets in. A left-over placeholder breaks it; a wide network lets in
more than was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Final

from nightporter.doctor.finding import Finding, Voice
from nightporter.formats.inside import is_inside

_SAY: Final = Voice("allow-list")
_NAME: Final = re.compile(
    r"\s*(?:export\s+)?([A-Z_]*(?:ALLOW_?LIST|WHITE_?LIST|SOURCE_?RANGE)[A-Z_]*)\s*=(.*)"
)
_WIDEST_INSIDE: Final = {4: 16, 6: 48}
_WIDEST_OUTSIDE: Final = {4: 24, 6: 48}
_MOST_LINES: Final = 2_000


@dataclass(frozen=True, slots=True)
class AllowList:
    """One variable of an `.env` file."""

    file: str
    name: str
    entries: tuple[str, ...]


def read_env(file: str, text: str) -> tuple[AllowList, ...]:
    """The allow-lists of an `.env` file's text; the last line of a name wins, as with Docker Compose."""
    found: dict[str, AllowList] = {}
    for line in text.splitlines()[:_MOST_LINES]:
        if match := _NAME.match(line):
            value = match[2].partition(" #")[0].strip().strip("'\"")
            entries = tuple(entry.strip() for entry in value.split(",") if entry.strip())
            found[match[1]] = AllowList(file, match[1], entries)
    return tuple(found.values())


def findings(lists: tuple[AllowList, ...]) -> Iterator[Finding]:
    """All checks; nothing where there is no list."""
    for entry in lists:
        verdicts = {text: verdict(text) for text in entry.entries}
        kept = [text for text, said in verdicts.items() if not said]
        for text, said in verdicts.items():
            if said:
                yield _SAY.wrong(f"{entry.file}: {entry.name} holds {text}: {said}", mend_of(entry, kept))
        if not entry.entries:
            yield _SAY.wrong(f"{entry.file}: {entry.name} is empty", mend_of(entry, kept))
        elif len(kept) == len(verdicts):
            yield _SAY.right(f"{entry.file}: {entry.name} names {', '.join(kept)}")


def verdict(text: str) -> str:
    """What is wrong with one entry; empty if nothing is."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return "no address but a placeholder that was never filled in, and Traefik refuses the whole list"
    if network.prefixlen == 0:
        return "everybody is let in"
    widest = (_WIDEST_INSIDE if is_inside(network) else _WIDEST_OUTSIDE)[network.version]
    if network.prefixlen >= widest:
        return ""
    size = f"{network.num_addresses:,} addresses" if isinstance(network, IPv4Network) else "a whole provider"
    where = "every VPN and container network in it too" if is_inside(network) else "strangers too"
    return f"too wide, {size}: {where}"


def mend_of(entry: AllowList, kept: list[str]) -> str:
    """The line to paste: what is right of the list, and what to add by hand."""
    right = kept or ["127.0.0.1/32", "192.168.1.0/24"]
    return (
        f"# in {entry.file}; add your own networks, as narrow as they are\n"
        "# (your address outside: curl -4 https://ifconfig.me)\n"
        f"{entry.name}={','.join(right)}"
    )
