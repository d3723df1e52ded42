"""What a batch changed in the engine: everything that has to be in one commit with the batch's positions."""

from __future__ import annotations

from dataclasses import dataclass, field

from nightporter.model import Episode, Stamp


@dataclass(frozen=True, slots=True)
class WindowRow:
    """What the commit keeps of one key; `blob` None deletes it."""

    rule: str
    """The rule's fingerprint: its id and all that its memory depends on."""
    key: bytes
    blob: bytes | None


@dataclass(frozen=True, slots=True)
class LearnedRow:
    """A value that a learned list saw, and when last."""

    list: str
    value: str
    seen: Stamp | None
    """None: it fell out of the list."""


@dataclass(slots=True)
class Changes:
    """Taken from the engine between two batches."""

    episodes: list[Episode] = field(default_factory=list)
    windows: list[WindowRow] = field(default_factory=list)
    learned: list[LearnedRow] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)
    """Rules that had to forget keys: "too many sources: distributed?"."""
    paused: list[tuple[str, str]] = field(default_factory=list)
    """(rule or event, source): its regex ran out of time too often in that source and pauses there."""
