"""Running a program whose lines are read, and making an end of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from nightporter.config import CommandSource
from nightporter.errors import Denied, Unreachable

READ_BYTES: Final = 64 * 1024
GRACE_S: Final = 1.0
"""What a program has between SIGTERM and SIGKILL, and between its last line and its end."""
PASSED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")


def environment(config: CommandSource) -> dict[str, str]:
    """The variables that a source's program gets; none of our own secrets is among them."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {name: value.reveal() for name, value in config.env}


@asynccontextmanager
async def started(
    command: Sequence[str],
    variables: Mapping[str, str],
    listen: Callable[[asyncio.subprocess.Process], Awaitable[None]],
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The running program, in a process group of its own that is gone at the end. `listen` reads its standard
    error, so that this pipe never fills. Raises Unreachable, Denied."""
    try:
        program = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=variables,
            start_new_session=True,
        )
    except FileNotFoundError as err:
        raise Unreachable(f"{command[0]}: there is no such program") from err
    except PermissionError as err:
        raise Denied(f"{command[0]}: the system refuses to run it: {err.strerror}") from err
    except OSError as err:
        raise Unreachable(f"{command[0]}: cannot be run: {err.strerror}") from err
    listening = asyncio.ensure_future(listen(program))
    try:
        yield program
    finally:
        emptying = asyncio.ensure_future(_empty(program))
        await _end_group(program)
        await asyncio.wait([listening, emptying], timeout=GRACE_S)  # its last words are on their way
        for task in (listening, emptying):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _empty(program: asyncio.subprocess.Process) -> None:
    """Read what nobody will any more: a pipe that is full is closed by nobody, since its end is not seen."""
    assert program.stdout is not None
    with suppress(OSError):
        while await program.stdout.read(READ_BYTES):
            pass


async def ended(program: asyncio.subprocess.Process) -> int | None:
    """Its exit code; None where it has closed its output and runs on."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            return await program.wait()
    return None


async def _end_group(program: asyncio.subprocess.Process) -> None:
    """Make an end of the program and of all that it has started (what has left its group is its own)."""
    # PermissionError is macOS's answer for a group of which only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        if program.returncode is None:
            os.killpg(program.pid, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await program.wait()
        os.killpg(program.pid, signal.SIGKILL)
    await program.wait()
