"""`kind: command`: runs a program, reads its lines from a pipe, and hands them on.

**It ends**, whatever its exit code: it is meant to run for ever, so this is a failure; the supervisor starts
it again, with growing waits. **Full**: while the sink blocks the pipe is not read, and the program waits.
**Errors**: its standard error is counted, and its last lines are shown in the status. **We end**: its whole
process group gets a SIGTERM, and a second later a SIGKILL. It gets no secrets of ours: only the variables
in program.PASSED_ON and the config's own.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from nightporter.clock import Clock
from nightporter.config import CommandSource as Config
from nightporter.errors import Denied, Unreachable
from nightporter.model import SECOND, Chunk, Origin, Position
from nightporter.sources.base import Marks, Sink
from nightporter.sources.command.presets import Mark, Overlap, decode, preset_of
from nightporter.sources.command.program import READ_BYTES, ended, environment, started
from nightporter.sources.files.lines import Block, LineSplitter

CALM_S: Final = 60.0
"""A program that failed and has run for so long since, or has written a line, is followed again."""
SAID: Final = 5
SAID_CHARS: Final = 300
STREAM: Final = "output"

Keep = Callable[[bytes], bool]


class CommandSource:
    """Implements `sources.base.Source`."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._preset = preset_of(config)
        self._origin = _origin(config)
        self._counts: Counter[str] = Counter(lines=0, stderr_lines=0, cut_lines=0, runs=0)
        self._said: deque[str] = deque(maxlen=SAID)
        self._running_since: float | None = None
        self._failed = ""

    @property
    def name(self) -> str:
        return self._config.name

    def status(self) -> Mapping[str, object]:
        """`state` (following, waiting, blind), `blind` (texts), `program`, `stderr` (its last lines),
        `counts` (`lines`, `cut_lines`, `lost`, `gaps_unread`, `runs`, `stderr_lines`)."""
        running = self._running_since
        if self._failed and running is not None and self._clock.monotonic() - running >= CALM_S:
            self._failed = ""
        state = "blind" if self._failed else "waiting" if running is None else "following"
        return {
            "kind": "command",
            "state": state,
            "blind": [self._failed] if self._failed else [],
            "program": self._preset.command("")[0],
            "stderr": list(self._said),
            "counts": dict(self._counts),
        }

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Run the program and read it until cancelled. Raises Unreachable when it ends, Denied where it may
        not be run."""
        self._counts["runs"] += 1
        mark = decode(marks.get(STREAM))
        variables = environment(self._config)
        try:
            # The stream first: what is written while the gap is read waits in its pipe.
            async with started(self._preset.command(mark.position), variables, self._listen) as program:
                self._running_since = self._clock.monotonic()
                keep: Keep = bool
                if missed := self._preset.missed(mark.position, self._clock.now()):
                    overlap = Overlap(mark.position)
                    async with started(missed, variables, self._listen) as show:
                        mark = await self._read(show, mark, overlap.is_new_in_show, sink)
                        self._counts["gaps_unread"] += await ended(show) != 0
                    keep = overlap.is_new_in_stream
                await self._read(program, mark, keep, sink)
                code = await ended(program)
            raise Unreachable(f"{self._what} ended {_how(code)}{self._last_words}")
        except (Unreachable, Denied) as err:
            self._failed = str(err)
            raise
        finally:
            self._running_since = None

    async def _read(self, program: asyncio.subprocess.Process, mark: Mark, keep: Keep, sink: Sink) -> Mark:
        """Hand on its lines until it closes its output; where it was read up to."""
        assert program.stdout is not None
        splitter = LineSplitter()
        identity = f"{self.name}-{self._clock.now()}-{program.pid}"
        while data := await program.stdout.read(READ_BYTES):
            for block in splitter.feed(data, len(data)):
                mark = await self._give(block, identity, mark, keep, sink)
            self._counts["cut_lines"] += splitter.cut_lines
            splitter.cut_lines = 0
        if (rest := splitter.finish()) is not None:
            mark = await self._give(rest, identity, mark, keep, sink)
        return mark

    async def _give(self, block: Block, identity: str, mark: Mark, keep: Keep, sink: Sink) -> Mark:
        preset = self._preset
        lines = [line for line in block.data.splitlines(keepends=True) if preset.is_line(line) and keep(line)]
        if not lines:
            return mark
        self._failed = ""
        self._counts["lines"] += len(lines)
        if self._config.preset == "macos":
            self._counts["lost"] += sum(b'"eventType":"lossEvent"' in line for line in lines)
        mark = Mark(preset.position(lines, mark.position))
        await sink(
            Chunk(
                origin=self._origin,
                data=b"".join(lines),
                start=block.start,
                identity=identity,
                end=Position(self.name, STREAM, msgspec.json.encode(mark)),
                arrived=self._clock.now(),
            )
        )
        return mark

    # -- the program

    async def _listen(self, program: asyncio.subprocess.Process) -> None:
        """Count and keep what it says on standard error, so that its pipe never fills."""
        assert program.stderr is not None
        splitter = LineSplitter(cap=4 * SAID_CHARS)
        while data := await program.stderr.read(READ_BYTES):
            for block in splitter.feed(data, len(data)):
                for line in block.data.splitlines():
                    self._counts["stderr_lines"] += 1
                    self._said.append(line.decode("utf-8", "replace")[:SAID_CHARS])

    @property
    def _what(self) -> str:
        return f"the program {self._preset.command('')[0]}"

    @property
    def _last_words(self) -> str:
        return f"; it said: {self._said[-1]}" if self._said else ""


def _how(code: int | None) -> str:
    if code is None:
        return "its output and runs on"
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"


def _origin(config: Config) -> Origin:
    return Origin(
        source=config.name,
        kind="command",
        stream=STREAM,
        format=config.format,
        services=(config.service.lower(),) if config.service else (),
        fields=(("service", config.service),) if config.service else (),
        tz=config.tz,
        lateness=round(config.lateness_s * SECOND),
    )
