"""`nightporter notify test`: one message to a destination, now, past all caps and quiet hours."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

import click

from nightporter.cli._rules import config_of, config_option
from nightporter.clock import SystemClock
from nightporter.config import Config, Destination
from nightporter.errors import UserError, nearest
from nightporter.model import Severity, Stamp, Telling, short_id
from nightporter.notify.channels import channel_for
from nightporter.notify.localtime import zone_of
from nightporter.notify.outcome import Barred, Delivered, Outcome, Refused, Retry, Uncertain
from nightporter.notify.plan import Reason, Send
from nightporter.notify.render import render
from nightporter.safetext import for_terminal
from nightporter.store.outbox import OutboxRow

_REASON_CHARS = 300


@click.group(epilog="Example: nightporter notify test phone")
def command() -> None:
    """Send a test message."""


@command.command(epilog="Example: nightporter notify test phone")
@click.argument("destination", required=False)
@config_option
def test(destination: str | None, config_file: Path | None) -> int:
    """Send one test message to DESTINATION, or to every destination of the config, and say what came of it.

    The exit code is 1 if one did not arrive.
    """
    config = config_of(config_file)
    now = SystemClock().now()
    failed = False
    for entry in chosen(config, destination):
        outcome = send(entry, config, now)
        click.echo(f"{entry.name}: {in_words(outcome)}")
        failed = failed or not isinstance(outcome, Delivered)
    return 1 if failed else 0


def chosen(config: Config, name: str | None) -> Sequence[Destination]:
    """The destinations meant. Raises UserError where there is none of that name."""
    if name is None:
        return config.destinations
    found = [entry for entry in config.destinations if entry.name == name]
    if not found:
        names = [entry.name for entry in config.destinations]
        close = nearest(name, names)
        hint = f"did you mean '{close}'?" if close else f"there are: {', '.join(names) or 'none'}"
        raise UserError(f"the config has no destination '{name}'; {hint}")
    return found


def send(destination: Destination, config: Config, now: Stamp) -> Outcome:
    """Send the test message; waits for the answer, at most about a minute."""
    zone = zone_of(config.timezone)
    telling = a_test(now)
    row = OutboxRow(id=telling.id, destination=destination.name, telling=telling)
    message = render(Send(rows=(row,), shape="test", reason=Reason.test), zone, now)
    return channel_for(destination, zone, sys.stdout).send(message)


def a_test(now: Stamp) -> Telling:
    """What the message says."""
    return Telling(
        id=short_id("test", now),
        kind="test",
        severity=Severity.info,
        title="Nightporter can reach you here",
        message="This is what you asked for with 'nightporter notify test'. Nothing has happened.",
        at=now,
    )


def in_words(outcome: Outcome) -> str:
    """What came of it, for a person."""
    match outcome:
        case Delivered():
            return "sent"
        case Retry(reason=reason, after_s=after_s):
            wait = f"; it asks to wait {after_s:.0f} s" if after_s else ""
            return f"not sent: {_shown(reason)}{wait}; trying again later may help"
        case Refused(reason=reason):
            return f"not sent: this message was refused: {_shown(reason)}"
        case Barred(reason=reason):
            return f"not sent: {_shown(reason)}; look at this destination's address in the config"
        case Uncertain(reason=reason):
            return f"sent, but no answer came: {_shown(reason)}; it may have arrived"
        case _:
            assert_never(outcome)


def _shown(reason: str) -> str:
    return for_terminal(reason, _REASON_CHARS)
