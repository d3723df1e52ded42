"""An incident as the store keeps one, for tests that only read it."""

from __future__ import annotations

from nightporter.model import HOUR, Episode, Incident, Severity, Stamp


def an_incident(
    number: int, told_at: Stamp, *, severity: Severity = Severity.medium, **more: str
) -> Incident:
    rule = more.get("rule", "http-404-scan")
    key = {"client_ip": f"203.0.113.{number}"}
    episode = Episode(
        id=f"e{number}",
        rule=rule,
        key=dict(key),
        severity=severity,
        first=told_at,
        last=told_at,
        crossed=told_at,
        count=20,
        message=more.get("message", "many missing pages"),
    )
    return Incident(
        id=f"i{number}",
        rule=rule,
        key=dict(key),
        severity=severity,
        title="Many missing pages",
        first=told_at,
        last=told_at,
        episodes=1,
        count=1234,
        open=False,
        episode=episode,
        crossing_told=told_at,
        told_at=told_at,
        told_count=20,
        told_severity=severity,
        wait=HOUR,
    )
