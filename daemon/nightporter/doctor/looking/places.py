"""Reads the databases of places that the config names."""

from __future__ import annotations

from datetime import UTC, datetime

from nightporter.config import Config
from nightporter.doctor.looking.view import View
from nightporter.doctor.places import OLD_DAYS, PlaceFacts
from nightporter.model import SECOND
from nightporter.places import places_for


def look(view: View, config: Config) -> tuple[PlaceFacts, frozenset[str]]:
    """The facts, and the fields that the databases give. Blocking."""
    places = places_for(config.geo)
    now = datetime.fromtimestamp(view.clock.now() / SECOND, UTC)
    used = places.status()
    facts = PlaceFacts(
        named=config.geo.country is not None or config.geo.network is not None,
        used=tuple(f"{field} by {used[field]}" for field in sorted(places.fields)),
        troubles=places.troubles,
        old=tuple((str(path), day) for path, day in places.older_than(OLD_DAYS, now)),
    )
    return facts, places.fields
