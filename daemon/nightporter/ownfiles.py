"""Nightporter's own config and rules are watched files too, in every home: whoever wants it to look away
changes those. Which they are is taken from the config in force. Pure."""

from __future__ import annotations

import glob
from dataclasses import replace
from typing import Final

from nightporter.config import Config, IntegritySource, SourceConfig

NAME: Final = "own-files"
"""Of the source that watches them, where the config watches no files."""


def patterns(config: Config) -> tuple[str, ...]:
    """The config's file, and what its rules lie in, as an integrity source takes paths: as they are written,
    since a link among them must not be turned unseen."""
    own = (*((config.path,) if config.path is not None else ()), *config.rule_dirs)
    return tuple(glob.escape(str(path)) for path in own)


def watching(config: Config) -> tuple[SourceConfig, ...]:
    """The config's sources, of which the first that watches files watches ours too; one more where there is
    none."""
    own = patterns(config)
    for at, source in enumerate(config.sources):
        if isinstance(source, IntegritySource):
            return (*config.sources[:at], replace(source, own=own), *config.sources[at + 1 :])
    if not own:
        return config.sources
    taken = {source.name for source in config.sources}
    name = NAME
    while name in taken:
        name += "-2"
    return (*config.sources, IntegritySource(name=name, own=own))
