"""A log on a real disk with everything that happens to logs, and a reader of it that is stepped by hand.

`Disk` is the writer's and the rotator's side, `Reading` ours. File times are set by a counter, so that no
test hangs on how coarse the file system's clock is.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nightporter.model import Chunk, Origin
from nightporter.sources.files.follower import Follower
from nightporter.sources.files.lines import LINE_CAP
from nightporter.sources.files.marks import Mark, decode


@contextmanager
def not_root() -> Iterator[None]:
    """Without root's right to read everything, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class Ticks:
    """File times: one second a tick, from 2025 on."""

    def __init__(self) -> None:
        self.now = 1_764_504_000_000_000_000

    def next(self) -> int:
        self.now += 1_000_000_000
        return self.now


class Disk:
    """One log, its writer, and its numbered copies (1 the newest)."""

    def __init__(self, folder: Path, name: str = "app.log") -> None:
        self.folder = folder
        self.live = folder / name
        self.ticks = Ticks()
        self._file: BinaryIO | None = None
        self._written = self.live
        """Where the writer's open file is now: it moves with a rename."""

    def copy(self, number: int, *, packed: bool = False) -> Path:
        return self.live.with_name(f"{self.live.name}.{number}{'.gz' if packed else ''}")

    def copies(self) -> dict[int, Path]:
        """Number → path, plain or packed."""
        found = {}
        for path in self.folder.glob(f"{self.live.name}.*"):
            found[int(path.name.removeprefix(self.live.name + ".").removesuffix(".gz"))] = path
        return found

    def write(self, data: bytes) -> None:
        """Append through the writer's open file, as a program does."""
        if self._file is None:
            self._file = self.live.open("ab", buffering=0)
            self._written = self.live
        self._file.write(data)
        self._stamp(self._file.fileno())

    def _stamp(self, file: int | Path) -> None:
        now = self.ticks.next()
        os.utime(file, ns=(now, now))

    def reopen(self) -> None:
        """What USR1 does: close, and open anew by name with the next write."""
        self.close()

    def shift(self) -> None:
        for number, path in sorted(self.copies().items(), reverse=True):
            target = self.copy(number + 1, packed=path.suffix == ".gz")
            path.rename(target)
            if path == self._written:
                self._written = target

    def rename(self, *, create: bool = False) -> None:
        """`mv app.log app.log.1`, older copies moved up; the writer goes on in the moved file until
        `reopen`."""
        self.shift()
        self.live.rename(self.copy(1))
        if self._written == self.live:
            self._written = self.copy(1)
        if create:
            self.live.touch()
            self._stamp(self.live)

    def copytruncate(self) -> None:
        self.copy_only()
        self.truncate()

    def copy_only(self) -> None:
        """The first half of copy and truncate."""
        self.shift()
        shutil.copyfile(self.live, self.copy(1))
        self._stamp(self.copy(1))

    def truncate(self) -> None:
        os.truncate(self.live, 0)
        self._stamp(self.live)

    def pack(self, number: int) -> None:
        """`gzip app.log.N`: keeps the file's time."""
        path = self.copy(number)
        seen = path.stat()
        packed = self.copy(number, packed=True)
        packed.write_bytes(gzip.compress(path.read_bytes()))
        os.utime(packed, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        path.unlink()

    @property
    def writes_to(self) -> Path | None:
        return self._written if self._file is not None else None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class Reading:
    """A `Follower` stepped by hand, with what it gave out and what was committed of it."""

    def __init__(
        self, disk: Disk, *, at_end: bool = False, buffer_bytes: int = 64, line_cap: int = LINE_CAP
    ) -> None:
        self.disk = disk
        self.at_end = at_end
        self.buffer = bytearray(buffer_bytes)
        self.line_cap = line_cap
        self.now = 0.0
        self.committed: bytes | None = None
        self.judged: list[Chunk] = []
        """What is in the last commit."""
        self.pending: list[Chunk] = []
        """What was given out since."""
        self.follower = self._start(None)

    def _start(self, mark: Mark | None) -> Follower:
        origin = Origin(source="logs", kind="file", stream=str(self.disk.live), format="text")
        return Follower(
            self.disk.live, origin, mark=mark, at_end=self.at_end, buffer=self.buffer, line_cap=self.line_cap
        )

    def step(self) -> bool:
        """One step; whether anything came of it."""
        chunks = self.follower.step(self.now, self.disk.ticks.now)
        self.pending += chunks
        return bool(chunks) or self.follower.busy or self.follower.moved

    def poll(self, seconds: float = 0.25) -> bytes:
        """Let time pass, then step until nothing more comes; gives the new lines."""
        self.now += seconds
        before = len(self.pending)
        for _ in range(20_000):
            if not self.step():
                return b"".join(chunk.data for chunk in self.pending[before:])
        raise AssertionError("it never comes to rest")

    def commit(self) -> None:
        for chunk in self.pending:
            self.committed = chunk.end.mark
        self.judged += self.pending
        self.pending = []

    def crash(self) -> None:
        """Die and start again from the last commit."""
        self.follower.close()
        self.pending = []
        self.follower = self._start(decode(self.committed) if self.committed is not None else None)

    def restart(self) -> None:
        self.commit()
        self.crash()

    @property
    def text(self) -> bytes:
        """Everything given out so far."""
        return b"".join(chunk.data for chunk in [*self.judged, *self.pending])

    @property
    def state(self) -> str:
        return self.follower.state

    def close(self) -> None:
        self.follower.close()
