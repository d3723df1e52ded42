"""The service that runs Nightporter, and the machine's sleep: will it be there when it is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from nightporter.agent.service import ServiceState
from nightporter.doctor.finding import Finding, Voice

_SAY: Final = Voice("agent")
_EXITS: Final = {
    1: "it could not start or broke: see its log",
    2: "the config or a rule file has a mistake: nightporter check",
    78: "launchd could not start the program: the shim or what it names is gone",
    126: "the program may not be run",
    127: "the program that it starts is gone",
}
"""Ours (1, 2), sysexits' EX_CONFIG as launchd uses it (78), and a shell's (126, 127)."""
_STOPPED: Final = frozenset({0, 15, -15, 143})
"""Ended on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """The service as its manager tells it, and what else keeps it from running."""

    state: ServiceState
    disabled: bool | None = None
    """Whether launchd was told never to start it; None: not known."""
    outdated: bool = False
    """Whether what is installed differs from what this version would install."""
    target: str = ""
    """launchd's name of it: gui/UID/LABEL."""
    definition: str = ""
    platform: str = ""
    log: str = ""
    sleep: Mapping[str, str] = field(default_factory=dict)
    """`pmset -g`'s settings: name → value."""
    vault: bool | None = None
    """Whether FileVault is on; None: not known."""
    linger: bool | None = None
    """Linux: whether the user's services run from boot on; None: not known."""


def read_pmset(text: str) -> Mapping[str, str]:
    """The settings of `pmset -g`: ` sleep                1 (sleep prevented by powerd)` → sleep: 1.

    The shape is that of macOS 11 to 15; headings have no number and are passed over.
    """
    return dict(re.findall(r"^ ([a-z]\w*)\s+(\d+)\b", text, re.MULTILINE | re.ASCII))


def read_disabled(text: str, label: str) -> bool | None:
    """What `launchctl print-disabled gui/UID` says of a label: `"LABEL" => disabled` (13 and later) or
    `=> true` (before); None where it is not listed, which means enabled."""
    found = re.search(rf'"{re.escape(label)}" => (\w+)', text)
    return found[1] in ("disabled", "true") if found else None


def findings(facts: AgentFacts) -> Iterator[Finding]:
    """All checks."""
    yield from about_service(facts)
    yield from about_exit(facts)
    yield from about_sleep(facts.sleep)
    yield from about_login(facts)


def about_service(facts: AgentFacts) -> Iterator[Finding]:
    """Installed, loaded, running, and as this version would have it."""
    state = facts.state
    if state.note and not state.installed:
        yield _SAY.note(f"no service manager was asked: {state.note}", "nightporter run")
        return
    if not state.installed:
        yield _SAY.wrong(
            "Nightporter is not installed as a service: it runs only as long as a terminal",
            "nightporter install",
        )
        return
    if facts.disabled:
        yield _SAY.wrong(
            f"launchd was told never to start it ({facts.target} is disabled)",
            f"launchctl enable {facts.target}\nnightporter install",
        )
    elif not state.loaded:
        yield _SAY.wrong(
            f"{facts.definition} is there, but {state.manager} has not loaded it", "nightporter install"
        )
    elif not state.running:
        yield _SAY.wrong(f"{state.manager} knows it, but it does not run", "nightporter restart")
    else:
        pid = f", pid {state.pid}" if state.pid else ""
        yield _SAY.right(f"{state.manager} runs it{pid}, and starts it at every login")
    if facts.outdated:
        yield _SAY.wrong("what is installed is not what this version would install", "nightporter install")


def about_exit(facts: AgentFacts) -> Iterator[Finding]:
    """How its last run ended."""
    code = facts.state.last_exit
    if code is None or code in _STOPPED:
        return
    why = _EXITS.get(code, "it was ended by a signal" if code < 0 or code > 128 else "see its log")
    say = _SAY.note if facts.state.running else _SAY.wrong
    yield say(f"its last run ended with code {code}: {why}", f"tail -n 40 {facts.log}" if facts.log else "")


def about_sleep(settings: Mapping[str, str]) -> Iterator[Finding]:
    """A Mac that sleeps serves nobody, and nothing is watched."""
    if not settings:
        return
    if settings.get("sleep", "0") != "0":
        yield _SAY.wrong(
            f"this Mac sleeps after {settings['sleep']} minutes, and then nothing is served or watched",
            "sudo pmset -c sleep 0",
        )
    else:
        yield _SAY.right("this Mac does not sleep by itself")
    if settings.get("autorestart", "1") == "0":
        yield _SAY.note("after a power cut this Mac stays off", "sudo pmset -a autorestart 1")


def about_login(facts: AgentFacts) -> Iterator[Finding]:
    """What has to happen before it starts after a power cut."""
    if facts.vault:
        yield _SAY.note(
            "FileVault is on: after a power cut nothing runs, Docker neither, until someone logs in",
            "sudo fdesetup authrestart    # for a restart that you plan: it logs in once by itself",
        )
    if facts.linger is False:
        yield _SAY.note("it runs only while you are logged in", "loginctl enable-linger")
