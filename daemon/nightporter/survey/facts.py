"""What a look around gave: frozen, for `begin` to make a config of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nightporter.config import NewestFile, Probe
from nightporter.doctor.allowlist import AllowList
from nightporter.doctor.looking.containers import EngineView
from nightporter.doctor.proxy import ProxyLog
from nightporter.traefikconfig import StaticConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLog:
    """A file that Traefik writes, or is said to."""

    log: ProxyLog
    """What its end shows; its `trouble` says so where it is not there."""
    why: str
    """Who named it, for a comment."""
    named: bool
    """Whether Traefik's own settings name it; else it only lay at a usual place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideLog:
    """A log of a Traefik in a container that only the engine can reach."""

    container: str
    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraefikFacts:
    """All that was found of Traefik."""

    logs: tuple[FoundLog, ...] = ()
    inside: tuple[InsideLog, ...] = ()
    statics: tuple[StaticConfig, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def trusted(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ip for static in self.statics for ip in static.trusted))

    @property
    def insecure(self) -> tuple[tuple[str, str], ...]:
        """(place, entry point) of those that believe anybody."""
        return tuple((static.place, point) for static in self.statics for point in static.insecure)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLog:
    """The log files of a service that writes its logins nowhere else."""

    service: str
    title: str
    name: str
    """Of its container, or the service's own where it runs without."""
    path: str
    """A path or glob: on this machine, or (`inside`) in the container."""
    inside: bool = False
    found: int = 0
    """How many files there are now; not known for one inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeFacts:
    """Where Traefik keeps its certificates."""

    path: Path
    mode: int
    """Permission bits; Traefik refuses a file that others can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardFile:
    """A file of Traefik's dynamic config that lets in some addresses only."""

    path: Path
    ranges: tuple[str, ...]
    """Of all its `ipAllowList`s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """What can be watched of disks and backups."""

    total: int = 0
    """Bytes of the system's own disk; 0: it could not be asked."""
    media: tuple[tuple[str, int], ...] = ()
    """Where the drives are mounted that media servers' folders lie on, and their bytes."""
    newest: NewestFile | None = None
    """Backups that are made by something."""
    time_machine: bool = False
    """Whether Time Machine names a backup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One look around."""

    traefik: TraefikFacts = TraefikFacts()
    docker: EngineView | None = None
    """None: it could not even be looked at."""
    services: tuple[ServiceLog, ...] = ()
    lists: tuple[AllowList, ...] = ()
    guards: tuple[GuardFile, ...] = ()
    acme: tuple[AcmeFacts, ...] = ()
    watched: tuple[str, ...] = ()
    """Files that nobody should change unseen, and that lie at no usual place."""
    firewall: bool = False
    """Whether this is a Mac whose own firewall is on."""
    probes: tuple[Probe, ...] = ()
    """What was asked, and answered."""
    disks: DiskFacts = DiskFacts()
    system_log: Literal["", "macos", "journald"] = ""
    """The preset of what reads this system's own log, where it can be read."""
    troubles: tuple[str, ...] = ()
