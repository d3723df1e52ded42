"""The command source on real processes: lines, backpressure, ends, and that nothing of them stays behind."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.parts.patience import PATIENCE_S

from nightporter.clock import SystemClock
from nightporter.config import CommandSource as Config
from nightporter.config import Secret
from nightporter.errors import Unreachable
from nightporter.model import Chunk
from nightporter.sources.command import CommandSource
from nightporter.sources.files.lines import LINE_CAP


async def until(holds: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


class Reader:
    """A source of one program, and the lines that came of it."""

    def __init__(self, program: str, *args: str, **config: object) -> None:
        command = (sys.executable, "-u", "-c", program, *args)
        self.source = CommandSource(Config(name="x", command=command, **config), SystemClock())  # type: ignore[arg-type]  # the config's own keys
        self.chunks: list[Chunk] = []
        self.open = asyncio.Event()
        self.open.set()

    async def sink(self, chunk: Chunk) -> None:
        await self.open.wait()
        self.chunks.append(chunk)

    @property
    def lines(self) -> list[bytes]:
        return b"".join(chunk.data for chunk in self.chunks).splitlines()

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.source.run({}, self.sink))

    async def to_the_end(self) -> str:
        """Run it until it ends by itself; what is said of that."""
        with pytest.raises(Unreachable) as told:
            await self.source.run({}, self.sink)
        return str(told.value)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_lines_errors_and_the_end() -> None:
    reader = Reader("import sys; print('one'); print('two\\nthree', end=''); sys.exit('it broke')")
    said = await reader.to_the_end()
    assert reader.lines == [b"one", b"two", b"three"]
    assert said.endswith("ended with exit code 1; it said: it broke")
    status = reader.source.status()
    assert status["state"] == "blind"
    assert status["stderr"] == ["it broke"]
    assert status["counts"] == {"lines": 3, "stderr_lines": 1, "cut_lines": 0, "runs": 1}


async def test_no_shell_reads_the_arguments() -> None:
    reader = Reader("import sys; print(sys.argv[1])", "$(id); echo `id` && true")
    await reader.to_the_end()
    assert reader.lines == [b"$(id); echo `id` && true"]


async def test_the_program_gets_its_own_variables_and_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_URL", "secret")
    reader = Reader("import os; print(sorted(os.environ))", env=(("TOKEN", Secret("x")),))
    await reader.to_the_end()
    assert b"'TOKEN'" in reader.lines[0]
    assert b"'PATH'" in reader.lines[0]
    assert b"DISCORD_URL" not in reader.lines[0]


async def test_a_line_that_is_too_long_is_cut() -> None:
    reader = Reader(f"print('x' * {LINE_CAP + 50_000}); print('after')")
    await reader.to_the_end()
    assert [len(line) for line in reader.lines] == [LINE_CAP, 5]
    assert dict(reader.source.status()["counts"])["cut_lines"] == 1  # type: ignore[call-overload]  # JSON-able


COUNTS = "import sys\nfor n in range(20_000):\n print(f'{n:0100}')\n open(sys.argv[1], 'w').write(str(n))"
"""Writes a line, then how far it is into a file: that stands still when the pipe is full."""


async def standing_still(progress: Path) -> int:
    """The number in a file, once it has stood still for a while."""

    def done() -> int:
        return int(progress.read_text() or 0) if progress.exists() else 0

    seen, same_since = -1, time.monotonic()
    while seen < 100 or time.monotonic() - same_since < 0.5:
        if done() != seen:
            seen, same_since = done(), time.monotonic()
        await asyncio.sleep(0.02)
    return seen


async def test_a_program_waits_while_the_judge_is_behind(tmp_path: Path) -> None:
    progress = tmp_path / "progress"
    reader = Reader(COUNTS, str(progress))
    reader.open.clear()
    task = reader.start()

    assert await standing_still(progress) < 10_000
    reader.open.set()
    await until(lambda: len(reader.lines) == 20_000)
    assert reader.lines == [f"{n:0100}".encode() for n in range(20_000)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("deaf", [False, True], ids=["heeds SIGTERM", "ignores SIGTERM"])
async def test_the_whole_family_goes_with_us(deaf: bool) -> None:
    """The program's child, which ignores SIGTERM, is gone as well."""
    ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    child = f"{ignore} print('ready', flush=True); time.sleep(600)"
    program = (
        f"{ignore if deaf else ''}import subprocess, sys, os, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(os.getpid(), child.pid)\ntime.sleep(600)"
    )
    reader = Reader(program)
    task = reader.start()
    await until(lambda: reader.lines)
    pids = [int(pid) for pid in reader.lines[0].split()]
    assert all(map(alive, pids))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: not any(map(alive, pids)))


def pipes() -> set[str]:
    """The pipes that this process has open."""
    open_now = {str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}
    return {target for target in open_now if target.startswith("pipe:")}


async def test_what_was_not_read_leaves_no_pipe_open(tmp_path: Path) -> None:
    before = pipes()
    reader = Reader(COUNTS, str(tmp_path / "progress"))
    reader.open.clear()
    task = reader.start()
    await standing_still(tmp_path / "progress")
    assert pipes() - before
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert pipes() <= before


async def test_a_program_that_closes_its_output_has_ended() -> None:
    reader = Reader("import os, time; print(os.getpid()); os.close(1); os.close(2); time.sleep(600)")
    assert (await reader.to_the_end()).endswith("ended its output and runs on")
    pid = int(reader.lines[0])
    await until(lambda: not alive(pid))


async def test_a_flood_of_errors_blocks_nothing() -> None:
    reader = Reader("import sys\nfor n in range(5000): print('e' * 200, file=sys.stderr)\nprint('done')")
    await reader.to_the_end()
    assert reader.lines == [b"done"]
    await until(lambda: dict(reader.source.status()["counts"])["stderr_lines"] > 0)  # type: ignore[call-overload]  # JSON-able


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("nightporter-no-such-program", "there is no such program"),
        (os.devnull, "the system refuses to run it"),
    ],
)
async def test_a_program_that_cannot_be_run(program: str, told: str) -> None:
    source = CommandSource(Config(name="x", command=(program,)), SystemClock())
    reader = Reader("")
    with pytest.raises(Exception, match=told):
        await source.run({}, reader.sink)
    assert told in str(source.status()["blind"])
