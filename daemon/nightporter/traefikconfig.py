"""Traefik's static config, in all three of its spellings: file (YAML, TOML), arguments, environment. Pure.

Keys are case-insensitive in each (https://doc.traefik.io/traefik/reference/static-configuration/overview/,
2026-11), so all are lowered here. A file wins over arguments, arguments over the environment; Traefik takes
the first that is there, and so does whoever calls these.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

Tree = Mapping[str, object]
"""A config as nested maps; its leaves are whatever stood there."""

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:]*\]|[^\s:/\[\]]*):([0-9]{1,5})(?:/tcp)?\Z")
_HOSTS: Final = re.compile(r"\bHost\(([^)]{1,2000})\)")
_QUOTED: Final = re.compile(r"[`\"']([A-Za-z0-9][A-Za-z0-9.-]{0,252})[`\"']")
_GUARDS: Final = ("ipallowlist", "ipwhitelist")
"""Middlewares that let in some addresses only; the second is what v2 calls the first."""
_LISTS: Final = 64
"""Entry points, resolvers and addresses that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """A door of Traefik's; UDP ones are left out."""

    name: str
    host: str
    """Where it can be asked from this machine: where it listens everywhere, 127.0.0.1."""
    port: int
    tls: bool = False
    """Whether all routers behind it speak TLS."""
    middlewares: tuple[str, ...] = ()
    """What every request through it passes, with its provider: `lan@file`."""
    redirects: bool = False
    """It sends everybody on to another, and asks no service."""
    chosen: bool = False
    """A router that names no entry point is behind those that are chosen so, if any are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticConfig:
    """What matters here of one static config."""

    place: str
    """The file, or `arguments`, `environment`."""
    access: bool = False
    """Whether it has an access log at all; the default is none."""
    access_path: str = ""
    """Its file; empty: standard output."""
    json: bool = False
    choosy: bool = False
    """Not every request is in the access log at once: some are left out, or lines are collected first."""
    keeps_headers: bool = False
    """Whether any request header is kept; by default none is."""
    service_path: str = ""
    """The file of Traefik's own log; empty: standard output."""
    trusted: tuple[str, ...] = ()
    """Whose X-Forwarded-For its entry points believe."""
    insecure: tuple[str, ...] = ()
    """The entry points that believe anybody's word of who he is (`forwardedHeaders`, `proxyProtocol`)."""
    acme: tuple[str, ...] = ()
    """Where its resolvers keep their certificates."""
    dynamic: tuple[str, ...] = ()
    """The files and folders that its file provider reads."""
    points: tuple[EntryPoint, ...] = ()

    @property
    def log_paths(self) -> tuple[str, ...]:
        """The files it writes, the access log first."""
        return tuple(dict.fromkeys(path for path in (self.access_path, self.service_path) if path))


def read_file(name: str, text: str) -> Tree | None:
    """The tree of a file's text, by its name's ending; None for what is no map. Raises ValueError for text
    that is neither YAML nor TOML."""
    import yaml

    try:
        found = tomllib.loads(text) if name.endswith(".toml") else yaml.safe_load(text)
    except (yaml.YAMLError, tomllib.TOMLDecodeError, RecursionError) as err:
        raise ValueError(f"cannot be read: {type(err).__name__}") from err
    return found if isinstance(found, dict) else None


def read_arguments(words: Iterable[str]) -> Tree:
    """The tree of `--accesslog.filepath=X` and `--accesslog.filepath X`; `--accesslog` alone is true."""
    tree: dict[str, object] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            if name:
                _put(tree, name.split("."), "true")
            name, equals, value = word[2:].partition("=")
            if equals:
                _put(tree, name.split("."), value)
                name = ""
        elif name:
            _put(tree, name.split("."), word)
            name = ""
    if name:
        _put(tree, name.split("."), "true")
    return tree


def read_environ(environ: Iterable[tuple[str, str]]) -> Tree:
    """The tree of `TRAEFIK_ACCESSLOG_FILEPATH=X`."""
    tree: dict[str, object] = {}
    for name, value in environ:
        if name.startswith("TRAEFIK_"):
            _put(tree, name.removeprefix("TRAEFIK_").split("_"), value)
    return tree


