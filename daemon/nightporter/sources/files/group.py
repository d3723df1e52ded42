"""All streams of one file source: which files its paths and globs mean, each followed by a `Follower`.

Synchronous: it lives on its source's thread. The first sight of a *path* (or glob) as written in the config
decides whether its files begin at their end; a member that a known glob shows later is new, and is read
from its beginning.
"""

from __future__ import annotations

import glob
import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from nightporter.config import FileSource as FileSourceConfig
from nightporter.model import SECOND, Chunk, Origin, Position, Stamp
from nightporter.sources.files.finder import explain
from nightporter.sources.files.follower import Follower
from nightporter.sources.files.marks import Mark, decode, encode
from nightporter.sources.files.siblings import is_compressed, rotated_name
from nightporter.sources.files.waker import Target

LIST_S: Final = 1.0
"""How often globs are listed again, at most; a listing that takes long is repeated more rarely still."""
LIST_SHARE: Final = 0.01
"""The share of its time that a source may spend in listing."""
AWAKE: Final = 32
"""Members of globs that are kept open, the newest: launchd gives an agent 256 descriptors. The others are
looked at with each listing, and opened when they change."""
GONE_S: Final = 600.0
"""How long a glob's member, renamed to where we do not see it, is kept open while nothing is written to
it."""
ROUND_BYTES: Final = 1024 * 1024
"""Lines that one round gives at most, or one buffer's worth of one file; the rest waits for the next."""

FileKey = tuple[int, int, int, int]


def is_glob(path: str) -> bool:
    """Whether a path of the config is a pattern; a file that is really named so is no pattern."""
    return glob.has_magic(path) and not os.path.lexists(path)


def stream_of(path: Path) -> str:
    """The name of a plain path's stream: its folder's real path, and its own name even if it is a link, since
    a link may be moved to the next file."""
    return str(Path(os.path.realpath(path.parent)) / path.name)


def origin_of(config: FileSourceConfig, stream: str) -> Origin:
    """What is true of every line of one of the source's files."""
    return Origin(
        source=config.name,
        kind="file",
        stream=stream,
        format=config.format,
        services=(config.service,) if config.service else (),
        fields=(("service", config.service),) if config.service else (),
        tz=config.tz,
        trusted_proxies=config.trusted_proxies,
        lateness=round(config.lateness_s * SECOND),
    )


@dataclass(slots=True)
class Members:
    """A glob, as it was last listed."""

    pattern: str
    known: bool
    """Whether it was ever listed before: then what it shows for the first time is new."""
    followers: dict[Path, Follower] = field(default_factory=dict)
    resting: dict[Path, FileKey] = field(default_factory=dict)
    trouble: str = ""
    list_at: float = 0.0

    @property
    def root(self) -> Path:
        """The folder above the first part that is a pattern."""
        parts = Path(self.pattern).parts
        fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
        return Path(*parts[:fixed]) if fixed else Path()

    def covers(self, stream: str) -> bool:
        """Whether a file of that real path may be a member."""
        pattern = str(Path(os.path.realpath(self.root)) / Path(self.pattern).relative_to(self.root))
        depth_fits = "**" in pattern or stream.count(os.sep) == pattern.count(os.sep)
        return depth_fits and fnmatchcase(stream, pattern)

    def list(self) -> dict[Path, FileKey]:
        """Real path → device, inode, size and mtime of each member, the newest last; raises OSError where the
        folder is refused. Rotated copies and compressed files are no members."""
        os.scandir(self.root or ".").close()  # glob itself takes a refused folder for an empty one
        found: dict[Path, FileKey] = {}
        for name in glob.iglob(self.pattern, recursive=True):  # noqa: PTH207 - Path.glob takes no absolute one
            path = Path(os.path.realpath(name))
            try:
                seen = path.stat()
            except OSError:
                continue
            if stat.S_ISREG(seen.st_mode) and not is_compressed(path):
                found[path] = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)
        logs = found.keys() | self.followers.keys()
        own = {path: key for path, key in found.items() if not _is_copy(path, logs)}
        return dict(sorted(own.items(), key=lambda item: item[1][3]))


def _is_copy(path: Path, logs: Iterable[Path]) -> bool:
    rotated = rotated_name(path.name)
    return rotated is not None and path.with_name(rotated.live) in logs


