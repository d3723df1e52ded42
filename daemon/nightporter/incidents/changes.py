"""What the ledger hands to the commit."""

from __future__ import annotations

from dataclasses import dataclass, field

from nightporter.model import Incident, Telling


@dataclass(slots=True)
class LedgerChanges:
    """What goes into the commit."""

    incidents: list[Incident] = field(default_factory=list)
    """New and changed ones; of one that is there twice the later holds."""
    tellings: list[Telling] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.incidents or self.tellings)
