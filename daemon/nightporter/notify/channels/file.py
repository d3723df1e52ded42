"""A file of JSON lines: everything that was told, one object a telling, for programs.

Text is masked and otherwise as it was: JSON in ASCII cannot be broken by it, in a terminal neither. The file
is opened by name for each line, so that it may be rotated at any time; a line is one write with O_APPEND.
A telling whose id stands near the file's end is not written twice, so a crash between writing and recording
repeats nothing. A full disk is tried again; a half line that it left is ended first.

Where the path leads to a pipe or a device, it is only written to, and never waited for: a pipe that nobody
reads, or that is full, is tried again like a full disk.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from nightporter.model import SECOND, IncidentPart, Stamp, Telling
from nightporter.notify.localtime import wall
from nightporter.notify.outcome import Delivered, Outcome, Retry
from nightporter.notify.render import Message
from nightporter.safetext import mask_secrets

TAIL_BYTES: Final = 262_144
"""How much of the file's end is searched for a telling that may have been written before a crash."""


class FileChannel:
    """Appends to `path`, made with its folder if missing, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: set[str] | None = None
        self._torn = False

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        try:
            for telling in message.tellings:
                self._append(telling)
        except OSError as err:
            return Retry(f"{self._path}: cannot be written: {err.strerror}")
        return Delivered()

    def _append(self, telling: Telling) -> None:
        if self._written is None:
            self._written = _ids_at_end(self._path)
        if telling.id in self._written:
            return
        data = (json.dumps(record(telling)) + "\n").encode("ascii")
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        plain = _is_plain(self._path)
        how = os.O_RDWR | os.O_CREAT if plain else os.O_WRONLY
        handle = os.open(self._path, how | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            torn = _ends_torn(handle) if plain else self._torn
            data = b"\n" + data if torn else data
            written = os.write(handle, data)
        finally:
            os.close(handle)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, "No space left on device" if plain else "the pipe is full")


def record(telling: Telling) -> dict[str, Any]:
    """The object of one telling; times are ISO 8601, UTC. Any: JSON."""
    return {
        "id": telling.id,
        "kind": telling.kind,
        "severity": telling.severity.name,
        "rule": telling.rule,
        "incident": telling.incident,
        "title": mask_secrets(telling.title),
        "message": mask_secrets(telling.message),
        "key": {k: mask_secrets(v) if isinstance(v, str) else v for k, v in telling.key.items()},
        "at": _iso(telling.at),
        "first": _iso(telling.first),
        "last": _iso(telling.last),
        "count": telling.count,
        "grew": telling.grew,
        "distinct": telling.distinct,
        "window": telling.window,
        "top": {k: [[mask_secrets(v), n] for v, n in values] for k, values in telling.top.items()},
        "samples": [mask_secrets(sample) for sample in telling.samples],
        "fix": telling.fix,
        "tags": list(telling.tags),
        "references": list(telling.references),
        "sections": [[section.name, mask_secrets(section.text)] for section in telling.sections],
        "seen_late": telling.seen_late,
        "subject": mask_secrets(telling.subject),
        "parts": [part_record(part) for part in telling.parts],
        "unlisted_parts": telling.unlisted,
        "lasted_s": telling.lasted / SECOND if telling.kind == "resolved" and telling.incident else None,
        "covers": [mask_secrets(name) for name in telling.covers],
    }


def part_record(part: IncidentPart) -> dict[str, Any]:
    """The object of one part of an incident. Any: JSON."""
    return {
        "rule": part.rule,
        "title": part.title,
        "key": {k: mask_secrets(v) if isinstance(v, str) else v for k, v in part.key.items()},
        "severity": part.severity.name,
        "message": mask_secrets(part.message),
        "first": _iso(part.first),
        "last": _iso(part.last),
        "count": part.count,
        "open": part.open,
    }


def _iso(stamp: Stamp) -> str | None:
    return wall(stamp, UTC).isoformat() if stamp else None


def _is_plain(path: Path) -> bool:
    """Whether a file is there, or nothing yet."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def _ends_torn(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size > 0 and os.pread(handle, 1, size - 1) != b"\n"


def _ids_at_end(path: Path) -> set[str]:
    if not _is_plain(path):
        return set()
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read(TAIL_BYTES).split(b"\n")
    except FileNotFoundError:
        return set()
    return {found for line in lines if (found := _id_of(line))}


def _id_of(line: bytes) -> str:
    try:
        found = json.loads(line)
    except ValueError:  # a line cut by the window or by a crash
        return ""
    return str(found.get("id", "")) if isinstance(found, dict) else ""