class Group:
    """Owns the followers of a source."""

    def __init__(self, config: FileSourceConfig, marks: Mapping[str, bytes], *, chunk_bytes: int) -> None:
        self._config = config
        self._buffer = bytearray(chunk_bytes)
        self._marks = {stream: mark for stream, data in marks.items() if data and (mark := decode(data))}
        self._plain: dict[Path, Follower] = {}
        self._globs: list[Members] = []
        for path in config.paths:
            if not is_glob(path):
                self._plain[Path(path)] = self._follower(Path(path), stream_of(Path(path)), new=False)
            else:
                known = path in marks
                self._globs.append(Members(path, known))
        self._first = 0
        self.looked = False
        self.busy = False
        """Whether there is more to do at once."""
        self.moved = False
        """Whether the last round read anything."""
        self.targets: frozenset[Target] = frozenset()
        """What a waker should watch."""
        self._past: Counter[str] = Counter()
        self._retarget()

    def _follower(self, path: Path, stream: str, *, new: bool) -> Follower:
        config = self._config
        origin = origin_of(config, stream)
        at_end = config.start == "end" and not new
        return Follower(path, origin, mark=self._marks.get(stream), at_end=at_end, buffer=self._buffer)

    # -- one round -------------------------------------------------------------------------------------------

    def round(self, now: float, arrived: Stamp) -> list[Chunk]:
        """Look at everything once; `now` is monotonic seconds. Each file gets a turn, in turns."""
        self.looked, self.busy, self.moved = True, False, False
        chunks: list[Chunk] = []
        for members in self._globs:
            if now >= members.list_at:
                chunks += self._list(members, now, arrived)
        awake = self._awake()
        self._first %= max(1, len(awake))
        given = 0
        for turn, follower in enumerate(awake[self._first :] + awake[: self._first]):
            step = follower.step(now, arrived)
            chunks += step
            self.busy |= follower.busy
            self.moved |= follower.moved
            given += sum(len(chunk.data) for chunk in step)
            if given >= ROUND_BYTES:
                self._first += turn + 1
                self.busy = True
                break
        for members in self._globs:
            self._rest(members)
        return chunks

    def _awake(self) -> list[Follower]:
        followers = list(self._plain.values())
        for members in self._globs:
            followers += [f for path, f in members.followers.items() if path not in members.resting]
        return followers

    # -- globs -----------------------------------------------------------------------------------------------

    def _list(self, members: Members, now: float, arrived: Stamp) -> list[Chunk]:
        """Take in new members, wake those that changed, let go of those that are gone."""
        members.list_at = now + LIST_S
        try:
            found = members.list()
        except FileNotFoundError:
            found = {}
        except OSError as err:
            members.trouble = explain(err, members.root)
            return []
        members.trouble = ""
        chunks = [] if members.known else [self._note(members.pattern, encode(Mark()), arrived)]
        if not members.followers:
            self._resume(members)
        held = {file.key for follower in self._awake() for file in follower.open_files}
        for path, key in found.items():
            if path in members.followers:
                if members.resting.get(path, key) != key:
                    del members.resting[path]
            elif key[:2] not in held and not self._is_followed(path):  # held open: it has only been renamed
                members.followers[path] = self._follower(path, str(path), new=members.known)
        members.known = True
        for path in [path for path in members.followers if path not in found]:
            members.resting.pop(path, None)
            follower = members.followers[path]
            if follower.is_over(now, GONE_S):
                chunks.append(self._note(str(path), b"", arrived))
                self._past += follower.counters()
                follower.close()
                del members.followers[path]
        self._retarget()
        return chunks

    def _is_followed(self, path: Path) -> bool:
        """Whether a plain path or another glob means that file too."""
        plain = any(os.path.realpath(own) == str(path) for own in self._plain)
        return plain or any(path in members.followers for members in self._globs)

    def _resume(self, members: Members) -> None:
        """Go on with all that was followed before, so that what was rotated away meanwhile is read to its
        end."""
        for stream in self._marks:
            if Path(stream) not in self._plain and stream != members.pattern and members.covers(stream):
                members.followers[Path(stream)] = self._follower(Path(stream), stream, new=True)

    def _note(self, stream: str, mark: bytes, arrived: Stamp) -> Chunk:
        """Only a position: a glob that was seen, or (an empty mark) a stream that may be forgotten."""
        origin = Origin(source=self._config.name, kind="file", stream=stream, format=self._config.format)
        end = Position(self._config.name, stream, mark)
        return Chunk(origin=origin, data=b"", start=0, identity="", end=end, arrived=arrived)

    def _rest(self, members: Members) -> None:
        """Close the members that nothing is written to, but for the newest."""
        awake = [path for path in members.followers if path not in members.resting]
        if len(awake) <= AWAKE:
            return
        newest_last = sorted(awake, key=lambda p: members.followers[p].modified())
        for path in newest_last[:-AWAKE]:
            follower = members.followers[path]
            files = follower.open_files
            if len(files) == 1 and not follower.busy and not follower.moved:
                key = (*files[0].key, files[0].size, files[0].modified)
                follower.rest()
                members.resting[path] = key

    def _retarget(self) -> None:
        wanted = {Target(path.parent, glob.escape(path.name)) for path in self._plain}
        for members in self._globs:
            name = Path(members.pattern).name
            wanted |= {Target(path.parent, name) for path in members.followers} | {Target(members.root, name)}
        self.targets = frozenset(wanted)

    # -- for status ------------------------------------------------------------------------------------------

    def followers(self) -> list[Follower]:
        """All of them, resting ones too."""
        members = (follower for group in self._globs for follower in list(group.followers.values()))
        return [*self._plain.values(), *members]

    def troubles(self) -> list[str]:
        """What it cannot see and why, for a person."""
        blind = [f.trouble for f in self.followers() if f.state == "blind"]
        return blind + [members.trouble for members in self._globs if members.trouble]

    def counters(self) -> Counter[str]:
        """Of all files since the start."""
        return sum((f.counters() for f in self.followers()), Counter(self._past))

    def close(self) -> None:
        """Close everything."""
        for follower in self.followers():
            follower.close()
