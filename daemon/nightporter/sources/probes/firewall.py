"""Asking once: whether a Mac's own firewall is on. Blocks: on a thread."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

from nightporter.config import FirewallProbe
from nightporter.sources.probes.state import Outcome

PROGRAM: Final = Path("/usr/libexec/ApplicationFirewall/socketfilterfw")
"""Says it to everyone (`--getglobalstate`; macOS 10.7 to 15). What it prints is from descriptions, not from a
Mac of ours: `Firewall is enabled. (State = 1)`; 0 is off, 2 blocks all that comes in."""
_STATE: Final = re.compile(r"\(State = (\d)\)")
OFF: Final = 0


def ask_firewall(probe: FirewallProbe, program: Path = PROGRAM) -> Outcome:
    """Up: the application firewall is on. Where it cannot be asked nothing is known, and nothing is off."""
    try:
        done = subprocess.run(
            [program, "--getglobalstate"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=probe.timeout_s,
            check=False,
        )
    except OSError:
        return _blocked("this machine has none of macOS's")
    except subprocess.TimeoutExpired:
        return _blocked(f"{program.name} does not answer in time")
    return of_answer(done.stdout.decode("utf-8", "replace"))


def of_answer(said: str) -> Outcome:
    """What its one sentence means."""
    found = _STATE.search(said)
    if found is None:
        return _blocked(f"it says: {said.strip().partition(chr(10))[0] or 'nothing'}")
    return Outcome(up=True) if int(found[1]) != OFF else Outcome(up=False, why="it is switched off")


def _blocked(why: str) -> Outcome:
    return Outcome(up=False, blocked=True, why=why)
