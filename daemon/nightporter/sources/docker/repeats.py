"""Which lines were seen before, and where to go on reading. Pure.

Engines repeat lines: `since` is inclusive, and up to 20.10 a rotation of the log file sends up to half a file
again, with the old stamps. Clocks step back too (a Mac's Docker VM after sleep), and two writers' stamps may
cross by microseconds. So an old stamp alone proves nothing: a line is a repeat only if this very line, with
this very stamp, was seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from nightporter.model import Stamp

RING: Final = 262_144
"""Lines remembered for each container, 16 bytes each: more than the 74,210 that one rotation repeated."""
_KEEP: Final = 32
_KEEP_CROSSED: Final = 1024


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A committed position in one container's log (or in the engine's events)."""

    id: str
    floor: Stamp
    """Reading goes on from here, inclusive: what was given out from this stamp on is in `seen`."""
    offset: int = 0
    """Bytes of lines given out so far, over restarts."""
    seen: tuple[tuple[Stamp, str], ...] = ()
    """The last lines given out: stamp and digest."""

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


def decode_mark(raw: bytes) -> Mark | None:
    """The mark, or None for bytes that are none (an older version's, or damaged): as if never seen."""
    try:
        return msgspec.json.decode(raw, type=Mark)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def digest(line: bytes) -> str:
    """A line's stable hash, for marks."""
    return blake2b(line, digest_size=8).hexdigest()


class Position:
    """What was given out, as far as the next mark has to know it.

    A mark holds the last 32 lines rather than the last stamp alone: stamps of stdout and stderr cross, and a
    line a microsecond older than its forerunner must not be lost by a restart between the two. After a clock
    has stepped back by more than 1024 lines, a restart repeats those beyond: better than losing what follows.
    """

    def __init__(self, mark: Mark) -> None:
        self._id = mark.id
        self._floor = mark.floor
        self._seen = list(mark.seen)
        self.offset = mark.offset

    @property
    def floor(self) -> Stamp:
        """Where a new connection has to begin, inclusive."""
        return self._floor

    @property
    def newest(self) -> Stamp:
        """The highest stamp of the last lines; `floor` while there are none."""
        return max((stamp for stamp, _ in self._seen), default=self._floor)

    def advance(self, stamps: Sequence[Stamp], lines: Sequence[bytes], size: int) -> Mark:
        """These lines, of `size` bytes, were given out; the mark that stands after them."""
        every = [*(stamp for stamp, _ in self._seen), *stamps]
        start = _keep_from(every)
        old = len(self._seen)
        fresh = max(0, start - old)
        new = zip(stamps[fresh:], map(digest, lines[fresh:]), strict=True)
        self._seen = [*self._seen[start:], *new]
        if start:
            self._floor = min(every[start:])
        self.offset += size
        return self.mark

    @property
    def mark(self) -> Mark:
        return Mark(id=self._id, floor=self._floor, offset=self.offset, seen=tuple(self._seen))


def _keep_from(stamps: Sequence[Stamp]) -> int:
    """Which of the last lines a mark keeps: from here on. That is 32, and as many more (up to 1024) as it
    takes for all before them to be older than all that is kept: then a stamp alone tells them apart."""
    start = max(0, len(stamps) - _KEEP)
    earliest = max(0, len(stamps) - _KEEP_CROSSED)
    low = min(stamps[start:], default=0)
    while (crossed := next((i for i in range(earliest, start) if stamps[i] >= low), None)) is not None:
        low = min(low, *stamps[crossed:start])
        start = crossed
    return start


class Repeats:
    """Tells new lines from repeats, for one container and as long as this process lives.

    A line newer than all before it is new. An older one is a repeat if it is in the ring, else new and
    counted in `stepped_back`. After a restart the ring is empty, so lines below the mark's floor are taken as
    seen, and those from it on are looked up in the mark. Two equal lines with an equal stamp are one: not
    seen in 60,000 lines written at full speed. What has left the ring and is sent again counts as new.
    """

    def __init__(self, mark: Mark, ring: int = RING) -> None:
        self._ring = ring
        self._floor = mark.floor
        self._marked = frozenset(mark.seen)
        self._marked_top = max((stamp for stamp, _ in mark.seen), default=-1)
        # Two sorted columns; crossing stamps make the insert a short move near the end.
        self._stamps = array("q")
        self._hashes = array("q")
        self.dropped = 0
        self.stepped_back = 0

    def known(self, stamp: Stamp, line: bytes) -> bool:
        """Whether this very line with this very stamp was admitted before."""
        if stamp <= self._marked_top and (stamp, digest(line)) in self._marked:
            return True
        return self._in_ring(stamp, hash(line))

    def admit(self, stamp: Stamp, line: bytes) -> bool:
        """Whether the line is new; remembers it."""
        stamps = self._stamps
        if stamp > self._marked_top and (not stamps or stamp > stamps[-1]) and stamp >= self._floor:
            stamps.append(stamp)
            self._hashes.append(hash(line))
        elif stamp < self._floor or self.known(stamp, line):
            self.dropped += 1
            return False
        else:
            at = bisect_right(stamps, stamp)
            self.stepped_back += at < len(stamps) or stamp < self._marked_top
            stamps.insert(at, stamp)
            self._hashes.insert(at, hash(line))
        if len(stamps) >= self._ring + self._ring // 4:
            del stamps[: -self._ring]
            del self._hashes[: -self._ring]
        return True

    def _in_ring(self, stamp: Stamp, hashed: int) -> bool:
        at = bisect_left(self._stamps, stamp)
        while at < len(self._stamps) and self._stamps[at] == stamp:
            if self._hashes[at] == hashed:
                return True
            at += 1
        return False
