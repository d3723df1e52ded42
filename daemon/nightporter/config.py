"""The frozen config: what `configfile` makes of config.yaml, and the rest of the house is built from.

Every key has a default: `Config()` is what an empty file means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

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
class _Lines:
    """What every source of a program's own lines has."""

    name: str
    format: str = "auto"
    service: str = ""
    """Whose lines they are; empty: as the source's kind knows."""
    tz: str = "local"
    """The zone of stamps that name none."""
    lateness_s: float = 120.0
    """How far behind the newest line of its key a line may be, and still count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource(_Lines):
    """`kind: file`."""

    paths: tuple[str, ...]
    """Paths and globs, `~` already expanded."""
    trusted_proxies: tuple[str, ...] = ()
    start: str = "end"
    """Where a file never seen before is begun: `end` or `beginning`."""


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
class ContainerFileSource(_Lines):
    """`kind: file` with `from_container`: files that only the engine can reach (named volumes in a VM)."""

    container: str
    path: str
    """Absolute, inside the container; its last part may hold `*`, `?` and `[…]`."""
    host: str = ""
    """The engine's address, as of a DockerSource."""
    trusted_proxies: tuple[str, ...] = ()
    start: str = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSource(_Lines):
    """`kind: command`: a program whose lines are read."""

    command: tuple[str, ...] = ()
    """The program and its arguments; never a shell's. Empty where a preset knows it."""
    preset: str = ""
    """`macos` or `journald`; empty: none."""
    args: tuple[str, ...] = ()
    """What a preset's program is told besides."""
    predicate: str = ""
    """Which lines of macOS's log are asked for (NSPredicate); empty: the preset's own."""
    env: tuple[tuple[str, Secret], ...] = ()
    """Variables that the program gets besides the few that every one gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskPath:
    """A place whose free space is watched."""

    path: str
    mounted: bool = False
    """It must be a mount point."""
    writable: bool = False
    holds: str = ""
    """What lies there (`media`), for the rules."""
    low_percent: float = 10.0
    high_percent: float = 3.0
    high_bytes: int = 5_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestFile:
    """A backup is known by the newest file of a pattern."""

    pattern: str
    """An absolute path, mostly with `*`."""
    within_s: float
    min_bytes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSource:
    """`kind: disk`: free space, drives that must be there, and backups that must be made."""

    name: str
    paths: tuple[DiskPath, ...] = ()
    newest: tuple[NewestFile, ...] = ()
    time_machine_s: float | None = None
    """How old Time Machine's last backup may be; None: not asked for."""
    volumes: bool = False
    """Also the file systems that containers use."""
    host: str = ""
    """The address of their engine, as of a DockerSource."""
    every_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What every probe has. Times are seconds."""

    name: str
    service: str = ""
    """The service that it asks for; empty: the probe's own name."""
    interval_s: float = 60.0
    timeout_s: float = 10.0
    retries: int = 3
    """Failures in a row before it counts as down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe(_Asked):
    """`http: URL`: one GET."""

    url: Secret
    """May hold a user and a password, or a key in its query."""
    host: str
    port: int
    status: tuple[int | str, ...] = ("2xx",)
    """`404`, `2xx`, `200-399`: any of these."""
    text: str = ""
    """What the answer must hold."""
    latency_s: float | None = None
    """A slower answer is a failure."""
    redirects: bool = True
    """Follow them; else the redirect itself is the answer."""
    to_https: bool = False
    """It must be redirected to HTTPS on the same host, which is all that is asked then."""
    insecure: bool = False
    """Its certificate is self-signed, and that is known."""
    ca: str = ""
    """A file with the root certificates to trust; empty: the system's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProbe(_Asked):
    """`tcp: HOST:PORT`: a connection that is accepted."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsProbe(_Asked):
    """`tls: HOST[:PORT]`: the certificate that is shown from outside."""

    host: str
    port: int = 443
    server_name: str = ""
    """The name that is asked for, and must be the certificate's; empty: the host's."""
    issuer: str = ""
    """Text that the issuer's name must hold."""
    insecure: bool = False
    ca: str = ""
    interval_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeProbe(_Asked):
    """`acme: PATH`: every certificate in Traefik's acme.json, and the file's mode."""

    path: Path
    interval_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerProbe(_Asked):
    """`container: NAME`: it runs, and is healthy if it has a health check."""

    container: str
    """Its name, or its compose service."""
    host: str = ""
    """The engine's address, as of a DockerSource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProbe(_Asked):
    """`job: NAME`: a launchd label on a Mac, a systemd unit elsewhere."""

    job: str
    expect: Literal["running", "ok"] = "running"
    """`ok`: it need not run now, but its last run ended well."""
    system: bool = False
    """It belongs to the system, not to this user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryProbe(_Asked):
    """`canary: URL`: a request through Traefik, which must appear in Traefik's log."""

    url: Secret
    host: str
    port: int
    source: str = ""
    """The source that must show it; empty: any of Traefik's format."""
    within_s: float = 30.0
    insecure: bool = False
    ca: str = ""
    interval_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallProbe(_Asked):
    """`firewall: true`: macOS's application firewall is on."""

    interval_s: float = 300.0


