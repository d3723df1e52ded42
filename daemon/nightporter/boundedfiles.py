"""Reading a stranger's machine with care: small files, few of them, and no error that stops the rest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 256 * 1024
"""Of a config file; a longer one is none that a person wrote."""
MOST_FILES: Final = 64
"""Files of one folder that are looked at."""


def content(path: Path, troubles: list[str], limit: int = MAX_BYTES) -> bytes | None:
    """The beginning of a plain file. None where there is none, and where it is refused, which is noted in
    `troubles`."""
    try:
        # Without waiting: to open a pipe that nobody writes to would hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        troubles.append(f"{path} cannot be read: {err.strerror or type(err).__name__}")
        return None


def files(folder: Path, patterns: Iterable[str], troubles: list[str]) -> Iterator[Path]:
    """Plain files of a folder (not of those below it) whose names fit, by name."""
    try:
        with os.scandir(folder) as entries:
            listed = [entry.name for entry in islice(entries, 16 * MOST_FILES)]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as err:
        troubles.append(f"{folder} cannot be listed: {err.strerror or type(err).__name__}")
        return
    names = sorted(name for name in listed if name.isprintable())  # others cannot stand in a config
    wanted = tuple(patterns)
    fitting = (folder / name for name in names if any(Path(name).match(pattern) for pattern in wanted))
    yield from islice((path for path in fitting if path.is_file()), MOST_FILES)
