"""launchd: a per-user agent, `local.nightporter`.

launchctl's exit codes and the shape of `launchctl print` are as macOS 13 to 15 show them; `print` is not
meant for programs (its manual says so), so what it does not say is None, never a failure.
"""

from __future__ import annotations

import os
import plistlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nightporter import bundled
from nightporter.agent.actions import (
    Action,
    Command,
    MakeFolder,
    RemoveFile,
    UntilGone,
    WriteFile,
    ask,
)
from nightporter.agent.service import ServiceState, Setup, changed, of_session, refuse_passing, shim
from nightporter.errors import UserError
from nightporter.managers import launchd_facts, leading_number

LABEL: Final = "local.nightporter"
LOG_VARIABLE: Final = "NIGHTPORTER_LOG"
_OUTPUT: Final = "agent.out"
_OUTPUT_BYTES: Final = 1_000_000
_GONE: Final = frozenset({0, 3, 36, 113})
"""Fine answers to bootout: done, no such process, in progress, no such service."""
_BOOTSTRAP_HINTS: Final = {
    5: "the agent is perhaps still stopping: try again in a moment",
    125: "agents are loaded in a login session: log in at the Mac's own screen, and try again there",
}
_PRIVATE: Final = ("Desktop", "Documents", "Downloads")
_PLACEHOLDER: Final = re.compile(r"@([A-Z]+)@")

# What a property list holds: plistlib has no narrower name for it.
Plist = str | int | float | bool | bytes | list["Plist"] | dict[str, "Plist"]


@dataclass(frozen=True, slots=True)
class Launchd:
    """The service as launchd runs it."""

    setup: Setup

    @property
    def path(self) -> Path:
        return self.setup.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    @property
    def program(self) -> Path:
        return self.setup.program

    @property
    def shim(self) -> Path:
        return self.setup.home / "Library" / "Application Support" / "nightporter" / "bin" / "nightporter"

    @property
    def logs(self) -> Path:
        return self.setup.home / "Library" / "Logs" / "Nightporter"

    @property
    def _domain(self) -> str:
        return f"gui/{self.setup.uid}"

    @property
    def _target(self) -> str:
        return f"{self._domain}/{LABEL}"

    def definition(self) -> bytes:
        template = plistlib.loads((bundled.launchd() / f"{LABEL}.plist").read_bytes())
        values = {"SHIM": str(self.shim), "LOGS": str(self.logs), "HOME": str(self.setup.home)}
        filled = fill(template, values)
        assert isinstance(filled, dict)
        filled["ProgramArguments"] = [str(self.shim), *self.setup.arguments]
        return plistlib.dumps(filled, sort_keys=False)

    async def state(self) -> ServiceState:
        answer = await ask(("launchctl", "print", self._target))
        installed = self.path.is_file()
        if answer.code != 0:
            return ServiceState(manager="launchd", installed=installed)
        return read_print(answer.out, installed)

    async def environment(self) -> Mapping[str, str]:
        named = plistlib.loads(self.definition()).get("EnvironmentVariables", {})
        return {**of_session(), **named}

    def install(self, state: ServiceState) -> list[Action]:
        if self.setup.uid == 0:
            raise UserError(
                "an agent belongs to the user who logs in, not to root; "
                "run 'nightporter install' without sudo"
            )
        refuse_passing(self.setup.program)
        script = WriteFile(self.shim, shim(self.setup.program), 0o755)
        plist = WriteFile(self.path, self.definition())
        new_script, new_plist = changed(script), changed(plist)
        plan: list[Action] = []
        if not self.logs.is_dir():
            plan.append(MakeFolder(self.logs))
        plan += [file for file, new in ((script, new_script), (plist, new_plist)) if new]
        if not state.loaded:
            # A service that was once disabled cannot be bootstrapped; enabling an enabled one does nothing.
            plan += [Command(("launchctl", "enable", self._target)), self._bootstrap()]
        elif new_plist:
            plan += [*self._bootout(), self._bootstrap()]
        elif new_script or not state.running:
            plan.append(self._kickstart())
        return plan

    def uninstall(self, state: ServiceState) -> list[Action]:
        plan: list[Action] = self._bootout() if state.loaded else []
        for path, own_folders in ((self.path, 0), (self.shim, 2)):
            if os.path.lexists(path):
                plan.append(RemoveFile(path, own_folders))
        return plan

    def restart(self, state: ServiceState) -> list[Action]:
        if not state.installed:
            raise UserError("Nightporter is not installed as an agent; 'nightporter install' does that")
        return [self._kickstart() if state.loaded else self._bootstrap()]

    def notes(self) -> list[str]:
        notes = [
            f"Its log is {self.logs / 'nightporter.log'}; 'nightporter status' tells how it is.",
            "It starts when you log in: with FileVault on, nothing runs after a power cut until you do.",
        ]
        private = [name for name in _PRIVATE if (self.setup.home / name) in self.setup.program.parents]
        if private:
            notes.append(
                f"The program lies in your {private[0]} folder, which macOS keeps agents out of: install it "
                "elsewhere, for example with 'uv tool install nightporter', and run this again."
            )
        return notes

    def left_behind(self) -> list[Path]:
        return [
            self.setup.home / ".config" / "nightporter",
            self.setup.home / "Library" / "Application Support" / "nightporter",
            self.logs,
        ]

    def _bootstrap(self) -> Command:
        return Command(("launchctl", "bootstrap", self._domain, str(self.path)), hints=_BOOTSTRAP_HINTS)

    def _bootout(self) -> list[Action]:
        # bootout returns before the process has ended, and a bootstrap in between fails with 5.
        return [
            Command(("launchctl", "bootout", self._target), fine=_GONE),
            UntilGone(("launchctl", "print", self._target)),
        ]

    def _kickstart(self) -> Command:
        return Command(("launchctl", "kickstart", "-k", self._target))


def fill(template: Plist, values: Mapping[str, str]) -> Plist:
    """The template with each `@NAME@` in its texts replaced by the value of that name.

    It is data that is filled, not text: a path with `&` or `<` in it stays one string. A name without a
    value is a mistake of ours (KeyError).
    """
    if isinstance(template, str):
        return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
    if isinstance(template, list):
        return [fill(entry, values) for entry in template]
    if isinstance(template, dict):
        return {key: fill(entry, values) for key, entry in template.items()}
    return template


def read_print(text: str, installed: bool) -> ServiceState:
    """What `launchctl print gui/UID/LABEL` says of the service itself."""
    facts = launchd_facts(text)
    return ServiceState(
        manager="launchd",
        installed=installed,
        loaded=True,
        running=facts.get("state") == "running",
        pid=leading_number(facts.get("pid")),
        last_exit=leading_number(facts.get("last exit code")),
    )


def log_path(environ: Mapping[str, str]) -> Path | None:
    """Where the daemon logs to when launchd runs it and the config names no file; None otherwise.

    Also moves the raw output of earlier runs aside once it is over 1 MB, since launchd only ever appends.
    Two files are kept at most; a folder that cannot be written is left as it is.
    """
    named = environ.get(LOG_VARIABLE)
    if not named:
        return None
    path = Path(named)
    output = path.with_name(_OUTPUT)
    with suppress(OSError):  # not there yet, or not ours to move
        if output.stat().st_size > _OUTPUT_BYTES:
            output.replace(output.with_name(f"{_OUTPUT}.1"))
    return path
