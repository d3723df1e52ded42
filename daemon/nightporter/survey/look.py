"""One look around: all subjects, each with a deadline."""

from __future__ import annotations

import asyncio
import glob
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from shutil import which
from typing import Final, Literal, TypeVar

from nightporter.config import DockerSource
from nightporter.doctor.containers import Running
from nightporter.doctor.looking import allowlist, containers
from nightporter.doctor.looking.containers import EngineView
from nightporter.doctor.looking.view import Unseen, View, apart, looked, told
from nightporter.services import KNOWN, Service, recognised
from nightporter.sources.disk.looks import time_machine
from nightporter.sources.docker.container import services
from nightporter.sources.probes.firewall import PROGRAM as FIREWALL
from nightporter.sources.probes.firewall import of_answer
from nightporter.survey import disks as drives
from nightporter.survey import doors, traefik
from nightporter.survey.facts import AcmeFacts, DiskFacts, ServiceLog, Survey, TraefikFacts
from nightporter.survey.traefik import in_volume, on_host
from nightporter.survey.watched import elsewhere

T = TypeVar("T")

_MOST_FILES: Final = 1_000
_TMUTIL_S: Final = 2.0
"""A drive that has to be woken first is found by a later look: `time_machine: true` is one line."""
_ACME_FOLDERS: Final = (
    "~/traefik/certificates",
    "~/traefik/acme",
    "~/traefik",
    "~/docker/traefik",
    "/etc/traefik",
    "/etc/traefik/acme",
)


async def survey(view: View, root: Path = Path("/")) -> Survey:
    """Look at everything. `view.home` and `root` are where paths with and without `~` begin."""
    docker = await looked(containers.look_at(view, DockerSource(name="docker")), 2 * view.look_s)
    running = docker.facts.containers if isinstance(docker, EngineView) else ()
    async with asyncio.TaskGroup() as group:
        proxy = group.create_task(_traefik(view, root, running))
        logs = group.create_task(
            looked(apart(lambda: service_logs(view, root, running), "services"), view.look_s)
        )
        lists = group.create_task(looked(apart(lambda: allowlist.look(view, running), "env"), view.look_s))
    found = proxy.result()
    facts = found if isinstance(found, TraefikFacts) else TraefikFacts()
    acme = await looked(apart(lambda: acme_files(view, root, facts), "acme"), view.look_s)
    guards = await looked(apart(lambda: doors.guard_files(facts, running), "dynamic files"), view.look_s)
    found_lists, found_acme = _or_none(lists.result()), _or_none(acme)
    unusual = await looked(
        apart(lambda: elsewhere(view.home, facts, found_acme, found_lists, running), "files"), view.look_s
    )
    printed = docker.proxies if isinstance(docker, EngineView) else ()
    asked, disks = await asyncio.gather(
        looked(doors.answering(view, running, facts, found_acme, printed), view.look_s),
        looked(apart(lambda: drives.look(view, running), "disks"), view.look_s),
    )
    looks = {
        "Docker": docker,
        "Traefik": found,
        "services": logs.result(),
        ".env": lists.result(),
        "acme": acme,
        "Traefik's dynamic files": guards,
        "files": unusual,
        "what answers": asked,
        "disks": disks,
    }
    return Survey(
        traefik=facts,
        docker=docker if isinstance(docker, EngineView) else None,
        services=_or_none(logs.result()),
        lists=found_lists,
        guards=_or_none(guards),
        acme=found_acme,
        watched=_or_none(unusual),
        firewall=await _has_firewall(view),
        probes=_or_none(asked),
        disks=await _with_time_machine(view, disks) if isinstance(disks, DiskFacts) else DiskFacts(),
        system_log=await _system_log(view),
        troubles=tuple(
            f"{subject} could not be looked at: {look.why}"
            for subject, look in looks.items()
            if isinstance(look, Unseen)
        ),
    )


def _or_none(look: tuple[T, ...] | Unseen) -> tuple[T, ...]:
    return () if isinstance(look, Unseen) else look


async def _has_firewall(view: View) -> bool:
    """Only one that is on is worth watching: macOS comes with it switched off."""
    if view.platform != "darwin":
        return False
    return of_answer(await told(str(FIREWALL), "--getglobalstate") or "").up


