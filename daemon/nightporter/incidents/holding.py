"""When an alert waits although it is news: the grace after a start, and what the subject depends on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nightporter.model import MINUTE, SECOND, Incident, Nanos, Stamp

PARENT_WAIT: Final[Nanos] = 30 * SECOND
"""How long the alert of what depends on something waits for that something's own: a child's probe may fail
seconds before its parent's."""
AFTER_PARENT: Final[Nanos] = 5 * MINUTE
"""How long children have to become well after their parent did."""
AILING: Final[Nanos] = 15 * MINUTE
"""What goes bad so shortly after its parent ails (a failing health check, say) may be down for that. Many a
container is unhealthy for months: that explains nothing that dies meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the owner said of the house, and since when we watch it."""

    depends_on: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Subject → the subjects that it cannot do without, in lower case."""
    grace: Nanos = 0
    """So long after `started` no outage is told."""
    started: Stamp = 0
    """Wall clock of the daemon's start."""
    alive: Stamp = 0
    """When the daemon was last known to watch before that start; 0: not known."""

    def unwatched(self, since: Stamp, until: Stamp) -> Nanos:
        """How much of that time nobody may have watched, because the daemon did not run."""
        if not 0 < self.alive < self.started:
            return 0
        return max(0, min(until, self.started) - max(since, self.alive))

    def above(self, subject: str) -> Iterator[str]:
        """All that the subject depends on, over any number of steps; each once, the nearest first."""
        seen = {subject}
        level = [subject]
        while level:
            level = [parent for name in level for parent in self.depends_on.get(name, ())]
            level = [name for name in dict.fromkeys(level) if name not in seen]
            seen.update(level)
            yield from level


def explains(parent: Incident, child: Incident) -> bool:
    """Whether what is wrong with a parent now may be why its child is down: it is as bad, or began lately."""
    return any(
        part.severity >= child.severity or child.first <= part.crossed + AILING
        for part in parent.parts
        if part.state and part.open
    )
