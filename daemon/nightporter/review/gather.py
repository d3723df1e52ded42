"""Gathers the facts of a review: from the store, the config, and what the sources say of themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from nightporter.allowlist.judging import ADVISED, findings
from nightporter.allowlist.keeping import Kept
from nightporter.blindness import why_blind
from nightporter.config import (
    AcmeProbe,
    CanaryProbe,
    CommandSource,
    Config,
    ContainerFileSource,
    DiskSource,
    DockerSource,
    FileSource,
    FirewallProbe,
    IntegritySource,
    Probe,
    ProbeSource,
    SourceConfig,
    TlsProbe,
)
from nightporter.history.rows import NO_SERVICES, Gap, Outage
from nightporter.judge import LAST_COMMIT
from nightporter.model import DAY, MINUTE, Incident, Nanos, Stamp
from nightporter.notify.localtime import zone_of
from nightporter.review import outages
from nightporter.review.facts import AllowList, Asked, Certificate, Check, Facts, Source
from nightporter.review.periods import Period
from nightporter.rule import Ruleset
from nightporter.sources.allowlist.reading import Read, read
from nightporter.sources.allowlist.source import NAME as ALLOW_LIST
from nightporter.sources.probes.certificates import Certificate as Seen
from nightporter.sources.probes.certificates import step_reached
from nightporter.sources.probes.state import Known
from nightporter.store import history, incidents, state

SERVICES: Final = frozenset({"service", "container"})
"""A state of one of these is an outage; of anything else (a disk, a certificate) it is not."""
OPENED_BEFORE: Final[Nanos] = 30 * DAY
"""How long before the period an incident may have been told last and still reach into it."""
STILL_WATCHED: Final[Nanos] = MINUTE
"""A running daemon tells how it fares every few seconds; with a word older than this it does not run."""
_MOST_INCIDENTS: Final = 50_000

Statuses = Mapping[str, Mapping[str, Any]]
"""Source → its own `status()`. `Any`: JSON that another version of this program may have written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """How things stand, as the daemon last told. `as_of` 0: it never did."""

    as_of: Stamp = 0
    sources: Statuses = field(default_factory=dict)
    outbox: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Destination → how it fares; as `sources`."""


def gather(
    connection: sqlite3.Connection,
    config: Config,
    rules: Ruleset,
    present: Present,
    period: Period,
    now: Stamp,
    allowed: Read | None = None,
) -> Facts:
    """Read it all; changes nothing. `allowed`: what `allow_list` gave."""
    marks = state.load_positions(connection)
    first, last = period.days[0], period.days[-1]
    known = list(_known(marks, config))
    reaching = _incidents(connection, period)
    watched_until = _watched_until(connection, present, now)
    told, excused = _outages(connection, known, reaching, rules, period, watched_until)
    gaps = [*history.gaps(connection, period.since, period.until), Gap(watched_until, now)]
    return Facts(
        period=period,
        now=now,
        zone=zone_of(config.timezone),
        began=history.first_day(connection),
        as_of=present.as_of,
        counts=history.counts(connection, first, last),
        sources=tuple(_source(entry, present.sources) for entry in config.sources),
        refused=tuple(history.refused(connection, first, last)),
        most_refused=history.most_refused(connection, first, last),
        accounts=tuple(history.accounts(connection)),
        incidents_since=now - incidents.KEPT,
        incidents=tuple(i for i in reaching if i.last >= period.since and i.first < period.until),
        outages=outages.joined(told, period.since, period.until),
        excused=outages.joined(excused, period.since, period.until),
        down=tuple(sorted({outage.service.lower() for outage in told if outage.end == watched_until})),
        asked=tuple(_asked(known)),
        unwatched=outages.merged(gaps, period.since, period.until),
        unwatched_since=watched_until if watched_until < now else 0,
        certificates=tuple(_certificates(known, now)),
        asks_certificates=any(isinstance(p, AcmeProbe | TlsProbe) for p in _probes(config)),
        checks=tuple(_checks(config, present.sources)),
        unaccepted=_unaccepted(present.sources),
        watches_files=any(isinstance(entry, IntegritySource) for entry in config.sources),
        allow_list=_judged(allowed, marks.get(ALLOW_LIST, {}).get(ALLOW_LIST, b"")) if allowed else None,
        undelivered={
            name: str(fares.get("last_error") or "nothing gets through")
            for name, fares in present.outbox.items()
            if fares.get("failing_since")
        },
    )


def _watched_until(connection: sqlite3.Connection, present: Present, now: Stamp) -> Stamp:
    """Now, if the daemon runs; else when it gave its last sign of life. Of one that never ran nothing is
    remembered that could end."""
    signs = (present.as_of, int(state.load_text(connection, LAST_COMMIT) or 0))
    last = max(signs)
    return last if last and now - last > STILL_WATCHED else now


def _outages(
    connection: sqlite3.Connection,
    known: list[tuple[Probe, Known]],
    reaching: list[Incident],
    rules: Ruleset,
    period: Period,
    until: Stamp,
) -> tuple[list[Outage], list[Outage]]:
    """What incidents and probes tell of outages, and what probes saw that is none. What goes on is known up
    to `until`."""
    outage_rules = {rule.id for rule in rules.rules if rule.is_state and rule.subject in SERVICES}
    certain = outages.of_incidents(reaching, outage_rules, until)
    probed = history.outages(connection, period.since, period.until)
    probed += [Outage(service_of(probe), at.since, until) for probe, at in known if _is_down(at)]
    if not outage_rules:
        return [*certain, *probed], []
    counting, excused = outages.confirmed(probed, certain, until=until - incidents.KEPT)
    return [*certain, *counting], excused


def service_of(probe: Probe) -> str:
    """What outages call that for which it asks."""
    return probe.service or probe.name


def _asked(known: list[tuple[Probe, Known]]) -> Iterator[Asked]:
    """How each probe stands. One that asks for no service is named where it cannot ask."""
    for probe, at in known:
        state: Literal["up", "down", "blocked", "unknown"] = (
            "blocked" if at.blocked else "unknown" if at.up is None else "up" if at.up else "down"
        )
        if at.blocked or not isinstance(probe, AcmeProbe | CanaryProbe | FirewallProbe):
            yield Asked(name=probe.name, service=service_of(probe), state=state, since=at.since)


def allow_list(config: Config) -> Read | None:
    """The allow-list's files as they are now; None: the config names none. Blocking."""
    return read(config.allow_list) if config.allow_list is not None else None


