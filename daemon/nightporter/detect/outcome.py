"""What a window says of one admitted event; the word that all windows share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nightporter.model import Stamp


@dataclass(frozen=True, slots=True)
class Late:
    """Too old to be counted (RULES §4.2)."""


@dataclass(frozen=True, slots=True)
class Under:
    """Taken in; no window that contains it is over.

    `grows`: it belongs to an episode that is open. In windows that take in the ordinary too (a ratio, a
    spike, first seen) it does not, or a steady trickle would hold an episode open for ever. `shown`: its
    line may be a sample of an episode to come.
    """

    grows: bool = True
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Over:
    """Taken in; a window that contains it is over. `start` is that window's first stamp, `held` how many
    events (or values) it holds."""

    start: Stamp
    held: int


LATE: Final = Late()
UNDER: Final = Under()
APART: Final = Under(grows=False, shown=False)
"""Ordinary: neither counted nor shown."""
Outcome = Late | Under | Over