async def _with_time_machine(view: View, disks: DiskFacts) -> DiskFacts:
    """Only where it names a backup: what it is kept from telling now, the daemon would not hear either."""
    if view.platform != "darwin":
        return disks
    named = await looked(apart(time_machine, "tmutil"), _TMUTIL_S)
    return replace(disks, time_machine=not isinstance(named, Unseen) and named[0] > 0)


async def _system_log(view: View) -> Literal["", "macos", "journald"]:
    """Whether the system's own log can be read. Of a Mac's nobody knows before: its `log` is there."""
    if view.platform == "darwin":
        return "macos" if which("log", path=view.environ.get("PATH")) else ""
    # Without leave journalctl shows this user's own lines only, so the system's are asked for.
    newest = await told("journalctl", "--system", "--lines=1", "--output=json", "--quiet", "--no-pager")
    return "journald" if newest and newest.strip() else ""


async def _traefik(view: View, root: Path, running: Sequence[Running]) -> TraefikFacts | Unseen:
    processes = (await told("ps", "-axo", "args=") or "").splitlines()
    return await looked(apart(lambda: traefik.look(view, root, processes, running), "traefik"), view.look_s)


# -- services that write their logins to files only


def service_logs(view: View, root: Path, running: Iterable[Running]) -> tuple[ServiceLog, ...]:
    """Those in containers by their mounts, those without by their usual places. Blocking."""
    found: list[ServiceLog] = []
    contained: set[str] = set()
    for one in running:
        service = recognised(services(one.container))
        if service is None:
            continue
        contained.add(service.name)
        if service.failures == "file" and service.files:
            found.append(_in_container(service, one))
    for service in KNOWN.values():
        if service.failures == "file" and service.name not in contained:
            found += _native(service, view, root)
    return tuple(found)


def _in_container(service: Service, one: Running) -> ServiceLog:
    """Its log where it can be reached best: files in a mounted folder, a mounted folder, a volume."""
    name = one.container.name
    places = [(file.inside, on_host(file.inside, one)) for file in service.files]
    mounted = [(host, count_files(host)) for _, host in places if host]
    if mounted:
        path, count = max(mounted, key=lambda place: place[1] > 0)
        return ServiceLog(service=service.name, title=service.title, name=name, path=path, found=count)
    path = next((inside for inside, _ in places if in_volume(inside, one)), places[0][0])
    return ServiceLog(service=service.name, title=service.title, name=name, path=path, inside=True)


def _native(service: Service, view: View, root: Path) -> Iterator[ServiceLog]:
    for file in service.files:
        for place in file.host:
            at = view.home / place[2:] if place.startswith("~/") else root / place.lstrip("/")
            if count := count_files(str(at)):
                yield ServiceLog(
                    service=service.name, title=service.title, name=service.name, path=str(at), found=count
                )


def count_files(pattern: str) -> int:
    """How many files a path or glob means now."""
    names = islice(glob.iglob(pattern), _MOST_FILES)  # noqa: PTH207 - absolute, which Path.glob refuses
    return sum(Path(name).is_file() for name in names)


# -- certificates


def acme_files(view: View, root: Path, facts: TraefikFacts) -> tuple[AcmeFacts, ...]:
    """The files that the static configs name, and acme.json at usual places. Blocking."""
    named = [
        Path(static.place).parent / path
        for static in facts.statics
        for path in static.acme
        if static.place.startswith("/") or path.startswith("/")
    ]
    usual = [
        (view.home / folder[2:] if folder.startswith("~/") else root / folder.lstrip("/")) / "acme.json"
        for folder in _ACME_FOLDERS
    ]
    found: dict[tuple[int, int], AcmeFacts] = {}
    for path in (*named, *usual):
        try:
            seen = path.stat()
        except OSError:
            continue  # most are not there; a folder that is refused hides its file from us alone
        if stat.S_ISREG(seen.st_mode):
            found.setdefault(
                (seen.st_dev, seen.st_ino), AcmeFacts(path=path, mode=stat.S_IMODE(seen.st_mode))
            )
    return tuple(found.values())
