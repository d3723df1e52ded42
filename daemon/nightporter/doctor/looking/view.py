"""Where the doctor looks from, and how: every look has a deadline, and none fails the whole."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from nightporter.agent.actions import ask
from nightporter.clock import Clock, SystemClock
from nightporter.errors import NightporterError
from nightporter.notify.threads import in_daemon_thread

T = TypeVar("T")

LOOK_S: Final = 20.0
"""The longest that one look may take; all run at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """This machine, this user, this program."""

    clock: Clock = field(default_factory=SystemClock)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    home: Path = field(default_factory=lambda: Path(os.environ.get("HOME") or Path.home()))
    cwd: Path = field(default_factory=Path.cwd)
    root: Path = Path("/")
    """Where paths of the system's begin."""
    platform: str = sys.platform
    uid: int = field(default_factory=os.getuid)
    executable: str = sys.executable
    look_s: float = LOOK_S
    emptied: tuple[str, ...] = ("/tmp", "/private/tmp", "/var/tmp")  # noqa: S108 - looked for, not used
    """Folders that the machine empties. On a Mac /tmp is a link to /private/tmp."""

    @property
    def user(self) -> str:
        return self.environ.get("USER") or self.environ.get("LOGNAME") or str(self.uid)


@dataclass(frozen=True, slots=True)
class Unseen:
    """A look that came to nothing, and why."""

    why: str


async def looked(look: Coroutine[Any, Any, T], within_s: float) -> T | Unseen:
    """What a look gives, or why it gave nothing. (A coroutine's first two types are of no use to anyone.)"""
    try:
        async with asyncio.timeout(within_s):
            return await look
    except TimeoutError:
        return Unseen(f"no answer within {within_s:.0f} s")
    except NightporterError as err:
        return Unseen(str(err))
    except Exception as err:  # noqa: BLE001 - one look must not fail the others; it is told as a finding
        return Unseen(f"{type(err).__name__}: {err}")


async def apart(work: Callable[[], T], name: str) -> T:
    """Run blocking work on a daemon thread: a network file system that hangs holds nobody."""
    return await in_daemon_thread(work, f"doctor {name}")


async def told(*argv: str) -> str | None:
    """What a program prints; None where it is not there, fails, or does not answer."""
    try:
        answer = await ask(argv)
    except NightporterError:
        return None
    return answer.out if answer.code == 0 else None


def word(err: OSError) -> str:
    """The system's word for an error: EPERM, EACCES, …"""
    return errno.errorcode.get(err.errno or 0, type(err).__name__)
