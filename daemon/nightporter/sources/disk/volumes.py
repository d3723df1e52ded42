"""The file systems that containers use: Docker's own disk, and those of folders that are mounted into them.
Asked of the engine, and looked up on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeVar

import msgspec

from nightporter.config import DiskPath
from nightporter.errors import Unreachable
from nightporter.sources.disk import looks
from nightporter.sources.disk.states import Judged, of_space
from nightporter.sources.docker.engine import Engine, ask, connect, find_engine

T = TypeVar("T")
Volume = Literal["", "written", "read"]
"""What is remembered of a file system that is watched because containers use it: whether it was mounted to be
written to when it was first seen. Empty: it is watched for another reason."""

MOST: Final = 20
"""File systems that are watched: each look at one takes a thread."""
LARGE: Final = 100_000_000_000
"""Of a smaller file system only shares are asked: 5 GB may be more than it ever has free."""
_MOST_FOLDERS: Final = 1_000
_ANSWER_BYTES: Final = 16 << 20
_DESKTOP: Final = "Docker Desktop"
"""Its `OperatingSystem` of `/info` (2026-11): its root is a folder of its virtual machine."""
_PREFIX: Final = "/host_mnt"
"""What Docker Desktop puts before the Mac's folders, as its virtual machine sees them."""
_OF_THE_SYSTEM: Final = ("/proc", "/sys", "/dev", "/run", "/private/var/run")
"""Sockets and devices that containers are given: no disks, or none that fill."""
_REMOVABLE: Final = "/run/media"
"""Where Linux desktops mount the drives that a person plugs in."""
_DRIVES: Final = PurePosixPath("/Volumes")
"""Where macOS mounts drives. Elsewhere it has mount points that are parts of one disk (/Users is on another
volume than / is, and both share their space)."""


class _Mount(msgspec.Struct, frozen=True, rename="pascal"):
    type: str = ""
    source: str = ""


class _Row(msgspec.Struct, frozen=True, rename="pascal"):
    """Part of `GET /containers/json` for one container."""

    state: str = ""
    mounts: list[_Mount] | None = None


class _Info(msgspec.Struct, frozen=True, rename="pascal"):
    """Part of `GET /info`."""

    docker_root_dir: str = ""
    operating_system: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """Folders of this machine that Docker needs."""

    running: tuple[str, ...]
    """Those of containers that run, and Docker's own."""
    named: tuple[str, ...]
    """These, and those of containers that do not run."""


async def in_use(host: str, threads: ThreadPoolExecutor) -> InUse:
    """What the engine says. Raises WorldError where it does not answer."""
    endpoint = await ask(threads, lambda: find_engine(host, os.environ, Path.home()))
    if not endpoint.url.startswith("unix://"):
        return InUse(running=(), named=())  # its folders are another machine's
    async with connect(endpoint, threads) as engine:
        info = await _answer(engine, "/info", {}, _Info)
        rows = await _answer(engine, "/containers/json", {"all": "1"}, list[_Row])
    own = () if info.operating_system == _DESKTOP or not info.docker_root_dir else (info.docker_root_dir,)
    running = (*own, *_folders(row for row in rows if row.state == "running"))
    return InUse(running=running, named=(*running, *_folders(rows)))


async def _answer(engine: Engine, path: str, query: Mapping[str, str], kind: type[T]) -> T:
    """Raises Unreachable for an answer that is none."""
    async with engine.stream(path, query) as answer:
        body = await answer.all(_ANSWER_BYTES)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as err:
        raise Unreachable(f"the engine answers {path} in words unknown to us ({answer.status})") from err


def _folders(rows: Iterable[_Row]) -> tuple[str, ...]:
    sources = (mount.source for row in rows for mount in row.mounts or () if mount.type == "bind")
    return tuple(dict.fromkeys(source.removeprefix(_PREFIX) for source in sources))[:_MOST_FOLDERS]


# What these folders lie on. Blocking, for ever on a network drive that is away.


def mount_point(path: str, platform: str) -> str:
    """Where the file system that holds a path is mounted."""
    at = PurePosixPath(os.path.realpath(path))
    if platform == "darwin":
        drive = next((one for one in (at, *at.parents) if one.parent == _DRIVES), None)
        return str(drive) if drive is not None and os.path.ismount(drive) else "/"
    return str(next(one for one in (at, *at.parents) if os.path.ismount(one)))


def file_systems(folders: Iterable[str], apart: Iterable[str], platform: str) -> dict[str, Volume]:
    """The file systems of folders that are there, but none that holds a path of `apart`."""
    others = {mount_point(path, platform) for path in apart}
    found: dict[str, Volume] = {}
    for folder in folders:
        # A file is no volume, but a setting. A folder that is not there Docker makes, on the system's disk.
        if _is_of_the_system(folder) or not os.path.isdir(folder):  # noqa: PTH112 - a text of the engine's
            continue
        at = mount_point(folder, platform)
        if at not in found and at not in others and not _is_of_the_system(at) and len(found) < MOST:
            found[at] = "read" if looks.space(at).read_only else "written"
    return found


def still_named(folders: Iterable[str], at: str) -> bool:
    """Whether any of them lies where this file system is, or was, mounted."""
    return any(_is_below(os.path.realpath(folder), at) for folder in folders)


def look_at(at: str, volume: Volume, was: str) -> Judged:
    """How a file system is that containers use: it stays mounted, can be written to if it could be, and does
    not fill. One that is only read is always full, and nobody minds."""
    space = looks.space(at)
    # Whether we may write there says nothing: the containers do.
    return of_space(asked_of(at, volume, space.total), replace(space, writable=not space.read_only), was)


def asked_of(at: str, volume: Volume, total: int) -> DiskPath:
    """What is asked of a file system of so many bytes."""
    mounted = at != "/"
    if volume == "read":
        return DiskPath(path=at, mounted=mounted, low_percent=0, high_percent=0, high_bytes=0)
    return DiskPath(path=at, mounted=mounted, writable=True, high_bytes=least(total))


def least(total: int) -> int:
    """How many bytes must be free besides shares, on a file system of so many."""
    return DiskPath(path="/").high_bytes if total >= LARGE else 0


def _is_below(path: str, folder: str) -> bool:
    return PurePosixPath(folder) in (PurePosixPath(path), *PurePosixPath(path).parents)


def _is_of_the_system(path: str) -> bool:
    return any(_is_below(path, place) for place in _OF_THE_SYSTEM) and not _is_below(path, _REMOVABLE)
