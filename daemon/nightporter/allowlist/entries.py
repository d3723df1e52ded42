"""What an allow-list holds: networks, host names, placeholders, and what is none of these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Final, Literal

from nightporter.allowlist import dotenv

MOST_ENTRIES: Final = 1_000
DEFAULT_NAME: Final = "IP_ALLOW_LIST"

Kind = Literal["network", "name", "placeholder", "invalid"]
_NETWORK: Final = re.compile(r"([0-9A-Fa-f:.]{2,45})(/[0-9]{1,3})?\Z")
"""As Go's ParseCIDR and ParseIP take it: no port, no zone, no mask in dots."""
_HOST: Final = re.compile(
    r"(?=.{4,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}\Z"
)
_UNFILLED: Final = re.compile(r"[<>{}\[\]$%*]|\.\.\.")
_DIGITS_LEFT_OUT: Final = re.compile(r"(?=.*x)[0-9x]{1,3}(?:\.[0-9x]{1,3}){3}\Z", re.IGNORECASE)
_WORDS: Final = re.compile(r"[^A-Za-z]+")
_ASKING: Final = frozenset(
    {"your", "my", "remote", "change", "changeme", "replace", "todo", "fixme", "xxx", "insert"}
)
"""Words of a placeholder, where they stand alone: `my-home.duckdns.org` is nobody's placeholder."""
_RESERVED: Final = (".example", ".invalid", "example.com", "example.net", "example.org")
"""Names that stand for others, and never resolve (RFC 2606)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it was written, and what it is."""

    text: str
    kind: Kind
    network: str = ""
    """Of a network: its one spelling, `203.0.113.7/32`, `10.0.0.0/8`."""
    line: int = 0
    """Where it stands, from 1; 0: not known."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An allow-list as one file has it."""

    place: str
    """The file's path; empty for values of the config itself."""
    name: str
    """What it is called there: `IP_ALLOW_LIST`, a middleware's name, `allow_list`."""
    entries: tuple[Entry, ...]
    line: int = 0
    is_yaml: bool = False
    """Whether it is a list of YAML's; else it is a line of an `.env` file."""

    def spelled(self, texts: Iterable[str]) -> str:
        """The line that holds these entries, as the list's own file spells it."""
        if self.is_yaml:
            quoted = ", ".join(f'"{text}"' for text in texts)
            return f"{self.name}: [{quoted}]"
        return f"{self.name}={','.join(texts)}"

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.network for entry in self.entries if entry.network))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.text.lower() for entry in self.entries if entry.kind == "name"))


def of_env(place: str, text: str, name: str) -> Listed | None:
    """The list of one variable of an `.env` file; None where there is no such variable."""
    variable = dotenv.read(text).get(name)
    if variable is None:
        return None
    return Listed(place, name, tuple(of_variable(variable)), variable.line)


def of_variable(variable: dotenv.Variable) -> Iterator[Entry]:
    """The entries of a variable's value, with the lines they stand in."""
    texts = (
        (text, number)
        for number, line in enumerate(variable.value.split("\n"), variable.line)
        for text in re.split(r"[,\s\\]+", line)  # a backslash at a line's end is a shell's "it goes on"
        if text
    )
    for _, (text, number) in zip(range(MOST_ENTRIES), texts, strict=False):
        yield entry_of(text, number)


def entry_of(text: str, line: int = 0) -> Entry:
    """What one entry is."""
    network = network_of(text)
    if network is not None:
        return Entry(text, "network", network, line)
    if is_placeholder(text):
        return Entry(text, "placeholder", "", line)
    return Entry(text, "name" if _HOST.match(text) else "invalid", "", line)


def network_of(text: str) -> str | None:
    """An address or a network in its one spelling; None for what Traefik would not take either.

    Bits behind the prefix are let go, as Traefik lets them (`203.0.113.7/24` is `203.0.113.0/24`).
    """
    if not _NETWORK.match(text):
        return None
    try:
        network = ip_interface(text).network
    except ValueError:
        return None
    return str(network)


def is_placeholder(text: str) -> bool:
    """Whether an entry is what somebody was meant to fill in: `YOUR.REMOTE.IP/32`, `<ip>`, `x.x.x.x`,
    `${UNSET}`, `home.example.com`."""
    bare = text.partition("/")[0]
    if _UNFILLED.search(text) or _DIGITS_LEFT_OUT.match(bare):
        return True
    words = [word for word in _WORDS.split(bare) if word]
    if not words or ":" in bare:
        return False
    if bare.lower().endswith(_RESERVED) or all(word.isupper() and len(word) > 1 for word in words):
        return True
    labels = {label for label in re.split(r"[._/]", bare.lower()) if label}
    return bool(labels & _ASKING)
