"""Asks the system: everything here may block, for ever on a network drive that is away.
Nothing is written."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from contextlib import suppress
from datetime import datetime
from glob import has_magic
from itertools import islice, takewhile
from pathlib import Path
from typing import Final

from nightporter.model import SECOND, Stamp
from nightporter.sources.disk.states import File, Space

MOST_FILES: Final = 20_000
"""Files of a pattern that are looked at."""
TMUTIL_S: Final = 60.0
"""tmutil may wake a drive."""
_BACKUP: Final = re.compile(r"(\d{4}-\d{2}-\d{2}-\d{6})(?:\.backup)?/?$", re.ASCII)


def space(path: str) -> Space:
    """How it is with a path. Raises OSError where the system fails otherwise than by not finding it."""
    try:
        told = os.statvfs(path)
    except (FileNotFoundError, NotADirectoryError):
        return Space(exists=False)
    read_only = bool(told.f_flag & os.ST_RDONLY)
    return Space(
        mounted=os.path.ismount(path),
        # access(2) says no for a file system that is mounted to be read, even to root.
        writable=os.access(path, os.W_OK) and not read_only,
        read_only=read_only,
        free=told.f_bavail * told.f_frsize,
        total=told.f_blocks * told.f_frsize,
    )


def files(pattern: str) -> list[File]:
    """The files that a pattern fits; what is no file, or goes meanwhile, is left out. PermissionError where
    the folder may not be read: glob itself would only say that there is nothing."""
    whole = Path(pattern)
    plain = sum(1 for _ in takewhile(lambda part: not has_magic(part), whole.parts[:-1]))
    folder = Path(*whole.parts[:plain])
    if not folder.is_dir():
        return []
    os.scandir(folder).close()
    found: list[File] = []
    for path in islice(folder.glob(str(whole.relative_to(folder))), MOST_FILES):
        with suppress(OSError):
            told = path.stat()
            if stat.S_ISREG(told.st_mode):
                found.append(File(str(path), told.st_mtime_ns, told.st_size))
    return found


def time_machine() -> tuple[Stamp, str]:
    """When Time Machine's last backup was made (0: not known), and what tmutil complains of.

    `tmutil latestbackup` (man tmutil) prints a path that ends in the backup's name, the local time of its
    making: `…/2026-11-24-101500`, or `2026-11-24-101500.backup` on APFS. It needs the drive, and since
    macOS 11 Full Disk Access.
    """
    try:
        done = subprocess.run(
            ["tmutil", "latestbackup"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TMUTIL_S,
            check=False,
        )
    except FileNotFoundError:
        return 0, "there is no tmutil on this machine"
    except subprocess.TimeoutExpired:
        return 0, "tmutil does not answer"
    said = done.stdout.decode("utf-8", "replace").strip()
    found = _BACKUP.search(said)
    if done.returncode != 0 or found is None:
        complaint = done.stderr.decode("utf-8", "replace").strip() or said
        return 0, complaint.replace("\n", " ")[:200] or f"tmutil ended with exit code {done.returncode}"
    made = datetime.strptime(found[1], "%Y-%m-%d-%H%M%S").astimezone()  # a zone-less name: local time
    return round(made.timestamp()) * SECOND, ""
