"""What is there already, judged by the rules: logs and their copies, files in containers, Docker's logs.

Each source is judged by itself, on its own time: so a rule that joins sources (a failed login and the proxy's
request) finds nothing here. Bounded by SPAN and by BYTES over all; of what is too much, the newest is read.
"""

from __future__ import annotations

import glob
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from nightporter.clock import SystemClock
from nightporter.config import Config, ContainerFileSource, DockerSource, FileSource
from nightporter.detect.engine import Engine
from nightporter.errors import NightporterError
from nightporter.incidents.ledger import Ledger
from nightporter.lane import Arrival, Lanes
from nightporter.model import DAY, SECOND, Chunk, Nanos, Origin, Position, Stamp, Telling
from nightporter.rule import Ruleset
from nightporter.sources.archive import ContainerFiles
from nightporter.sources.archive.tracker import Tracker
from nightporter.sources.docker.engine import Engine as Docker
from nightporter.sources.docker.follow import batches
from nightporter.sources.docker.frames import Demux, Line
from nightporter.sources.files import read_whole
from nightporter.sources.files.group import is_glob
from nightporter.sources.files.lines import LineSplitter
from nightporter.sources.files.siblings import is_compressed, list_siblings

SPAN: Final[Nanos] = 7 * DAY
BYTES: Final = 200 * 1024 * 1024
CONTAINER_BYTES: Final = 16 * 1024 * 1024
"""Of one container's log."""
CONTAINER_LINES: Final = 50_000
CHUNK_BYTES: Final = 16 * 1024
"""Small, since what a chunk brings is told at its end."""
_UNPACKED: Final = 12
"""A compressed log is about so many times as long."""


@dataclass(slots=True)
class Found:
    """What the history of all sources gave so far."""

    now: Stamp
    budget: int = BYTES
    tellings: list[Telling] = field(default_factory=list)
    first: Stamp = 0
    """The time of the earliest line within SPAN; 0: there was none."""
    lines: int = 0
    sources: int = 0
    troubles: list[str] = field(default_factory=list)

    def saw(self, time: Stamp) -> None:
        """A stream begins at this time, or earlier than SPAN allows."""
        time = max(time, self.now - SPAN)
        self.first = min(self.first or time, time)

    def close(self, judging: Judging) -> None:
        """A source was read to its end."""
        tellings = judging.finish()
        self.tellings += [t for t in tellings if t.at >= self.now - SPAN]
        self.lines += judging.lines
        self.sources += judging.lines > 0


class Judging:
    """One source's lines through engine and ledger, as they would have been live."""

    def __init__(self, ruleset: Ruleset, found: Found) -> None:
        self._engine = Engine(ruleset)
        self._lanes = Lanes(self._engine, Arrival(replayed=True))
        self._ledger = Ledger({rule.id: rule for rule in ruleset.rules})
        self._found = found
        self._begun: set[Origin] = set()
        self._seen: set[str] = set()
        self._tellings: list[Telling] = []
        self.lines = 0

    def feed(self, chunk: Chunk) -> None:
        """Judge a chunk; in one stream, oldest first."""
        lane = self._lanes.of(chunk.origin)
        if chunk.data and chunk.origin not in self._begun:
            self._begun.add(chunk.origin)
            first = next(lane.every_event(chunk), None)
            if first is not None and first.time:
                self._found.saw(first.time)
        lane.judge(chunk)
        self.lines += chunk.data.count(b"\n")
        self._engine.advance(self._lanes.arrival.latest)
        self._take()

    def _take(self) -> None:
        if self._engine.dirty:
            for episode in sorted(self._engine.take_changes(rows=False).episodes, key=lambda e: e.crossed):
                # Not the chunk's end: in a quiet log that may be days later.
                at = episode.last if episode.id in self._seen else episode.crossed
                self._seen.add(episode.id)
                self._tellings += self._ledger.take([episode], at).tellings
        self._tellings += self._ledger.due(self._lanes.arrival.latest).tellings

    def finish(self) -> list[Telling]:
        """All tellings, with the wall time at which they would have come."""
        self._engine.finish()
        self._take()
        return self._tellings


# -- files


class Piece(NamedTuple):
    """A file, or its end."""

    path: Path
    size: int
    modified: Stamp
    skip: int
    """Bytes at its beginning that are left out."""


def pieces(paths: Sequence[str], found: Found) -> list[Piece]:
    """The files that a source's paths mean, with their rotated copies, oldest first; the newest that fit into
    the budget, which is lowered by them."""
    files: dict[tuple[int, int], Piece] = {}
    for given in paths:
        logs = sorted(glob.glob(given)) if is_glob(given) else [given]  # noqa: PTH207 - an absolute one
        for log in map(Path, logs):
            for path in (log, *(sibling.path for sibling in list_siblings(log))):
                _add(path, found, files)
    taken: list[Piece] = []
    for piece in sorted(files.values(), key=lambda p: (p.modified, p.path.name), reverse=True):
        cost = piece.size * (_UNPACKED if is_compressed(piece.path) else 1)
        if cost <= found.budget:
            taken.append(piece)
        elif not is_compressed(piece.path) and found.budget > 0:
            taken.append(piece._replace(skip=piece.size - found.budget))
        found.budget = max(0, found.budget - cost)
    return taken[::-1]


