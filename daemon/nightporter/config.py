"""The frozen config: what `configfile` makes of config.yaml, and the rest of the house is built from.

Every key has a default: `Config()` is what an empty file means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nightporter.model import Severity


class Secret(str):
    """Text that must never be shown: its repr is a mask. `reveal()` gives it to the one that needs it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def reveal(self) -> str:
        """The secret itself. Never log, raise or store what this returns."""
        return "".join(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """`kind: file`."""

    name: str
    paths: tuple[str, ...]
    """Paths and globs, `~` already expanded."""
    format: str = "auto"
    service: str = ""
    tz: str = "local"
    trusted_proxies: tuple[str, ...] = ()
    start: str = "end"
    """Where a file never seen before is begun: `end` or `beginning`."""
    lateness_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSource:
    """`kind: docker`. Selectors are `*`, a name, `service:NAME`, `image:NAME`, `label:KEY[=VALUE]`."""

    name: str
    containers: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    host: str = ""
    """An engine's address (`unix://…`, `tcp://…`); empty: found by context, DOCKER_HOST and known sockets."""
    trusted_proxies: tuple[str, ...] = ()
    lateness_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFileSource:
    """`kind: file` with `from_container`: files that only the engine can reach (named volumes in a VM)."""

    name: str
    container: str
    path: str
    """Absolute, inside the container; its last part may hold `*`, `?` and `[…]`."""
    host: str = ""
    """The engine's address, as of a DockerSource."""
    format: str = "auto"
    service: str = ""
    tz: str = "local"
    trusted_proxies: tuple[str, ...] = ()
    start: str = "end"
    lateness_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegritySource:
    """`kind: integrity`: files that nobody should change unseen."""

    name: str
    paths: tuple[str, ...] = ()
    """Absolute paths, folders and globs, `~` already expanded."""
    usual: bool = False
    """`default`: also where a home server keeps what an intruder would change."""


SourceConfig = FileSource | ContainerFileSource | DockerSource | IntegritySource


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseDestination:
    """`kind: apprise`: any URL that apprise knows; Discord and mail get a form of their own."""

    name: str
    url: Secret
    mention: Mapping[Severity, str] = field(default_factory=dict)
    """Severity → the one mention that may live, `<@123>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalDestination:
    """`kind: terminal`: standard output, everything."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDestination:
    """`kind: file`: one JSON object a telling, everything."""

    name: str
    path: Path


Destination = AppriseDestination | TerminalDestination | FileDestination


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What goes to a destination; every route that matches is used."""

    to: str
    min_severity: Severity = Severity.medium
    rules: tuple[str, ...] = ()
    """Globs over rule ids; empty: all."""
    tags: tuple[str, ...] = ()
    """Any of these tags; empty: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many messages a destination gets at most before the rest folds into a digest."""

    per_hour: int = 6
    per_day: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Local minutes of the day, `[start, end)`, wrapping over midnight."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """The daemon's own log. `path` None: the system's place when it runs as an agent, else standard error."""

    level: str = "info"
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of config.yaml."""

    timezone: str = "local"
    state: Path
    log: LogConfig = LogConfig()
    sources: tuple[SourceConfig, ...] = ()
    shipped_rules: bool = True
    rule_dirs: tuple[Path, ...] = ()
    rule_dirs_named: bool = False
    """Whether the file names them itself: then each must be there."""
    watch: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    destinations: tuple[Destination, ...] = ()
    routes: tuple[Route, ...] = ()
    quiet: QuietHours | None = None
    caps: Caps = Caps()
    digest: int = 8 * 60
    """Local minute of the day at which digests go out."""
    path: Path | None = None
    """The file it came from."""
