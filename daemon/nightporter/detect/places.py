"""Where an address is: what the engine asks of whoever knows (`nightporter.places`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

Place = Mapping[str, str]
"""What is known of an address, by the names in `rule.PLACE_FIELDS`; empty: nothing, or it is at home."""
Places = Callable[[str], Place]
"""Gives the place of a normalised address. Never raises, and remembers what it was asked lately."""
UNKNOWN: Final[Place] = MappingProxyType({})


def nowhere(_address: str) -> Place:
    """Knows nothing: the config names no databases."""
    return UNKNOWN
