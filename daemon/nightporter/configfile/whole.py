"""config.yaml → `Config`, with every mistake at its place.

Null, and a key that is not there, mean the default: an empty file watches /tmp/traefik.log and Docker with
the shipped rules and tells the terminal. In every value `${NAME}` is the environment's NAME (`$${` is a
plain `${`); relative paths start at the config's own folder, `~` is the home.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from platformdirs import PlatformDirs

from nightporter.config import (
    ALLOW_LIST,
    AppriseDestination,
    Caps,
    Config,
    Destination,
    DiskSource,
    DockerSource,
    Evidence,
    FileSource,
    Geo,
    IntegritySource,
    LogConfig,
    ProbeSource,
    QuietHours,
    Review,
    Route,
    SourceConfig,
    TerminalDestination,
)
from nightporter.configfile import secrets
from nightporter.configfile.allow import read_allow_list
from nightporter.configfile.depends import read_depends_on
from nightporter.configfile.destinations import read_destinations, read_routes
from nightporter.configfile.geo import read_geo
from nightporter.configfile.parts import (
    Here,
    given,
    got,
    read_choice,
    read_notation,
    read_zone,
)
from nightporter.configfile.review import read_review
from nightporter.configfile.sources import read_sources
from nightporter.errors import BadFiles, Place, Problem
from nightporter.model import DAY, SECOND
from nightporter.plainfile import read_head
from nightporter.ruleset import Surroundings, values
from nightporter.yamltext.composing import MAX_BYTES, parse
from nightporter.yamltext.page import Items, Node, Page, Scalar, Table

KEYS: Final = (
    "timezone",
    "state",
    "log",
    "sources",
    "rules",
    "watch",
    ALLOW_LIST,
    "geo",
    "destinations",
    "routes",
    "quiet",
    "caps",
    "digest",
    "review",
    "evidence",
    "depends_on",
    "grace",
)
DEFAULT_SOURCES: Final[tuple[SourceConfig, ...]] = (
    FileSource(name="traefik", paths=("/tmp/traefik.log",), format="traefik"),  # noqa: S108  (Traefik's own place)
    DockerSource(name="docker"),
)
DEFAULT_DESTINATIONS: Final[tuple[Destination, ...]] = (TerminalDestination(name="terminal"),)
LEVELS: Final = ("debug", "info", "warning", "error")
SERVICE: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,90}\Z")
_VARIABLE: Final = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def default_path() -> Path:
    """Where the config is looked for: the same on macOS and Linux."""
    return Path("~/.config/nightporter/config.yaml").expanduser()


def default_state() -> Path:
    """~/Library/Application Support/nightporter on macOS, $XDG_STATE_HOME/nightporter elsewhere."""
    return PlatformDirs("nightporter", appauthor=False).user_state_path


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a config may draw on, besides its own text."""

    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    home: Path = field(default_factory=Path.home)
    state: Path = field(default_factory=default_state)
    platform: str = sys.platform


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The config, and what is wrong. With an error (a problem that is no warning) it is not to be used."""

    config: Config
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return all(problem.warning for problem in self.problems)


def read(path: Path | None = None, world: World | None = None) -> LoadedConfig:
    """The config at `path`. Without a path, the one at its usual place, or the defaults if there is none.

    Raises BadFiles where a named file cannot be read; mistakes in it are told in the result.
    """
    place = path or default_path()
    try:
        content, _ = read_head(place, MAX_BYTES + 1)
    except FileNotFoundError as err:
        if path is None:
            return parse_config(str(place), b"", world)
        raise _unreadable(place, err) from err
    except OSError as err:
        raise _unreadable(place, err) from err
    return parse_config(str(place), content, world)


def _unreadable(path: Path, err: OSError) -> BadFiles:
    reason = (err.strerror or type(err).__name__).lower()
    found = f"the config cannot be read: {reason}"
    return BadFiles([Problem(place=Place(str(path)), found=found, fix="check the path and its permissions")])


def parse_config(file: str, content: str | bytes, world: World | None = None) -> LoadedConfig:
    """The config that a text means; `file` is its path, for places and relative paths."""
    world = world or World()
    page = parse(file, content, hide_urls=True)
    root = _expanded(page, page.root, world.env) if page.root is not None else None
    table = given(page.keyed(root, "a map with " + ", ".join(KEYS), KEYS)) if root is not None else {}
    path = Path(file)
    folder = path.absolute().parent
    here = Here(
        folder=folder,
        home=world.home,
        secret=lambda text: secrets.resolve(text, folder, world.home, world.platform),
    )
    config = _config(page, table, here, world)
    problems = sorted(page.problems, key=lambda problem: problem.place)
    return LoadedConfig(replace(config, path=path), tuple(problems))


def surroundings(config: Config) -> Surroundings:
    """What rule files may refer to of this config, for `ruleset.load`."""
    return Surroundings(
        sources={source.name: _form(source) for source in config.sources},
        destinations=tuple(d.name for d in config.destinations),
        timezone=config.timezone,
        watch=config.watch,
        watch_file=str(config.path or "config.yaml"),
    )


def _form(source: SourceConfig) -> str:
    """The format of a source's lines, or the kind that decides which fields they have."""
    match source:
        case DockerSource():
            return "docker"
        case DiskSource() | ProbeSource():
            return "probe"
        case IntegritySource():
            return "integrity"
        case _:
            return source.format


