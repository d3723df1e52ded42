"""`nightporter uninstall`: take back what `install` made; with --purge, everything that was ever written."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from nightporter import configfile
from nightporter.agent import purge
from nightporter.agent.actions import Action, RemoveFolder, perform
from nightporter.agent.service import Service, ServiceState
from nightporter.cli._service import carry_out, find
from nightporter.clock import SystemClock
from nightporter.config import Config
from nightporter.errors import BadFiles, UserError
from nightporter.store.lock import holder
from nightporter.yamltext.composing import MAX_BYTES

DECLINED: Final = 1
_COUNTED: Final = 10_000


@click.command(epilog="Example: nightporter uninstall --purge --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--purge", "everything", is_flag=True, help="Remove config, rules, memory and logs too.")
@click.option("--yes", is_flag=True, help="With --purge: do not ask.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), help="The config file."
)
def command(dry_run: bool, everything: bool, yes: bool, config_file: Path | None) -> int:
    """Stop the background service and remove what 'nightporter install' wrote.

    Your config and rules, what Nightporter remembers and its logs stay where they are, unless --purge is
    given: that lists all of it and what only you can take back, asks, and removes exactly what it listed.
    """
    service = find()
    if everything:
        return asyncio.run(_purge(service, config_file, yes=yes, dry_run=dry_run))
    carry_out(
        service,
        lambda service, state: service.uninstall(state),
        dry_run=dry_run,
        nothing="It is not installed; nothing to do.",
    )
    kept = [path for path in service.left_behind() if path.exists()]
    if kept:
        click.echo("Left in place ('nightporter uninstall --purge' removes them too):")
        for path in kept:
            click.echo(f"  {path}")
    return 0


async def _purge(service: Service, config_file: Path | None, *, yes: bool, dry_run: bool) -> int:
    config, text = _config(config_file)
    state = await _state(service)
    _refuse_while_running(config, state)
    usual_config = configfile.default_path().parent
    plan: list[Action] = service.uninstall(state)
    plan += purge.belongings(config, [usual_config, configfile.default_state(), *service.left_behind()])
    for line in _listed(plan):
        click.echo(line)
    for note in purge.stays(config, usual_config):
        click.echo(note)
    click.echo("What only you can do:")
    for step in purge.by_hand(sys.platform, service.program, config, text):
        click.echo(f"  {step}")
    if not plan or dry_run:
        return 0
    if not yes and not click.confirm("Remove all that is listed?"):
        click.echo("Nothing was removed.")
        return DECLINED
    await perform(plan, SystemClock(), click.echo)
    return 0


def _config(path: Path | None) -> tuple[Config, str]:
    """The config and its text. One with mistakes, or a secret that is gone, must not keep anybody from
    removing: what of it can be read is used."""
    place = path or configfile.default_path()
    text = ""
    with suppress(OSError), place.open("rb") as file:
        text = file.read(MAX_BYTES).decode("utf-8", "replace")
    try:
        return configfile.read(path).config, text
    except BadFiles:
        return configfile.parse_config(str(place), b"").config, text


async def _state(service: Service) -> ServiceState:
    """How the service is; where there is no service manager at all, it is not."""
    try:
        return await service.state()
    except UserError as err:
        return ServiceState(manager="none", installed=False, note=str(err))


def _refuse_while_running(config: Config, state: ServiceState) -> None:
    """A daemon that a terminal runs would write its files anew, wherever they are: every state folder of the
    plan is asked. The service's own daemon is ended by the plan."""
    for folder in dict.fromkeys((config.state, configfile.default_state())):
        pid = holder(folder)
        if pid is not None and not (state.running and pid == state.pid):
            raise UserError(f"Nightporter still runs (pid {pid}) on {folder}: stop it, and try again")


def _listed(plan: list[Action]) -> list[str]:
    if not plan:
        return ["Nothing of Nightporter's is here."]
    return ["This will be done:", *(f"  {action}{_size(action)}" for action in plan)]


def _size(action: Action) -> str:
    if not isinstance(action, RemoveFolder) or action.path.is_symlink():
        return ""
    files = 0
    for _, _, names in os.walk(action.path):
        files += len(names)
        if files > _COUNTED:
            return f" (more than {_COUNTED:,} files)"
    return f" ({files} file{'s' if files != 1 else ''})"
