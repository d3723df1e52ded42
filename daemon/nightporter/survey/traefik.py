"""Where Traefik's log is: by the process that runs, launchd's agents, its static config, and usual places.

The owner of DEFAULTS' layout runs Traefik natively, as a LaunchAgent, whose StandardOutPath mixes access and
service lines; others run it as a systemd unit or in a container. All are looked for, and everything found is
kept: a log that two of them name is one log.
"""

from __future__ import annotations

import os
import plistlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final
from xml.parsers.expat import ExpatError

from nightporter import traefikconfig as static
from nightporter.boundedfiles import content, files
from nightporter.config import FileSource
from nightporter.doctor.containers import Running
from nightporter.doctor.looking.proxy import look_at
from nightporter.doctor.looking.view import View
from nightporter.sources.docker.container import image_names
from nightporter.survey.facts import FoundLog, InsideLog, TraefikFacts
from nightporter.traefikconfig import StaticConfig

STATICS: Final = ("traefik.yml", "traefik.yaml", "traefik.toml")
STATIC_FOLDERS: Final = (
    "/etc/traefik",
    "/usr/local/etc/traefik",
    "/opt/homebrew/etc/traefik",
    "~/.config",
    "~/.config/traefik",
    "~/traefik",
    "~/docker/traefik",
    "~/docker",
)
LOG_FOLDERS: Final = (
    ("/tmp", ("traefik*.log",)),  # noqa: S108 - where the usual LaunchAgent has launchd put it
    ("~/Library/Logs/Traefik", ("*.log",)),
    ("/var/log/traefik", ("*.log",)),
    ("/usr/local/var/log", ("traefik*.log",)),
    ("/usr/local/var/log/traefik", ("*.log",)),
    ("/opt/homebrew/var/log", ("traefik*.log",)),
    ("~/traefik/logs", ("*.log",)),
)
PLIST_FOLDERS: Final = ("~/Library/LaunchAgents", "/Library/LaunchAgents", "/Library/LaunchDaemons")
_PROJECT: Final = "com.docker.compose.project.working_dir"
_NULL: Final = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})


@dataclass(slots=True)
class _Found:
    """What one look gathers on its way."""

    named: dict[str, str] = field(default_factory=dict)
    """Path of a log → who named it."""
    usual: dict[str, str] = field(default_factory=dict)
    inside: list[InsideLog] = field(default_factory=list)
    statics: dict[str, StaticConfig] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def name(self, path: str, why: str) -> None:
        if path not in _NULL:
            self.named.setdefault(path, why)


def look(view: View, root: Path, processes: Iterable[str], containers: Iterable[Running]) -> TraefikFacts:
    """All of it. `processes` are command lines, as `ps` prints them. Blocking."""
    found = _Found()
    running = [one for one in containers if "traefik" in image_names(one.container.image)]
    for command in processes:
        _process(command, found)
    for plist in _each(view, root, PLIST_FOLDERS, ("*.plist",), found.troubles):
        _agent(plist, found)
    for path in _static_files(view, root, containers, found.troubles):
        _static_file(path, found, "")
    for one in running:
        _container(one, found)
    for folder, patterns in LOG_FOLDERS:
        for path in _each(view, root, (folder,), patterns, found.troubles):
            found.usual.setdefault(str(path), "it lies at a usual place")
    return TraefikFacts(
        logs=tuple(_logs(view, found)),
        inside=tuple(found.inside),
        statics=tuple(found.statics.values()),
        troubles=tuple(dict.fromkeys(found.troubles)),
    )


# -- who names a log


def _process(command: str, found: _Found) -> None:
    """A running Traefik's arguments."""
    try:
        words = shlex.split(command)
    except ValueError:  # ps prints no quotes, so one in an argument may stand alone
        words = command.split()
    if words and os.path.basename(words[0]) == "traefik":  # noqa: PTH119 - a text, no path of ours
        _arguments(words[1:], found, "the Traefik that runs here")


def _arguments(words: list[str], found: _Found, who: str) -> None:
    tree = static.read_arguments(words)
    if path := static.config_file(tree):
        _static_file(Path(path), found, who)
    elif tree:
        _take(static.of_tree("arguments", tree), found, f"{who} was started with it")


def _agent(path: Path, found: _Found) -> None:
    """A launchd agent: its program's arguments, and where launchd puts what it prints."""
    data = content(path, found.troubles)
    if data is None or b"traefik" not in data.lower():
        return
    try:
        agent = plistlib.loads(data)
        words = [str(word) for word in agent.get("ProgramArguments", [])]
        program = str(agent.get("Program", words[0] if words else ""))
        label = str(agent.get("Label", path.stem))
    except (plistlib.InvalidFileException, ExpatError, ValueError, AttributeError, TypeError):
        found.troubles.append(f"{path} is no property list that can be read")
        return
    if "traefik" not in PurePosixPath(program).name and "traefik" not in label.lower():
        return
    _arguments(words[1:], found, f"the agent {label}")
    for key in ("StandardOutPath", "StandardErrorPath"):
        if isinstance(out := agent.get(key), str):
            found.name(out, f"{key} of the agent {label}")


