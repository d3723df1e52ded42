"""`kind: file` with `from_container`: asks the engine for the files, again and again.

A look costs about 50 ms of the engine's (20.10, 2026-11) for each thing asked. So a folder is read as a whole
only when a name in it has changed, and every LIST_EVERY_S; in between only the newest files are asked for,
and of those the answer's header is enough while nothing was written: the connection is closed before the
content. What has changed is sent as a whole, and what we know of it is passed over.

**First sight** is the first look that reaches the container's folder. **Engine or container away**: waited
for. **Full**: while the sink blocks nothing is read, and the files keep what is written.
"""

from __future__ import annotations

import base64
import binascii
import os
import posixpath
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from nightporter.clock import Clock
from nightporter.config import ContainerFileSource
from nightporter.errors import Unreachable, WorldError
from nightporter.model import SECOND, Chunk, Origin, Stamp
from nightporter.sources.archive.tar import BadArchive, Entry, TarFiles
from nightporter.sources.archive.tracker import Content, Tracker
from nightporter.sources.base import Marks, Sink
from nightporter.sources.docker.container import read_stamp
from nightporter.sources.docker.engine import ASK_S, Endpoint, Engine, Stream, ask, connect, find_engine

EVERY_S: Final = 15.0
LIST_EVERY_S: Final = 300.0
CAP_BYTES: Final = 64 * 1024 * 1024
"""What one look takes from the engine at most."""
NEWEST: Final = 3
"""Files of a folder that are asked for at every look."""
MOST_FILES: Final = 1000
STAT: Final = "X-Docker-Container-Path-Stat"
"""base64 of JSON (Docker Engine API 1.41, ContainerArchive)."""
_FOLDER: Final = 1 << 31
"""Go's os.ModeDir."""


class Stat(msgspec.Struct, frozen=True):
    """What the engine says of a path before it sends it."""

    size: int = 0
    mode: int = 0
    mtime: str = ""
    link: str = msgspec.field(default="", name="linkTarget")

    @property
    def is_folder(self) -> bool:
        return bool(self.mode & _FOLDER)

    @property
    def modified_s(self) -> int:
        return read_stamp(self.mtime) // SECOND


class Look(NamedTuple):
    """How a file stood when it was last read."""

    size: int
    modified_s: int


class TooMuch(Exception):
    """A look has taken its CAP_BYTES."""


@dataclass(slots=True)
class Files:
    """What is known of the files' names and times, for one run."""

    folder_changed: str = ""
    list_at: float = 0.0
    looks: dict[str, Look] = field(default_factory=dict)
    """Path in the container → how it stood."""

    def newest(self) -> list[str]:
        by_age = sorted(self.looks, key=lambda path: (self.looks[path].modified_s, path))
        return by_age[-NEWEST:]