def config_file(tree: Tree) -> str:
    """The file that the arguments name (`--configFile=X`); empty: none."""
    return _text(tree, "configfile")


def of_tree(place: str, tree: Tree) -> StaticConfig:
    """What a tree says."""
    access = _at(tree, "accesslog")
    headers = _at(access, "fields", "headers")
    entry_points = dict(_entries(_at(tree, "entrypoints")))
    resolvers = [value for _, value in _entries(_at(tree, "certificatesresolvers"))]
    provider = _at(tree, "providers", "file")
    modes = [_text(headers, "defaultmode"), *(str(mode) for _, mode in _entries(_at(headers, "names")))]
    return StaticConfig(
        place=place,
        access=access is not None and str(access).lower() != "false",
        access_path=_text(access, "filepath"),
        json=_text(access, "format").lower() == "json",
        choosy=_at(access, "filters") is not None or str(_at(access, "bufferingsize") or 0) != "0",
        keeps_headers=any(mode.lower() in ("keep", "redact") for mode in modes),
        service_path=_text(_at(tree, "log"), "filepath"),
        trusted=tuple(
            dict.fromkeys(
                ip
                for point in entry_points.values()
                for ip in _texts(point, "forwardedheaders", "trustedips")
            )
        ),
        insecure=tuple(
            name
            for name, point in entry_points.items()
            if any(_flag(point, word, "insecure") for word in ("forwardedheaders", "proxyprotocol"))
        ),
        acme=tuple(dict.fromkeys(path for one in resolvers if (path := _text(one, "acme", "storage")))),
        dynamic=tuple(path for key in ("filename", "directory") if (path := _text(provider, key))),
        points=tuple(filter(None, (_point(name, point) for name, point in entry_points.items()))),
    )


def _point(name: str, settings: object) -> EntryPoint | None:
    """One of `entryPoints`; None for UDP, and for an address that is none."""
    match = _ADDRESS.match(_text(settings, "address"))
    if match is None:
        return None
    host = "127.0.0.1" if match[1] in ("", "0.0.0.0", "[::]") else match[1].strip("[]")  # noqa: S104
    return EntryPoint(
        name=name,
        host=host,
        port=int(match[2]),
        tls=_at(settings, "http", "tls") is not None,
        middlewares=tuple(text.lower() for text in _texts(settings, "http", "middlewares")),
        redirects=_at(settings, "http", "redirections", "entrypoint", "to") is not None,
        chosen=_flag(settings, "asdefault"),
    )


def read_labels(labels: Mapping[str, str]) -> Tree:
    """The dynamic config of a container's labels (`traefik.http.routers.X.rule=Host(...)`)."""
    tree: dict[str, object] = {}
    for name, value in labels.items():
        head, _, rest = name.partition(".")
        if head.lower() == "traefik" and rest:
            _put(tree, rest.split("."), value)
    return tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """An HTTP router of a dynamic config."""

    hosts: tuple[str, ...]
    """The names that its rule asks for."""
    points: tuple[str, ...]
    """The entry points that it names, lower case; empty: all."""
    tls: bool


def routers(tree: Tree) -> tuple[Router, ...]:
    """Those of a dynamic config that ask for a host by its name."""
    found = (
        Router(
            hosts=tuple(
                name.lower()
                for call in _HOSTS.findall(_text(router, "rule"))
                for name in _QUOTED.findall(call)
            ),
            points=tuple(point.lower() for point in _texts(router, "entrypoints")),
            tls=str(_at(router, "tls")).lower() not in ("none", "false"),
        )
        for _, router in _entries(_at(tree, "http", "routers"))
    )
    return tuple(router for router in found if router.hosts)


