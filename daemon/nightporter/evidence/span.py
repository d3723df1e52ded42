"""The stretch of time that evidence is gathered of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from nightporter.model import MINUTE, SECOND, Incident, Nanos, Stamp

CLOSE: Final[Nanos] = MINUTE
"""Where there is too much of it, what is gathered around the incident's newest episode."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` to `last`, both within."""

    first: Stamp
    last: Stamp

    def holds(self, stamp: Stamp) -> bool:
        return self.first <= stamp <= self.last


def around(incident: Incident, margin: Nanos) -> Span:
    """The incident with `margin` before and after it."""
    return Span(max(0, incident.first - margin), incident.last + margin)


def close_to(incident: Incident, margin: Nanos) -> Span:
    """The incident's newest episode with little around it, never more than `margin`."""
    close = min(margin, CLOSE)
    return Span(max(0, incident.episode.first - close), incident.episode.last + close)


def exactly(stamp: Stamp) -> str:
    """A stamp as RFC 3339 with all its digits, UTC, as Docker's engine writes it."""
    second = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=stamp // SECOND)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{stamp % SECOND:09d}Z"
