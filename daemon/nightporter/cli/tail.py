"""`nightporter tail`: follow a source of the config, filtered, with the rules that count each line."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from nightporter import logs
from nightporter.cli._rules import config_of, config_option, places_of, ruleset_of
from nightporter.clock import Clock, SystemClock
from nightporter.config import Config, ContainerFileSource, FileSource, SourceConfig
from nightporter.configfile import surroundings
from nightporter.detect.narrate import sample
from nightporter.errors import BadFiles
from nightporter.model import Chunk
from nightporter.notify.localtime import wall, zone_of
from nightporter.ruleset.arguments import read_asked
from nightporter.safetext import for_terminal, mask_secrets
from nightporter.sources.base import Source
from nightporter.sources.building import build_source
from nightporter.tailing import Shown, View, followed, last_lines

LINE_CHARS: Final = 2_000
LEAST_COLUMNS: Final = 40
"""A line is never cut to less than this, however narrow the terminal and long the names of rules."""
QUIET_S: Final = 2.0
"""After so long, a source that is not being followed says why."""
READER_EVERY_S: Final = 1.0
"""How often it is asked whether somebody still reads us: of a quiet source no write could fail."""
_RED, _YELLOW, _GREEN, _CYAN, _BOLD = "31", "33", "32", "36", "1"
_LEVELS: Final = {"fatal": _RED, "critical": _RED, "error": _RED, "warning": _YELLOW}


@click.command(epilog="Example: nightporter tail --from traefik status=4xx,5xx path=/api/* --last 20")
@click.argument("conditions", nargs=-1)
@click.option(
    "--from", "name", required=True, help="A source of the config, or what a rule's `from` may name."
)
@click.option(
    "--last", type=click.IntRange(0, 100_000), default=0, help="Begin with the last N lines that fit."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@config_option
def command(
    conditions: tuple[str, ...], name: str, last: int, as_json: bool, config_file: Path | None
) -> None:
    """Show the lines of a source as they come, each with the rules that count it at the right; Ctrl-C ends.

    CONDITIONS are FIELD=VALUE[,VALUE], as in a rule: status=4xx,5xx, path|contains=wp-, client_ip=10.0.0.0/8.
    All of them must hold. The running daemon is not touched: positions, windows and alerts stay as they are.
    """
    config = config_of(config_file)
    places = places_of(config)
    ruleset = ruleset_of(config, places=places.fields)
    asked = read_asked(name, conditions, surroundings(config), ruleset.lists)
    if any(not problem.warning for problem in asked.problems):
        raise BadFiles(problem for problem in asked.problems if not problem.warning)
    for problem in asked.problems:
        click.echo(str(problem), err=True)
    sources = followed(config, asked.sources[0])
    make_view = partial(View, ruleset, asked.sources, asked.condition, places)
    write = _write_json if as_json else partial(_write_line, Face.of_terminal(config))
    marks = {source.name: _begin(source, make_view, last, write) for source in sources}
    with logs.configure(
        level="error", path=None
    ):  # what sources tell the daemon's log is told below, in words
        asyncio.run(
            _follow([_at_end(source) for source in sources], marks, make_view(), write, SystemClock())
        )


def _begin(
    source: SourceConfig, make_view: Callable[[], View], last: int, write: Callable[[Shown], None]
) -> Mapping[str, bytes]:
    """Show the last lines of a file source; where to go on."""
    if not last:
        return {}
    if not isinstance(source, FileSource):
        click.echo(f"{source.name}: --last looks back in files only; its lines begin now", err=True)
        return {}
    lines, marks = last_lines(source, make_view, last)
    for line in lines:
        write(line)
    return marks


def _at_end(source: SourceConfig) -> SourceConfig:
    if isinstance(source, FileSource | ContainerFileSource):
        return replace(source, start="end")
    return source


async def _follow(
    configs: Sequence[SourceConfig],
    marks: Mapping[str, Mapping[str, bytes]],
    view: View,
    write: Callable[[Shown], None],
    clock: Clock,
) -> None:
    """Show what comes until Ctrl-C, SIGTERM, or the reader of our output has gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    async def sink(chunk: Chunk) -> None:
        for line in view.shown(chunk):
            write(line)
        sys.stdout.flush()

    sources = [build_source(config, clock) for config in configs]
    tasks = [asyncio.create_task(source.run(dict(marks[source.name]), sink)) for source in sources]
    tasks += [
        asyncio.create_task(_say_why_quiet(sources, clock)),
        asyncio.create_task(_until_unread(stop, clock)),
    ]
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stopping.done():
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for ended in [task for task in tasks if task.done()]:
                tasks.remove(ended)
                ended.result()  # what it raised, if it did
    finally:
        for task in (*tasks, stopping):
            task.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)


