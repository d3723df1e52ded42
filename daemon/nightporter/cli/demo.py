"""`nightporter demo`: the real daemon on recorded lines, in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from nightporter import logs
from nightporter.app import run_daemon
from nightporter.clock import Clock, SystemClock
from nightporter.config import Config, FileDestination, FileSource, LogConfig, TerminalDestination
from nightporter.daemon import Signals
from nightporter.demo.story import Expected, Story, read_story
from nightporter.safetext import for_terminal

LAST_WAIT_S: Final = 8.0
"""How long the last alerts may take after the last line. They take well under two seconds."""
_LOOK_EVERY_S: Final = 0.2
_SAYS_CHARS: Final = 200


@click.command(epilog="Example: nightporter demo --keep")
@click.option("--keep", is_flag=True, help="Go on watching the demo's files until Ctrl-C.")
def command(keep: bool) -> int:
    """Run the real daemon for half a minute on lines that real programs wrote, and show what it tells.

    It works in a temporary folder with the shipped rules: no Docker, no account, nothing of yours is read.
    The exit code is 1 if an alert that was due did not come.
    """
    with tempfile.TemporaryDirectory(prefix="nightporter-demo-") as folder:
        return asyncio.run(play(Path(folder), read_story(), SystemClock(), keep=keep))


@dataclass(slots=True)
class Stage:
    """The demo's files: logs that are written, and the alerts that come of them."""

    folder: Path
    written: int = 0
    alerts: list[Mapping[str, object]] = field(default_factory=list)

    def log(self, file: str) -> Path:
        return self.folder / "logs" / f"{file}.log"

    @property
    def told(self) -> Path:
        return self.folder / "alerts.jsonl"

    def append(self, file: str, line: str) -> None:
        """Write one line as a program does: whole, at the end."""
        with self.log(file).open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        self.written += 1

    def look(self) -> None:
        """Read the alerts that have been told by now."""
        lines = self.told.read_text(encoding="utf-8").splitlines() if self.told.exists() else []
        tellings = [json.loads(line) for line in lines]
        self.alerts = [telling for telling in tellings if telling["kind"] == "alert"]

    def missing(self, expected: Sequence[Expected]) -> list[Expected]:
        """Which of these alerts have not been told."""
        return [one for one in expected if not any(_is(alert, one) for alert in self.alerts)]


def _is(alert: Mapping[str, object], expected: Expected) -> bool:
    return (alert["rule"], alert["key"]) == (expected.rule, dict(expected.key))


def config_for(stage: Stage, story: Story) -> Config:
    """The demo's config: a file a program, the shipped rules, the terminal."""
    sources = tuple(
        FileSource(
            name=name,
            paths=(str(stage.log(name)),),
            format="traefik" if name == "traefik" else "auto",
            service="" if name == "traefik" else name,
            tz="UTC",
            start="beginning",
        )
        for name in story.recorded
    )
    return Config(
        timezone="local",
        state=stage.folder / "state",
        log=LogConfig(path=stage.folder / "nightporter.log"),
        sources=sources,
        destinations=(
            TerminalDestination(name="terminal"),
            FileDestination(name="told", path=stage.told),
        ),
    )


async def play(folder: Path, story: Story, clock: Clock, *, keep: bool) -> int:
    """Run daemon and story side by side; the demo's exit code."""
    stage = Stage(folder)
    config = config_for(stage, story)
    signals = Signals()
    if keep:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, signals.stop.set)
    for name in story.recorded:
        stage.log(name).parent.mkdir(exist_ok=True)
        stage.log(name).touch()
    click.echo(f"Nightporter watches {len(story.recorded)} log files in {folder}, by its shipped rules.\n")
    with logs.configure(path=config.log.path, clock=clock) as configured:
        async with asyncio.TaskGroup() as group:
            daemon = group.create_task(
                run_daemon(config, clock=clock, log=configured.log, signals=signals), name="daemon"
            )
            await tell(story, stage, clock)
            await _last_alerts(stage, story.expected, clock)
            if keep:
                click.echo("Every line of the story is written. Ctrl-C ends the demo.")
                await signals.stop.wait()
            signals.stop.set()
            await daemon
    stage.look()
    missing = stage.missing(story.expected)
    for line in summary(stage, story.expected, missing):
        click.echo(line)
    return 1 if missing else 0


async def tell(story: Story, stage: Stage, clock: Clock) -> None:
    """Write every line of the story when it is due."""
    began = clock.monotonic()
    for number, beat in enumerate(story.beats(), 1):
        await clock.sleep(began + beat.at_s - clock.monotonic())
        if beat.says:
            click.echo(_dim(f"… {beat.says}"))
        stage.append(beat.file, story.line(beat, number, clock.now()))


async def _last_alerts(stage: Stage, expected: Sequence[Expected], clock: Clock) -> None:
    deadline = clock.monotonic() + LAST_WAIT_S
    stage.look()
    while stage.missing(expected) and clock.monotonic() < deadline:
        await clock.sleep(_LOOK_EVERY_S)
        stage.look()


def summary(stage: Stage, expected: Sequence[Expected], missing: Sequence[Expected]) -> Iterator[str]:
    """What a person reads at the end."""
    yield f"{stage.written} lines were written, {len(stage.alerts)} alerts came of them:"
    for alert in stage.alerts:
        yield for_terminal(f"  {alert['severity']}: {alert['title']} ({alert['rule']})", _SAYS_CHARS)
    for one in missing:
        yield f"  missing: {one}"
    if not missing:
        yield f"All {len(expected)} that were due. 'nightporter install' sets it to work on your own logs."


def _dim(text: str) -> str:
    return click.style(text, dim=True) if sys.stdout.isatty() else text
