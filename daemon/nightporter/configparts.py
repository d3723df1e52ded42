"""The three lists of config.yaml: `sources`, `destinations`, `routes`; and the readers that they share."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from nightporter.config import (
    AppriseDestination,
    ContainerFileSource,
    Destination,
    DockerSource,
    FileDestination,
    FileSource,
    IntegritySource,
    Route,
    Secret,
    SourceConfig,
    TerminalDestination,
)
from nightporter.errors import nearest
from nightporter.formats import FORMATS
from nightporter.model import MINUTE, SECOND, Severity
from nightporter.ruleset import values
from nightporter.ruleset.body import read_severity
from nightporter.ruleset.values import NotA
from nightporter.ruleset.windows import read_duration
from nightporter.secretvalues import NoSecret, placed
from nightporter.yamlpage import Items, Node, Page, Scalar

T = TypeVar("T")

LINE_FORMATS: Final = tuple(name for name in FORMATS if name != "record")
"""Formats that a file's lines may be said to have; `record` is what our own sources write."""
STARTS: Final = ("end", "beginning")
_FILE_KEYS: Final = (
    "name",
    "kind",
    "paths",
    "from_container",
    "format",
    "service",
    "tz",
    "trusted_proxies",
    "start",
    "lateness",
)
_DOCKER_KEYS: Final = ("name", "kind", "containers", "exclude", "host", "trusted_proxies", "lateness")
_INTEGRITY_KEYS: Final = ("name", "kind", "paths")
_USUAL: Final = "default"
"""Stands among the paths of an integrity source for those that most homes have."""
_SELECTOR: Final = re.compile(r"(?:(?:service|image|label):)?[^\s:][^\s]*\Z")
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,63}\Z")
_MENTION: Final = re.compile(r"<@[0-9]{1,25}>\Z")
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


def _named(page: Page, node: Node, kinds: Iterable[str], taken: dict[str, Node]) -> tuple[str, str] | None:
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


def _entries(page: Page, node: Node, what: str) -> tuple[Node, ...]:
    if isinstance(node, Items):
        return node.items
    page.wrong(node, f"a list of {what}, each with '- '")
    return ()


# Sources


def read_sources(
    page: Page,
    node: Node,
    here: Here,
    others: Mapping[str, Callable[[Page, Node, str, Here], SourceConfig]],
) -> tuple[SourceConfig, ...]:
    """`sources:`; an entry that is wrong is told and left out. `others`: readers of the kinds that are
    neither files nor an engine."""
    taken: dict[str, Node] = {}
    sources: list[SourceConfig] = []
    for item in _entries(page, node, "sources"):
        named = _named(page, item, ("file", "docker", *others, "integrity"), taken)
        if named is None:
            continue
        name, kind = named
        if kind in others:
            sources.append(others[kind](page, item, name, here))
        elif kind == "file":
            sources.append(_file_source(page, item, name, here))
        elif kind == "integrity":
            sources.append(_integrity_source(page, item, name, here))
        else:
            sources.append(_docker_source(page, item, name))
    return tuple(sources)


def _file_source(page: Page, node: Node, name: str, here: Here) -> FileSource | ContainerFileSource:
    table = given(page.keyed(node, "a file source", _FILE_KEYS))
    form = got(table, "format", lambda n: read_choice(page, n, "format", LINE_FORMATS), "auto")
    service = got(table, "service", page.text, "")
    tz = got(table, "tz", lambda n: read_zone(page, n), "local")
    proxies = _proxies(page, table)
    start = got(table, "start", lambda n: read_choice(page, n, "start", STARTS), "end")
    lateness_s = read_lateness(page, table)
    if "from_container" in table:
        if "paths" in table:
            page.tell(page.key(node, "paths"), "both 'paths' and 'from_container'", fix="keep one of them")
        container, path, host = _from_container(page, table["from_container"])
        return ContainerFileSource(
            name=name,
            container=container,
            path=path,
            host=host,
            format=form,
            service=service,
            tz=tz,
            trusted_proxies=proxies,
            start=start,
            lateness_s=lateness_s,
        )
    return FileSource(
        name=name,
        paths=_paths(page, node, table, name, here),
        format=form,
        service=service,
        tz=tz,
        trusted_proxies=proxies,
        start=start,
        lateness_s=lateness_s,
    )


