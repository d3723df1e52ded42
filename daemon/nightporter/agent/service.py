"""What a service of the user's is, whichever program runs it; and the shim, which both start."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

from nightporter.agent.actions import Action, WriteFile
from nightporter.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Whose service it is and what it starts. All paths are absolute."""

    home: Path
    uid: int
    program: Path
    """The console script of this installation; the shim starts it."""
    config: Path | None = None
    """The config to run with; None: the one that `run` finds."""
    data: Path
    """Where the user's programs keep their files: XDG_DATA_HOME; macOS does not use it."""
    units: Path
    """XDG_CONFIG_HOME; macOS does not use it."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the shim's name."""
        return ("run",) if self.config is None else ("run", "--config", str(self.config))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """How the service is, as its manager tells it."""

    manager: str
    installed: bool
    """Its definition lies where the manager looks."""
    loaded: bool = False
    """The manager knows it and will start it at login."""
    running: bool = False
    pid: int | None = None
    last_exit: int | None = None
    """Exit code of its last run, None where it never ended or the manager does not say."""
    note: str = ""
    """Why nothing could be found out."""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class Service(Protocol):
    """One service manager: each verb as a plan, made from what is there, so that it may be repeated."""

    @property
    def path(self) -> Path:
        """Where the definition lies."""
        ...

    @property
    def program(self) -> Path:
        """The console script that it starts."""
        ...

    def definition(self) -> bytes:
        """The definition's text: a property list, a unit."""
        ...

    async def state(self) -> ServiceState: ...

    async def environment(self) -> Mapping[str, str]:
        """What the service finds in its environment, whatever this shell has. Nothing where nobody knows."""
        ...

    def install(self, state: ServiceState) -> list[Action]: ...

    def uninstall(self, state: ServiceState) -> list[Action]: ...

    def restart(self, state: ServiceState) -> list[Action]:
        """Raises UserError where nothing is installed."""
        ...

    def notes(self) -> list[str]:
        """What a person should know after installing, a sentence each."""
        ...

    def left_behind(self) -> list[Path]:
        """What uninstalling leaves in place: config, state, logs."""
        ...


SESSION: Final = ("HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR", "LANG", "XDG_RUNTIME_DIR")
"""Variables that a login session gives a service too (launchd.plist(5), systemd.exec(5))."""


def of_session(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those of the variables here that do not come from a shell's profile."""
    return {name: environ[name] for name in SESSION if name in environ}


def setup(
    *,
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    executable: str = sys.executable,
    uid: int | None = None,
) -> Setup:
    """The setup of this user and this installation. Raises UserError where the program is not found."""
    home = Path(environ.get("HOME") or Path.home())
    if config is not None and not config.is_file():
        raise UserError(f"{config}: there is no such file; name a config that exists, or none")
    return Setup(
        home=home,
        uid=os.getuid() if uid is None else uid,
        program=console_script(Path(executable), environ),
        config=config.absolute() if config is not None else None,
        data=Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share"),
        units=Path(environ.get("XDG_CONFIG_HOME") or home / ".config"),
    )


def passing(program: Path) -> bool:
    """Whether the program lies where its tool cleans up by itself: `uvx` runs out of uv's cache
    (`…/uv/archive-v0/ID`, `…/uv/environments-v2/ID`), `pipx run` out of pipx's own (`…/pipx/.cache/ID`,
    `…/.cache/pipx/ID`)."""
    parts = program.parts
    pairs = set(pairwise(parts))
    if pairs & {("pipx", ".cache"), (".cache", "pipx"), ("Caches", "pipx")}:
        return True
    return any(above == "uv" and name.startswith(("archive-v", "environments-v")) for above, name in pairs)


def refuse_passing(program: Path) -> None:
    """Raises UserError for a program that a service would soon look for in vain."""
    if passing(program):
        raise UserError(
            f"{program} is in a cache, from which it will vanish (uvx, pipx run); install Nightporter first: "
            "uv tool install nightporter, or pipx install nightporter"
        )


def console_script(executable: Path, environ: Mapping[str, str]) -> Path:
    """The `nightporter` that belongs to this Python: beside it, else on PATH."""
    beside = executable.parent / "nightporter"
    if os.access(beside, os.X_OK):
        return beside.absolute()
    found = shutil.which("nightporter", path=environ.get("PATH"))
    if found is None:
        raise UserError(
            f"there is no 'nightporter' program beside {executable} or on PATH; "
            "install the package first, for example with 'uv tool install nightporter'"
        )
    return Path(found).absolute()


def shim(program: Path) -> bytes:
    """A script that becomes the installed program, so that what names the script survives an upgrade."""
    return (
        "#!/bin/sh\n"
        "# Written by 'nightporter install', which writes it anew after a move or an upgrade.\n"
        "# The service starts this file, whose place never changes, and this file starts Nightporter.\n"
        f'exec {shlex.quote(str(program))} "$@"\n'
    ).encode()


def changed(wanted: WriteFile) -> bool:
    """Whether the file differs from what is wanted, in content or mode."""
    try:
        return wanted.path.read_bytes() != wanted.content or wanted.path.stat().st_mode & 0o777 != wanted.mode
    except FileNotFoundError:
        return True
