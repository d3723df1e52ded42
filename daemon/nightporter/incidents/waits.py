"""How long people are left alone: by severity, unless the rule says otherwise (DEFAULTS, "Telling")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nightporter.model import DAY, HOUR, MINUTE, Nanos, Severity
from nightporter.rule import Rule

WAITS: Final[Mapping[Severity, tuple[Nanos, Nanos]]] = {
    Severity.info: (DAY, DAY),
    Severity.low: (DAY, DAY),
    Severity.medium: (4 * HOUR, DAY),
    Severity.high: (HOUR, 12 * HOUR),
    Severity.critical: (15 * MINUTE, 4 * HOUR),
}
"""First and longest wait before an incident is told again, by severity; also the default cooldown."""

SHORTEST_WAIT: Final[Nanos] = MINUTE
"""Nothing is told again sooner than this, whatever a rule's cooldown says."""
AHEAD: Final[Nanos] = HOUR
"""An episode that crossed further in the future than this was stamped by a clock that was wrong: it must not
stand in the way of what happens now."""


def cooldown(rule: Rule, severity: Severity) -> Nanos:
    """Until this long after the crossing last told, a new one belongs to the same incident."""
    return WAITS[severity][0] if rule.cooldown is None else rule.cooldown


def first_and_longest(rule: Rule, severity: Severity) -> tuple[Nanos, Nanos]:
    """The first wait before an incident is told again, and the longest."""
    first = max(cooldown(rule, severity), SHORTEST_WAIT)
    longest = WAITS[severity][1] if rule.cooldown_max is None else rule.cooldown_max
    return first, max(first, longest)


def next_wait(rule: Rule, severity: Severity, before: Nanos, *, first: bool) -> Nanos:
    """The wait after a telling: twice the one before, within the rule's bounds."""
    shortest, longest = first_and_longest(rule, severity)
    return shortest if first else min(max(2 * before, shortest), longest)