def _judged(looked: Read, mark: bytes) -> AllowList:
    """The list with what its source knows besides: names that do not resolve, entries that nobody uses."""
    try:
        told = msgspec.json.decode(mark, type=Kept).told if mark else []
    except msgspec.MsgspecError:  # another version's
        told = []
    if looked.listed is None:
        return AllowList(troubles=looked.troubles)
    unresolved, unused = ({entry for fault, entry in told if fault == f} for f in ("unresolved", "unused"))
    found = findings(looked.listed, unresolved=unresolved, unused=unused, limits=ADVISED)
    return AllowList(
        entries=tuple(entry.text for entry in looked.listed.entries),
        wrong={finding.entry.text: finding.what for finding in found},
        troubles=looked.troubles,
    )


def _incidents(connection: sqlite3.Connection, period: Period) -> list[Incident]:
    return incidents.recent(connection, period.since - OPENED_BEFORE, _MOST_INCIDENTS)


def _probes(config: Config) -> Iterator[Probe]:
    for entry in config.sources:
        if isinstance(entry, ProbeSource):
            yield from entry.probes


def _known(marks: Mapping[str, Mapping[str, bytes]], config: Config) -> Iterator[tuple[Probe, Known]]:
    """The state of each probe of the config, as its last commit has it; an empty one where there is none."""
    for entry in config.sources:
        for probe in entry.probes if isinstance(entry, ProbeSource) else ():
            mark = marks.get(entry.name, {}).get(probe.name)
            try:
                yield probe, msgspec.json.decode(mark, type=Known) if mark else Known()
            except msgspec.MsgspecError:  # another version's: it is not known, then
                yield probe, Known()


def _is_down(known: Known) -> bool:
    """Whether a service is: a mark's target begins with its probe's kind."""
    return known.up is False and known.target.partition(" ")[0] not in NO_SERVICES


def _certificates(known: list[tuple[Probe, Known]], now: Stamp) -> Iterator[Certificate]:
    """Those that probes saw last. acme.json names each `resolver/domain`, a TLS probe its service."""
    for probe, at in known:
        for key, certificate in at.certificates.items():
            seen = Seen(
                key=key,
                host=key.rpartition("/")[2] or service_of(probe),
                issuer=certificate.issuer,
                not_before=certificate.not_before,
                not_after=certificate.not_after,
                public_key=certificate.public_key,
            )
            yield Certificate(
                name=seen.host,
                issuer=seen.issuer,
                days_left=seen.days_left(now),
                is_late=step_reached(seen, now) is not None,
            )


def _source(entry: SourceConfig, statuses: Statuses) -> Source:
    match entry:
        case FileSource() | ContainerFileSource():
            kind, writes = ("traefik" if entry.format == "traefik" else "file"), True
        case DockerSource():
            kind, writes = "docker", True
        case CommandSource():
            kind, writes = "command", True
        case _:
            kind, writes = "", False
    blind = why_blind(statuses.get(entry.name, {}))
    return Source(name=entry.name, kind=kind, writes=writes, blind=blind)


def _checks(config: Config, statuses: Statuses) -> Iterator[Check]:
    """Every disk and backup that the config names, with what its source last said."""
    for entry in config.sources:
        if not isinstance(entry, DiskSource):
            continue
        said = statuses.get(entry.name, {}).get("checks")
        looked = said if isinstance(said, dict) else {}
        named = [(disk.path, "disk") for disk in entry.paths]
        named += [(newest.pattern, "backup") for newest in entry.newest]
        named += [("Time Machine", "time_machine")] if entry.time_machine_s is not None else []
        for name, probe in named:
            figures = looked.get(name)
            yield _check(name, probe, figures if isinstance(figures, dict) else {})


def _check(name: str, probe: str, figures: Mapping[str, Any]) -> Check:
    free, share, age = (figures.get(key) for key in ("free", "free_percent", "age"))
    return Check(
        name=name,
        probe=probe,
        state=str(figures.get("state", "unknown")),
        free=free if isinstance(free, int) else None,
        free_percent=float(share) if isinstance(share, int | float) else None,
        age_s=float(age) if isinstance(age, int | float) else None,
    )


def _unaccepted(statuses: Statuses) -> dict[str, str]:
    found: dict[str, str] = {}
    for status in statuses.values():
        listed = status.get("unaccepted")
        if isinstance(listed, dict):
            found |= {str(path): str(what) for path, what in listed.items()}
    return found
