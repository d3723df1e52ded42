"""Reads the allow-list from the files that the config names. Blocking, never for long: plain files only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nightporter import traefikconfig
from nightporter.allowlist.entries import Listed, entry_of, of_env
from nightporter.allowlist.given import Given
from nightporter.allowlist.keeping import Keeper
from nightporter.boundedfiles import MAX_BYTES, content
from nightporter.config import AllowList

VALUES: Final = "values"
"""What the list of the config's own values is called there."""


@dataclass(frozen=True, slots=True)
class Read:
    """One look. `listed` None: there is no list to be seen now, and `troubles` says why."""

    listed: Listed | None
    routers: tuple[str, ...]
    troubles: tuple[str, ...]


def place_of(config: AllowList) -> str:
    """Where the list itself stands; empty for the config's own values."""
    if config.env is not None:
        return str(config.env)
    return "" if config.values or config.file is None else str(config.file)


def read(config: AllowList) -> Read:
    """The list, from `env`, else `values`, else the middleware of `file`, which names the routers besides."""
    troubles: list[str] = []
    guards = _guards(config, troubles)
    listed: Listed | None
    if config.env is not None:
        listed = _of_env(config.env, config.variable, troubles)
    elif config.values or config.file is None:
        listed = Listed("", VALUES, tuple(map(entry_of, config.values)), is_yaml=True)
    else:
        entries = dict.fromkeys(text for guard in guards for text in guard.ranges)
        found = tuple(map(entry_of, entries))
        listed = Listed(str(config.file), "sourceRange", found, is_yaml=True) if guards else None
    routers = tuple(dict.fromkeys(router for guard in guards for router in guard.routers))
    return Read(listed, routers, tuple(troubles))


def at_once(config: AllowList | None) -> Given | None:
    """What the files say now, for verbs that judge old lines. None where there is no list, and where it has
    names: what they resolve to now says nothing of then."""
    keeper = Keeper()
    looked = read(config) if config is not None else None
    if looked is not None and looked.listed is not None:
        keeper.see(looked.listed, looked.routers, 0)
    return keeper.state()


def _of_env(path: Path, name: str, troubles: list[str]) -> Listed | None:
    text = _text(path, troubles)
    if text is None:
        return None
    listed = of_env(str(path), text, name)
    if listed is None or not listed.entries:
        troubles.append(f"{path} has no {name}" if listed is None else f"{path}: {name} is empty")
        return None
    return listed


def _guards(config: AllowList, troubles: list[str]) -> tuple[traefikconfig.Guard, ...]:
    if config.file is None or (text := _text(config.file, troubles)) is None:
        return ()
    try:
        tree = traefikconfig.read_file(config.file.name, text)
    except ValueError as err:
        troubles.append(f"{config.file} {err}")
        return ()
    wanted = config.middleware.lower()
    found = traefikconfig.guards(tree) if tree is not None else ()
    found = tuple(guard for guard in found if wanted in ("", guard.name))
    if not found:
        troubles.append(f"{config.file} has no middleware {config.middleware or 'ipAllowList'}")
    return found


def _text(path: Path, troubles: list[str]) -> str | None:
    before = len(troubles)
    data = content(path, troubles)
    if data is None:
        if len(troubles) == before:
            troubles.append(f"{path} is not there")
        return None
    if len(data) == MAX_BYTES:
        troubles.append(f"{path} is too large: only its beginning is read")
    return data.decode("utf-8", "replace")
