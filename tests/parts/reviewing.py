"""Facts for reviews: a home of which much is known and all is well, to be changed by a test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

from nightporter.history import Account
from nightporter.history.rows import Day, What
from nightporter.model import DAY, HOUR, SECOND, Episode, Incident, IncidentPart, Severity, Stamp
from nightporter.review.facts import AllowList, Asked, Certificate, Check, Facts, Source
from nightporter.review.periods import between

NOW: Final[Stamp] = round(datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp()) * SECOND
PERIOD: Final = between(date(2026, 11, 1), date(2026, 11, 30), NOW, UTC)


def counts(per_day: int = 1_000, **more: int) -> dict[tuple[Day, What, str], int]:
    """Lines and a whole day's watch on each day; `more`: numbers of the 10th."""
    found: dict[tuple[Day, What, str], int] = {}
    for day in PERIOD.days:
        found[(day, "lines", "traefik")] = per_day
        found[(day, "watched_s", "")] = 86_400
    found |= {("2026-11-10", what, ""): n for what, n in more.items()}  # type: ignore[misc]  # names of What
    return found


def well(**changes: Any) -> Facts:  # Any: whatever Facts have
    """A home where nothing needs anybody."""
    facts = Facts(
        period=PERIOD,
        now=NOW,
        zone=UTC,
        began="2026-01-01",
        as_of=NOW,
        counts=counts(),
        sources=(Source(name="traefik", kind="traefik", writes=True),),
        accounts=(Account(service="ombi", user="anna", first=NOW - 200 * DAY, last=NOW - DAY, successes=40),),
        asked=(Asked(name="plex", service="plex", state="up"),),
        certificates=(
            Certificate(name="plex.example.net", issuer="Let's Encrypt", days_left=61.5, is_late=False),
        ),
        asks_certificates=True,
        checks=(
            Check(name="/", probe="disk", state="ok", free=400_000_000_000, free_percent=41.0),
            Check(name="/b/*.gz", probe="backup", state="ok", age_s=21_600),
        ),
        watches_files=True,
        allow_list=AllowList(entries=("192.168.1.0/24",)),
    )
    return replace(facts, **changes)


def incident(number: int = 1, **changes: Any) -> Incident:  # Any: whatever an Incident has
    """A scan of the 10th."""
    at = PERIOD.since + 9 * DAY + number * HOUR
    severity = changes.get("severity", Severity.medium)
    rule = changes.get("rule", "http-404-scan")
    key = {"client_ip": f"203.0.113.{number}"}
    episode = Episode(
        id=f"e{number}", rule=rule, key=dict(key), severity=severity, first=at, last=at, crossed=at, count=20
    )
    values: dict[str, Any] = {
        "id": f"i{number}",
        "rule": rule,
        "key": dict(key),
        "severity": severity,
        "title": "Many missing pages",
        "first": at,
        "last": at,
        "episodes": 1,
        "count": 20,
        "open": False,
        "episode": episode,
        "crossing_told": at,
        "told_at": at,
        "told_count": 20,
        "told_severity": severity,
        "wait": HOUR,
    }
    return Incident(**(values | changes))


def outage(subject: str, start: Stamp, end: Stamp = 0, rule: str = "service-down") -> Incident:
    """A service that was down; `end` 0: it still is."""
    part = IncidentPart(
        rule=rule,
        title="Down",
        key={"name": subject},
        severity=Severity.high,
        first=start,
        last=start,
        count=1,
        message="down",
        open=not end,
        state=True,
        episode="e",
        crossed=start,
        episode_count=1,
    )
    return incident(
        rule=rule,
        severity=Severity.high,
        subject=subject,
        first=start,
        last=start,
        ended_at=end,
        open=not end,
        parts=[part],
    )
