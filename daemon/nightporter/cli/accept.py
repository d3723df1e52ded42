"""`nightporter accept`: a person says that a watched file is right as it is now."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from nightporter.cli._rules import config_of, config_option
from nightporter.cli.status import read as read_status
from nightporter.clock import Clock, SystemClock
from nightporter.config import Config, IntegritySource
from nightporter.errors import Denied, Unreachable, UserError, nearest
from nightporter.ownfiles import watching
from nightporter.safetext import for_terminal
from nightporter.sources.integrity.accepting import Desk, Request, Verdict
from nightporter.sources.integrity.marks import path_of, stream_of
from nightporter.sources.integrity.state import look, readable
from nightporter.sources.integrity.watchlist import covers, listing, named_by_traefik, usual
from nightporter.statefolder import STATUS

ANSWER_S: Final = 15.0
_POLL_S: Final = 0.1
_TEXT: Final = 300
_WORDS: Final[Mapping[str, str]] = {
    "accepted": "accepted as it is now",
    "already": "nothing was open about it",
    "changed": "it was changed again meanwhile; look at it, and accept it anew",
    "unwatched": "the running Nightporter does not watch it",
    "later": "noted; Nightporter does not run, and accepts it at its next start",
}


@click.command(epilog="Example: nightporter accept ~/docker/docker-compose.yml")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="All that is not accepted yet.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@config_option
def command(paths: tuple[Path, ...], everything: bool, as_json: bool, config_file: Path | None) -> int:
    """Make PATHS as they are now the baseline: their changes are no longer shown as not accepted.

    Each change is told once, whether it is accepted or not. Without PATHS, list what is not accepted. The
    exit code is 1 if something could not be accepted.
    """
    config = config_of(config_file)
    clock = SystemClock()
    open_now = _unaccepted(config)
    if not paths and not everything:
        return _list(open_now, as_json)
    wanted = list(dict.fromkeys([*map(_absolute, paths), *(open_now if everything else ())]))
    verdicts = asyncio.run(_accepted(config, _by_source(config, wanted, open_now), clock))
    if as_json:
        click.echo(json.dumps({"verdicts": {readable(path): said for path, said in verdicts.items()}}))
    else:
        for path, said in verdicts.items():
            click.echo(f"{for_terminal(readable(path), _TEXT)}: {_WORDS[said]}")
    return 0 if all(said in ("accepted", "already", "later") for said in verdicts.values()) else 1


def _list(unaccepted: Mapping[str, str], as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"unaccepted": dict(unaccepted)}))
        return 0
    for path, what in unaccepted.items():
        click.echo(f"{for_terminal(path, _TEXT)}: {for_terminal(what, _TEXT)}")
    if not unaccepted:
        click.echo("Everything that is watched is as it was accepted.")
    return 0


def _unaccepted(config: Config) -> dict[str, str]:
    """Path → what is another, by the daemon's own status."""
    found: dict[str, str] = {}
    sources = read_status(config.state / STATUS).part("sources")
    for entry in watching(config):
        status = sources.get(entry.name)
        listed = status.get("unaccepted") if isinstance(status, dict) else None
        if isinstance(entry, IntegritySource) and isinstance(listed, dict):
            found |= {str(path): str(what) for path, what in listed.items()}
    return found


def _absolute(path: Path) -> str:
    """As the watch list spells it: a link stays the link that is watched."""
    return os.path.abspath(path.expanduser())  # noqa: PTH100 - resolve() would follow it


def _by_source(
    config: Config, paths: Iterable[str], unaccepted: Mapping[str, str]
) -> list[tuple[IntegritySource, list[str]]]:
    """Each source with those of the paths that it watches. Raises UserError for one that none does."""
    sources = [source for source in watching(config) if isinstance(source, IntegritySource)]
    patterns = {source.name: _patterns(source) for source in sources}
    watched = {source.name: list[str]() for source in sources}
    for path in paths:
        names = [name for name, some in patterns.items() if any(covers(p, path) for p in some)]
        if not names:
            near = nearest(path, [*unaccepted, *listing(p for some in patterns.values() for p in some).paths])
            hint = f"; did you mean '{near}'?" if near else "; add it to the paths of an integrity source"
            raise UserError(f"{for_terminal(readable(path), _TEXT)} is not watched{hint}")
        for name in names:
            watched[name].append(path)
    return [(source, watched[source.name]) for source in sources if watched[source.name]]


def _patterns(source: IntegritySource) -> tuple[str, ...]:
    given = (*source.paths, *source.own)
    if not source.usual:
        return given
    fixed = (*given, *usual(Path.home()))
    return (*fixed, *named_by_traefik(listing(fixed).paths))


async def _accepted(
    config: Config, asked: Sequence[tuple[IntegritySource, list[str]]], clock: Clock
) -> dict[str, str]:
    """What became of each path; of one that two sources watch, what the last of them says."""
    alive = read_status(config.state / STATUS).alive(clock.now())
    verdicts: dict[str, str] = {}
    for source, paths in asked:
        desk = Desk(config.state, source.name)
        request = Request(id=secrets.token_hex(8), paths={stream_of(path): _print(path) for path in paths})
        desk.ask(request)
        if not alive:
            verdicts |= dict.fromkeys(paths, "later")
            continue
        answer = await _answer(desk, request, clock)
        verdicts |= {path_of(stream): said for stream, said in answer.items() if path_of(stream) in paths}
    return verdicts


def _print(path: str) -> str:
    try:
        return look(path).state.print
    except OSError as err:
        raise Denied(f"{readable(path)}: cannot be looked at: {err.strerror or err}") from err


async def _answer(desk: Desk, request: Request, clock: Clock) -> Mapping[str, Verdict]:
    deadline = clock.monotonic() + ANSWER_S
    while clock.monotonic() < deadline:
        answer = desk.answered(request)
        if answer is not None:
            return answer.verdicts
        await clock.sleep(_POLL_S)
    desk.take()
    raise Unreachable(
        f"the daemon did not take the request within {ANSWER_S:.0f} s; it may be of an older version, or run "
        "with another config: 'nightporter restart', then try again"
    )
