"""Opening a file that a person named, which may be anything: a pipe must not hold us up."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_head(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """The first `most` bytes of a file, and what the system knows of it. Never waits.

    Raises OSError, also where the path leads to a pipe: without a writer, opening one waits for ever.
    """
    with open(path, "rb", opener=_without_waiting) as stream:
        status = os.fstat(stream.fileno())
        if stat.S_ISFIFO(status.st_mode):
            raise OSError(errno.EINVAL, "a pipe, not a file", str(path))
        return stream.read(most) or b"", status  # None: a device that has nothing to say now


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
