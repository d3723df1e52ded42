"""The last good config, kept for a cold start with a broken one.

Its text, not its meaning, and where it is found without knowing `state:`, in the system's place for this
program's state. A URL may stand in it, so only its owner may read it; what it refers to (`file:`,
`keychain:`, `${NAME}`) is asked for anew.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from nightporter.config import Config
from nightporter.configfile.whole import default_state, parse_config
from nightporter.model import short_id

FOLDER: Final = "last-good-configs"


def _place(path: Path) -> Path:
    return default_state() / FOLDER / f"{short_id(path.absolute())}.yaml"


def keep(config: Config) -> None:
    """Remember the text of a config that the daemon runs with. A full disk keeps the older one."""
    if config.path is None:
        return
    with suppress(OSError):
        content = config.path.read_bytes()
        if parse_config(str(config.path), content).config != config:
            return  # it was changed since: what stands there now has not been tried
        place = _place(config.path)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = place.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_bytes(content)
        beside.replace(place)


def last(path: Path) -> Config | None:
    """The config that last ran from this path; None where none did, or where it no longer reads well."""
    try:
        content = _place(path).read_bytes()
    except OSError:
        return None
    loaded = parse_config(str(path), content)
    return loaded.config if loaded.ok else None
