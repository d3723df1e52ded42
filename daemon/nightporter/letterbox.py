"""Small files in the state folder, by which a verb asks the running daemon for something, and is answered.

The folder is the owner's alone (0700), and so are the files. Nothing here waits, and nothing believes a file
that is not a plain one of this very user.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from nightporter.errors import Denied, Unreachable

_MAX_BYTES: Final = 1_000_000

T = TypeVar("T", bound=msgspec.Struct)


def read(path: Path, kind: type[T]) -> T | None:
    """A file of ours; None where there is none, or one that is not: a link, another's, or something else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_size > _MAX_BYTES:
            return None
        return msgspec.json.decode(os.read(handle, _MAX_BYTES), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
    finally:
        os.close(handle)


def write(path: Path, what: msgspec.Struct) -> None:
    """In one step, for the owner alone. Raises Denied, Unreachable."""
    draft = draft_of(path)
    try:
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(what))
        draft.replace(path)
    except PermissionError as err:
        raise Denied(f"{path}: cannot be written: {err.strerror}") from err
    except OSError as err:
        raise Unreachable(f"{path}: cannot be written: {err.strerror}") from err


def draft_of(path: Path) -> Path:
    """What is written first; a crash may leave it."""
    return path.with_name(f".{path.name}.new")