async def _until_unread(stop: asyncio.Event, clock: Clock) -> None:
    """Stop once the reader of a pipe that we write into has gone."""
    output = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(output).st_mode):
        return
    poll = select.poll()
    poll.register(output, select.POLLOUT)  # without an event to wait for, macOS reports no hang-up either
    while not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
        await clock.sleep(READER_EVERY_S)
    stop.set()


async def _say_why_quiet(sources: Sequence[Source], clock: Clock) -> None:
    await clock.sleep(QUIET_S)
    for source in sources:
        if why := why_quiet(source.status()):
            click.echo(f"{source.name}: {for_terminal(why, LINE_CHARS)}", err=True)


def why_quiet(status: Mapping[str, Any]) -> str:
    """Why a source brings nothing, by its own status; empty where it is being followed."""
    if status.get("state") == "following":
        return ""
    if blind := status.get("blind"):
        return f"blind: {'; '.join(map(str, blind))}"
    if waiting := status.get("waiting"):
        return f"nothing there yet: {', '.join(map(str, waiting))}"
    return f"the engine is away: {status.get('away_why', '')}" if status.get("up") is False else ""


# --- faces


@dataclass(frozen=True, slots=True)
class Face:
    """How lines look here. `columns` 0: not a terminal, nothing is cut or aligned."""

    zone: tzinfo | None
    colours: bool
    columns: int

    @classmethod
    def of_terminal(cls, config: Config) -> Face:
        """That of standard output."""
        is_terminal = sys.stdout.isatty()
        columns = shutil.get_terminal_size().columns if is_terminal else 0
        return cls(zone_of(config.timezone), is_terminal and not os.environ.get("NO_COLOR"), columns)


def line_of(shown: Shown, face: Face) -> str:
    """Time, the line, and at the right the rules that count it."""
    event = shown.event
    when = f"{wall(event.time, face.zone):%H:%M:%S}"
    where = "" if event.origin.kind == "file" else f"{event.fields.get('container', event.origin.stream)}: "
    rules = f"← {', '.join(shown.rules)}" if shown.rules else ""
    room = LINE_CHARS
    if face.columns:
        room = max(LEAST_COLUMNS, face.columns - len(when) - 1 - (len(rules) + 2 if rules else 0))
    text = for_terminal(where + sample(event.raw, event.fields), room)
    if not rules:
        return f"{when} {_painted(text, colour_of(shown), face.colours)}"
    gap = " " * max(2, face.columns - len(when) - 1 - len(text) - len(rules))
    return (
        f"{when} {_painted(text, colour_of(shown), face.colours)}{gap}{_painted(rules, _BOLD, face.colours)}"
    )


def colour_of(shown: Shown) -> str:
    """By the status of an answer, else by the level of a line; empty for nothing special."""
    fields = shown.event.fields
    status = fields.get("status")
    if isinstance(status, int) and not isinstance(status, bool):
        return {2: _GREEN, 3: _CYAN, 4: _YELLOW, 5: _RED}.get(status // 100, "")
    return _LEVELS.get(str(fields.get("level", "")), "")


def _painted(text: str, code: str, colours: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colours and code else text


def _write_line(face: Face, shown: Shown) -> None:
    click.echo(line_of(shown, face), color=face.colours)


def _write_json(shown: Shown) -> None:
    """In ASCII, so that no line can say more to a terminal than itself; secrets are masked."""
    fields = {name: _masked(value) for name, value in shown.event.fields.items() if name != "raw"}
    said = {"line": mask_secrets(shown.event.raw), "fields": fields, "rules": shown.rules}
    click.echo(json.dumps(said))


def _masked(value: object) -> object:
    return mask_secrets(value) if isinstance(value, str) else value