def _config(page: Page, table: dict[str, Node], here: Here, world: World) -> Config:
    rules = (
        given(page.keyed(table["rules"], "rules", ("shipped", "dirs", "sigma", "fail2ban")))
        if "rules" in table
        else {}
    )
    _refuse_importers(page, table, rules)
    rule_dirs = _rule_dirs(page, rules, here)
    destinations = got(
        table, "destinations", lambda n: read_destinations(page, n, here), DEFAULT_DESTINATIONS
    )
    sources = got(table, "sources", lambda n: read_sources(page, n, here), DEFAULT_SOURCES)
    return Config(
        timezone=got(table, "timezone", lambda n: read_zone(page, n), "local"),
        state=_path(page, table, "state", here) or world.state,
        log=_log(page, table, here),
        sources=sources,
        shipped_rules=got(rules, "shipped", page.flag, True),
        rule_dirs=rule_dirs,
        rule_dirs_named="dirs" in rules,
        watch=got(table, "watch", lambda n: _watch(page, n), {}),
        allow_list=got(table, ALLOW_LIST, lambda n: read_allow_list(page, n, here, sources), None),
        geo=got(table, "geo", lambda n: read_geo(page, n, here), Geo()),
        destinations=destinations,
        routes=_routes(page, table, destinations),
        quiet=_quiet(page, table),
        caps=_caps(page, table),
        digest=got(
            table,
            "digest",
            lambda n: read_notation(page, n, values.clock_minute, 'a time such as "08:00"'),
            480,
        ),
        depends_on=got(table, "depends_on", lambda n: read_depends_on(page, n), {}),
        grace_s=got(table, "grace", lambda n: _grace(page, n), 300.0),
        review=got(table, "review", lambda n: read_review(page, n, [d.name for d in destinations]), Review()),
        evidence=got(table, "evidence", lambda n: _evidence(page, n), Evidence()),
    )


def _evidence(page: Page, node: Node) -> Evidence:
    table = given(page.keyed(node, "a map with critical and keep", ("critical", "keep")))
    return Evidence(
        critical=got(table, "critical", page.flag, False),
        keep=got(table, "keep", lambda n: page.whole(n, "archives that are kept", 1, 1_000), 20),
    )


def _refuse_importers(page: Page, table: dict[str, Node], rules: dict[str, Node]) -> None:
    for key in ("sigma", "fail2ban"):
        node = rules.get(key)
        empty = (isinstance(node, Items) and not node.items) or (isinstance(node, Table) and not node.entries)
        if node is not None and not empty:
            page.tell(
                page.key(table["rules"], key), f"'{key}' rules come in a later version", fix="take them out"
            )


def _path(page: Page, table: dict[str, Node], key: str, here: Here) -> Path | None:
    text = page.text(table[key], "a path") if key in table else None
    return here.path(text) if text else None


def _log(page: Page, table: dict[str, Node], here: Here) -> LogConfig:
    if "log" not in table:
        return LogConfig()
    log = given(page.keyed(table["log"], "a map with level and path", ("level", "path")))
    path = _path(page, log, "path", here)
    if path is not None and (what := _no_log(path)):
        page.tell(log["path"], f"the log's path leads to {what}", expected="a file, there or not yet there")
    return LogConfig(
        level=got(log, "level", lambda n: read_choice(page, n, "level", LEVELS), "info"), path=path
    )


