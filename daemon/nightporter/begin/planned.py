"""What is planned: an entry of the config's `sources:`, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass

from nightporter.config import SourceConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One entry of `sources:` and what is said about it."""

    source: SourceConfig
    why: tuple[str, ...]
    """Sentences for its comment. May hold text of the machine's."""
