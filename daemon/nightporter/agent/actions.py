"""What installing and removing do to a machine, as values: printed for a person, then carried out."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

from nightporter.clock import Clock
from nightporter.errors import Denied, Unreachable, UserError

_COMMAND_S: Final = 30.0
"""Longest that one command of the service manager may take."""
_GONE_S: Final = 20.0
"""Longest that a stopped service may take to be gone; the agent's ExitTimeOut is 15."""
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """Make a folder and those above it; fine if it is there."""

    path: Path

    def __str__(self) -> str:
        return f"make the folder {self.path}"


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Write a file in one step: nobody ever sees half of it."""

    path: Path
    content: bytes
    mode: int = 0o644

    def __str__(self) -> str:
        return f"write {self.path}"


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Remove a file (of a link the link itself), and so many folders above it as were ours, if they are
    empty then."""

    path: Path
    folders: int = 0

    def __str__(self) -> str:
        return f"remove {self.path}"


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Remove a folder and everything in it. No link is followed: of a link, here or inside, the link goes and
    what it leads to stays."""

    path: Path

    def __str__(self) -> str:
        if self.path.is_symlink():
            return f"remove the link {self.path}, not what it leads to"
        return f"remove the folder {self.path} and everything in it"


@dataclass(frozen=True, slots=True)
class Command:
    """Run a program. Exit codes in `fine` are no failure; `hints` say what others mean to a person."""

    argv: tuple[str, ...]
    fine: frozenset[int] = frozenset({0})
    hints: Mapping[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"run {shlex.join(self.argv)}"


@dataclass(frozen=True, slots=True)
class UntilGone:
    """Wait until this program fails: what it asks for is gone then."""

    argv: tuple[str, ...]

    def __str__(self) -> str:
        return "wait until it has stopped"


Action = MakeFolder | WriteFile | RemoveFile | RemoveFolder | Command | UntilGone


async def perform(plan: Sequence[Action], clock: Clock, tell: Callable[[str], None]) -> None:
    """Carry out a plan, in order, and `tell` each action before it is done.

    Stops at the first that fails: Denied or Unreachable. Every plan may be run again, and goes on from there.
    """
    for action in plan:
        tell(str(action))
        try:
            await _do(action, clock)
        except PermissionError as err:
            raise Denied(f"cannot {action}: {err.strerror}") from err
        except OSError as err:
            raise Unreachable(f"cannot {action}: {err}") from err


async def _do(action: Action, clock: Clock) -> None:
    match action:
        case MakeFolder(path):
            path.mkdir(parents=True, exist_ok=True)
        case WriteFile():
            _write(action)
        case RemoveFile():
            _remove(action)
        case RemoveFolder(path):
            _remove_folder(path)
        case Command():
            await _command(action)
        case UntilGone(argv):
            await _until_gone(argv, clock)
        case _:
            assert_never(action)


def _write(action: WriteFile) -> None:
    action.path.parent.mkdir(parents=True, exist_ok=True)
    draft = action.path.with_name(f".{action.path.name}.new")
    try:
        with draft.open("wb") as file:
            os.fchmod(file.fileno(), action.mode)
            file.write(action.content)
        draft.replace(action.path)
    finally:
        draft.unlink(missing_ok=True)


def _remove(action: RemoveFile) -> None:
    action.path.unlink(missing_ok=True)
    for folder in list(action.path.parents)[: action.folders]:
        if folder.is_symlink() or not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


def _remove_folder(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)  # by descriptors, so that nobody can put a link in its way


async def _command(command: Command) -> None:
    answer = await ask(command.argv)
    if answer.code in command.fine:
        return
    said = (answer.err or answer.out).strip() or "it said nothing"
    hint = command.hints.get(answer.code, "")
    raise Unreachable(
        f"{shlex.join(command.argv)}: failed with {answer.code}: {said}{'; ' if hint else ''}{hint}"
    )


async def _until_gone(argv: tuple[str, ...], clock: Clock) -> None:
    deadline = clock.monotonic() + _GONE_S
    while (await ask(argv)).code == 0:
        if clock.monotonic() >= deadline:
            raise Unreachable(f"it has not stopped within {_GONE_S:.0f} s; try again in a moment")
        await clock.sleep(_POLL_S)


async def ask(argv: Sequence[str]) -> Answer:
    """Run a program and give its answer, whatever its exit code.

    Raises UserError where there is no such program, Unreachable where it does not end within 30 s.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as err:
        raise UserError(
            f"there is no '{argv[0]}' here, so nothing can run Nightporter in the background for you; "
            "let what starts your other services run 'nightporter run'"
        ) from err
    try:
        async with asyncio.timeout(_COMMAND_S):
            out, err_text = await process.communicate()
    except (TimeoutError, asyncio.CancelledError) as err:
        process.kill()
        await process.wait()
        if isinstance(err, asyncio.CancelledError):
            raise
        raise Unreachable(f"{shlex.join(argv)}: no answer within {_COMMAND_S:.0f} s") from err
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(errors="replace"), err_text.decode(errors="replace"))