def _no_log(path: Path) -> str:
    """What stands at a path that no log can be written to; empty for a file, a device or nothing."""
    try:
        mode = path.stat().st_mode
    except OSError:  # not there, or not to be seen: the log itself says so, and tries again
        return ""
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe or a socket" if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else ""


def _rule_dirs(page: Page, rules: dict[str, Node], here: Here) -> tuple[Path, ...]:
    """The folders and files of the user's rules; by default the folder `rules` beside the config. Whether
    they are there is asked by whoever reads them, on every reload."""
    if "dirs" not in rules:
        return (here.folder / "rules",)
    return tuple(here.path(text) for text in page.texts(rules["dirs"], "a folder or a file of rules"))


def _watch(page: Page, node: Node) -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    for key, value in page.entries(node, "services and words, such as {ombi: [unauthorized]}"):
        if not key.trap and not SERVICE.match(key.text):
            page.tell(key, f"'{key.text}' as a service's name", expected="letters, digits, '-', '_' and '.'")
        words[key.text] = page.texts(value, "a word to watch for")
    return {service: found for service, found in words.items() if found}


def _routes(page: Page, table: dict[str, Node], destinations: tuple[Destination, ...]) -> tuple[Route, ...]:
    """By default every apprise destination gets medium and above; terminal and file need no route."""
    apprise = [d.name for d in destinations if isinstance(d, AppriseDestination)]
    if "routes" not in table:
        return tuple(Route(to=name) for name in apprise)
    routes = read_routes(page, table["routes"], [d.name for d in destinations])
    tried = [
        v.text
        for item in page.items(table["routes"])
        if isinstance(item, Table)
        for k, v in item.entries
        if k.text == "to" and isinstance(v, Scalar)
    ]
    for name in apprise:
        if name not in tried:
            found = f"no route leads to the destination '{name}'"
            page.tell(
                table["routes"], found, fix=f"add '- {{to: {name}}}', or nothing is sent there", warning=True
            )
    return routes


def _quiet(page: Page, table: dict[str, Node]) -> QuietHours | None:
    if "quiet" not in table:
        return None
    span = read_notation(page, table["quiet"], values.clock_range, 'hours such as "23:00-07:30"')
    return QuietHours(start=span[0], end=span[1]) if span else None


def _grace(page: Page, node: Node) -> float | None:
    """In seconds."""
    nanos = read_notation(page, node, values.duration, "a duration such as 5m; 0s: none")
    if nanos is not None and nanos > DAY:
        page.tell(node, "a grace of more than a day", expected="at most 24h")
    return None if nanos is None else nanos / SECOND


def _caps(page: Page, table: dict[str, Node]) -> Caps:
    if "caps" not in table:
        return Caps()
    caps = given(page.keyed(table["caps"], "a map with per_hour and per_day", ("per_hour", "per_day")))

    def messages(most: int) -> Callable[[Node], int | None]:
        return lambda node: page.whole(node, "a number of messages", 1, most)

    return Caps(
        per_hour=got(caps, "per_hour", messages(1_000), Caps().per_hour),
        per_day=got(caps, "per_day", messages(10_000), Caps().per_day),
    )


def _expanded(page: Page, node: Node, env: Mapping[str, str]) -> Node:
    """The tree with `${NAME}` replaced in every value; keys stay as they are."""
    match node:
        case Items():
            return replace(node, items=tuple(_expanded(page, item, env) for item in node.items))
        case Table():
            return replace(
                node, entries=tuple((key, _expanded(page, value, env)) for key, value in node.entries)
            )
        case Scalar() if isinstance(node.value, str) and "${" in node.text:
            text = _VARIABLE.sub(lambda match: _variable(page, node, match, env), node.text)
            return replace(node, text=text, value=text)
    return node


def _variable(page: Page, node: Node, match: re.Match[str], env: Mapping[str, str]) -> str:
    if match[0].startswith("$$"):
        return match[0][1:]
    value = env.get(match[1], "")
    if not value:
        page.tell(
            node,
            f"the environment variable {match[1]} is not set",
            fix="set it where Nightporter starts (launchd reads no shell profile), or use file:PATH",
        )
        return match[0]
    return value