def _paths(page: Page, node: Node, table: dict[str, Node], name: str, here: Here) -> tuple[str, ...]:
    if "paths" not in table or page.items(table["paths"]) == ():
        page.tell(node, f"the source '{name}' has no paths", expected="paths: [/var/log/traefik.log]")
        return ()
    return tuple(str(here.path(text)) for text in page.texts(table["paths"], "a path"))


def _from_container(page: Page, node: Node) -> tuple[str, str, str]:
    """The container's name, the path in it, and the engine's address (empty: found)."""
    shape = "a map such as {name: ombi, path: /config/Logs/log-*.txt}"
    table = given(page.keyed(node, shape, ("name", "path", "host")))
    for key in ("name", "path"):
        if table and key not in table:
            page.tell(node, f"'from_container' without '{key}'", expected=shape)
    path = got(table, "path", lambda n: _inside(page, n), "")
    host = got(table, "host", lambda n: _engine(page, n), "")
    return got(table, "name", lambda n: page.text(n, "a container's name"), ""), path, host


def _inside(page: Page, node: Node) -> str | None:
    """A path in a container: absolute, with a pattern in its last part at most."""
    text = page.text(node, "a path in the container")
    if text is None:
        return None
    folder, _, last = text.rpartition("/")
    if not text.startswith("/") or not last:
        page.tell(node, f"'{text}'", expected="a file's full path in the container, from '/' on")
        return None
    if glob.has_magic(folder):
        page.tell(node, f"'{text}'", expected="'*', '?' and '[' after the last '/' only")
        return None
    return posixpath.normpath(text)


def _docker_source(page: Page, node: Node, name: str) -> DockerSource:
    table = given(page.keyed(node, "a docker source", _DOCKER_KEYS))
    return DockerSource(
        name=name,
        containers=got(table, "containers", lambda n: _selectors(page, n), ("*",)),
        exclude=got(table, "exclude", lambda n: _selectors(page, n), ()),
        host=got(table, "host", lambda n: _engine(page, n), ""),
        trusted_proxies=_proxies(page, table),
        lateness_s=read_lateness(page, table),
    )


def _integrity_source(page: Page, node: Node, name: str, here: Here) -> IntegritySource:
    table = given(page.keyed(node, "an integrity source", _INTEGRITY_KEYS))
    texts = page.texts(table["paths"], "a path, or default") if "paths" in table else ()
    if "paths" not in table or page.items(table["paths"]) == ():
        page.tell(
            node,
            f"the source '{name}' has no paths",
            expected="paths: default, or a list such as [default, ~/docker/*.yml]",
        )
    for item in page.items(table["paths"]) if "paths" in table else ():
        if isinstance(item, Scalar) and item.text != _USUAL and nearest(item.text, [_USUAL], likeness=0.85):
            page.tell(item, f"'{item.text}'", near=_USUAL, fix=f"a file of that name is ./{item.text}")
    is_usual = _USUAL in texts
    # What we watch over must not be named by links that somebody may turn: paths stay as they are written.
    paths = (os.path.normpath(here.path(text)) for text in texts if text != _USUAL)
    return IntegritySource(name=name, paths=tuple(dict.fromkeys(paths)), usual=is_usual)


def _selectors(page: Page, node: Node) -> tuple[str, ...]:
    selectors = []
    for item in page.items(node):
        text = page.text(item, "all, a container's name, service:NAME, image:NAME or label:KEY=VALUE")
        if text == "all":
            selectors.append("*")
        elif text is not None and not _SELECTOR.match(text):
            page.tell(item, f"'{text}'", expected="all, a name, service:NAME, image:NAME or label:KEY=VALUE")
        elif text is not None:
            selectors.append(text)
    return tuple(dict.fromkeys(selectors))


