"""`nightporter uninstall`: take back what `install` made."""

from __future__ import annotations

import click

from nightporter.cli._service import carry_out, find


@click.command(epilog="Example: nightporter uninstall --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def command(dry_run: bool) -> None:
    """Stop the background service and remove what 'nightporter install' wrote.

    Your config and rules, what Nightporter remembers and its logs stay where they are.
    """
    service = find()
    carry_out(
        service,
        lambda service, state: service.uninstall(state),
        dry_run=dry_run,
        nothing="It is not installed; nothing to do.",
    )
    kept = [path for path in service.left_behind() if path.exists()]
    if kept:
        click.echo("Left in place:")
        for path in kept:
            click.echo(f"  {path}")
