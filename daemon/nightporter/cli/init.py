"""`nightporter init`: look around, write a config, look back, and send the first message."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from nightporter import configfile
from nightporter.begin import around, back, greeting, page, plan
from nightporter.begin.planned import Planned
from nightporter.begin.wish import Wish, pasted, usual, wished, write_new
from nightporter.cli._rules import config_of, ruleset_of
from nightporter.cli.notify import in_words
from nightporter.config import Config, Destination
from nightporter.doctor import allowlist, certificates, proxy
from nightporter.doctor.finding import Finding, pasteable
from nightporter.doctor.looking.view import View
from nightporter.errors import UserError
from nightporter.model import Severity
from nightporter.notify.channels import channel_for
from nightporter.notify.localtime import wall, zone_of
from nightporter.notify.outcome import Delivered
from nightporter.notify.trial import send_now
from nightporter.safetext import for_terminal
from nightporter.survey.facts import Survey
from nightporter.survey.look import survey

_LINE: Final = 500
_SEVERITIES: Final = tuple(severity.name for severity in Severity if severity > Severity.info)


@click.command(epilog="Example: nightporter init --yes --to keychain:nightporter")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option(
    "--to",
    help="Who is told: a Discord webhook's URL, any URL that apprise knows, file:PATH, keychain:NAME, "
    "'${VARIABLE}', or none for this terminal alone. A URL goes into a file that only you can read.",
)
@click.option("--min-severity", type=click.Choice(_SEVERITIES), help="What is told at once: this and above.")
@click.option("--print", "only_print", is_flag=True, help="Print the config that would be written; no more.")
@click.option("--no-send", is_flag=True, help="Send no first message.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; by default ~/.config/nightporter/config.yaml.",
)
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), default="/", hidden=True)
def command(
    yes: bool,
    to: str | None,
    min_severity: str | None,
    only_print: bool,
    no_send: bool,
    config_file: Path | None,
    root: Path,
) -> int:
    """Look around on this machine, and write a config for what is found.

    Looks for Traefik's log, Docker's containers and the log files of known services; asks who is to be told;
    writes the config, but never over one that is there; says what the rules would have told of the last days;
    and sends one message. The exit code is 1 if nothing was found, or the message did not arrive.
    """
    view = View()
    target = (config_file or configfile.default_path()).expanduser().absolute()
    asks = not yes and not only_print and sys.stdin is not None and sys.stdin.isatty()
    click.echo("Looking around …", err=only_print)
    found = asyncio.run(survey(view, root))
    planned = plan.sources(found)
    day = f"{wall(view.clock.now(), None):%Y-%m-%d}"
    if only_print:
        answer = to or usual(view.environ)
        _refuse_strange(pasted(answer))
        wish = wished(answer, target.parent, write=False)
        least = _least(wish, min_severity, ask=False)
        click.echo(_page(found, planned, least, day), nl=False)
        return 0
    _say(_seen(found, planned))
    for line in _mends(found, view):
        click.echo(line)
    if not planned and not target.exists():
        click.echo(
            "Nothing is written. Start Docker or Traefik and run this again, or write a config by hand: "
            "see docs/sources.md.",
            err=True,
        )
        return 1
    if target.exists():
        click.echo(f"\n{target} is there already and stays as it is; --print shows what would be written.")
    else:
        answer = to or (_asked() if asks else usual(view.environ))
        _refuse_strange(pasted(answer))
        wish = _least(wished(answer, target.parent), min_severity, ask=asks)
        _write(target, _page(found, planned, wish, day))
        click.echo(f"\n{target} is written.")
    return _go_on(config_of(target), found, view, send=not no_send)


def _page(found: Survey, planned: Sequence[Planned], wish: Wish | None, day: str) -> str:
    """The config's text."""
    return page.write(planned, wish, day, plan.allow_list(found), around.depends_on(found))


def _asked() -> str:
    click.echo(
        "\nWho is to be told? A Discord webhook's URL (in the channel's settings: Integrations, Webhooks), a "
        "mail URL (mailtos://…),\nor nothing, for the terminal alone. What you paste is not shown."
    )
    answer: str = click.prompt("URL", default="", show_default=False, hide_input=True)
    return answer


