"""A detection as an event of its own, for rules that say `from: detection`."""

from __future__ import annotations

from nightporter.detect.episodes import Opened
from nightporter.detect.filling import filled
from nightporter.detect.narrate import naming
from nightporter.model import Event, Fields, Origin, Stamp, Untrusted, Value


def emitted(
    opened: Opened, sets: tuple[tuple[str, Value], ...], cause: Event | None, now: Stamp, timezone: str
) -> Event:
    """The event that an episode goes on as when it opens. `cause`: the event at which it did; None where time
    alone opened it, by the arrival clock at `now`."""
    rule, episode = opened.rule, opened.episode
    time, arrived = (episode.crossed, now) if cause is None else (cause.time, cause.arrived)
    said: Fields = {
        "source": rule.id,
        "time": time,
        "started": time,
        "arrived": arrived,
        "rule": rule.id,
        "severity": episode.severity.name,
        "count": episode.count,
    }
    return Event(
        fields={**said, **filled(sets, naming(rule, opened.key, episode, timezone))},
        time=time,
        arrived=arrived,
        origin=Origin(source=rule.id, kind="detection", stream=rule.id, format="record"),
        format="record",
        position=f"{rule.id}:{episode.id}",
        raw=Untrusted(episode.samples[0] if episode.samples else ""),
    )