def _add(path: Path, found: Found, files: dict[tuple[int, int], Piece]) -> None:
    try:
        seen = path.stat()
    except OSError:
        return  # not there yet, or refused: the doctor tells of it
    if stat.S_ISREG(seen.st_mode) and seen.st_size and seen.st_mtime_ns >= found.now - SPAN:
        files.setdefault((seen.st_dev, seen.st_ino), Piece(path, seen.st_size, seen.st_mtime_ns, 0))


def judge_files(source: FileSource, ruleset: Ruleset, found: Found) -> None:
    """Read a file source's history. Blocking."""
    judging = Judging(ruleset, found)
    origin = origin_of(source)
    for piece in pieces(source.paths, found):
        try:
            for chunk in _end_of(piece, origin) if piece.skip else _whole(piece, origin):
                judging.feed(chunk)
        except NightporterError as err:
            found.troubles.append(str(err))
    found.close(judging)


def origin_of(source: FileSource | ContainerFileSource) -> Origin:
    """The origin of a source's lines, as the source itself would give it."""
    return Origin(
        source=source.name,
        kind="file",
        stream=source.name,
        format=source.format,
        services=(source.service,) if source.service else (),
        fields=(("service", source.service),) if source.service else (),
        tz=source.tz,
        trusted_proxies=source.trusted_proxies,
        lateness=round(source.lateness_s * SECOND),
    )


def _whole(piece: Piece, origin: Origin) -> Iterator[Chunk]:
    return read_whole(piece.path, origin, piece.modified, CHUNK_BYTES)


def _end_of(piece: Piece, origin: Origin) -> Iterator[Chunk]:
    """The whole lines of a plain file's end."""
    with piece.path.open("rb") as file:
        file.seek(piece.skip)
        file.readline(1 << 20)  # the rest of a line
        lines = LineSplitter(file.tell())
        while data := file.read(CHUNK_BYTES):
            for block in lines.feed(data, len(data)):
                end = Position(origin.source, origin.stream, b"")
                yield Chunk(
                    origin=origin,
                    data=block.data,
                    start=block.start,
                    identity=str(piece.path),
                    end=end,
                    arrived=piece.modified,
                )


# -- through the engine


async def judge_container_files(
    source: ContainerFileSource, docker: Docker, ruleset: Ruleset, found: Found
) -> None:
    """Read the files in a container once."""
    judging = Judging(ruleset, found)

    async def judge(chunk: Chunk) -> None:
        if chunk.data and found.budget > 0:
            found.budget -= len(chunk.data)
            judging.feed(chunk)

    files = ContainerFiles(replace(source, start="beginning"), SystemClock())
    await files.look(docker, Tracker(origin_of(source), {}, at_end=False), judge)
    found.close(judging)


async def judge_container(
    container_id: str, *, tty: bool, origin: Origin, docker: Docker, ruleset: Ruleset, found: Found
) -> None:
    """Read the end of a container's log."""
    judging = Judging(ruleset, found)
    async for lines in _logged(container_id, docker, found, tty=tty):
        for batch in batches(lines):
            judging.feed(
                Chunk(
                    origin=origin,
                    data=b"".join(line.text for line in batch),
                    start=0,
                    identity=container_id,
                    end=Position(origin.source, origin.stream, b""),
                    arrived=found.now,
                    stamps=tuple(line.stamp for line in batch),
                    channels=bytes(line.channel for line in batch),
                )
            )
    found.close(judging)


async def _logged(
    container_id: str, docker: Docker, found: Found, *, tty: bool
) -> AsyncIterator[Sequence[Line]]:
    query = {
        "stdout": "1",
        "stderr": "1",
        "timestamps": "1",
        "since": str((found.now - SPAN) // SECOND),
        "tail": str(CONTAINER_LINES),
    }
    demux = Demux(tty=tty)
    left = min(CONTAINER_BYTES, found.budget)
    async with docker.stream(f"/containers/{container_id}/logs", query) as stream:
        if stream.status != 200:
            return
        while left > 0 and (data := await stream.read(10.0)):
            left -= len(data)
            found.budget -= len(data)
            yield demux.feed(data)
    yield demux.rest()


def kinds(config: Config) -> tuple[list[FileSource], list[ContainerFileSource], list[DockerSource]]:
    """The config's sources by their kind."""
    files = [s for s in config.sources if isinstance(s, FileSource)]
    inside = [s for s in config.sources if isinstance(s, ContainerFileSource)]
    return files, inside, [s for s in config.sources if isinstance(s, DockerSource)]
