"""`nightporter doctor`: look over the whole set-up, and say how to mend what is wrong."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import click

from nightporter.cli._rules import config_option
from nightporter.doctor.examine import examine
from nightporter.doctor.finding import exit_code, page
from nightporter.doctor.looking.view import View


@click.command(epilog="Example: nightporter doctor --send")
@click.option("--json", "as_json", is_flag=True, help="A JSON list of findings, for programs.")
@click.option("--send", is_flag=True, help="Also send a test message to every destination.")
@config_option
def command(as_json: bool, send: bool, config_file: Path | None) -> int:
    """Say what is right, what is wrong and what cannot be seen, each with the way to mend it.

    Looks at the config, the rules, Traefik's log, Docker, the agent, the clock, the disk and the
    destinations. Changes nothing. The exit code is 1 if anything is wrong.
    """
    findings = asyncio.run(examine(View(), config_file, send=send))
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings], indent=1))
    else:
        for line in page(findings, colour=sys.stdout.isatty()):
            click.echo(line)
    return exit_code(findings)
