"""From one entry of the config to the source that it describes. A new kind of source is one more arm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from nightporter.clock import Clock
from nightporter.config import (
    CommandSource,
    ContainerFileSource,
    DiskSource,
    DockerSource,
    FileSource,
    IntegritySource,
    ProbeSource,
    SourceConfig,
)
from nightporter.own import Own
from nightporter.sources.base import Source


def build_source(
    config: SourceConfig,
    clock: Clock,
    own: Own | None = None,
    state: Path | None = None,
    own_seen: Callable[[str], int] = lambda _source: 0,
) -> Source:
    """A source of its config's kind; its library is imported only then. `own`: makes what our requests carry;
    `own_seen`: how many of them a source's proxies' logs have shown. `state`: the daemon's folder, for what
    people ask of a source; None: this is not the daemon."""
    match config:
        case FileSource():
            from nightporter.sources.files import FileSource as Files

            return Files(config, clock)
        case ContainerFileSource():
            from nightporter.sources.archive import ContainerFiles

            return ContainerFiles(config, clock)
        case DockerSource():
            from nightporter.sources.docker.source import DockerSource as Docker

            return Docker(config, clock)
        case CommandSource():
            from nightporter.sources.command import CommandSource as Command

            return Command(config, clock)
        case DiskSource():
            from nightporter.sources.disk import DiskSource as Disk

            return Disk(config, clock)
        case ProbeSource():
            from nightporter.sources.probes import ProbeSource as Probes

            return Probes(config, clock, own, own_seen)
        case IntegritySource():
            from nightporter.sources.integrity import IntegritySource as Integrity

            return Integrity(config, clock, state)
        case _:
            assert_never(config)