@dataclass(frozen=True, slots=True)
class Route:
    """What stands before a router's service; names in lower case."""

    middlewares: tuple[str, ...]
    points: tuple[str, ...]
    """Empty: all entry points, or those that are chosen for such."""


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The HTTP routers and middlewares of one provider, by name in lower case."""

    routes: Mapping[str, Route]
    ranges: Mapping[str, tuple[str, ...]]
    """Of each middleware that lets in some addresses only: which."""
    chains: Mapping[str, tuple[str, ...]]
    """Of each middleware that is a chain: its links."""


def dynamic(tree: Tree) -> Dynamic:
    """What a dynamic config says of who passes which middlewares."""
    middlewares = dict(_entries(_at(tree, "http", "middlewares")))
    return Dynamic(
        routes={
            name: Route(
                tuple(text.lower() for text in _texts(settings, "middlewares")),
                tuple(text.lower() for text in _texts(settings, "entrypoints")),
            )
            for name, settings in _entries(_at(tree, "http", "routers"))
        },
        ranges={
            name: tuple(_texts(settings, kind, "sourcerange"))
            for name, settings in middlewares.items()
            for kind in _GUARDS
            if _at(settings, kind) is not None
        },
        chains={
            name: tuple(text.lower() for text in links)
            for name, settings in middlewares.items()
            if (links := _texts(settings, "chain", "middlewares"))
        },
    )


@dataclass(frozen=True, slots=True)
class Guard:
    """A middleware of a dynamic config that lets in some addresses only."""

    name: str
    ranges: tuple[str, ...]
    routers: tuple[str, ...]
    """The routers of the same file that use it, by themselves or in a chain."""


def guards(tree: Tree) -> tuple[Guard, ...]:
    """The `ipAllowList`s (and v2's `ipWhiteList`s) of a dynamic config, all names in lower case."""
    http = _at(tree, "http")
    middlewares = dict(_entries(_at(http, "middlewares")))
    ranges = {
        name: _texts(middleware, kind, "sourcerange")
        for name, middleware in middlewares.items()
        for kind in _GUARDS
        if _at(middleware, kind) is not None
    }
    used = {
        router: _with_chains(_texts(settings, "middlewares"), middlewares)
        for router, settings in _entries(_at(http, "routers"))
    }
    return tuple(
        Guard(name, tuple(found), tuple(router for router, names in used.items() if name in names))
        for name, found in ranges.items()
    )


def _with_chains(names: Iterable[str], middlewares: Mapping[str, object]) -> frozenset[str]:
    """Middlewares by name, without their provider, and those of their chains."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().partition("@")[0]
        if name not in found:
            found.add(name)
            waiting += _texts(middlewares.get(name), "chain", "middlewares")
    return frozenset(found)


def _put(tree: dict[str, object], names: list[str], value: str) -> None:
    *above, last = (name.lower() for name in names)
    for name in above:
        inner = tree.get(name)
        if not isinstance(inner, dict):  # `--accesslog` before `--accesslog.filepath=X`
            inner = tree[name] = {}
        tree = inner
    if not isinstance(tree.get(last), dict):
        tree[last] = value


_ABSENT: Final = object()


def _at(tree: object, *names: str) -> object | None:
    """What stands below these keys, lower case; None where nothing does. A key without a value is an empty
    map: `accessLog: {}` and `accessLog:` both turn the log on."""
    for name in names:
        found = next((value for key, value in _entries(tree) if key == name), _ABSENT)
        if found is _ABSENT:
            return None
        tree = {} if found is None else found
    return tree


def _entries(tree: object) -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict):
        for key, value in list(tree.items())[:_LISTS]:
            yield str(key).lower(), value


def _text(tree: object, *names: str) -> str:
    found = _at(tree, *names)
    return found if isinstance(found, str) else ""


def _flag(tree: object, *names: str) -> bool:
    return str(_at(tree, *names)).lower() == "true"


def _texts(tree: object, *names: str) -> list[str]:
    found = _at(tree, *names)
    if isinstance(found, str):
        return [part.strip() for part in found.split(",") if part.strip()][:_LISTS]
    return [part for part in found[:_LISTS] if isinstance(part, str)] if isinstance(found, list) else []
