"""Telling people that a source cannot be read: silence that looks like peace is the worst of failures.

Pure: what the sources say of themselves and the time go in, tellings come out. A source that is blind for
less than PATIENCE says nothing (files rotate, engines restart); one that stays blind is told once, and once
more when it sees again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nightporter.model import MINUTE, Nanos, Severity, Stamp, Telling, TellingKind, short_id

PATIENCE: Final[Nanos] = 10 * MINUTE
"""Longer than a restart of Docker Desktop, and than the five minutes of grace after a start."""


@dataclass(slots=True)
class _Blind:
    since: Stamp
    why: str
    told: bool = False


@dataclass(slots=True)
class Blindness:
    """Which sources are blind, since when, and whether that was told."""

    _blind: dict[str, _Blind] = field(default_factory=dict)

    def look(self, statuses: Mapping[str, Mapping[str, object]], now: Stamp) -> list[Telling]:
        """What is to be told now. `statuses`: each source's own `status()`."""
        tellings: list[Telling] = []
        for name, status in statuses.items():
            why = why_blind(status)
            known = self._blind.get(name)
            if not why:
                if known is not None and known.told:
                    tellings.append(_telling("resolved", name, f"The source {name} is read again.", now))
                self._blind.pop(name, None)
            elif known is None or now < known.since:
                self._blind[name] = _Blind(now, why)
            else:
                known.why = why
                if not known.told and now - known.since >= PATIENCE:
                    known.told = True
                    tellings.append(_telling("notice", name, why, now))
        return tellings


def why_blind(status: Mapping[str, object]) -> str:
    """Why a source as a whole cannot be read now; empty when it can. One container of many that has an
    unreadable log driver is for `doctor`: its owner chose that."""
    if status.get("up") is False:
        return str(status.get("away_why") or "the Docker engine does not answer")
    blind = status.get("blind")
    if isinstance(blind, list) and blind:
        return "; ".join(map(str, blind))
    return ""


def _telling(kind: TellingKind, name: str, message: str, now: Stamp) -> Telling:
    notice = kind == "notice"
    return Telling(
        id=short_id("blind", name, kind, now),
        kind=kind,
        severity=Severity.high,
        title=f"Blind: {name} cannot be read" if notice else f"{name} is read again",
        message=message,
        at=now,
        key={"source": name},
        fix="Nothing of it is judged until then. 'nightporter doctor' says what to do." if notice else "",
    )
