"""Lines that a system's own log has kept: `log show`, `journalctl`."""

from __future__ import annotations

import asyncio
import shlex
from typing import Final

from nightporter.config import CommandSource
from nightporter.evidence.bag import Bag, Spool
from nightporter.evidence.span import Span
from nightporter.sources.command.presets import Preset, preset_of
from nightporter.sources.command.program import ended, environment, started
from nightporter.sources.files.lines import LineSplitter

WITHIN_S: Final = 300.0
"""macOS reads its whole log, for minutes."""
_READ: Final = 64 * 1024
_SAID_BYTES: Final = 300


async def collect(config: CommandSource, span: Span, bag: Bag) -> None:
    """Put the span's lines of the system's log into the bag. Raises Full, Unreachable, Denied."""
    preset = preset_of(config)
    command = preset.between(span.first, span.last)
    if not command:
        bag.note("what this program wrote is kept by nobody")
        return
    said = bytearray()

    async def listen(program: asyncio.subprocess.Process) -> None:
        assert program.stderr is not None
        while data := await program.stderr.read(_READ):
            said.extend(data[: _SAID_BYTES - len(said)])

    try:
        async with asyncio.timeout(WITHIN_S), started(command, environment(config), listen) as program:
            with bag.stream(config.preset, command=shlex.join(command)) as spool:
                await _read(program, preset, spool)
            code = await ended(program)
    except TimeoutError:
        bag.trouble(f"{command[0]} was not done after {WITHIN_S:.0f} s; the rest is left out")
        return
    if code:
        bag.trouble(f"{command[0]} ended with code {code}: {said.decode('utf-8', 'replace').strip()}")


async def _read(program: asyncio.subprocess.Process, preset: Preset, spool: Spool) -> None:
    assert program.stdout is not None
    splitter = LineSplitter()
    while data := await program.stdout.read(_READ):
        for block in splitter.feed(data, len(data)):
            for line in block.data.splitlines(keepends=True):
                if preset.is_line(line):
                    spool.line(line.removesuffix(b"\n"))
                    spool.original(line)
