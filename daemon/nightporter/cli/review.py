"""`nightporter review`: what an owner should look at once a month, from the daemon's memory."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import click

from nightporter.cli._rules import config_of, config_option, ruleset_of
from nightporter.cli.notify import in_words
from nightporter.cli.status import read as read_status
from nightporter.clock import SystemClock
from nightporter.config import Config
from nightporter.errors import BadFiles, UserError
from nightporter.model import DAY, Stamp, Telling, short_id
from nightporter.notify.channels import channel_for
from nightporter.notify.localtime import zone_of
from nightporter.notify.outcome import Delivered
from nightporter.notify.trial import send_now
from nightporter.review import chart, faces
from nightporter.review.desk import receivers
from nightporter.review.facts import Facts
from nightporter.review.gather import Present, allow_list, gather
from nightporter.review.page import page
from nightporter.review.periods import ending_now
from nightporter.rule import Ruleset
from nightporter.ruleset.values import NotA, duration
from nightporter.statefolder import DATABASE, STATUS
from nightporter.store import history, incidents, state
from nightporter.store.reading import reading

MOST_DAYS: Final = 400
_NO_PILLOW: Final = (
    f"the picture needs Pillow, which is not installed: uv tool install '{chart.EXTRA}' (or pipx install, "
    "pip install)"
)


@click.command(epilog="Example: nightporter review --since 30d --png review.png")
@click.option("--since", default="30d", show_default=True, help="How many days back, today among them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture there.")
@click.option("--send", is_flag=True, help="Send it, now, to whom the config sends reviews.")
@config_option
def command(since: str, as_json: bool, png: Path | None, send: bool, config_file: Path | None) -> int:
    """Say what to look at: allow-list, certificates, accounts, refusals, findings, changed files, outages,
    backups, and how well all this was watched; and what only you can know.

    The exit code is 1 if it could not be sent.
    """
    config = config_of(config_file)
    facts = facts_of(config, _days(since), SystemClock().now())
    if png is not None:
        _write(png, _drawn(facts))
    if as_json:
        click.echo(json.dumps(faces.as_object(page(facts), facts)))
    else:
        click.echo(faces.terminal(page(facts)), nl=False)
    if not as_json and png is None and not send and not chart.available():
        click.echo(f"\nWith a picture: {_NO_PILLOW}.")
    return _send(config, facts) if send else 0


def facts_of(config: Config, days: int, now: Stamp) -> Facts:
    """What is known of the last so many days. Changes nothing. Raises Unreachable, UserError."""
    path = config.state / DATABASE
    period = ending_now(days, now, zone_of(config.timezone))
    with reading(path) if path.exists() else _nothing() as connection:
        rules, stands = _rules(config), present(config)
        return gather(connection, config, rules, stands, period, now, allow_list(config))


@contextmanager
def _nothing() -> Iterator[sqlite3.Connection]:
    """What is remembered where the daemon never ran."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for schema in (state.SCHEMA, incidents.SCHEMA, history.SCHEMA):
            connection.executescript(schema)
        yield connection


def _rules(config: Config) -> Ruleset:
    """The rules of the config; none where they have a mistake, which `check` tells."""
    try:
        return ruleset_of(config)
    except BadFiles:
        return Ruleset()


def present(config: Config) -> Present:
    """How things stand, as the daemon last wrote it."""
    report = read_status(config.state / STATUS)
    at = report.facts.get("at")
    return Present(
        as_of=at if isinstance(at, int) else 0,
        sources=_objects(report.part("sources")),
        outbox=_objects(report.part("outbox")),
    )


def _objects(table: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: value for name, value in table.items() if isinstance(value, dict)}


def _days(text: str) -> int:
    try:
        days = -(-duration(text) // DAY)
    except NotA as err:
        raise UserError(f"--since {text}: expected {err.expected}") from err
    if not 1 <= days <= MOST_DAYS:
        raise UserError(f"--since {text}: expected 1d to {MOST_DAYS}d: more is not remembered")
    return days


def _drawn(facts: Facts) -> bytes:
    if not chart.available():
        raise UserError(_NO_PILLOW)
    return chart.png(facts)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as err:
        raise UserError(f"--png {path}: cannot be written: {err.strerror}") from err


def _send(config: Config, facts: Facts) -> int:
    """Send it past caps and quiet hours; each destination's answer is told."""
    names = receivers(config)
    if not names:
        raise UserError("no destination gets reviews; name some under 'review: {to: […]}' in the config")
    picture = chart.png(facts) if chart.available() else b""
    asked = short_id("review", facts.now)
    telling = faces.message(page(facts), "monthly", asked, names, facts.now, picture)
    outcomes = [_sent(config, name, telling, facts.now) for name in names]
    return 0 if all(outcomes) else 1


def _sent(config: Config, name: str, telling: Telling, now: Stamp) -> bool:
    destination = next(d for d in config.destinations if d.name == name)
    zone = zone_of(config.timezone)
    outcome = send_now(channel_for(destination, zone, sys.stdout), telling, zone, now)
    click.echo(f"{name}: {in_words(outcome)}", err=True)
    return isinstance(outcome, Delivered)