def _static_files(
    view: View, root: Path, containers: Iterable[Running], troubles: list[str]
) -> Iterator[Path]:
    projects = sorted({one.container.labels.get(_PROJECT, "") for one in containers} - {""})
    beside = [str(Path(p) / sub) for p in projects for sub in ("", "traefik", "../traefik")]
    yield from _each(view, root, STATIC_FOLDERS, STATICS, troubles)
    for folder in dict.fromkeys(beside):
        yield from files(Path(folder), STATICS, troubles)


def _static_file(path: Path, found: _Found, who: str) -> None:
    key = os.path.realpath(path)
    if key in found.statics or (data := content(path, found.troubles)) is None:
        return
    config = _parsed(path, data, found.troubles)
    if config is not None:
        found.statics[key] = config
        _take(config, found, f"{path} says so" + (f", which {who} reads" if who else ""))


def _parsed(path: Path, data: bytes, troubles: list[str]) -> StaticConfig | None:
    try:
        tree = static.read_file(path.name, data.decode("utf-8", "replace"))
    except ValueError as err:
        troubles.append(f"{path} {err}")
        return None
    return static.of_tree(str(path), tree) if tree is not None else None


def _take(config: StaticConfig, found: _Found, why: str) -> None:
    found.statics.setdefault(config.place, config)
    for path in config.log_paths:
        if path.startswith("/"):
            found.name(path, why)
        elif config.place.startswith("/"):
            # Relative to the folder in which Traefik was started: mostly that of its config.
            found.name(os.path.normpath(Path(config.place).parent / path), why)


# -- in a container


def _container(one: Running, found: _Found) -> None:
    """Its settings, with its paths taken to where they lie on this machine."""
    name = one.container.name
    words = [word for word in one.command if word.startswith("--")]
    trees = [static.read_arguments(words), static.read_environ(one.environ)]
    named = static.config_file(trees[0])
    for inside in (named,) if named else tuple(f"/etc/traefik/{file}" for file in STATICS):
        host = on_host(inside, one)
        data = content(Path(host), found.troubles) if host else None
        if host and data is not None and (config := _parsed(Path(host), data, found.troubles)) is not None:
            found.statics[os.path.realpath(host)] = config
            _inside_logs(config, one, found, f"{host} says so, which container {name} reads")
            return
    for tree, what in zip(trees, ("arguments", "environment"), strict=True):
        config = static.of_tree(f"{what} of container {name}", tree)
        if config.access or config.log_paths or config.trusted:
            found.statics[config.place] = config
            _inside_logs(config, one, found, f"container {name} was started with it")


def _inside_logs(config: StaticConfig, one: Running, found: _Found, why: str) -> None:
    for path in config.log_paths:
        if path in _NULL or not path.startswith("/"):
            continue
        host = on_host(path, one)
        found.named.pop(path, None)  # the same words of the static file, taken for a path on this machine
        if host:
            found.name(host, why)
        else:
            found.inside.append(InsideLog(container=one.container.name, path=path, why=why))


def on_host(path: str, one: Running) -> str:
    """Where a path of a container lies on this machine; empty where only the engine can reach it."""
    mount = _mount(path, one)
    if mount is None or mount[0] != "bind":
        return ""
    # Docker Desktop names the Mac's folders as its VM sees them.
    folder = mount[1].removeprefix("/host_mnt")
    return str(PurePosixPath(folder) / PurePosixPath(path).relative_to(mount[2]))


def in_volume(path: str, one: Running) -> bool:
    """Whether a path of a container lies in a named volume, and so outlives the container."""
    mount = _mount(path, one)
    return mount is not None and mount[0] == "volume"


def _mount(path: str, one: Running) -> tuple[str, str, str] | None:
    """The innermost mount that a path lies in."""
    above = (mount for mount in one.mounts if _is_at_or_below(path, mount[2]))
    return max(above, key=lambda mount: len(mount[2]), default=None)


def _is_at_or_below(path: str, folder: str) -> bool:
    return PurePosixPath(folder) in (PurePosixPath(path), *PurePosixPath(path).parents)


# -- what is there


def _each(
    view: View, root: Path, folders: Iterable[str], patterns: Iterable[str], troubles: list[str]
) -> Iterator[Path]:
    wanted = tuple(patterns)
    for folder in folders:
        at = view.home / folder[2:] if folder.startswith("~/") else root / folder.lstrip("/")
        yield from files(at, wanted, troubles)


def _logs(view: View, found: _Found) -> Iterator[FoundLog]:
    """Each file once, measured; of those that only lie at a usual place, the ones that hold requests."""
    seen: set[str] = set()
    for named, places in ((True, found.named), (False, found.usual)):
        for path, why in places.items():
            log = look_at(view, FileSource(name="traefik", paths=(path,), format="traefik"), path)
            key = log.real or path
            if key in seen or (not named and not log.access):
                continue
            seen.add(key)
            yield FoundLog(log=log, why=why, named=named)
