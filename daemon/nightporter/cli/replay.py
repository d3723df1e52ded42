"""`nightporter replay`: judge old log files; send nothing."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from nightporter import origins
from nightporter.cli._rules import config_of, config_option, places_of, ruleset_of
from nightporter.clock import SystemClock
from nightporter.config import Config, FileSource
from nightporter.configfile import surroundings
from nightporter.detect.compiled import applies
from nightporter.detect.narrate import clock_time
from nightporter.errors import BadFiles
from nightporter.formats import make_format
from nightporter.model import Chunk, Episode, Origin, Stamp
from nightporter.replay import UNASKED, Replay
from nightporter.rule import Absence, FirstSeen, Ruleset
from nightporter.ruleset.arguments import read_asked
from nightporter.safetext import for_terminal
from nightporter.sources.files import read_whole
from nightporter.wording import counted

WINDOWS: Final[dict[str, type]] = {"absence": Absence, "first_seen": FirstSeen}
LINE_CHARS: Final = 500
"""Characters of a line that a person is shown."""


@click.command(epilog="Example: nightporter replay --from traefik --json /tmp/traefik.log.1.gz")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--from", "name", required=True, help="What the lines are, as in a rule's `from`: traefik …")
@click.option(
    "--rules",
    "only",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Judge by these files or folders alone, not by the config's rules.",
)
@click.option(
    "--with",
    "asked",
    multiple=True,
    type=click.Choice(sorted(WINDOWS)),
    help="Judge windows that are off in a replay, too: what a piece of the past lacks, or shows first.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for every episode.")
@config_option
def command(
    files: tuple[Path, ...],
    name: str,
    only: tuple[Path, ...],
    asked: tuple[str, ...],
    as_json: bool,
    config_file: Path | None,
) -> None:
    """Run old log FILES (plain or .gz, `-` for standard input) through the rules and say what they find.

    Nothing is sent and nothing is remembered. Files are read in the order given: oldest first.
    """
    config = config_of(config_file)
    places = places_of(config)
    ruleset = ruleset_of(config, only, places=places.fields)
    replay = Replay(
        ruleset,
        without=UNASKED - {WINDOWS[window] for window in asked},
        places=places,
    )
    origin = origin_of(name, config)
    replay.feed(_chunks(files, origin, quiet=as_json))
    episodes = replay.episodes()
    for episode in episodes:
        if as_json:
            click.echo(msgspec.json.encode(summary(episode)).decode())
        else:
            click.echo(for_terminal(_sentence(episode, config.timezone), LINE_CHARS))
    if not as_json:
        lines = replay.lanes.counts()["candidates"]
        click.echo(f"{counted(len(episodes), 'episode')}; {counted(lines, 'line')} looked at closely.")
        for window, rules in left_out(ruleset, origin, asked):
            click.echo(f"Off in a replay, but for --with {window}: {', '.join(rules)}.")


def left_out(ruleset: Ruleset, origin: Origin, asked: Container[str]) -> Iterator[tuple[str, list[str]]]:
    """Each window that was not asked for, with the ids of the rules that would judge these lines by it."""
    produces = make_format(origin).produces
    for window, kind in WINDOWS.items():
        rules = [
            rule.id
            for rule in ruleset.rules
            if rule.enabled
            and isinstance(rule.window, kind)
            and applies(rule.sources, origin, produces) != frozenset()
        ]
        if rules and window not in asked:
            yield window, rules


def origin_of(name: str, config: Config) -> Origin:
    """What the config knows of a source of this name is true of the file's lines too.

    Raises BadFiles for a name that no rule could have in its `from`: no rule would look at such lines.
    """
    asked = read_asked(name, (), surroundings(config))
    if problems := [problem for problem in asked.problems if not problem.warning]:
        raise BadFiles(problems)
    (name,) = asked.sources
    for source in config.sources:
        if isinstance(source, FileSource) and source.name == name:
            known = origins.named(name, tz=source.tz, trusted_proxies=source.trusted_proxies)
            services = (source.service,) if source.service else known.services
            form = known.format if source.format == "auto" else source.format
            fields = tuple(("service", service) for service in services)
            return Origin(
                source=name,
                kind="file",
                stream=name,
                format=form,
                services=services,
                fields=fields,
                tz=known.tz,
                trusted_proxies=known.trusted_proxies,
            )
    return origins.named(name)


def summary(episode: Episode) -> dict[str, object]:
    """An episode as a program reads it: stamps in nanoseconds since the epoch."""
    return {
        "rule": episode.rule,
        "key": episode.key,
        "severity": episode.severity.name,
        "first": episode.first,
        "last": episode.last,
        "count": episode.count,
        "message": episode.message,
    }


def _sentence(episode: Episode, timezone: str) -> str:
    who = ", ".join(str(value) for value in episode.key.values())
    return (
        f"{clock_time(episode.first, timezone)}  {episode.severity.name:8}  {episode.rule}  {who}  "
        f"×{episode.count}  {episode.message}"
    )


def _chunks(files: Iterable[Path], origin: Origin, *, quiet: bool) -> Iterator[Chunk]:
    """The files' chunks in order; on a terminal with a progress bar on standard error."""
    for file in files:
        arrived = last_written(file)
        known = file.exists() and file.is_file()
        if quiet or not known or not sys.stderr.isatty():
            yield from read_whole(file, origin, arrived)
            continue
        with click.progressbar(length=file.stat().st_size, label=file.name, file=sys.stderr) as bar:
            yield from read_whole(file, origin, arrived, progress=lambda done, _: bar.update(done - bar.pos))


def last_written(file: Path) -> Stamp:
    """When a file was last written: no line of it is newer. Now, for standard input and what is no file."""
    return file.stat().st_mtime_ns if file.is_file() else SystemClock().now()
