"""Episodes of a small house: three rules that tell of one service, for the ledger's tests."""

from __future__ import annotations

import msgspec

from nightporter.errors import Place
from nightporter.model import MINUTE, SECOND, Episode, Severity, Telling
from nightporter.rule import ALWAYS, NEVER, Count, Mode, Rule, SeverityStep

NOON = 1_780_315_200 * SECOND


def rule(
    rule_id: str, title: str, *, state: bool = True, mode: Mode = "alert", subject: str = "service"
) -> Rule:
    return Rule(
        id=rule_id,
        title=title,
        sources=("any",),
        when=ALWAYS,
        window=None if state else Count(5, MINUTE),
        resolve=NEVER if state else None,
        quiet=MINUTE,
        severity=(SeverityStep(Severity.high),),
        subject=subject,
        message="",
        mode=mode,
        place=Place("outages.yaml"),
    )


PROBE = rule("probe-down", "It does not answer")
DIED = rule("container-died", "Its container died")
GATEWAY = rule("bad-gateway", "502 at Traefik", state=False)
RULES = {r.id: r for r in (PROBE, DIED, GATEWAY)}


def episode(of: Rule, n: int, crossed: int, **changes: object) -> Episode:
    made = Episode(
        id=f"{of.id}-{n}",
        rule=of.id,
        key={"service": "plex"},
        severity=Severity.high,
        first=crossed,
        last=crossed,
        crossed=crossed,
        count=1,
        message=f"plex: {of.title}",
        subject="plex",
        state=of.resolve is not None,
    )
    return msgspec.structs.replace(made, **changes)


def ended(of: Rule, n: int, crossed: int, last: int, **changes: object) -> Episode:
    return episode(of, n, crossed, last=last, ended=True, **changes)


def kinds(tellings: list[Telling]) -> list[str]:
    return [t.kind for t in tellings]
