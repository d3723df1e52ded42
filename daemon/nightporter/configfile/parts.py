"""What the readers of config.yaml's parts share: where its relative words point, and the shapes that several
parts have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from nightporter.config import Secret
from nightporter.configfile.secrets import placed
from nightporter.errors import nearest
from nightporter.formats import FORMATS
from nightporter.model import MINUTE, SECOND
from nightporter.ruleset import values
from nightporter.ruleset.values import NotA
from nightporter.ruleset.windows import read_duration
from nightporter.yamltext.page import Items, Node, Page, Scalar

T = TypeVar("T")

LINE_FORMATS: Final = tuple(name for name in FORMATS if name != "record")
"""Formats that a file's lines may be said to have; `record` is what our own sources write."""
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,63}\Z")
_MAX_LATENESS: Final = 60 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What a config's relative words refer to."""

    folder: Path
    """The config's own folder."""
    home: Path
    secret: Callable[[str], Secret]
    """Gives the secret that a value names; raises NoSecret."""

    def path(self, text: str) -> Path:
        return placed(text, self.folder, self.home)


def given(table: dict[str, Node] | None) -> dict[str, Node]:
    """The entries that have a value: null means the default."""
    return {k: v for k, v in (table or {}).items() if not (isinstance(v, Scalar) and v.value is None)}


def got(table: dict[str, Node], key: str, read: Callable[[Node], T | None], default: T) -> T:
    """An entry as `read` reads it; the default where it is not there, or wrong and told."""
    value = read(table[key]) if key in table else None
    return default if value is None else value


def read_choice(page: Page, node: Node, kind: str, known: Iterable[str]) -> str | None:
    """One of a few words."""
    known = tuple(known)
    text = page.text(node, "one of " + ", ".join(known))
    if text is None or text in known:
        return text
    page.unknown(node, kind, text, known)
    return None


def read_zone(page: Page, node: Node) -> str | None:
    """`local` or the name of a time zone that this machine knows."""
    text = page.text(node, "a time zone, such as Europe/Berlin, or local")
    if text is None or text == "local":
        return text
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = nearest(text, available_timezones())
        page.tell(
            node,
            f"there is no time zone '{text}'",
            expected="a name such as Europe/Berlin, or local",
            near=near,
        )
        return None


def read_notation(page: Page, node: Node, parser: Callable[[str], T], what: str) -> T | None:
    """Text in one of the notations of `values`."""
    text = page.text(node, what)
    if text is None:
        return None
    try:
        return parser(text)
    except NotA as err:
        page.tell(node, err.found or f"'{text}'", expected=err.expected)
        return None


def name_and_kind(
    page: Page, node: Node, kinds: Iterable[str], taken: dict[str, Node]
) -> tuple[str, str] | None:
    """The name and kind of an entry; a name that is taken is told."""
    table = given(page.table(node, "a map with name and kind"))
    kinds = tuple(kinds)
    kind = read_choice(page, table["kind"], "kind", kinds) if "kind" in table else None
    if table and "kind" not in table:
        page.tell(node, "an entry without 'kind'", expected="kind: " + ", ".join(kinds))
    if table and "name" not in table:
        page.tell(node, "an entry without 'name'", fix="add 'name:'")
        return None
    name = page.text(table["name"], "a name") if table else None
    if name is None:
        return None
    if not _NAME.match(name):
        page.tell(table["name"], f"'{name}' as a name", expected="letters, digits, '-', '_' and '.'")
    elif name in taken:
        page.tell(
            table["name"], f"a second '{name}'; the first is in line {taken[name].line}", fix="rename one"
        )
    else:
        taken[name] = table["name"]
        return (name, kind) if kind else None
    return None


def entries(page: Page, node: Node, what: str) -> tuple[Node, ...]:
    """The items of a list; anything else is told."""
    if isinstance(node, Items):
        return node.items
    page.wrong(node, f"a list of {what}, each with '- '")
    return ()


def read_lateness(page: Page, table: dict[str, Node]) -> float:
    """`lateness:`, in seconds."""
    length = got(table, "lateness", lambda n: read_duration(page, n, least=0, most=_MAX_LATENESS), 2 * MINUTE)
    return length / SECOND


def read_proxies(page: Page, table: dict[str, Node]) -> tuple[str, ...]:
    """`trusted_proxies:`, as networks in their usual form."""
    if "trusted_proxies" not in table:
        return ()
    networks = []
    for item in page.items(table["trusted_proxies"]):
        network = read_notation(page, item, values.network, "an address or network")
        if network is not None:
            networks.append(network)
            if values.is_everybody(network):
                found = f"{network} as a trusted proxy: any visitor may then name another client"
                page.tell(item, found, fix="name your own proxies alone", warning=True)
    return tuple(networks)


def read_engine(page: Page, node: Node) -> str | None:
    """The address of a Docker engine."""
    text = page.text(node, "an engine's address")
    if text is not None and not text.startswith(("unix://", "tcp://", "http://", "https://", "ssh://")):
        page.tell(node, f"'{text}'", expected="an engine's address: unix://PATH or tcp://HOST:PORT")
        return None
    return text
