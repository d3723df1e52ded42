"""A watch on real files, stepped by hand, with commits as the judge makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from nightporter.model import SECOND, Chunk, Origin, Stamp
from nightporter.sources.integrity.accepting import Desk
from nightporter.sources.integrity.watch import SCAN_S, SETTLE_S, Patterns, Watch

ORIGIN: Final = Origin(source="files", kind="integrity", stream="files", format="record")


class Watching:
    """One watch list and its marks; the clock is moved by hand, the wall follows it."""

    def __init__(self, *patterns: str | Path, home: Path | None = None, desk: Desk | None = None) -> None:
        self.patterns = tuple(map(str, patterns))
        self.home = home
        self.desk = desk
        self.marks: dict[str, bytes] = {}
        self.now = 0.0
        self.wall: Stamp = 4_000_000_000 * SECOND  # later than any file's own time
        self.begin()

    def begin(self) -> None:
        """Start anew from what was committed, as after a stop or a kill."""
        patterns = Patterns(self.patterns, self.home or Path("/nobody"), self.home is not None)
        self.watch = Watch.resumed(ORIGIN, patterns, self.marks, self.desk)

    def look(self, *, moved: bool = True) -> list[dict[str, Any]]:
        """One look; what it tells, committed."""
        return [json.loads(chunk.data) for chunk in self.turn(moved=moved) if chunk.data]

    def turn(self, *, moved: bool = True) -> list[Chunk]:
        chunks = self.watch.turn(self.now, self.wall, moved=moved)
        for chunk in chunks:
            if chunk.end.mark:
                self.marks[chunk.end.stream] = chunk.end.mark
            else:
                del self.marks[chunk.end.stream]
        return chunks

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.wall += round(seconds * SECOND)

    def told(self, seconds: float = 2 * SETTLE_S) -> list[dict[str, Any]]:
        """What is told within so long, looking as often as the source does."""
        found = self.look()
        for _ in range(round(seconds / 0.25)):
            self.passes(0.25)
            found += self.look(moved=False)
        return found

    def scanned(self) -> list[dict[str, Any]]:
        """What is told by polling alone, a scan later."""
        self.passes(SCAN_S)
        found = self.look(moved=False)
        self.passes(SETTLE_S)
        return found + self.look(moved=False)
