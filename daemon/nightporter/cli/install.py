"""`nightporter install`: run in the background from every login on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from nightporter import configfile
from nightporter.agent.atlogin import docker_at_login
from nightporter.agent.service import ServiceState, of_session
from nightporter.cli._service import carry_out, find
from nightporter.doctor.agent import AgentFacts, about_login, about_sleep, read_pmset
from nightporter.doctor.looking.view import told
from nightporter.errors import BadFiles


@click.command(epilog="Example: nightporter install --dry-run")
@click.option("--config", type=click.Path(path_type=Path), help="Run with this config file.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--print", "show", is_flag=True, help="Only print the service's definition.")
def command(config: Path | None, dry_run: bool, show: bool) -> None:
    """Run Nightporter in the background, now and from every login on.

    On macOS this is a launch agent, on Linux a systemd unit, of your own user both. It may be run again at
    any time, and should be after an upgrade: what is already right is left alone.
    """
    service = find(config)
    if show:
        click.echo(service.definition().decode(), nl=False)
        return
    click.echo(f"The service's definition: {service.path}")
    carry_out(
        service,
        lambda service, state: service.install(state),
        dry_run=dry_run,
        nothing="It is installed and running; nothing to do. 'nightporter restart' starts it anew.",
    )
    if about_config(config, of_session()):  # only then is the manager worth asking for what else it sets
        for line in about_config(config, asyncio.run(service.environment())):
            click.echo(line, err=True)
    for note in (*service.notes(), *asyncio.run(about_this_machine(sys.platform, Path.home()))):
        click.echo(note)


def about_config(config: Path | None, environ: Mapping[str, str]) -> list[str]:
    """What keeps the service from running with this config, though a shell may set all that it needs."""
    try:
        problems = configfile.read(config, configfile.World(env=environ)).problems
    except BadFiles as err:
        problems = err.problems
    wrong = [str(problem) for problem in problems if not problem.warning]
    return ["In the background, this config would be refused:", *wrong] if wrong else []


async def about_this_machine(platform: str, home: Path) -> list[str]:
    """What on this Mac keeps a service from being there when it is needed, each with its mend. Changes
    nothing; nothing to say elsewhere."""
    if platform != "darwin":
        return []
    settings = read_pmset(await told("pmset", "-g") or "")
    vault = "FileVault is On" in (await told("fdesetup", "status") or "")
    facts = AgentFacts(state=ServiceState(manager="launchd", installed=True), vault=vault)
    found = [f for f in (*about_sleep(settings), *about_login(facts)) if f.state != "right"]
    notes = [f"{finding.what[0].upper()}{finding.what[1:]}: {finding.mend}" for finding in found]
    if docker_at_login(home) is False:
        notes.append(
            "Docker Desktop does not start at login: in its settings, General → Start Docker Desktop when "
            "you sign in."
        )
    return notes
