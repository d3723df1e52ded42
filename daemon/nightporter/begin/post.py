"""How many messages people would have got: the outbox's own plan, run over tellings of the past. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nightporter.config import AppriseDestination, Config, Route, Secret
from nightporter.model import Stamp, Telling
from nightporter.notify.localtime import zone_of
from nightporter.notify.plan import HISTORY, Policy, Send, plan
from nightporter.notify.routing import destinations_for
from nightporter.store.outbox import OutboxRow, SentMessage

PHONE = AppriseDestination(name="phone", url=Secret(""))
"""Stands for a destination where the config has none but the terminal."""


@dataclass(slots=True)
class Posted:
    """What one destination would have been sent."""

    singles: list[Send] = field(default_factory=list)
    digests: list[Send] = field(default_factory=list)


def posted(tellings: Iterable[Telling], config: Config) -> Posted:
    """The messages to the config's first destination that is no terminal and no file, under its routes, caps,
    quiet hours and digests."""
    apprise = next((d for d in config.destinations if isinstance(d, AppriseDestination)), None)
    destination = apprise or PHONE
    routes = config.routes if apprise is not None else (Route(to=PHONE.name),)
    policy = Policy(caps=config.caps, quiet=config.quiet, digest=config.digest, zone=zone_of(config.timezone))
    routed = [t for t in tellings if destinations_for(t, (destination,), routes)]
    rows = [
        OutboxRow(id=f"{number}", destination=destination.name, telling=telling)
        for number, telling in enumerate(sorted(routed, key=lambda t: t.at))
    ]
    return _delivered(rows, policy)


def _delivered(coming: list[OutboxRow], policy: Policy) -> Posted:
    """Let time run from telling to telling, and to each moment at which something that waits may go."""
    result = Posted()
    waiting: dict[str, OutboxRow] = {}
    sent: list[SentMessage] = []
    wake: Stamp | None = None
    at = 0
    while at < len(coming) or wake is not None:
        arrives = coming[at].telling.at if at < len(coming) else None
        now = min(moment for moment in (arrives, wake) if moment is not None)
        while at < len(coming) and coming[at].telling.at <= now:
            waiting[coming[at].id] = coming[at]
            at += 1
        planned = plan(list(waiting.values()), [m for m in sent if m.at > now - HISTORY], policy, now)
        for send in planned.sends:
            (result.digests if send.shape == "digest" else result.singles).append(send)
            sent.append(SentMessage(at=now, shape=send.shape, rule=send.rule, severity=send.severity))
            for row in send.rows:
                del waiting[row.id]
        wake = planned.wake_at
    return result
