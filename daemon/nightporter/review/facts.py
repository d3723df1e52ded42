"""What a review is made from: everything that is known of a period, and of how things stand. No face, no I/O.

Texts from logs (names of users, services, paths, certificates) are untrusted; only `faces` shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal

from nightporter.history.rows import Account, Day, Gap, Outage, What
from nightporter.model import Incident, Severity, Stamp
from nightporter.review.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source of the config. `writes`: it brings lines, and is not one of our own lookers."""

    name: str
    kind: str
    writes: bool
    blind: str = ""
    """Why it cannot be read now; empty: it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A probe of the config that asks for a service, or could not ask at all."""

    name: str
    service: str
    state: Literal["up", "down", "blocked", "unknown"]
    """`blocked`: there is no way to ask. `unknown`: it has had no answer yet that says anything."""
    since: Stamp = 0
    """From when on it is up or down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate as it was last seen."""

    name: str
    issuer: str
    days_left: float
    is_late: bool
    """A step of days left was reached: it should have been renewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A disk or a backup as it was last looked at. `state` as the disk source has it: `ok`, `low` …"""

    name: str
    probe: str
    """`disk`, `backup` or `time_machine`."""
    state: str
    free: int | None = None
    free_percent: float | None = None
    age_s: float | None = None
    """How old the newest backup is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """The allow-list as its file has it."""

    entries: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Entry → what is wrong with it."""
    troubles: tuple[str, ...] = ()
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it. What is None or empty because nothing was configured is told as not known."""

    period: Period
    now: Stamp
    zone: tzinfo | None
    began: Day | None = None
    """The first day of which anything is remembered."""
    as_of: Stamp = 0
    """When the daemon last told how things stand; 0: never."""
    counts: Mapping[tuple[Day, What, str], int] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    refused: tuple[tuple[str, int], ...] = ()
    """The busiest refused addresses with their requests."""
    most_refused: int = 0
    """Addresses on the day that had most of them."""
    accounts: tuple[Account, ...] = ()
    incidents: tuple[Incident, ...] = ()
    incidents_since: Stamp = 0
    """From when on they are kept."""
    outages: Mapping[str, list[Outage]] = field(default_factory=dict)
    """Service → its outages in the period, cut to it, none overlapping another."""
    excused: Mapping[str, list[Outage]] = field(default_factory=dict)
    """The same of what probes saw, and no rule called an outage: somebody had stopped that service."""
    down: tuple[str, ...] = ()
    """Services that were down when they were last looked at."""
    asked: tuple[Asked, ...] = ()
    unwatched: tuple[Gap, ...] = ()
    """When nothing was watched in the period: none touching another, oldest first."""
    unwatched_since: Stamp = 0
    """Since when nothing is watched any more; 0: it is."""
    certificates: tuple[Certificate, ...] = ()
    asks_certificates: bool = False
    checks: tuple[Check, ...] = ()
    unaccepted: Mapping[str, str] = field(default_factory=dict)
    """Watched path → what is another since it was accepted."""
    watches_files: bool = False
    allow_list: AllowList | None = None
    """None: the config names none."""
    undelivered: Mapping[str, str] = field(default_factory=dict)
    """Destination → why nothing gets there now."""

    def total(self, what: What, name: str | None = None) -> int:
        """The sum of a number over the period; of one name, or of all."""
        return sum(n for (_, w, named), n in self.counts.items() if w == what and name in (None, named))

    def by_name(self, what: What) -> Counter[str]:
        """Name → its sum over the period."""
        sums: Counter[str] = Counter()
        for (_, w, name), n in self.counts.items():
            if w == what:
                sums[name] += n
        return sums

    def by_day(self, what: What) -> list[int]:
        """The number of each day of the period."""
        sums: Counter[str] = Counter()
        for (day, w, _), n in self.counts.items():
            if w == what:
                sums[day] += n
        return [sums[day] for day in self.period.days]

    def wrote(self, source: str) -> set[Day]:
        """The days on which a source had a line, if only of our own probes."""
        return {
            day
            for (day, what, name), n in self.counts.items()
            if n and name == source and what in ("lines", "own_lines")
        }

    @property
    def told(self) -> tuple[Incident, ...]:
        """Incidents that are more than a note."""
        return tuple(incident for incident in self.incidents if incident.severity > Severity.info)