def _engine(page: Page, node: Node) -> str | None:
    text = page.text(node, "an engine's address")
    if text is not None and not text.startswith(("unix://", "tcp://", "http://", "https://", "ssh://")):
        page.tell(node, f"'{text}'", expected="an engine's address: unix://PATH or tcp://HOST:PORT")
        return None
    return text


def _proxies(page: Page, table: dict[str, Node]) -> tuple[str, ...]:
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


def read_lateness(page: Page, table: dict[str, Node]) -> float:
    """`lateness:`, in seconds."""
    length = got(table, "lateness", lambda n: read_duration(page, n, least=0, most=_MAX_LATENESS), 2 * MINUTE)
    return length / SECOND


# Destinations


def read_destinations(page: Page, node: Node, here: Here) -> tuple[Destination, ...]:
    """`destinations:`; an entry that is wrong is told and left out. One there must be: an empty list would
    find everything and tell nobody."""
    taken: dict[str, Node] = {}
    destinations: list[Destination] = []
    for item in _entries(page, node, "destinations"):
        named = _named(page, item, ("apprise", "terminal", "file"), taken)
        if named is None:
            continue
        name, kind = named
        match kind:
            case "terminal":
                page.keyed(item, "a terminal", ("name", "kind"))
                destinations.append(TerminalDestination(name=name))
            case "file":
                table = given(page.keyed(item, "a file", ("name", "kind", "path")))
                path = got(table, "path", lambda n: page.text(n, "a path"), "")
                if "path" not in table:
                    page.tell(item, f"the destination '{name}' has no path", fix="add 'path:'")
                destinations.append(FileDestination(name=name, path=here.path(path)))
            case _:
                destinations.append(_apprise(page, item, name, here))
    if isinstance(node, Items) and not node.items:
        page.tell(node, "an empty list: nobody would be told", expected="at least one destination, or null")
    return tuple(destinations)


def _apprise(page: Page, node: Node, name: str, here: Here) -> AppriseDestination:
    table = given(page.keyed(node, "an apprise destination", ("name", "kind", "url", "mention")))
    if "url" not in table:
        page.tell(
            node,
            f"the destination '{name}' has no url",
            expected='url: "${DISCORD_URL}", file:PATH, keychain:NAME or a URL',
        )
    return AppriseDestination(
        name=name,
        url=got(table, "url", lambda n: _secret(page, n, here), Secret("")),
        mention=got(table, "mention", lambda n: _mentions(page, n), {}),
    )


def _secret(page: Page, node: Node, here: Here) -> Secret | None:
    text = page.text(node, "a URL")
    if text is None:
        return None
    try:
        return here.secret(text)
    except NoSecret as err:
        page.tell(node, err.found, fix=err.fix)
        return None


def _mentions(page: Page, node: Node) -> dict[Severity, str]:
    mentions = {}
    for key, value in page.entries(node, 'severities and mentions, such as {critical: "<@123456>"}'):
        severity = read_severity(page, key)
        text = page.text(value, "a mention")
        if text is not None and not _MENTION.match(text):
            page.tell(value, f"'{text}'", expected='one user\'s mention, such as "<@123456789>"')
        elif severity is not None and text is not None:
            mentions[severity] = text
    return mentions


# Routes


def read_routes(page: Page, node: Node, destinations: Iterable[str]) -> tuple[Route, ...]:
    """`routes:`; each must name a destination that exists."""
    names = tuple(destinations)
    routes = []
    for item in _entries(page, node, "routes"):
        table = given(page.keyed(item, "a route", ("to", "min_severity", "rules", "tags")))
        if "to" not in table:
            page.tell(item, "a route without 'to'", fix="name a destination")
            continue
        to = page.text(table["to"], "a destination's name")
        if to is not None and to not in names:
            page.unknown(table["to"], "destination", to, names)
        elif to is not None:
            routes.append(
                Route(
                    to=to,
                    min_severity=got(
                        table, "min_severity", lambda n: read_severity(page, n), Severity.medium
                    ),
                    rules=page.texts(table["rules"], "a rule's id or a glob") if "rules" in table else (),
                    tags=page.texts(table["tags"], "a tag") if "tags" in table else (),
                )
            )
    return tuple(routes)
