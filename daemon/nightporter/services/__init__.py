"""The services of a home that are known by name: where each logs its logins, and what it must be told first.

Pure data, for those who look around (`init`), who look for faults (`doctor`), and who join a service's
failure with the proxy's request. What the log lines themselves look like is in the shipped rules;
docs/services.md says the same for people.

Every fact about a program carries how it is known: `measured` (written by the program on a test machine),
`read` (in its source or documentation), or `memory` (nobody looked it up: to be doubted).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from nightporter.services.facts import Checked, LogFile, LoginRequest, Service, Setting, Where
from nightporter.services.table import ROWS

__all__ = (
    "KNOWN",
    "Checked",
    "LogFile",
    "LoginRequest",
    "Service",
    "Setting",
    "Where",
    "recognised",
)

KNOWN: Final[Mapping[str, Service]] = MappingProxyType({service.name: service for service in ROWS})
"""All of them, by name."""
_CALLED: Final[Mapping[str, Service]] = MappingProxyType(
    {name: service for service in ROWS for name in (service.name, *service.images)}
)


def recognised(names: Iterable[str]) -> Service | None:
    """The service that one of `names` stands for (a container's, its compose service's, its image's last
    part), capitals aside; the first name that is known decides."""
    return next((_CALLED[name.lower()] for name in names if name.lower() in _CALLED), None)
