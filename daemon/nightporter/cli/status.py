"""`nightporter status`: the service as its manager sees it, and the daemon as it sees itself.

The daemon writes `status.json` into its state folder. The reader takes what it knows and passes over the
rest, so that an older or newer daemon than this program can be asked too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from nightporter.agent.choose import choose
from nightporter.agent.service import ServiceState, setup
from nightporter.cli._rules import config_of, config_option
from nightporter.clock import SystemClock
from nightporter.errors import UserError, WorldError
from nightporter.model import SECOND, Nanos, Stamp
from nightporter.notify.localtime import span
from nightporter.safetext import for_terminal
from nightporter.statefolder import STATUS, STATUS_EVERY_S

_STALE: Final[Nanos] = round(3 * STATUS_EVERY_S * SECOND)
_TEXT: Final = 200
_LISTED: Final = 20
"""How many containers or paths a person is shown; `--json` has all."""
_COUNTED: Final = {"sent": "sent", "pending": "waiting", "parked": "given up"}
_KEPT: Final = {
    "last good": ", the last good ones: a file has a mistake",
    "shipped": ", the shipped ones alone: a file has a mistake",
}
"""What is said of the rules in force where they are not those of the files (rulebook.Kept)."""
_MAX_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """What the daemon last wrote of itself. `facts` is empty where there is nothing, or nothing readable."""

    # JSON that another version of this program may have written: hence Any.
    facts: Mapping[str, Any]
    note: str = ""

    def age(self, now: Stamp) -> Nanos | None:
        """How long ago it was written; None where it does not say."""
        at = self.facts.get("at")
        return max(0, now - at) if isinstance(at, int) else None

    def alive(self, now: Stamp) -> bool:
        """Whether the daemon wrote it lately and meant to go on."""
        age = self.age(now)
        return self.facts.get("running") is True and age is not None and age <= _STALE

    def part(self, name: str) -> Mapping[str, Any]:
        """A part of it, empty if it is missing or no object."""
        return _object(self.facts, name)


@click.command(epilog="Example: nightporter status --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@config_option
def command(as_json: bool, config_file: Path | None) -> int:
    """Say whether Nightporter runs, what it watches, which rules are in force and what waits to be sent.

    The exit code is 1 if the daemon does not run.
    """
    config = config_of(config_file)
    now = SystemClock().now()
    report = read(config.state / STATUS)
    service = asyncio.run(_service())
    alive = report.alive(now)
    if as_json:
        click.echo(json.dumps({"service": service.as_dict(), "alive": alive, "daemon": report.facts}))
    else:
        for line in (*about_service(service), *about_daemon(report, now)):
            click.echo(line)
    return 0 if alive else 1


async def _service() -> ServiceState:
    """The service; a machine without a service manager is no failure here."""
    try:
        return await choose(setup()).state()
    except (UserError, WorldError) as err:
        return ServiceState(manager="none", installed=False, note=str(err))


def read(path: Path) -> Report:
    """The daemon's status file; a missing or odd one is told in the note."""
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return Report({}, "it has not run yet with this state folder")
    except OSError as err:
        return Report({}, f"{path}: cannot be read: {err.strerror}")
    except ValueError:
        return Report({}, f"{path}: is not the status of a daemon")
    return Report(facts) if isinstance(facts, dict) else Report({}, f"{path}: is not the status of a daemon")


def about_service(service: ServiceState) -> Iterator[str]:
    """The service in a line."""
    if not service.installed:
        yield f"Service: not installed ({_shown(service.note) or service.manager})"
        return
    facts = ["running" if service.running else "not running", f"pid {service.pid}" if service.pid else ""]
    if not service.loaded:
        facts.append("will not start at login")
    if service.last_exit is not None:
        facts.append(f"last exit code {service.last_exit}")
    yield f"Service: {service.manager}, {', '.join(fact for fact in facts if fact)}"


