"""What launchd and systemd say of a job, in their own words → facts by name. Pure.

`launchctl print` is not meant for programs (its manual says so): what it does not say is missing, never a
failure.
"""

from __future__ import annotations

import re


def launchd_facts(text: str) -> dict[str, str]:
    """What `launchctl print DOMAIN/LABEL` says of the job itself: only lines one tab deep are its own; deeper
    ones belong to its endpoints, environment and so on."""
    return dict(re.findall(r"^\t([a-z][a-z ]*) = (.*)$", text, re.MULTILINE))


def systemd_facts(text: str) -> dict[str, str]:
    """What `systemctl show` says, a `Name=value` a line."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def leading_number(text: str | None) -> int | None:
    """`78` of `78: EX_CONFIG`; None of `(never exited)`."""
    found = re.match(r"-?\d+", text or "")
    return int(found[0]) if found else None
