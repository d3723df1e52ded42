"""`nightporter alerts`: what was found, from the daemon's memory; it need not be running."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import click
import msgspec

from nightporter.cli._rules import config_of, config_option
from nightporter.clock import SystemClock
from nightporter.errors import UserError
from nightporter.incidents.parts import is_unwatched
from nightporter.model import Incident, IncidentPart, Severity, Stamp
from nightporter.notify.localtime import shown, span, zone_of
from nightporter.ruleset.values import NotA, duration
from nightporter.safetext import for_terminal, mask_secrets
from nightporter.statefolder import DATABASE
from nightporter.store import incidents
from nightporter.store.reading import reading
from nightporter.wording import counted

LINE_CHARS: Final = 300
PARTS: Final = 8
"""Further parts of one incident, and names that it covers, that a person is shown."""
_ENOUGH: Final = 100_000
"""As many as the store keeps."""


@click.command(epilog="Example: nightporter alerts --since 2d --min-severity high")
@click.option("--since", default="7d", show_default=True, help="How far back, such as 12h or 30d.")
@click.option("--rule", default="*", help="Only rules whose id fits; * stands for anything.")
@click.option("--min-severity", default="info", type=click.Choice([s.name for s in Severity]))
@click.option("--limit", "-n", default=50, show_default=True, type=click.IntRange(1, _ENOUGH))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for every incident.")
@config_option
def command(
    since: str, rule: str, min_severity: str, limit: int, as_json: bool, config_file: Path | None
) -> None:
    """List incidents, newest first: everything that was found, whether it was sent or held back.

    The time of each, by which they are sorted, is that of its last event.
    """
    config = config_of(config_file)
    now = SystemClock().now()
    found = read(config.state / DATABASE, now - _span(since))
    wanted = [i for i in found if fnmatchcase(i.rule, rule) and i.severity >= Severity[min_severity]]
    newest = newest_first(wanted)[:limit]
    for incident in newest:
        click.echo(as_object(incident) if as_json else for_a_person(incident, zone_of(config.timezone), now))
    if not as_json:
        click.echo(_summary(len(newest), len(wanted), since))


def newest_first(found: Iterable[Incident]) -> list[Incident]:
    """By the time that is shown of each, that of its last event; of equal ones by when they began."""
    return sorted(found, key=lambda incident: (incident.last, incident.first, incident.id), reverse=True)


def read(path: Path, since: Stamp) -> Sequence[Incident]:
    """The incidents told since then, oldest first; none where the daemon never ran. Changes nothing.

    Raises Unreachable for a file that cannot be read, UserError for one that is no database of ours.
    """
    if not path.exists():
        return []
    with reading(path) as connection:
        return incidents.recent(connection, since, _ENOUGH)


def as_object(incident: Incident) -> str:
    """One incident as a line of JSON; times are nanoseconds since the epoch, UTC."""
    encoded = msgspec.json.encode(
        {
            "id": incident.id,
            "rule": incident.rule,
            "key": incident.key,
            "severity": incident.severity.name,
            "title": incident.title,
            "message": mask_secrets(incident.episode.message),
            "first": incident.first,
            "last": incident.last,
            "told_at": incident.told_at,
            "count": incident.count,
            "episodes": incident.episodes,
            "open": incident.open,
            "unwatched": is_unwatched(incident.parts),
            "subject": mask_secrets(incident.subject),
            "told": incident.tellings > 0,
            "ended_at": incident.ended_at or None,
            "lasted": incident.ended_at - incident.first if incident.ended_at else None,
            "parts": [_part(part) for part in incident.parts],
            "unlisted_parts": incident.unlisted,
            "covers": [mask_secrets(name) for name in incident.covers],
        }
    )
    return encoded.decode()


def _part(part: IncidentPart) -> dict[str, object]:
    return {
        "rule": part.rule,
        "title": part.title,
        "key": part.key,
        "severity": part.severity.name,
        "message": mask_secrets(part.message),
        "first": part.first,
        "last": part.last,
        "count": part.count,
        "open": part.open,
    }


def for_a_person(incident: Incident, zone: tzinfo | None, now: Stamp) -> str:
    """One incident in a few lines: when, how bad, what; then who and how much, and what else tells of it."""
    when = shown(incident.last, zone, now)
    lines = [
        f"{when}  {incident.severity.name:<8}  {for_terminal(incident.title, LINE_CHARS)}",
        f"    {for_terminal(incident.episode.message, LINE_CHARS)}",
        f"    {counted(incident.count, 'event')}, {_state(incident)} · {incident.rule} · {incident.id}",
    ]
    leading = (incident.rule, incident.key)
    others = [part for part in incident.parts if (part.rule, part.key) != leading]
    lines += [f"    also: {for_terminal(part.title, LINE_CHARS)} ×{part.count:,}" for part in others[:PARTS]]
    if (more := len(others) + incident.unlisted - PARTS) > 0:
        lines.append(f"    and {more:,} more that tell of it; --json lists them")
    if incident.covers:
        names = ", ".join(for_terminal(name, LINE_CHARS) for name in incident.covers[:PARTS])
        lines.append(f"    covers {len(incident.covers):,}: {names}")
    return "\n".join(lines)


def _state(incident: Incident) -> str:
    """`going on`, `over`, `over after 14 min`, `no longer watched`; and whether people were told, where a
    state was held back."""
    if incident.ended_at and not incident.open and is_unwatched(incident.parts):
        return "no longer watched"
    if incident.ended_at and not incident.open:
        text = f"over after {span(incident.ended_at - incident.first)}"
        return text if incident.tellings else f"{text}, before it was told"
    if not incident.open:
        return "over"
    return "going on, held back" if incident.parts and not incident.tellings else "going on"


def _span(text: str) -> int:
    try:
        return duration(text)
    except NotA as err:
        raise UserError(f"--since {text}: expected {err.expected}") from err


def _summary(listed: int, found: int, since: str) -> str:
    if not found:
        return f"Nothing in the last {since}."
    if listed < found:
        return f"The newest {listed} of {found:,} in the last {since}; --limit shows more."
    return f"{found:,} in the last {since}."
