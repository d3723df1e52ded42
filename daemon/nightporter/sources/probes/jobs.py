"""Asking once: whether a job of launchd or systemd runs, or its last run went well. Blocks: on a thread."""

from __future__ import annotations

import os
import subprocess
from typing import Final

from nightporter.config import JobProbe
from nightporter.managers import launchd_facts, leading_number, systemd_facts
from nightporter.sources.probes.state import Outcome

_ASKED: Final = "LoadState,ActiveState,Result,ExecMainStatus"
_NO_SUCH_JOB: Final = 113
"""launchctl's exit code for a label that is not loaded (macOS 13 to 15)."""


def ask_job(probe: JobProbe, platform: str) -> Outcome:
    """Ask launchd on a Mac, systemd elsewhere; a manager that does not answer tells nothing of the job."""
    argv = question(probe, platform, os.getuid())
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=probe.timeout_s, check=False
        )
    except FileNotFoundError:
        return _blocked(f"there is no {argv[0]} on this machine")
    except subprocess.TimeoutExpired:
        return _blocked(f"{argv[0]} does not answer in time")
    said = done.stdout.decode("utf-8", "replace")
    if platform == "darwin" and done.returncode == _NO_SUCH_JOB:
        return Outcome(up=False, why=f"launchd has no job called {probe.job}")
    if done.returncode != 0:
        complaint = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        return _blocked(f"{argv[0]} does not say: {complaint or f'exit code {done.returncode}'}")
    return of_launchd(said, probe.expect) if platform == "darwin" else of_systemd(said, probe)


def question(probe: JobProbe, platform: str, uid: int) -> list[str]:
    """The command that asks: for the user's own manager, or the system's."""
    if platform == "darwin":
        return ["launchctl", "print", f"{'system' if probe.system else f'gui/{uid}'}/{probe.job}"]
    manager = "--system" if probe.system else "--user"
    return ["systemctl", manager, "show", f"--property={_ASKED}", "--", probe.job]


def of_launchd(said: str, expect: str) -> Outcome:
    """`state = running`, `last exit code = 78: EX_CONFIG`, `last terminating signal = Killed: 9`."""
    facts = launchd_facts(said)
    code, signal = leading_number(facts.get("last exit code")), facts.get("last terminating signal", "")
    ended = f"exit code {code}" if code is not None else signal
    if expect == "running":
        up = facts.get("state") == "running"
        why = "it does not run" + (f"; it ended with {ended}" if ended else "")
    else:
        up = facts.get("state") == "running" or (not signal and code in (None, 0))
        why = f"its last run ended with {ended}"
    return _outcome(up, why, code)


def of_systemd(said: str, probe: JobProbe) -> Outcome:
    """`ActiveState=failed`, `Result=exit-code`, `ExecMainStatus=3`: systemd.service(5), systemctl(1)."""
    facts = systemd_facts(said)
    if facts.get("LoadState") == "not-found":
        return Outcome(up=False, why=f"systemd has no unit called {probe.job}")
    state, result = facts.get("ActiveState", ""), facts.get("Result", "")
    code = leading_number(facts.get("ExecMainStatus"))
    if probe.expect == "running":
        up, why = state in ("active", "reloading"), f"it does not run: {state}, {result}"
    else:
        up = state != "failed" and result in ("", "success")
        why = f"its last run failed: {result}, exit code {code}"
    return _outcome(up, why, code)


def _outcome(up: bool, why: str, code: int | None) -> Outcome:
    facts: dict[str, str | int | float | bool] = {} if code is None else {"exit_code": code}
    return Outcome(up=up, why="" if up else why, facts=facts)


def _blocked(why: str) -> Outcome:
    return Outcome(up=False, blocked=True, why=why)
