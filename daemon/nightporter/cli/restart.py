"""`nightporter restart`: start the background service anew."""

from __future__ import annotations

import click

from nightporter.cli._service import carry_out, find


@click.command(epilog="Example: nightporter restart")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def command(dry_run: bool) -> None:
    """Restart the background service; nothing that is written meanwhile is lost.

    A change of rules or config needs no restart: it is picked up by itself.
    """
    carry_out(
        find(),
        lambda service, state: service.restart(state),
        dry_run=dry_run,
        nothing="Nothing to do.",
    )