def about_daemon(report: Report, now: Stamp) -> Iterator[str]:
    """What the daemon says of itself, a few lines."""
    age = report.age(now)
    if not report.facts or age is None:
        yield f"Daemon: unknown; {report.note or 'its status file says no time'}"
        return
    if not report.alive(now):
        last = "it was stopped" if report.facts.get("running") is False else "nothing was heard of it"
        yield f"Daemon: not running; {last} {span(age)} ago"
    else:
        yield f"Daemon: running, pid {_shown(report.facts.get('pid'))}"
    yield from _sources(report, now)
    yield from _rules(report)
    yield from _places(report)
    yield from _failing(report)
    yield from _judge(report)
    yield from _outbox(report, now)


def _sources(report: Report, now: Stamp) -> Iterator[str]:
    for name in report.part("sources"):
        facts = _object(report.part("sources"), name)
        last = _stamp(facts, "last_chunk")
        heard = f"last line {span(now - last)} ago" if last else "no line yet"
        yield f"Source {_shown(name)}: {_source_state(facts)}{heard}"
        for label in ("blind", "down", "blocked", "waiting", "following", "stderr", "unaccepted"):
            for text in _listed(facts.get(label)):
                yield f"    {label}: {_shown(text)}"


def _source_state(facts: Mapping[str, Any]) -> str:
    """What a source says of itself in a word: a file's `state`, an engine's `up`."""
    if "state" in facts:
        return f"{_shown(facts['state'])}, "
    if facts.get("up") is False:
        return f"away ({_shown(facts.get('away_why'))}), "
    return ""


def _rules(report: Report) -> Iterator[str]:
    rules = report.part("rules")
    if "in_force" in rules:
        yield f"Rules: {_shown(rules['in_force'])} in force{_KEPT.get(str(rules.get('kept')), '')}"
    for problem in _listed(rules.get("problems")):
        yield f"    {_shown(problem)}"
    if without := ", ".join(map(_shown, _listed(rules.get("without_places")))):
        yield f"    off, since the config names no geo database that can be read: {without}"


def _places(report: Report) -> Iterator[str]:
    places = report.part("places")
    for field in ("country", "network"):
        if field in places:
            yield f"Places: {field} by {_shown(places[field])}"
    for trouble in _listed(places.get("troubles")):
        yield f"Places: {_shown(trouble)}"


def _failing(report: Report) -> Iterator[str]:
    for name, part in report.part("parts").items():
        if isinstance(part, dict) and part.get("state") not in ("running", "starting"):
            yield f"Part {_shown(name)}: {_shown(part.get('state'))}, {_shown(part.get('last_error'))}"


def _judge(report: Report) -> Iterator[str]:
    if trouble := report.part("judge").get("trouble"):
        yield f"Trouble: {_shown(trouble)}"


def _outbox(report: Report, now: Stamp) -> Iterator[str]:
    for name in report.part("outbox"):
        yield f"Destination {_shown(name)}: {'; '.join(_fares(_object(report.part('outbox'), name), now))}"


def _fares(facts: Mapping[str, Any], now: Stamp) -> Iterator[str]:
    """How a destination fares."""
    counts = ((facts.get(key), word) for key, word in _COUNTED.items())
    yield ", ".join(f"{_shown(count)} {word}" for count, word in counts if count) or "nothing sent yet"
    if last := _stamp(facts, "last_sent"):
        yield f"last sent {span(now - last)} ago"
    if facts.get("broken"):
        yield f"refuses us, and needs you: {_shown(facts.get('last_error'))}"
    elif since := _stamp(facts, "failing_since"):
        yield f"failing for {span(now - since)}: {_shown(facts.get('last_error'))}"
    if repeats := facts.get("possible_repeats"):
        yield f"{_shown(repeats)} perhaps sent twice"


def _object(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, dict) else {}


def _stamp(facts: Mapping[str, Any], name: str) -> Stamp:
    """A stamp, 0 where there is none."""
    found = facts.get(name)
    return found if isinstance(found, int) else 0


def _listed(value: object) -> Sequence[object]:
    """The entries of a list, or of a table of reasons by name."""
    if isinstance(value, dict):
        return [f"{name}: {reason}" for name, reason in value.items()][:_LISTED]
    return value[:_LISTED] if isinstance(value, list) else []


def _shown(value: object) -> str:
    """Anything from the file, safe for a terminal: paths and messages in it may be an attacker's."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return for_terminal(text, _TEXT)
