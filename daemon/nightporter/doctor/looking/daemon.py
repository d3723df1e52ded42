"""Reads what the running daemon wrote of itself."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from nightporter.config import Config
from nightporter.doctor.daemon import DaemonFacts, StatusFile
from nightporter.doctor.looking.view import View
from nightporter.statefolder import STATUS

_MAX_BYTES: Final = 4_000_000


def look(view: View, config: Config) -> DaemonFacts:
    """Blocking."""
    status, trouble = read(config.state / STATUS)
    return DaemonFacts(
        status=status, trouble=trouble, now=view.clock.now(), installed=metadata.version("nightporter")
    )


def read(path: Path) -> tuple[StatusFile | None, str]:
    """The status file, or why there is none."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=StatusFile), ""
    except FileNotFoundError:
        return None, f"it has not run yet with the state folder {path.parent}"
    except OSError as err:
        return None, f"{path} cannot be read: {err.strerror}"
    except (msgspec.MsgspecError, UnicodeDecodeError) as err:
        return None, f"{path} is not the status of a daemon: {err}"
