"""The databases that say where an address is: there, readable, not too old; and what is off without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.doctor.finding import Finding, Voice, listed

OLD_DAYS: Final = 60
"""Networks change hands; GeoLite2 comes twice a week, DB-IP's lite once a month."""
_SAY: Final = Voice("places")
_EXAMPLE: Final = (
    "uv tool install 'nightporter[geo]'    # then, in config.yaml (docs/places.md):\n"
    "geo: {country: ~/geo/GeoLite2-Country.mmdb, network: ~/geo/GeoLite2-ASN.mmdb}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """What became of the config's databases."""

    named: bool = False
    """Whether the config names any."""
    used: tuple[str, ...] = ()
    """What is in use: `country by GeoLite2-Country of 2026-10-30`."""
    troubles: tuple[str, ...] = ()
    old: tuple[tuple[str, str], ...] = ()
    """Path and day of those that were made more than `OLD_DAYS` days ago."""


def findings(facts: PlaceFacts, off: tuple[str, ...]) -> Iterator[Finding]:
    """All checks. `off`: the rules that need a database which is not there."""
    for trouble in facts.troubles:
        yield _SAY.wrong(trouble, "put the file there, or name another under geo: in config.yaml")
    for path, day in facts.old:
        yield _SAY.note(f"{path} is of {day}: networks have changed hands since", f"download {path} anew")
    yield from map(_SAY.right, facts.used)
    if off and facts.named:
        yield _SAY.blind(f"off for want of a database: {listed(off)}")
    elif off:
        yield _SAY.note(f"off, since the config names no geo database: {listed(off)}", _EXAMPLE)
