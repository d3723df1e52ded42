"""Old files through the same lanes and engine as live lines; sends nothing, stores nothing.

Arrival is the running maximum of event time, so what a replay finds does not depend on when it is run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from nightporter.detect.engine import Engine
from nightporter.detect.places import Places, nowhere
from nightporter.lane import Arrival, Lanes
from nightporter.model import Chunk, Episode
from nightporter.rule import Absence, FirstSeen, Ruleset

UNASKED: Final[frozenset[type]] = frozenset({Absence, FirstSeen})
"""Windows that are off in a replay unless asked for: what a piece of the past lacks says little, and all that
it shows first was seen before (RULES §4.7, §4.12)."""


@dataclass(slots=True)
class Replay:
    """One replay: feed it chunks, then ask for the episodes."""

    ruleset: Ruleset
    scan: bool = True
    without: frozenset[type] = UNASKED
    """Kinds of windows whose rules are left out."""
    places: Places = nowhere
    engine: Engine = field(init=False)
    lanes: Lanes = field(init=False)
    _episodes: dict[str, Episode] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = Engine(self.ruleset, without=self.without, places=self.places)
        self.lanes = Lanes(self.engine, Arrival(replayed=True), scan=self.scan)

    def feed(self, chunks: Iterable[Chunk]) -> None:
        """Judge the chunks in order."""
        for chunk in chunks:
            self.lanes.of(chunk.origin).judge(chunk)
            self.engine.advance(self.lanes.arrival.latest)
            self._take()

    def _take(self) -> None:
        if self.engine.dirty:
            self._episodes |= {
                episode.id: episode for episode in self.engine.take_changes(rows=False).episodes
            }

    def episodes(self) -> list[Episode]:
        """Every episode, ended, in the order of their crossings."""
        self.engine.finish()
        self._take()
        return sorted(self._episodes.values(), key=lambda e: (e.crossed, e.rule, e.id))
