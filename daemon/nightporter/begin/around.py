"""What is planned besides logs: what is asked, disks and backups, the system's own log. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from nightporter.begin.planned import Planned
from nightporter.config import (
    AcmeProbe,
    CanaryProbe,
    CommandSource,
    ContainerProbe,
    DiskPath,
    DiskSource,
    Probe,
    ProbeSource,
    TlsProbe,
)
from nightporter.configfile.disks import TIME_MACHINE_S
from nightporter.doctor.finding import listed
from nightporter.sources.disk.states import age_text, bytes_text
from nightporter.sources.disk.volumes import least
from nightporter.survey.facts import Survey

DOCKER: Final = "docker"
"""What rules call the engine: the subject that containers depend on."""
_NAMED: Final = 12


def asked(survey: Survey, host: str) -> Iterator[Planned]:
    """What answered when it was asked once. `host`: the engine's address, where it has to be said."""
    if not survey.probes:
        return
    probes = tuple(replace(p, host=host) if isinstance(p, ContainerProbe) else p for p in survey.probes)
    yield Planned(source=ProbeSource(name="services", probes=probes), why=tuple(_about_probes(probes)))


def _about_probes(probes: Sequence[Probe]) -> Iterator[str]:
    if names := listed((p.name for p in probes if not isinstance(p, CanaryProbe | AcmeProbe)), _NAMED):
        yield (
            "What answers now is asked every minute, and is an outage after three failures in a row: "
            f"{names}. Take out what may be down; 'interval: 5m' and 'retries: 5' make it slower to tell."
        )
    if any(isinstance(probe, CanaryProbe) for probe in probes):
        yield (
            "A request of ours through Traefik must appear in its log within 30 s, else Nightporter is blind "
            "to all that comes in."
        )
    tls = [probe for probe in probes if isinstance(probe, TlsProbe)]
    if tls or any(isinstance(probe, AcmeProbe) for probe in probes):
        yield "Of certificates the end is told from 21 days before on, and who signs them if that changes."
    if untrusted := [probe.server_name for probe in tls if probe.insecure]:
        yield (
            f"That of {listed(untrusted, _NAMED)} is trusted by nobody here: 'insecure: true' takes it as it "
            "is. Take that out once it has a proper one."
        )
    if any(isinstance(probe, ContainerProbe) for probe in probes):
        yield (
            "Docker is asked about databases of MySQL's kind: they block whoever connects and says nothing."
        )


def disks(survey: Survey, host: str, *, docker: bool) -> Iterator[Planned]:
    """The system's disk, what containers use, drives that hold media, and backups."""
    facts = survey.disks
    if not facts.total:
        return
    paths = [DiskPath(path="/", high_bytes=least(facts.total))]
    paths += [
        DiskPath(path=at, mounted=True, holds="media", high_bytes=least(total)) for at, total in facts.media
    ]
    source = DiskSource(
        name="disks",
        paths=tuple(paths),
        newest=(facts.newest,) if facts.newest is not None else (),
        time_machine_s=TIME_MACHINE_S if facts.time_machine else None,
        volumes=docker,
        host=host if docker else "",
    )
    yield Planned(source=source, why=tuple(_about_disks(source)))


def _about_disks(source: DiskSource) -> Iterator[str]:
    also = " and of all that containers use" if source.volumes else ""
    yield (
        f"Space on the system's disk{also}: below 10 % is low, below 3 % (or 5 GB of a large one) high. "
        "Other limits: {path: /, low: 5%, high: 1%, least: 0B}."
    )
    if media := [path.path for path in source.paths if path.holds]:
        yield (
            f"{listed(media, _NAMED)}: if it is not mounted, that is critical, since a media server takes "
            "what is gone for deleted."
        )
    for newest in source.newest:
        least = f", and have {bytes_text(newest.min_bytes)}" if newest.min_bytes > 1 else ""
        yield f"{newest.pattern}: the newest must be younger than {age_text(newest.within_s)}{least}."
    if source.time_machine_s is not None:
        yield f"Time Machine's last backup must be younger than {age_text(source.time_machine_s)}."


def system_log(survey: Survey) -> Iterator[Planned]:
    """macOS's log, or systemd's journal where the logins at this machine are not read from a file already:
    both would count each of them."""
    if not survey.system_log or any(log.service == "sshd" for log in survey.services):
        return
    what = "macOS's own log" if survey.system_log == "macos" else "systemd's journal"
    why = f"{what[0].upper()}{what[1:]}: logins at this machine itself, sudo, and what the system refuses."
    yield Planned(
        source=CommandSource(name="system", preset=survey.system_log, format=survey.system_log), why=(why,)
    )


def depends_on(survey: Survey) -> dict[str, tuple[str, ...]]:
    """Containers that are asked cannot answer without Docker: while it is away, that alone is told. That what
    is asked for at Traefik's door needs Traefik is known without a word."""
    running = survey.docker.facts.containers if survey.docker is not None else ()
    contained = {one.container.service for one in running}
    services = dict.fromkeys(probe.service or probe.name for probe in survey.probes)
    return {name.lower(): (DOCKER,) for name in services if name in contained and name.lower() != DOCKER}