Probe = HttpProbe | TcpProbe | TlsProbe | AcmeProbe | ContainerProbe | JobProbe | CanaryProbe | FirewallProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSource:
    """`kind: probe`: what is asked from outside."""

    name: str
    probes: tuple[Probe, ...] = ()
    grace_s: float = 300.0
    """After a start, for so long no failure is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegritySource:
    """`kind: integrity`: files that nobody should change unseen."""

    name: str
    paths: tuple[str, ...] = ()
    """Absolute paths, folders and globs, `~` already expanded."""
    usual: bool = False
    """`default`: also where a home server keeps what an intruder would change."""
    own: tuple[str, ...] = ()
    """Patterns of our own config and rules. No file says this: see `ownfiles`."""


LogSource = FileSource | ContainerFileSource | DockerSource
"""What services write, and what `init` finds."""
SourceConfig = LogSource | CommandSource | DiskSource | ProbeSource | IntegritySource


ALLOW_LIST: Final = "allow_list"
"""The key of the allow-list, and the name of the source that follows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """`allow_list`: whom Traefik is to let in, as the files say that it reads."""

    env: Path | None = None
    """An `.env` file."""
    variable: str = "IP_ALLOW_LIST"
    """Its variable: addresses, networks and names, with commas."""
    file: Path | None = None
    """A file of Traefik's dynamic config: its `ipAllowList`, and the routers behind it."""
    middleware: str = ""
    """Which of them; empty: all."""
    static: Path | None = None
    """Traefik's static config, whose entry points may have middlewares for all their routers."""
    values: tuple[str, ...] = ()
    """The entries themselves, where no file has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geo:
    """`geo`: database files in MaxMind's format that say where an address is. None: not known."""

    country: Path | None = None
    network: Path | None = None


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


@dataclass(frozen=True, slots=True)
class Turn:
    """When something comes round: a day (of the week, Monday is 0; or of the month) and its local minute."""

    day: int
    minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What is sent of itself, without anything having happened. None: never."""

    weekly: Turn | None = Turn(6, 18 * 60)
    monthly: Turn | None = Turn(1, 9 * 60)
    to: tuple[str, ...] = ()
    """Names of destinations; empty: every apprise destination that has a route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is kept of incidents by itself, in the state folder."""

    critical: bool = False
    """The lines around each critical one."""
    keep: int = 20
    """Archives; the oldest go."""


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
    allow_list: AllowList | None = None
    """None: it is not known who is to be let in, and rules that ask are off."""
    geo: Geo = Geo()
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
    depends_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Subject → what it cannot do without, in lower case: while that is down, it is not told of."""
    grace_s: float = 300.0
    """So long after the daemon's start no outage is told."""
    review: Review = Review()
    evidence: Evidence = Evidence()
    path: Path | None = None
    """The file it came from."""
