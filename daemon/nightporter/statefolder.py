"""What lies in the state folder: the names of its files, and how the status is written for those who ask."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

DATABASE: Final = "nightporter.db"
STATUS: Final = "status.json"
STATUS_EVERY_S: Final = 5.0
"""How old the status of a daemon that is well may be, at most about."""


def write_status(state: Path, text: bytes) -> None:
    """Write the status so that a reader finds the old or the new one, never half. A full disk leaves the old
    one: the status is a convenience."""
    path = state / STATUS
    beside = path.with_suffix(".new")
    with suppress(OSError):
        beside.write_bytes(text)
        beside.replace(path)
