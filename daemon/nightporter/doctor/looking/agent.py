"""Asks the service manager, and on a Mac pmset and fdesetup. What a missing program would say is unknown."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError

from nightporter.agent.choose import choose
from nightporter.agent.launchd import LABEL, Launchd
from nightporter.agent.service import Service, ServiceState, setup
from nightporter.agent.systemd import UNIT
from nightporter.doctor.agent import AgentFacts, read_disabled, read_pmset
from nightporter.doctor.looking.view import View, told
from nightporter.errors import NightporterError

_CONFIG: Final = re.compile(rb'--config "?([^"\n]+?)"?\s*$', re.MULTILINE)
"""In a unit's ExecStart, whose last word it is."""


async def look(view: View) -> AgentFacts:
    """The service of this user, and the machine's sleep."""
    try:
        service = _service(view)
        state = await service.state()
    except NightporterError as err:
        return AgentFacts(
            state=ServiceState(manager="none", installed=False, note=str(err)), platform=view.platform
        )
    mac = view.platform == "darwin"
    return AgentFacts(
        state=state,
        disabled=await _disabled(view) if mac else None,
        outdated=state.running and _is_outdated(service, state),
        target=f"gui/{view.uid}/{LABEL}" if mac else UNIT,
        definition=str(service.path),
        platform=view.platform,
        log=str(service.logs / "nightporter.log") if isinstance(service, Launchd) else "",
        sleep=read_pmset(await told("pmset", "-g") or "") if mac else {},
        vault=await _vault() if mac else None,
        linger=None if mac else await _linger(view),
    )


def _service(view: View) -> Service:
    """The service with the config that it was installed with."""
    bare = setup(environ=view.environ, executable=view.executable, uid=view.uid)
    path = choose(bare, view.platform).path
    config = _config_of(path)
    if config is None or not config.is_file():
        return choose(bare, view.platform)
    with_config = setup(config=config, environ=view.environ, executable=view.executable, uid=view.uid)
    return choose(with_config, view.platform)


def _config_of(definition: Path) -> Path | None:
    """The config that an installed definition names."""
    try:
        content = definition.read_bytes()
    except OSError:
        return None
    if definition.suffix != ".plist":
        found = _CONFIG.search(content)
        return Path(found[1].decode("utf-8", "replace")) if found else None
    try:
        words = plistlib.loads(content).get("ProgramArguments", [])
    except (plistlib.InvalidFileException, ExpatError, ValueError, AttributeError):
        return None
    named = [words[at + 1] for at, given in enumerate(words[:-1]) if given == "--config"]
    return Path(named[0]) if named else None


def _is_outdated(service: Service, state: ServiceState) -> bool:
    """Whether `install` would change anything about a service that runs."""
    try:
        return bool(service.install(state))
    except (NightporterError, OSError):  # root's own agent is refused, an odd file cannot be compared
        return False


async def _disabled(view: View) -> bool | None:
    said = await told("launchctl", "print-disabled", f"gui/{view.uid}")
    return None if said is None else bool(read_disabled(said, LABEL))


async def _vault() -> bool | None:
    """`FileVault is On.` (fdesetup status)."""
    said = await told("fdesetup", "status")
    return None if said is None else "FileVault is On" in said


async def _linger(view: View) -> bool | None:
    said = await told("loginctl", "show-user", str(view.uid), "--property=Linger")
    return None if not said or "=" not in said else said.strip().endswith("=yes")