def _least(wish: Wish | None, given: str | None, *, ask: bool) -> Wish | None:
    """The wish, with the severity from which on it is told at once."""
    if wish is None:
        return None
    if given is None and ask:
        given = click.prompt(
            "What is told at once, this and above", type=click.Choice(_SEVERITIES), default="medium"
        )
    return replace(wish, least=Severity[given]) if given else wish


def _refuse_strange(destinations: Iterable[Destination]) -> None:
    """Before anything is written: raises UserError for a destination that nothing can be sent to."""
    for destination in destinations:
        try:
            channel_for(destination, None, sys.stdout)
        except UserError as err:
            raise UserError(f"{err}\nNothing is written.") from err


def _write(target: Path, text: str) -> None:
    """Write the config, which has to be right. Raises UserError where it cannot be written."""
    loaded = configfile.parse_config(str(target), text)
    # A variable or keychain item that is not there is the person's to mend: told, and the config not written.
    errors = [str(problem) for problem in loaded.problems if not problem.warning]
    if errors:
        raise UserError("\n".join(errors))
    _refuse_strange(loaded.config.destinations)
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_new(target, text)
    except OSError as err:
        raise UserError(f"{target} cannot be written: {err.strerror or err}") from err


def _go_on(config: Config, found: Survey, view: View, *, send: bool) -> int:
    """Look back, tell, and say what comes next."""
    ruleset = ruleset_of(config)
    click.echo("\nLooking back …\n")
    history = asyncio.run(back.look_back(config, found.docker, ruleset, view))
    _say((*back.told(history, config), *history.troubles))
    failed = send and _greet(found, config, view)
    click.echo(
        "\nNext: 'nightporter install' runs it in the background; 'nightporter doctor' says what is wrong or "
        "blind, with its mend."
    )
    return int(failed)


def _greet(found: Survey, config: Config, view: View) -> bool:
    """Send the first message to every destination. Whether one did not get it."""
    now = view.clock.now()
    telling = greeting.telling(found, config, now)
    failed = False
    click.echo()
    for destination in config.destinations:
        zone = zone_of(config.timezone)
        outcome = send_now(channel_for(destination, zone, sys.stdout), telling, zone, now)
        click.echo(f"The first message, to {destination.name}: {in_words(outcome)}")
        failed |= not isinstance(outcome, Delivered)
    return failed


# What a person reads of the look around


def _say(lines: Sequence[str] | Iterator[str]) -> None:
    for line in lines:
        click.echo(line[: len(line) - len(line.lstrip(" "))] + for_terminal(line.lstrip(" "), _LINE))


def _seen(found: Survey, planned: Sequence[Planned]) -> Iterator[str]:
    """What was found, and why it is taken."""
    for one in planned:
        yield ""
        yield one.source.name
        for sentence in one.why:
            yield f"  {sentence}"
    if not planned:
        yield ""
        yield "Nothing was found that Nightporter could watch."
    for trouble in (*found.troubles, *found.traefik.troubles):
        yield f"  Could not look: {trouble}"


def _mends(found: Survey, view: View) -> Iterator[str]:
    """What is wrong already, each with the way to mend it; equal mends once. Safe for a terminal."""
    last = ""
    for finding in _wrong(found, view):
        yield ""
        yield for_terminal(f"{finding.subject}: {finding.what}", _LINE)
        if finding.mend != last:
            yield from (f"    {pasteable(line)}" for line in finding.mend.splitlines())
        last = finding.mend


def _wrong(found: Survey, view: View) -> Iterator[Finding]:
    facts = proxy.ProxyFacts(
        logs=tuple(log for log in greeting.proxy_logs(found) if log.access),
        now=view.clock.now(),
        platform=view.platform,
        home=str(view.home),
        user=view.user,
        insecure=found.traefik.insecure,
    )
    looked = (
        *allowlist.findings(found.lists),
        *(proxy.findings(facts) if facts.logs else proxy.about_trust(facts.insecure)),
        *certificates.findings(found.acme),
    )
    yield from (finding for finding in looked if finding.state == "wrong")
