"""`nightporter evidence`: the lines around an incident, from every source, in one archive."""

from __future__ import annotations

import asyncio
import platform
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Final

import click
import msgspec

from nightporter import rulefiles
from nightporter.cli import FOUND_TROUBLE
from nightporter.cli._rules import config_of, config_option
from nightporter.cli.alerts import read
from nightporter.clock import SystemClock
from nightporter.config import Config
from nightporter.configfile import surroundings
from nightporter.errors import UserError
from nightporter.evidence import pack
from nightporter.evidence.bag import Bag
from nightporter.evidence.gather import Wanted, gather
from nightporter.evidence.span import Span, around, close_to
from nightporter.evidence.story import Case, RuleFile
from nightporter.model import DAY, Incident, Nanos, Stamp
from nightporter.notify.localtime import shown, zone_of
from nightporter.rulebook import LAST_GOOD, kept_texts
from nightporter.ruleset import SourceText, load
from nightporter.ruleset.values import NotA, duration
from nightporter.safetext import for_terminal
from nightporter.statefolder import DATABASE
from nightporter.store import state
from nightporter.store.reading import reading

LAST: Final = "last"
LISTED: Final = 5
LINE_CHARS: Final = 300
LONGEST: Final[Nanos] = DAY


@click.command(epilog="Example: nightporter evidence last --out break-in.zip --around 2h")
@click.argument("incident")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The archive's file.")
@click.option("--around", "margin", default="30m", show_default=True, help="How much before and after it.")
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@click.option("--json", "as_json", is_flag=True, help="What was gathered as one JSON object.")
@config_option
def command(
    incident: str, out: Path | None, margin: str, force: bool, as_json: bool, config_file: Path | None
) -> int:
    """Gather the lines around INCIDENT from every source into a zip, secrets masked, with hashes.

    INCIDENT is an id as `nightporter alerts` shows it, or its beginning, or `last`. The daemon need not run.
    Exits with 1 where a source could not be read; the rest is gathered all the same.
    """
    config = config_of(config_file)
    known = read(config.state / DATABASE, 0)
    now = SystemClock().now()
    chosen = choose(incident, known, config, now)
    length = _margin(margin)
    span = around(chosen, length)
    path = out or Path(f"nightporter-evidence-{chosen.id}.zip")
    with ExitStack() as stack:
        bags = asyncio.run(gather(config.sources, Wanted(span, close_to(chosen, length)), stack))
        digest = pack.write(path, case_of(config, chosen, known, span, now), bags, force=force)
    if as_json:
        click.echo(msgspec.json.encode(_as_object(path, digest, chosen, bags)).decode())
    else:
        for line in _for_a_person(path, digest, bags):
            click.echo(for_terminal(line, LINE_CHARS))
        if span.last > now:
            when = shown(span.last, zone_of(config.timezone), now)
            click.echo(
                f"Its time ends at {when}; for all that follows run this again then, with another --out."
            )
    return FOUND_TROUBLE if any(bag.troubles for bag in bags) else 0


def choose(asked: str, known: Sequence[Incident], config: Config, now: Stamp) -> Incident:
    """The incident of this id, or of the only one that begins so; `last`: the one told last. Raises
    UserError."""
    if asked == LAST and known:
        return known[-1]
    found = [incident for incident in known if asked and incident.id.startswith(asked)]
    exact = [incident for incident in found if incident.id == asked]
    if exact or len(found) == 1:
        return (exact or found)[0]
    what = f"{len(found)} incidents begin with '{asked}'" if found else f"there is no incident '{asked}'"
    if not known:
        raise UserError(f"{what}: none was found so far, or none is kept any more")
    zone = zone_of(config.timezone)
    listed = [
        f"  {i.id}  {shown(i.last, zone, now)}  {i.title}" for i in (found or known)[: -LISTED - 1 : -1]
    ]
    text = "\n".join([f"{what}; the last ones:", *listed, "'nightporter alerts' lists them all."])
    raise UserError(for_terminal(text, LISTED * LINE_CHARS, lines=True))


def _margin(text: str) -> Nanos:
    try:
        length = duration(text)
    except NotA as err:
        raise UserError(f"--around {text}: expected {err.expected}") from err
    if length > LONGEST:
        raise UserError(f"--around {text}: expected at most 1d")
    return length


def case_of(config: Config, incident: Incident, known: Sequence[Incident], span: Span, now: Stamp) -> Case:
    """What is known of an incident besides lines."""
    sources = in_force(config)
    own = [source for source in sources if not source.shipped]
    return Case(
        incident=incident,
        around=[
            other
            for other in known
            if other.id != incident.id and other.first <= span.last and other.last >= span.first
        ],
        span=span,
        rules=_rules(config, sources, [incident.rule, *(part.rule for part in incident.parts)]),
        own_files=own,
        versions={
            "nightporter": metadata.version("nightporter"),
            "python": platform.python_version(),
            "system": f"{sys.platform} {platform.release()}",
        },
        made=now,
        zone=zone_of(config.timezone),
    )


def in_force(config: Config) -> Sequence[SourceText]:
    """The rule files that were in force last; those on the disk where no daemon ever ran."""
    database = config.state / DATABASE
    with reading(database) as connection:
        try:
            kept = state.load_text(connection, LAST_GOOD)
        except sqlite3.OperationalError:  # no such table: no daemon has kept its rules there
            kept = None
    return rulefiles.texts(config)[0] if kept is None else kept_texts(kept)


def _rules(
    config: Config, sources: Sequence[SourceText], ids: Sequence[str]
) -> Mapping[str, tuple[RuleFile, int]]:
    files = {source.name: source for source in sources}
    found = {rule.id: rule.place for rule in load(sources, surroundings(config)).ruleset.rules}
    return {
        rule: (RuleFile(source=files[place.file], changed=_changed(Path(place.file))), place.line)
        for rule in dict.fromkeys(ids)
        if (place := found.get(rule)) is not None and place.file in files
    }


def _changed(file: Path) -> Stamp:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _as_object(path: Path, digest: str, incident: Incident, bags: Sequence[Bag]) -> dict[str, object]:
    return {
        "file": str(path),
        "sha256": digest,
        "incident": incident.id,
        "rule": incident.rule,
        "sources": [
            {
                "source": bag.source,
                "kind": bag.kind,
                "streams": len(bag.parts),
                "lines": sum(part.lines for part in bag.parts),
                "notes": [for_terminal(note, LINE_CHARS) for note in bag.notes],
                "troubles": [for_terminal(trouble, LINE_CHARS) for trouble in bag.troubles],
            }
            for bag in bags
        ],
    }


def _for_a_person(path: Path, digest: str, bags: Sequence[Bag]) -> list[str]:
    lines = [f"{path}  {path.stat().st_size:,} bytes", f"sha256  {digest}"]
    for bag in bags:
        count = sum(part.lines for part in bag.parts)
        lines.append(f"  {bag.source:<14}  {count:,} lines in {len(bag.parts):,} streams")
        lines += [f"    {note}" for note in bag.notes]
        lines += [f"    could not be read: {trouble}" for trouble in bag.troubles]
    return lines
