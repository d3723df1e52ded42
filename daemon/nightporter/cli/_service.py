"""What the verbs about the background service share: find it, show the plan, carry it out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from nightporter.agent.actions import Action, perform
from nightporter.agent.choose import choose
from nightporter.agent.service import Service, ServiceState, setup
from nightporter.clock import SystemClock

Verb = Callable[[Service, ServiceState], Sequence[Action]]


def find(config: Path | None = None) -> Service:
    """The service of this user on this machine."""
    return choose(setup(config=config))


def carry_out(service: Service, verb: Verb, *, dry_run: bool, nothing: str) -> bool:
    """Ask how things are, make the verb's plan, and do it, or only show it. Whether there was one."""
    return asyncio.run(_carry_out(service, verb, dry_run=dry_run, nothing=nothing))


async def _carry_out(service: Service, verb: Verb, *, dry_run: bool, nothing: str) -> bool:
    plan = verb(service, await service.state())
    if not plan:
        click.echo(nothing)
    elif dry_run:
        for action in plan:
            click.echo(f"would {action}")
    else:
        await perform(plan, SystemClock(), click.echo)
    return bool(plan)
