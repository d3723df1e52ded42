"""One daemon a state folder: two would judge every line twice and tell it twice."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightporter.errors import Denied, UserError

LOCK = "daemon.lock"


def holder(folder: Path) -> int | None:
    """The process that holds a state folder, 0 where it is not known which; None: nobody does."""
    try:
        lock = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pid = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        return int(pid) if pid.isdigit() else 0
    else:
        return None
    finally:
        os.close(lock)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs; the system lets go of it when the process ends, however it does.

    Raises UserError if another process holds it, Denied where the folder may not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise Denied(f"{folder}: the state folder cannot be used: {err.strerror}") from err
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            if err.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise Denied(f"{folder}: the state folder cannot be locked: {err.strerror}") from err
            pid = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise UserError(
                f"{folder}: another Nightporter (process {pid}) uses this state folder; stop it first "
                "('nightporter status' says whether it is the one in the background), or give this one a "
                "'state:' of its own"
            ) from err
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)