class ContainerFiles:
    """Implements `sources.base.Source`."""

    def __init__(
        self,
        config: ContainerFileSource,
        clock: Clock,
        *,
        every_s: float = EVERY_S,
        cap_bytes: int = CAP_BYTES,
    ) -> None:
        self._config = config
        self._clock = clock
        self._every_s = every_s
        self._cap = cap_bytes
        self._taken = 0
        self._files = Files()
        self._trouble = "not looked yet"
        self._waiting = True
        self._counts: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._config.name

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Look every `every_s` until cancelled; an engine or container that is away is waited for."""
        tracker = Tracker(origin_of(self._config), marks, at_end=self._config.start == "end")
        self._files = Files()
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"archive {self.name}")
        try:
            while True:
                try:
                    endpoint = await ask(pool, self._endpoint)
                    async with connect(endpoint, pool) as engine:
                        while True:
                            await self.look(engine, tracker, sink)
                            await self._clock.sleep(self._every_s)
                except WorldError as err:
                    self._waits(str(err))
                await self._clock.sleep(self._every_s)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def status(self) -> Mapping[str, object]:
        """`state` (following, waiting, blind), `blind` (texts), `waiting` (paths), `why`, `container`,
        `counts` (`asked`, `bytes` from the engine, `lines`)."""
        blind = bool(self._trouble) and not self._waiting
        state = "blind" if blind else "waiting" if self._waiting else "following"
        return {
            "kind": "file",
            "state": state,
            "blind": [self._trouble] if blind else [],
            "waiting": [f"{self._config.container}:{self._config.path}"] if self._waiting else [],
            "why": self._trouble,
            "container": self._config.container,
            "counts": dict(self._counts),
        }

    def _waits(self, why: str) -> None:
        self._trouble, self._waiting = why, True

    # -- one look

    async def look(self, engine: Engine, tracker: Tracker, sink: Sink) -> None:
        """Take in what is new, once. Raises Unreachable when the engine fails."""
        self._taken = 0
        folder, name = posixpath.split(self._config.path)
        try:
            if not has_magic(name):
                await self._only_file(engine, tracker, sink)
                return
            listed = await self._folder(engine, folder, name, tracker, sink)
            if not listed and not await self._poll(engine, tracker, sink):
                self._files = Files()
                await self._folder(engine, folder, name, tracker, sink)
        except TooMuch:
            self._trouble, self._waiting = self._too_much(folder), False
        except BadArchive as err:
            raise Unreachable(f"the engine sends what is no archive: {err}") from err

    def _too_much(self, folder: str) -> str:
        where = f"{self._config.container}:{folder}"
        return (
            f"{where} holds more than {self._cap >> 20} MiB, all of which the engine would send at a look; "
            "only its first files are read. Mount the folder from this machine, and name it under 'paths'"
        )

    async def _folder(self, engine: Engine, folder: str, pattern: str, tracker: Tracker, sink: Sink) -> bool:
        """Read the whole folder, if it is time to. Whether it was (or is not there)."""
        now = self._clock.monotonic()
        # With "/." a link to the folder is followed, and the names in the archive begin with "./".
        async with engine.stream(self._archive, {"path": f"{folder}/."}) as stream:
            stat = await self._stat(stream)
            if stat is None:
                self._files = Files()
                return True
            if stat.mtime == self._files.folder_changed and now < self._files.list_at:
                return False
            self._files = Files(stat.mtime, now + LIST_EVERY_S)
            await self._listing(stream, folder, pattern, tracker, sink)
        return True

    async def _listing(self, stream: Stream, folder: str, pattern: str, tracker: Tracker, sink: Sink) -> None:
        identities: list[str] = []
        content: Content | None = None
        async for item in self._items(stream):
            if isinstance(item, Entry):
                name = posixpath.normpath(item.name)
                fits = "/" not in name and fnmatchcase(name, pattern) and not name.endswith(".gz")
                content = tracker.content(item.size) if fits and len(identities) < MOST_FILES else None
                if content is not None:
                    self._files.looks[posixpath.join(folder, name)] = Look(item.size, item.modified_s)
            elif content is not None:
                await self._give(content.feed(item, self._now()), sink)
                if content.complete and content.identity:
                    identities.append(content.identity)
        await self._give(tracker.seen_all(identities, self._now()), sink)
        self._trouble, self._waiting = "", False

    async def _poll(self, engine: Engine, tracker: Tracker, sink: Sink) -> bool:
        """Ask for the newest files. False where one is gone or another than was listed: the folder has to be
        listed anew, so that what was renamed is read before what took its name."""
        for path in self._files.newest():
            content = await self._file(engine, path, tracker, sink, only_known=True)
            if content is None or (isinstance(content, Content) and content.is_unknown):
                return False
        return True

    async def _only_file(self, engine: Engine, tracker: Tracker, sink: Sink) -> None:
        """Read the one file that the path names."""
        found = await self._file(engine, self._config.path, tracker, sink)
        if isinstance(found, Stat) and found.link:
            found = await self._file(engine, found.link, tracker, sink)
        if isinstance(found, Stat) and found.is_folder:
            path = self._config.path
            self._trouble, self._waiting = f"{path} is a folder: name its files, such as {path}/*.log", False
        elif found is not None:
            identity = found.identity if isinstance(found, Content) else ""
            await self._give(
                tracker.seen_all([identity] if identity else tracker.identities, self._now()), sink
            )
            self._trouble, self._waiting = "", False

    async def _file(
        self, engine: Engine, path: str, tracker: Tracker, sink: Sink, *, only_known: bool = False
    ) -> Content | Stat | None:
        """Read one file: its content; what the engine says of it where that is the same as before, or no
        file; None where it is gone."""
        async with engine.stream(self._archive, {"path": path}) as stream:
            stat = await self._stat(stream)
            if stat is None or stat.is_folder or stat.link:
                return stat
            look = Look(stat.size, stat.modified_s)
            if self._files.looks.get(path) == look:
                return stat
            content = tracker.content(stat.size, only_known=only_known)
            async for item in self._items(stream):
                if isinstance(item, Entry):
                    content = tracker.content(item.size, only_known=only_known)
                else:
                    await self._give(content.feed(item, self._now()), sink)
            self._files.looks[path] = look
            return content

    async def _give(self, chunks: Iterable[Chunk], sink: Sink) -> None:
        for chunk in chunks:
            self._counts["lines"] += chunk.data.count(b"\n")
            await sink(chunk)

    def _now(self) -> Stamp:
        return self._clock.now()

    # -- the engine's answers

    def _endpoint(self) -> Endpoint:
        return find_engine(self._config.host, os.environ, Path.home())

    @property
    def _archive(self) -> str:
        return f"/containers/{quote(self._config.container, safe='')}/archive"

    async def _stat(self, stream: Stream) -> Stat | None:
        """None where the container or the path is not there, which is then told in the status. Raises
        Unreachable."""
        self._counts["asked"] += 1
        if stream.status != 200:
            text = _message(await stream.all(4096))
            if stream.status != 404:
                raise Unreachable(f"the engine refuses {self._config.container}'s files: {text}")
            self._waits(text)
            return None
        try:
            return msgspec.json.decode(base64.b64decode(stream.headers.get(STAT, "")), type=Stat)
        except (msgspec.DecodeError, binascii.Error) as err:
            raise Unreachable(f"the engine says nothing of {self._config.path}: {err}") from err

    async def _items(self, stream: Stream) -> AsyncIterator[Entry | bytes]:
        """The files of the archive that comes. Raises Unreachable, BadArchive, TooMuch."""
        files = TarFiles()
        while data := await stream.read(ASK_S):
            self._counts["bytes"] += len(data)
            self._taken += len(data)
            for item in files.feed(data):
                yield item
            if self._taken > self._cap:
                raise TooMuch
        if data is None:
            raise Unreachable(f"the engine stopped in the middle of {self._config.container}'s files")


class _Refusal(msgspec.Struct, frozen=True):
    message: str


def _message(body: bytes) -> str:
    """What the engine says went wrong."""
    try:
        return msgspec.json.decode(body, type=_Refusal).message[:300]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body[:300].decode("utf-8", "replace").strip()


def origin_of(config: ContainerFileSource) -> Origin:
    """All files are one stream to the rules: a rotation changes nothing."""
    return Origin(
        source=config.name,
        kind="file",
        stream=f"{config.container}:{config.path}",
        format=config.format,
        services=(config.service,) if config.service else (),
        fields=(("service", config.service),) if config.service else (),
        tz=config.tz,
        trusted_proxies=config.trusted_proxies,
        lateness=round(config.lateness_s * SECOND),
    )
