"""`nightporter explain`: say how lines are read and which rules count them."""

from __future__ import annotations

from collections.abc import Sequence as Many
from pathlib import Path

import click
import msgspec

from nightporter.cli._rules import config_of, config_option, places_of, ruleset_of
from nightporter.cli.replay import LINE_CHARS, last_written, origin_of
from nightporter.detect.compiled import CompiledRule
from nightporter.detect.engine import Engine
from nightporter.lane import Arrival, Lane
from nightporter.model import Event, Fields
from nightporter.rule import Ratio, Sequence
from nightporter.safetext import for_terminal
from nightporter.sources.files import read_whole

_INNER = ("raw", "arrived", "source")
"""Fields that say nothing about how a line was read."""


@click.command(epilog="Example: nightporter explain --from service:ombi /tmp/ombi.log")
@click.argument("file", default="-", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--from", "name", required=True, help="What the lines are, as in a rule's `from`.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line of the input.")
@config_option
def command(file: Path, name: str, as_json: bool, config_file: Path | None) -> None:
    """For each line of FILE (standard input by default): what was read from it, and which rules count it.

    For a person also: which rules looked and did not count it, and why.
    """
    config = config_of(config_file)
    places = places_of(config)
    engine = Engine(ruleset_of(config, places=places.fields), places=places)
    lane = Lane(origin_of(name, config), engine, Arrival(replayed=True), scan=False)
    number = 0
    for chunk in read_whole(file, lane.origin, last_written(file)):
        for event in lane.events(chunk):
            number += 1
            counted = engine.judge(event, lane.plan)
            if as_json:
                shown = {"line": number, "events": [_shown(event)], "rules": counted}
                click.echo(msgspec.json.encode(shown).decode())
            else:
                click.echo("\n".join(_told(number, event, counted, lane)))


def _shown(event: Event) -> Fields:
    return {name: value for name, value in event.fields.items() if name not in _INNER}


def _told(number: int, event: Event, counted: Many[str], lane: Lane) -> list[str]:
    lines = [f"line {number}, read as {event.format}: {for_terminal(event.raw, LINE_CHARS)}"]
    lines += [
        f"    {name}: {for_terminal(str(value), LINE_CHARS)}" for name, value in sorted(_shown(event).items())
    ]
    for rule, formats in lane.plan.rules:
        if formats is not None and event.format not in formats:
            continue
        verdict = _counts(rule, event) if rule.id in counted else why_not(rule, event)
        lines.append(f"  {rule.id}: {verdict}")
    if len(lines) == 1 + len(_shown(event)):
        lines.append("  no rule looks at such lines")
    return lines


def _counts(rule: CompiledRule, event: Event) -> str:
    """How a rule counts an event, where its window takes in more than what it looks for."""
    match rule.window:
        case Ratio():
            return "counts it, as one that fits `of`" if rule.of(event.fields, None) else "counts it"
        case Sequence():
            steps = [i for i, step in enumerate(rule.steps, start=1) if step(event.fields, None)]
            return f"counts it for step {' and '.join(map(str, steps))} of {len(rule.steps)}"
    return "counts it"


def why_not(rule: CompiledRule, event: Event) -> str:
    """Why a rule left an event uncounted, in words."""
    captured: Fields = {}
    if not rule.when(event.fields, captured):
        if rule.resolves is not None and rule.resolves(event.fields, None):
            return "its `resolve` fits: it ends what the rule tells of"
        return "its `when` does not fit"
    fields = {**event.fields, **captured}
    if rule.unless(fields, None):
        return "its `unless` fits"
    if rule.ignored(fields, None):
        return "an `ignore:` entry covers it"
    missing = [part.field for part in rule.by if part.field not in fields]
    if missing:
        return f"the line has no {' and no '.join(missing)} to group by"
    if rule.skip_pollers:
        return "it is too late, lacks the field that is counted, or comes from a poller"
    return "it is too late, or lacks the field that is counted"
