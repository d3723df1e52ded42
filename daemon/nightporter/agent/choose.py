"""Which service manager this platform has."""

from __future__ import annotations

import sys

from nightporter.agent.launchd import Launchd
from nightporter.agent.service import Service, Setup
from nightporter.agent.systemd import Systemd
from nightporter.errors import UserError


def choose(setup: Setup, platform: str = sys.platform) -> Service:
    """launchd on macOS, systemd on Linux. Raises UserError elsewhere."""
    if platform == "darwin":
        return Launchd(setup)
    if platform == "linux":
        return Systemd(setup)
    raise UserError(f"Nightporter runs on macOS and Linux, not on {platform}")
