"""Whether Docker Desktop starts at login, by its own settings file; it is what everything else hangs on."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

_FOLDER: Final = Path("Library/Group Containers/group.com.docker")
_SETTINGS: Final = (("settings-store.json", "AutoStart"), ("settings.json", "autoStart"))
"""The file and its key from Docker Desktop 4.35 on, and before."""
_MAX_BYTES: Final = 1_000_000


def docker_at_login(home: Path) -> bool | None:
    """True or false as the settings say; None where there is no Docker Desktop, or it does not say."""
    for name, key in _SETTINGS:
        with suppress(OSError, ValueError), (home / _FOLDER / name).open("rb") as file:
            settings = json.loads(file.read(_MAX_BYTES))
            value = settings.get(key) if isinstance(settings, dict) else None
            if isinstance(value, bool):
                return value
    return None
