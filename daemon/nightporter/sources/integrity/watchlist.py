"""Which paths are watched: patterns of the config, and what lies there now.

A pattern is an absolute path, with `*`, `?`, `[…]` and `**` as in a shell, but hidden names fit too: whoever
hides a file gives it a name that begins with a dot. A folder means the files in it.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path, PurePath
from typing import Final

from nightporter import traefikconfig as static
from nightporter.boundedfiles import content
from nightporter.sources.files.waker import Target

MOST_FILES: Final = 1_000
MOST_FOLDERS: Final = 200
"""Folders that are listened to; what lies in others is only looked at."""
EDITORS: Final = ("*~", ".*.sw?", ".*.sw??", ".#*", "#*#", "4913", ".goutputstream-*", ".DS_Store", "._*")
"""What editors and the Finder leave beside a file; no program reads its settings from such a name. Left out
where a pattern means many files."""

_STATICS: Final = ("traefik.yml", "traefik.yaml", "traefik.toml")
_DYNAMIC: Final = ("dynamic*.y*ml", "dynamic*.toml", "dynamic", "dynamic_conf.y*ml", "conf.d")
_ACME: Final = ("acme*.json", "certificates/acme*.json", "acme/acme*.json", "certs/acme*.json")
_TRAEFIK: Final = (
    *(
        "/etc/traefik",
        "/usr/local/etc/traefik",
        "/opt/homebrew/etc/traefik",
        "~/.config/traefik",
        "~/.config",
    ),
    *("~/traefik", "~/traefik/config", "~/docker", "~/docker/traefik", "~/docker/traefik/config"),
)
_COMPOSE: Final = ("docker-compose*.y*ml", "compose*.y*ml", ".env")
_PROJECTS: Final = (
    *("~", "~/docker", "~/docker/*", "~/traefik", "~/homelab", "~/home-server", "~/server", "~/compose"),
    *("/opt/docker", "/opt/stacks/*", "/srv/docker", "/srv/docker/*"),
)
_SYSTEM: Final = (
    "/etc/hosts",
    # What starts by itself: macOS's agents and daemons, systemd's user units
    *("~/Library/LaunchAgents", "/Library/LaunchAgents", "/Library/LaunchDaemons"),
    *("~/.config/systemd/user/*.service", "~/.config/systemd/user/*.timer"),
    # Who may come in by SSH
    "~/.ssh/authorized_keys*",
)


def usual(home: Path) -> tuple[str, ...]:
    """`paths: default`, but for our own files: where a home server keeps what an intruder would change. Most
    of these are not there on any one machine."""
    places = [
        *(f"{folder}/{name}" for folder in _TRAEFIK for name in (*_STATICS, *_DYNAMIC, *_ACME)),
        *(f"{folder}/{name}" for folder in _PROJECTS for name in _COMPOSE),
        *_SYSTEM,
    ]
    at = glob.escape(str(home))
    return tuple(dict.fromkeys(at + place[1:] if place.startswith("~") else place for place in places))


def named_by_traefik(paths: Iterable[str]) -> Iterator[str]:
    """Where the static configs among these paths say that more of Traefik's files lie: dynamic config and
    certificates. A path in a container is looked for beside its static config, under the same name. Blocking.
    """
    for path in paths:
        if PurePath(path).name not in _STATICS:
            continue
        data = content(Path(path), [])
        try:
            tree = static.read_file(path, (data or b"").decode("utf-8", "replace"))
        except ValueError:
            continue  # broken as it is, it is watched all the same
        if tree is None:
            continue
        config = static.of_tree(path, tree)
        folder = PurePath(path).parent
        for named in (*config.dynamic, *config.acme):
            yield glob.escape(os.path.normpath(folder / named))
            yield glob.escape(str(folder / PurePath(named).name))


@dataclass(frozen=True, slots=True)
class Listing:
    """What patterns mean now."""

    paths: dict[str, str]
    """Path → the pattern that it fits."""
    trouble: str = ""


def listing(patterns: Iterable[str]) -> Listing:
    """Every path that is there, MOST_FILES at most: a folder that somebody floods is told, and stops nothing.
    Blocking. A folder that cannot be listed has nothing in it."""
    found: dict[str, str] = {}
    for pattern in patterns:
        for path in _expanded(pattern):
            if len(found) >= MOST_FILES and path not in found:
                trouble = f"more than {MOST_FILES:,} files fit; of those under {pattern} not all are watched"
                return Listing(found, trouble)
            found.setdefault(path, pattern)
    return Listing(found)


def _expanded(pattern: str) -> Iterator[str]:
    many = glob.has_magic(PurePath(pattern).name)
    for path in _matches(pattern):
        is_folder = os.path.isdir(path)  # noqa: PTH112 - texts all along: a name may be no UTF-8
        is_own = not is_folder or (not many and os.path.islink(path))  # noqa: PTH114
        if is_own and not (many and _is_leaving(path)):
            yield path
        if is_folder and not many:
            yield from _expanded(glob.escape(path) + "/*")


def _is_leaving(path: str) -> bool:
    return any(fnmatchcase(PurePath(path).name, leaving) for leaving in EDITORS)


def _matches(pattern: str) -> list[str]:
    if not glob.has_magic(pattern):
        return [pattern] if os.path.lexists(pattern) else []
    found = glob.iglob(pattern, recursive=True, include_hidden=True)  # noqa: PTH207
    return sorted(islice(found, 10 * MOST_FILES))


def covers(pattern: str, path: str) -> bool:
    """Whether a path fits a pattern, or lies in the folder that it names, whether or not it is there."""
    parts, wanted = PurePath(path).parts, PurePath(pattern).parts
    return _fits(parts, wanted) or (not glob.has_magic(wanted[-1]) and _fits(parts[:-1], wanted))


def _fits(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    if not wanted or not parts:
        return not wanted and not parts
    if wanted[0] == "**":
        return _fits(parts, wanted[1:]) or _fits(parts[1:], wanted)
    return fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def targets(patterns: Iterable[str], paths: Iterable[str], *, loud: Path) -> frozenset[Target]:
    """Where to listen: the folders of the patterns, and those that links lead to. Not in the `loud` one, the
    home: FSEvents would bring us every move of every program below it. Blocking."""
    found: set[Target] = set()
    for pattern in patterns:
        place = PurePath(pattern)
        for folder in islice(_matches(str(place.parent)), MOST_FOLDERS):
            found.add(Target(Path(folder), place.name))
            if not glob.has_magic(place.name) and os.path.isdir(os.path.join(folder, place.name)):  # noqa: PTH112, PTH118
                found.add(Target(Path(folder) / place.name, "*"))
    for path in paths:
        if os.path.islink(path):  # noqa: PTH114
            real = Path(os.path.realpath(path))
            found.add(Target(real.parent, glob.escape(real.name)))
    folders = {target.folder for target in found} - {loud}
    kept = set(sorted(folder for folder in folders if _may_listen(folder))[:MOST_FOLDERS])
    return frozenset(target for target in found if target.folder in kept)


def _may_listen(folder: Path) -> bool:
    """One folder that is closed to us would cost us the watches on all of them."""
    return os.path.isdir(folder) and os.access(folder, os.R_OK | os.X_OK)  # noqa: PTH112 - that one may raise
