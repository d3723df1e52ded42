"""systemd: a unit of the user's own manager, `nightporter.service`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nightporter.agent.actions import Action, Command, RemoveFile, WriteFile, ask
from nightporter.agent.service import ServiceState, Setup, changed, of_session, refuse_passing, shim
from nightporter.errors import UserError
from nightporter.managers import systemd_facts

UNIT: Final = "nightporter.service"
_ASKED: Final = "LoadState,ActiveState,UnitFileState,MainPID,ExecMainStatus,ExecMainExitTimestampMonotonic"

# Only what needs no mount namespace: in a user's manager such a sandbox brings a user namespace with it, and
# in that the docker and adm groups, which logs and the engine's socket are read by, no longer count
# (systemd.exec(5), "Sandboxing").
_TEMPLATE: Final = """\
# Written by 'nightporter install'; 'nightporter uninstall' removes it.
[Unit]
Description=Nightporter watches this machine's logs
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=10
TimeoutStopSec=15
UMask=0077
LimitNOFILE=4096
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True, slots=True)
class Systemd:
    """The service as the user's systemd runs it."""

    setup: Setup

    @property
    def path(self) -> Path:
        return self.setup.units / "systemd" / "user" / UNIT

    @property
    def program(self) -> Path:
        return self.setup.program

    @property
    def shim(self) -> Path:
        return self.setup.data / "nightporter" / "bin" / "nightporter"

    def definition(self) -> bytes:
        command = " ".join(quoted(word) for word in (str(self.shim), *self.setup.arguments))
        return _TEMPLATE.format(command=command).encode()

    async def state(self) -> ServiceState:
        installed = self.path.is_file()
        answer = await ask(("systemctl", "--user", "show", UNIT, f"--property={_ASKED}"))
        if answer.code != 0:
            return ServiceState(manager="systemd", installed=installed, note=answer.err.strip())
        return read_show(answer.out, installed)

    async def environment(self) -> Mapping[str, str]:
        answer = await ask(("systemctl", "--user", "show-environment"))
        named = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
        return {**of_session(), **named}

    def install(self, state: ServiceState) -> list[Action]:
        refuse_passing(self.setup.program)
        script = WriteFile(self.shim, shim(self.setup.program), 0o755)
        unit = WriteFile(self.path, self.definition())
        new_script, new_unit = changed(script), changed(unit)
        plan: list[Action] = [file for file, new in ((script, new_script), (unit, new_unit)) if new]
        if new_unit:
            plan.append(_systemctl("daemon-reload"))
        if not (state.loaded and state.running):
            plan.append(_systemctl("enable", "--now", UNIT))
        elif new_script or new_unit:
            plan.append(_systemctl("restart", UNIT))
        return plan

    def uninstall(self, state: ServiceState) -> list[Action]:
        plan: list[Action] = []
        if state.loaded or state.running:
            plan.append(_systemctl("disable", "--now", UNIT))
        for path, own_folders in ((self.path, 0), (self.shim, 2)):
            if os.path.lexists(path):
                plan.append(RemoveFile(path, own_folders))
        if plan:
            plan.append(_systemctl("daemon-reload"))
        return plan

    def restart(self, state: ServiceState) -> list[Action]:
        if not state.installed:
            raise UserError("Nightporter is not installed as a service; 'nightporter install' does that")
        return [_systemctl("restart", UNIT)]

    def notes(self) -> list[str]:
        return [
            f"Its log is in the journal: journalctl --user -u {UNIT}; 'nightporter status' tells how it is.",
            "It runs while you are logged in; 'loginctl enable-linger' keeps it running from boot on.",
        ]

    def left_behind(self) -> list[Path]:
        state = self.setup.home / ".local" / "state" / "nightporter"
        return [self.setup.home / ".config" / "nightporter", state]


def _systemctl(*words: str) -> Command:
    return Command(
        ("systemctl", "--user", *words),
        hints={1: "a user's services need a login session of that user: log in, and try again there"},
    )


def quoted(word: str) -> str:
    """One word of an `ExecStart=` (systemd.service(5), "Command lines"): `%`, `$` and quotes are literal."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return text if re.fullmatch(r"[\w./+:@=,-]+", text) else f'"{text}"'


def read_show(text: str, installed: bool) -> ServiceState:
    """What `systemctl show` says of the service."""
    facts = systemd_facts(text)
    pid = int(facts.get("MainPID") or 0)
    ended = facts.get("ExecMainExitTimestampMonotonic", "0") not in ("", "0")
    return ServiceState(
        manager="systemd",
        installed=installed,
        loaded=facts.get("UnitFileState") == "enabled",
        running=facts.get("ActiveState") == "active",
        pid=pid or None,
        last_exit=int(facts.get("ExecMainStatus") or 0) if ended else None,
    )
