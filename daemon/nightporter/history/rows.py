"""The shapes of what is remembered. Everything here has a cap; the caps of single days are the tally's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from nightporter.model import DAY, Nanos, Stamp

Day = str
"""A day on the owner's wall clock, `2026-11-24`: sorts as it reads."""

What = Literal[
    "lines", "own_lines", "failures", "refused", "refused_cut", "unrouted", "changed", "watched_s", "blind_s"
]
"""What a number of a day counts, and what its name is then:

- `lines`, `own_lines` (those that our own probes caused, which `lines` leaves out), `blind_s` (seconds in
  which it could not be read): a source.
- `failures` (of logins): a service. `changed`: a watched path.
- `refused`, `refused_cut` (addresses that were let go of), `unrouted` (nobody's host was asked for),
  `watched_s` (seconds in which the daemon ran): nothing.
"""

KEPT: Final[Nanos] = 400 * DAY
"""A year, and the month before it to compare with."""
NO_SERVICES: Final = frozenset({"acme", "canary", "firewall"})
"""Kinds of probes that ask for no service: while one fails nobody has to do without anything."""
OTHERS: Final = "(others)"
"""The name under which is counted what a day has no room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who has logged in somewhere, by what logs say. Names are untrusted text."""

    service: str
    user: str
    first: Stamp
    """The first successful login that was seen."""
    last: Stamp
    successes: int
    failures: int = 0
    """Failed logins under this name, all told, since the first successful one."""
    client: str = ""
    """Where the last successful one came from."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a service did not answer."""

    service: str
    start: Stamp
    end: Stamp


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nothing was watched: the machine was off or asleep, or the daemon did not run."""

    start: Stamp
    end: Stamp


@dataclass(slots=True)
class Rows:
    """What one commit adds."""

    counts: dict[tuple[Day, What, str], int] = field(default_factory=dict)
    refused: dict[tuple[Day, str], int] = field(default_factory=dict)
    """Day and address → requests."""
    logins: dict[tuple[str, str], Account] = field(default_factory=dict)
    """Service and user → what the successful logins of this batch add."""
    failures: dict[tuple[str, str], int] = field(default_factory=dict)
    """Service and user → failed logins; counts only where that account is known."""
    outages: list[Outage] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.counts or self.refused or self.logins or self.failures or self.outages)
