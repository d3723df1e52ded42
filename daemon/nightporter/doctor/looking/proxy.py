"""Reads the ends of Traefik's logs: files that the config names. Containers' own are read with Docker's."""

from __future__ import annotations

import glob
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from nightporter.config import Config, FileSource
from nightporter.doctor.accesslog import counted
from nightporter.doctor.looking.view import View
from nightporter.doctor.proxy import ProxyLog
from nightporter.model import Origin
from nightporter.sources.files.group import is_glob

_END_BYTES: Final = 1 << 20
"""About 1,500 lines of JSON."""
_MOST: Final = 4
"""Files of a glob that are read, newest first."""


def look(view: View, config: Config) -> tuple[ProxyLog, ...]:
    """Blocking."""
    return tuple(
        look_at(view, source, path)
        for source in config.sources
        if isinstance(source, FileSource) and source.format == "traefik"
        for given in source.paths
        for path in _files(given)
    )


def _files(path: str) -> list[str]:
    if not is_glob(path):
        return [path]
    everything = glob.glob(path, recursive=True)  # noqa: PTH207 - an absolute one
    found = [file for file in everything if not file.endswith(".gz")]
    return sorted(found, key=_written, reverse=True)[:_MOST] or [path]


def _written(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


def look_at(view: View, source: FileSource, path: str) -> ProxyLog:
    """The end of one file."""
    bare = ProxyLog(source=source.name, path=path, real=str(Path(path).resolve()))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(descriptor)
            start = max(0, seen.st_size - _END_BYTES)
            file.seek(start)
            lines = file.read(_END_BYTES).split(b"\n")
    except FileNotFoundError:
        return replace(bare, trouble="is not there", missing=True)
    except OSError as err:
        return replace(bare, trouble=f"cannot be read: {err.strerror}")
    whole = lines[1 if start else 0 : -1]  # the first may be cut, the last unfinished
    log = replace(bare, written=seen.st_mtime_ns, trusts=bool(source.trusted_proxies))
    origin = Origin(
        source=source.name,
        kind="file",
        stream=path,
        format="traefik",
        tz=source.tz,
        trusted_proxies=source.trusted_proxies,
    )
    return counted(log, whole, origin, view.clock.now())
