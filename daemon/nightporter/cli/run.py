"""`nightporter run`: watch the logs until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Final

import click

from nightporter import logs
from nightporter.agent.launchd import log_path
from nightporter.app import run_daemon
from nightporter.cli._rules import config_of, config_option
from nightporter.clock import SystemClock
from nightporter.config import Config
from nightporter.configfile import default_path, good
from nightporter.daemon import Signals
from nightporter.errors import BadFiles

DEADLINE_S: Final = 5.0
"""After a stop is asked for, the process ends within this time whatever hangs: everything that matters is
committed by then, and a thread that waits for a dead server cannot be ended in any other way."""


@click.command(epilog="Example: nightporter run --config ./config.yaml")
@config_option
def command(config_file: Path | None) -> None:
    """Watch the logs that the config names, and tell its destinations what matters, until stopped.

    SIGTERM and Ctrl-C stop it within 5 seconds; SIGHUP reads rules and config again (they are also read
    again whenever they change).
    """
    agents_log = log_path(os.environ)  # before the config is read: it also keeps launchd's own file small
    config = startable(config_file)
    asyncio.run(watch(config, config.log.path or agents_log))


def startable(config_file: Path | None) -> Config:
    """The config as it stands; if it has a mistake, the one that ran last from there. The daemon tells of the
    mistake itself, at its first look at the file. Raises BadFiles where there is neither."""
    try:
        return config_of(config_file)
    except BadFiles as err:
        before = good.last(config_file or default_path())
        if before is None:
            raise
        click.echo(f"{err}\nGoing on with the config that ran last.", err=True)
        return before


async def watch(config: Config, log_file: Path | None) -> None:
    """Run the daemon in this process, under its signals."""
    signals = Signals()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        signals.stop.set()
        loop.call_later(DEADLINE_S, os._exit, 0)

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGHUP, signals.reload.set)
    with logs.configure(level=config.log.level, path=log_file) as configured:
        await run_daemon(config, clock=SystemClock(), log=configured.log, signals=signals)
