"""`nightporter drill`: a rule's own test lines through the running daemon, to the people it tells."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from nightporter.cli._rules import config_of, config_option, ruleset_of
from nightporter.cli.notify import in_words
from nightporter.cli.status import read as read_status
from nightporter.clock import Clock, SystemClock
from nightporter.config import Config
from nightporter.drill import tellings
from nightporter.drill.post import Answer, Posted, Request, answer_to, ask, config_file, posted, withdraw
from nightporter.errors import Unreachable, UserError
from nightporter.notify.channels import channel_for
from nightporter.notify.localtime import zone_of
from nightporter.notify.outcome import Delivered
from nightporter.notify.trial import send_now
from nightporter.safetext import for_terminal
from nightporter.statefolder import DATABASE, STATUS
from nightporter.store import undelivered
from nightporter.store.reading import reading

ANSWER_S: Final = 15.0
DELIVERED_S: Final = 30.0
"""How long it is waited for, from the daemon's answer on."""
_POLL_S: Final = 0.1
_TEXT: Final = 300
_WORDS: Final = {
    "sent": "sent",
    "pending": "not sent yet",
    "barred": "refused; look at its address in the config",
    "parked": "given up",
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one message at one destination. `state`: sent, pending, barred or parked."""

    title: str
    severity: str
    destination: str
    state: str
    why: str = ""

    def __str__(self) -> str:
        why = f": {for_terminal(self.why, _TEXT)}" if self.why else ""
        title = for_terminal(self.title, _TEXT)
        return f"{title} → {self.destination}: {_WORDS[self.state]}{why}"


@click.command(epilog="Example: nightporter drill login-bruteforce")
@click.argument("rule", required=False, default="")
@click.option("--here", is_flag=True, help="Without the daemon: judge and send from this process.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@config_option
def command(rule: str, here: bool, as_json: bool, config_file: Path | None) -> int:
    """Send what RULE finds in its own test lines to everyone that a real alert would reach, marked DRILL.

    It goes through the running daemon, its outbox and its destinations, and touches none of its windows and
    incidents. Without RULE all rules are drilled, in one message a severity. The exit code is 1 if a message
    did not arrive within half a minute.
    """
    config = config_of(config_file)
    clock = SystemClock()
    if here:
        fates, notes = _in_process(config, rule, clock)
    else:
        fates, notes = asyncio.run(_through_the_daemon(config, rule, clock))
    if as_json:
        shown = [{slot: getattr(fate, slot) for slot in Fate.__slots__} for fate in fates]
        click.echo(json.dumps({"messages": shown, "notes": notes}))
    else:
        for line in (*map(str, fates), *(for_terminal(note, _TEXT) for note in notes)):
            click.echo(line)
    return 0 if fates and all(fate.state == "sent" for fate in fates) else 1


async def _through_the_daemon(config: Config, rule: str, clock: Clock) -> tuple[list[Fate], list[str]]:
    if not read_status(config.state / STATUS).alive(clock.now()):
        raise Unreachable(
            "Nightporter does not run with this config, so nothing can be drilled; start it ('nightporter "
            "install', or 'nightporter run'), or let this process send by itself: nightporter drill --here"
        )
    request = Request(id=secrets.token_hex(8), at=clock.now(), rule=rule, config=config_file(config))
    ask(config.state, request)
    answer = await _answer(config, request, clock)
    if answer.mistake:
        raise UserError(answer.mistake)
    return await _watched(config.state / DATABASE, answer.tellings, clock), answer.notes


async def _answer(config: Config, request: Request, clock: Clock) -> Answer:
    deadline = clock.monotonic() + ANSWER_S
    while clock.monotonic() < deadline:
        answer = answer_to(config.state, request)
        if answer is not None:
            return answer
        await clock.sleep(_POLL_S)
    withdraw(config.state, request)
    raise Unreachable(
        f"the daemon did not take the request within {ANSWER_S:.0f} s; it may be of an older version: "
        "'nightporter restart', then try again"
    )


async def _watched(database: Path, tellings: Sequence[Posted], clock: Clock) -> list[Fate]:
    """Wait until every message has arrived or was given up, but not longer than DELIVERED_S."""
    deadline = clock.monotonic() + DELIVERED_S
    while True:
        fates = list(_fates(database, tellings))
        if all(fate.state != "pending" for fate in fates) or clock.monotonic() >= deadline:
            return fates
        await clock.sleep(_POLL_S)


def _fates(database: Path, tellings: Sequence[Posted]) -> Iterator[Fate]:
    with reading(database) as connection:
        found = undelivered.fates(connection, [telling.id for telling in tellings])
    for telling in tellings:
        for name in telling.destinations:
            state, why = found.get((telling.id, name), ("pending", ""))
            yield Fate(telling.title, telling.severity.name, name, state, why)


def _in_process(config: Config, rule: str, clock: Clock) -> tuple[list[Fate], list[str]]:
    """Without the daemon: the same messages, sent at once and only once."""
    ruleset, now, nonce = ruleset_of(config), clock.now(), secrets.token_hex(8)
    held = (
        tellings.one(ruleset, rule, config, now, nonce)
        if rule
        else tellings.every(ruleset, config, now, nonce)
    )
    zone = zone_of(config.timezone)
    # With --json standard output is the program's alone.
    channels = {d.name: channel_for(d, zone, sys.stderr) for d in config.destinations}
    fates = []
    for telling, said in zip(held.tellings, posted(held.tellings), strict=True):
        for name in telling.notify:
            outcome = send_now(channels[name], telling, zone, now)
            state, why = ("sent", "") if isinstance(outcome, Delivered) else ("pending", in_words(outcome))
            fates.append(Fate(said.title, said.severity.name, name, state, why))
    return fates, list(held.notes)
