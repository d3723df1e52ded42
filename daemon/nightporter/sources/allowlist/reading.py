"""Reads the allow-list from the files that the config names. Blocking, never for long: plain files only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nightporter import traefikconfig
from nightporter.allowlist import doors
from nightporter.allowlist.entries import Listed, entry_of, of_env
from nightporter.allowlist.given import Given
from nightporter.allowlist.keeping import Keeper
from nightporter.boundedfiles import MAX_BYTES, content
from nightporter.config import AllowList
from nightporter.traefikconfig import Dynamic, EntryPoint

VALUES: Final = "values"
"""What the list of the config's own values is called there."""


@dataclass(frozen=True, slots=True)
class Read:
    """One look. `listed` None: there is no list to be seen now, and `troubles` says why."""

    listed: Listed | None
    routers: tuple[str, ...]
    troubles: tuple[str, ...]
    dynamic: Dynamic | None = None
    """What `file` says."""
    points: tuple[EntryPoint, ...] = ()
    """The entry points of `static`."""

    def behind(self, labels: Iterable[Mapping[str, str]], networks: Collection[str]) -> tuple[str, ...]:
        """The routers behind the list, by `labels` of containers and by entry points as well. A label's list
        is another one than ours unless it lies in these networks; one of `file` is ours."""
        known = {doors.DOCKER: doors.of_labels(labels)}
        if self.dynamic is not None:
            known[doors.FILE] = self.dynamic
        found = doors.behind(
            known,
            self.points,
            lambda provider, ranges: provider == doors.FILE or doors.within(ranges, networks),
        )
        return tuple(dict.fromkeys([*self.routers, *found]))


def place_of(config: AllowList) -> str:
    """Where the list itself stands; empty for the config's own values."""
    if config.env is not None:
        return str(config.env)
    return "" if config.values or config.file is None else str(config.file)


def read(config: AllowList) -> Read:
    """The list, from `env`, else `values`, else the middleware of `file`, which names the routers besides."""
    troubles: list[str] = []
    tree = _tree(config.file, troubles)
    guards = _guards(config, tree, troubles)
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
    static = _tree(config.static, troubles)
    points = traefikconfig.of_tree(str(config.static), static).points if static is not None else ()
    return Read(listed, routers, tuple(troubles), _dynamic(config, tree), points)


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


def _guards(
    config: AllowList, tree: traefikconfig.Tree | None, troubles: list[str]
) -> tuple[traefikconfig.Guard, ...]:
    if config.file is None or tree is None:
        return ()
    found = tuple(guard for guard in traefikconfig.guards(tree) if _is_meant(config, guard.name))
    if not found:
        troubles.append(f"{config.file} has no middleware {config.middleware or 'ipAllowList'}")
    return found


def _dynamic(config: AllowList, tree: traefikconfig.Tree | None) -> Dynamic | None:
    """What the file says, with no guards but those that the config means."""
    if tree is None:
        return None
    said = traefikconfig.dynamic(tree)
    return replace(said, ranges={name: r for name, r in said.ranges.items() if _is_meant(config, name)})


def _is_meant(config: AllowList, middleware: str) -> bool:
    return config.middleware.lower() in ("", middleware)


def _tree(path: Path | None, troubles: list[str]) -> traefikconfig.Tree | None:
    if path is None or (text := _text(path, troubles)) is None:
        return None
    try:
        tree = traefikconfig.read_file(path.name, text)
    except ValueError as err:
        troubles.append(f"{path} {err}")
        return None
    return {} if tree is None else tree


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
