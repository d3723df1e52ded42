"""`nightporter install`: run in the background from every login on."""

from __future__ import annotations

from pathlib import Path

import click

from nightporter.cli._service import carry_out, find


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
    for note in service.notes():
        click.echo(note)
