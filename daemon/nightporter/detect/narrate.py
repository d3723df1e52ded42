"""From an open episode to what is said of it: the frozen snapshot with its message filled in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from nightporter.detect.compiled import CompiledRule
from nightporter.detect.recent import count_top
from nightporter.detect.template import fill
from nightporter.detect.windows import OpenEpisode
from nightporter.formats import address
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Episode, Fields, Key, Nanos, Stamp, Value
from nightporter.rule import within_of

TOP_FIELDS: Final = ("path", "user", "host", "client_ip", "client_host", "service", "router", "user_agent")
"""Fields whose most frequent values every episode keeps, beside those that its message asks for."""
TOP_SHOWN: Final = 5
VALUE_CHARS: Final = 200
SAMPLE_CHARS: Final = 1_000


def count_tops(episode: OpenEpisode, rule: CompiledRule, fields: Fields) -> None:
    """Count an event's values towards the episode's most frequent ones."""
    for name in dict.fromkeys((*TOP_FIELDS, *rule.top_fields)):
        value = fields.get(name)
        if value is not None:
            count_top(episode.top.setdefault(name, {}), str(value)[:VALUE_CHARS])


def sample(raw: str, fields: Fields) -> str:
    """A line as people are shown it. A Traefik access line in JSON is a thousand bytes of which a phone
    shows the least telling first: it is brought to what was asked, by whom, and what came of it. Of a file
    that was changed it is the difference, line by line."""
    if "diff" in fields and "accepted" in fields and raw.startswith('{"action":'):
        return str(fields["diff"])[:SAMPLE_CHARS]
    if "method" in fields and "status" in fields and raw.startswith("{"):
        asked = f"{fields.get('method')} {fields.get('host', '')}{fields.get('uri', fields.get('path', ''))}"
        who = fields.get("client_ip", "?")
        return f"{who} {asked} {fields['status']} {fields.get('user_agent', '')}".rstrip()[:SAMPLE_CHARS]
    return raw[:SAMPLE_CHARS]


def showable(rule: CompiledRule, fields: Fields) -> Fields:
    """What the rule's message needs of the newest event, shortened."""
    return {
        name: value[:VALUE_CHARS] if isinstance(value, str) else value
        for name in rule.asked_fields
        if (value := fields.get(name)) is not None
    }


def naming(
    rule: CompiledRule, key: Key, episode: OpenEpisode, timezone: str
) -> Callable[[str], Value | None]:
    """What each name in the rule's message and in its `emit` stands for."""
    named, top = _named(rule, key), _top(episode)

    def value_of(name: str) -> Value | None:
        if name.startswith("top."):
            best = top.get(name.removeprefix("top."))
            return best[0][0] if best else None
        match name:
            case "count":
                return episode.count
            case "distinct":
                return episode.distinct
            case "window":
                return duration(within_of(rule.window)) if within_of(rule.window) else None
            case "first":
                return clock_time(episode.first, timezone)
            case "last":
                return clock_time(episode.last, timezone)
            case "for":
                return duration(rule.lasts)
            case "silence":
                return duration(max(episode.last, episode.crossed) - episode.first)
        if name in episode.figures:
            return episode.figures[name]
        return named.get(name, episode.latest.get(name))

    return value_of


def snapshot(rule: CompiledRule, key: Key, episode: OpenEpisode, timezone: str) -> Episode:
    """The episode as it stands, frozen, with its message."""
    named = _named(rule, key)
    return Episode(
        id=episode.id,
        rule=rule.id,
        key=named,
        severity=episode.severity,
        first=episode.first,
        last=episode.last,
        crossed=episode.crossed,
        count=episode.count,
        distinct=episode.distinct,
        ended=episode.ended,
        seen_late=episode.seen_late,
        message=fill(rule.rule.message, naming(rule, key, episode, timezone)),
        top={n: v for n, v in _top(episode).items() if n not in named},
        samples=list(episode.samples),
        service=str(named.get("service", episode.latest.get("service", ""))),
        subject=episode.subject,
        state=rule.is_state and not (episode.forgotten or episode.unwatched),
        unwatched=rule.is_state and episode.unwatched,
        accepted=episode.accepted,
    )


def _named(rule: CompiledRule, key: Key) -> Fields:
    return {part.field: value for part, value in zip(rule.by, key, strict=True)}


def _top(episode: OpenEpisode) -> dict[str, list[tuple[str, int]]]:
    return {
        name: sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_SHOWN]
        for name, counts in episode.top.items()
    }


def subject_of(rule: CompiledRule, key: Key, latest: Fields) -> str:
    """The value of the rule's subject; empty where the rule has none, or nothing says it. A proxy's request
    is about the service behind it, by the name that all else calls it."""
    field = rule.rule.subject
    if field == "service" and "behind" in latest:
        return str(latest["behind"]).lower()[:VALUE_CHARS]
    value = _named(rule, key).get(field, latest.get(field, "")) if field else ""
    if field == "client_ip" and address.network(str(value)) is None:
        return (
            ""  # a user in place of an unknown address: one called `plex` must not have a part in its outage
        )
    return str(value).lower()[:VALUE_CHARS]


def duration(length: Nanos) -> str:
    """A duration as a person writes it: `5 min`, `1 h 30 min`, `2 d`."""
    parts: list[str] = []
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        whole, length = divmod(length, unit)
        if whole:
            parts.append(f"{whole} {name}")
    return " ".join(parts[:2]) or "0 s"


def clock_time(stamp: Stamp, timezone: str) -> str:
    """A stamp as `24 Nov 10:05:06` in the config's zone."""
    moment = datetime.fromtimestamp(stamp // SECOND, UTC)
    local = moment.astimezone(None if timezone == "local" else ZoneInfo(timezone))
    return local.strftime("%d %b %H:%M:%S")
