"""Where a telling goes: pure.

- Terminal and file destinations get everything.
- A telling that names destinations (`notify:` in the rule) goes to these; names that do not exist are
  passed over, and if none exists, routing decides after all.
- Else every apprise destination with a matching route gets it. A config without any route means: every
  apprise destination.
- `info` goes to no apprise destination unless the rule names one; it is for the page.
- `low` goes wherever rules and tags of a route fit, whatever its `min_severity`, since it travels in the
  daily digest and wakes nobody.
- A recovery goes by the rules under which its incident was told: to whoever heard of it.
- A test goes where it says, and without names everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from nightporter.config import AppriseDestination, Destination, Route
from nightporter.model import Severity, Telling


def destinations_for(
    telling: Telling, destinations: Sequence[Destination], routes: Sequence[Route]
) -> list[str]:
    """The names of the destinations that get this telling, in the config's order."""
    return [d.name for d in destinations if _gets(telling, d, destinations, routes)]


def _gets(
    telling: Telling, destination: Destination, all_of_them: Sequence[Destination], routes: Sequence[Route]
) -> bool:
    named = [d.name for d in all_of_them if d.name in telling.notify]
    if telling.kind == "test":
        return not named or destination.name in named
    if not isinstance(destination, AppriseDestination):
        return True
    if named:
        return destination.name in named
    return _routed(telling, destination.name, routes)


def _routed(telling: Telling, name: str, routes: Sequence[Route]) -> bool:
    if telling.severity == Severity.info:
        return False
    if not routes:
        return True
    return any(_fits(route, telling) for route in routes if route.to == name)


def _fits(route: Route, telling: Telling) -> bool:
    rules = (telling.kind == "resolved" and telling.told_rules) or [telling.rule]
    if route.rules and not any(fnmatchcase(rule, pattern) for pattern in route.rules for rule in rules):
        return False
    if route.tags and not set(route.tags) & set(telling.tags):
        return False
    return telling.severity >= route.min_severity or telling.severity == Severity.low
