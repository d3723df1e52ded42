"""One open file, read forward from an offset of its content."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from nightporter.sources.files.lines import LINE_CAP, Block, LineSplitter
from nightporter.sources.files.marks import HEAD_BYTES, FileMark, Head, head_of
from nightporter.sources.files.siblings import is_compressed

_BACKWARDS: Final = 64 * 1024


@contextmanager
def unpacking(path: Path) -> Iterator[None]:
    """Make one OSError of the errors that a broken or unfinished gzip file gives."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        raise OSError(errno.EIO, f"is a broken gzip file ({err})", str(path)) from err


def open_regular(path: Path) -> io.FileIO:
    """A plain file for reading, from its beginning. Raises OSError, also for what is no plain file."""
    # Non-blocking: to open a pipe that nobody writes to would hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        return io.FileIO(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


class Replaced(Exception):
    """The file does not hold any more what was read from it: it was cut short, or written anew in place."""


class OpenFile:
    """A log or a rotated copy, plain or gzip. It keeps its descriptor: a rename or deletion does not end
    it."""

    def __init__(self, raw: io.FileIO, path: Path, *, offset: int, identity: str, line_cap: int) -> None:
        self.path = path
        self.compressed = is_compressed(path)
        self._raw = raw
        self._unpacked = gzip.GzipFile(fileobj=raw) if self.compressed else None
        self._skip = offset if self.compressed else 0
        self.lines = LineSplitter(offset, cap=line_cap)
        self.identity = identity
        self.begun = offset > 0
        """Whether its place belongs in the mark: something of it was given out, or passed over on purpose."""
        seen = os.fstat(raw.fileno())
        self.device, self.inode = seen.st_dev, seen.st_ino
        self.size, self.modified, self.deleted = seen.st_size, seen.st_mtime_ns, False
        self.head: Head = head_of(self._first())
        self.moved_at = 0.0
        """Monotonic time of the last look that found something new."""

    @classmethod
    def open(cls, path: Path, *, offset: int = 0, identity: str = "", line_cap: int = LINE_CAP) -> Self:
        """Open a file at an offset of its content, or at its end if it is shorter. Raises OSError; for what
        is no regular file too.

        A compressed one is unpacked up to the offset by the first calls of `read`.
        """
        raw = open_regular(path)
        try:
            if not is_compressed(path):
                offset = min(offset, os.fstat(raw.fileno()).st_size)
                raw.seek(offset)
            return cls(raw, path, offset=offset, identity=identity, line_cap=line_cap)
        except BaseException:
            raw.close()
            raise

    def _first(self) -> bytes:
        if self._unpacked is None:
            return os.pread(self._raw.fileno(), HEAD_BYTES, 0)
        with unpacking(self.path):
            first = self._unpacked.read(HEAD_BYTES)
            self._unpacked.seek(0)
            return first

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode

    def to_last_line(self) -> None:
        """Go to the end, but no further than the beginning of its last, unfinished line."""
        end = os.fstat(self._raw.fileno()).st_size
        high = end
        while high > 0:
            low = max(0, high - _BACKWARDS)
            found = os.pread(self._raw.fileno(), high - low, low).rfind(b"\n")
            if found >= 0:
                high = low + found + 1
                break
            high = low
        self._raw.seek(high)
        self.lines = LineSplitter(high, cap=self.lines.cap)
        self.begun = True

    def read(self, buffer: bytearray, *, live: bool) -> tuple[int, list[Block]]:
        """Bytes read (0 at the end as of now) and the whole lines that they complete. `live`: it still
        stands at the log's own path, where it may be copied and truncated.

        Raises Replaced when the file was truncated or rewritten, before anything of it is given out; OSError
        when it cannot be read.
        """
        if self._unpacked is not None:
            return self._read_unpacked(self._unpacked, buffer)
        size = self._raw.readinto(buffer) or 0
        self._look(size, live=live)
        return size, self._given(self.lines.feed(buffer, size))

    def _look(self, size: int, *, live: bool) -> None:
        """Is it still the file that was read so far? Asked after the read, so that what was read is covered.

        4 KiB are hashed whenever something was read or the mtime moved; a quiet file costs one fstat. A
        file that was truncated and rewritten up to our place, or past it, is thus noticed by its head.
        """
        seen = os.fstat(self._raw.fileno())
        self.deleted = seen.st_nlink == 0
        if seen.st_size < self.lines.at + size:
            raise Replaced
        touched = seen.st_mtime_ns != self.modified
        if touched and live and not self.head.telling:
            # It held no whole line yet: it may have been filled, copied and emptied since, and begin as
            # before.
            raise Replaced
        if size > 0 or touched:
            first = os.pread(self._raw.fileno(), HEAD_BYTES, 0)
            if not self.head.fits(first):
                raise Replaced
            if self.head.length < HEAD_BYTES:
                self.head = head_of(first)
        self.size, self.modified = seen.st_size, seen.st_mtime_ns

    def _read_unpacked(self, unpacked: gzip.GzipFile, buffer: bytearray) -> tuple[int, list[Block]]:
        with unpacking(self.path), memoryview(buffer) as view:
            size = unpacked.readinto(view[: self._skip] if self._skip else view)
        if self._skip:
            self._skip = self._skip - size if size else 0
            return size, []
        return size, self._given(self.lines.feed(buffer, size))

    def _given(self, blocks: list[Block]) -> list[Block]:
        if blocks:
            self.begun = True
            self.identity = self.identity or str(self.head)
        return blocks

    def finish(self) -> Block | None:
        """The last line, where it has no newline and none will come."""
        last = self.lines.finish()
        return self._given([last])[0] if last is not None else None

    def mark(self, offset: int | None = None) -> FileMark:
        """Its place, as far as lines were given out (or up to `offset`)."""
        return FileMark(
            identity=self.identity,
            head=self.head,
            offset=self.lines.start if offset is None else offset,
            device=self.device,
            inode=self.inode,
            modified=self.modified,
        )

    def close(self) -> None:
        """Close it; safe to call twice."""
        if self._unpacked is not None:
            self._unpacked.close()
        self._raw.close()
