"""Follows one log through everything that can happen to it. Synchronous: it lives on its source's thread.

The files of a stream are read oldest first, each to its end before the next is opened:

- *rename and create*: the old file is finished through its descriptor. It stays open beside the new one
  until it has been quiet for LINGER_S and the new one holds something, for its writer may go on in it for a
  while;
- *copy and truncate*: the log does not hold any more what was read from it (shorter, or another head). The
  copy that has the old head is read on from our place, then the log from 0. What no copy holds is
  `lost_bytes`;
- *away for a while* (the daemon was down, the Mac asleep): the file of the mark is looked for by inode and by
  head, read on, then every copy that is newer, then the log;
- *deleted*: read to its end, and let go when it has been quiet for DELETED_S, so that its space is freed;
- *a link moved to another file*: as rename and create. *Not there yet*: waited for, and begun at 0 when it
  comes.

The next file is always found anew from the last one: nothing is remembered that a further rotation,
meanwhile, could make wrong.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final, Literal

from nightporter.model import Chunk, Origin, Position, Stamp
from nightporter.sources.files import siblings
from nightporter.sources.files.finder import Finder, explain
from nightporter.sources.files.lines import LINE_CAP, Block
from nightporter.sources.files.marks import NO_HEAD, FileMark, Mark, encode
from nightporter.sources.files.opened import OpenFile, Replaced

LINGER_S: Final = 10.0
"""How long a rotated file must be quiet, and the new one in use, before its writer is believed to be gone."""
DELETED_S: Final = 60.0
SEARCH_S: Final = 1.0
"""How often the folder is listed for newer copies while the log itself is not there."""
RETRY_S: Final = 15.0
"""How often a log that the system refuses is tried again."""

EMPTIES: Final = 4
"""How many newer files an empty rotated one is kept open for: a rotator that makes files for a writer that
never takes them up must not use up our descriptors."""

State = Literal["following", "waiting", "blind"]


class Follower:
    """One stream: a log by its path, and the copies that it leaves behind."""

    def __init__(
        self,
        path: Path,
        origin: Origin,
        *,
        mark: Mark | None,
        at_end: bool,
        buffer: bytearray,
        line_cap: int = LINE_CAP,
    ) -> None:
        """`mark` is the committed one; without it the log is new, and `at_end` says where to begin.
        `buffer` is lent: it holds nothing between two steps."""
        self.path = path
        self.origin = origin
        self._mark = mark
        self._at_end = at_end
        self._buffer = buffer
        self._finder = Finder(path, line_cap=line_cap)
        self._begun = False
        self._files: list[OpenFile] = []
        self._last: FileMark | None = None
        """The newest file that is done with; what is newer than it is still to be read."""
        self._search_at = 0.0
        self._retry_at = 0.0
        self.state: State = "waiting"
        self.trouble = ""
        """Why it is blind, for a person."""
        self.busy = False
        """Whether the last step left more to do at once."""
        self.moved = False
        """Whether the last step brought bytes."""
        self.counts: Counter[str] = Counter()

    @property
    def open_files(self) -> list[OpenFile]:
        """What it holds open now, oldest first."""
        return list(self._files)

    def step(self, now: float, arrived: Stamp) -> list[Chunk]:
        """Look once, read one buffer at most. `now` is monotonic seconds.

        Never raises for the log's sake: what the system refuses is told in `state` and `trouble`, and tried
        again every RETRY_S.
        """
        self.busy = self.moved = False
        try:
            there = self._stat(now)
            if not self._begun:
                return self._begin(there, now, arrived)
            for file in list(self._files):
                live = there is not None and file.key == (there.st_dev, there.st_ino)
                chunks = self._read(file, now, arrived, live=live)
                if chunks or self.busy:
                    return chunks
            self._advance(there, now)
        except OSError as err:
            self._refused(err, now)
            return []
        return self._retire(there, now, arrived)

    # -- looking ---------------------------------------------------------------------------------------------

    def _stat(self, now: float) -> os.stat_result | None:
        """The log as its path shows it, links followed; None when it is not there or was refused lately."""
        if now < self._retry_at:
            return None
        try:
            there = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._see("waiting")
            return None
        if self.state == "waiting" or (self._files and self._files[-1].key == (there.st_dev, there.st_ino)):
            self._see("following")
        return there

    def _see(self, state: State) -> None:
        self.state, self.trouble, self._retry_at = state, "", 0.0

    def _refused(self, err: OSError, now: float) -> None:
        self.state, self.trouble, self._retry_at = "blind", explain(err, self.path), now + RETRY_S

    def _opened(self, file: OpenFile | None, now: float) -> OpenFile | None:
        if file is not None:
            file.moved_at = now
            if file.path == self.path:
                self._see("following")
        return file

    # -- the first look --------------------------------------------------------------------------------------

    def _begin(self, there: os.stat_result | None, now: float, arrived: Stamp) -> list[Chunk]:
        if there is None and self.state == "blind":
            return []
        if self._mark is not None:
            self._resume(self._mark, now)
            self._begun = self.busy = True
            return []
        if there is None:
            # Nothing up to now: should it come and be rotated before we look again, all of it is news.
            self._last = FileMark(identity="", head=NO_HEAD, offset=0, modified=arrived)
        else:
            file = self._opened(self._finder.log(), now)
            if file is None:
                return []
            if self._at_end:
                file.to_last_line()
            file.begun = True
            self._files.append(file)
        self._begun = True
        # The place is kept at once: a stop before the first line must not make this a first sight again.
        return [self._position_only(arrived)]

    def _resume(self, mark: Mark, now: float) -> None:
        """Find and open the files of the mark. Raises OSError where one is there and refused: then nothing
        has changed, and it is tried again."""
        try:
            for entry in mark.files:
                file = self._opened(self._finder.marked(entry, self._files), now)
                if file is None:
                    self._last = entry
                    self.counts["vanished"] += entry.head.length > 0
                else:
                    file.begun = True
                    self._files.append(file)
        except OSError:
            self.close()
            raise

    # -- reading ---------------------------------------------------------------------------------------------

    def _read(self, file: OpenFile, now: float, arrived: Stamp, *, live: bool) -> list[Chunk]:
        try:
            size, blocks = file.read(self._buffer, live=live)
        except Replaced:
            return self._replaced(file, now, arrived)
        except OSError as err:
            # Broken gzip, a failing disk, a stale network file: what was read is kept, the rest is not to
            # be had.
            self._refused(err, now)
            self.counts["read_errors"] += 1
            return self._drop(file, arrived)
        if size:
            file.moved_at = now
            self.moved = True
            self.busy = size == len(self._buffer) or file.compressed or file is not self._files[-1]
        return [self._chunk(file, block, arrived) for block in blocks]

    def _replaced(self, file: OpenFile, now: float, arrived: Stamp) -> list[Chunk]:
        """The log was truncated: go on in its copy, or count what is lost."""
        self.busy = True
        mark = file.mark()
        if not file.head.telling:
            return self._start_over(file, mark, arrived)
        self.counts["truncations"] += 1
        copy = self._opened(self._finder.marked(mark, self._files), now)
        if copy is None:
            self.counts["lost_bytes"] += max(0, file.size - file.lines.at)
            return self._drop(file, arrived)
        copy.begun = file.begun
        if not copy.compressed:
            self.counts["lost_bytes"] += max(0, file.size - copy.size)
        self._files[self._files.index(file)] = copy
        file.close()
        return []

    def _start_over(self, file: OpenFile, mark: FileMark, arrived: Stamp) -> list[Chunk]:
        """Nothing was given out of it yet: take what was written since, copies first, from the beginning.
        The half line that was read is given out only if it stands nowhere any more."""
        later = [s.path for s in siblings.list_siblings(self.path) if s.modified > mark.modified]
        if mark.head.length == 0 or any(siblings.has_head(path, mark) for path in [*later, self.path]):
            file.lines.forget()
        return self._drop(file, arrived)

    def _drop(self, file: OpenFile, arrived: Stamp) -> list[Chunk]:
        """Be done with a file; its last line is given out though it has no newline."""
        last = file.finish()
        self._last = file.mark()
        self._finder.done(file.key, self._last)
        self._files.remove(file)
        file.close()
        self.counts["cut_lines"] += file.lines.cut_lines
        self.counts["cut_bytes"] += file.lines.cut_bytes
        return [self._chunk(file, last, arrived)] if last is not None else []

    def _chunk(self, file: OpenFile, block: Block, arrived: Stamp) -> Chunk:
        return Chunk(
            origin=self.origin,
            data=block.data,
            start=block.start,
            identity=file.identity,
            end=self._position(file, block.end),
            arrived=arrived,
        )

    def _position_only(self, arrived: Stamp) -> Chunk:
        return Chunk(
            origin=self.origin, data=b"", start=0, identity="", end=self._position(), arrived=arrived
        )

    def _position(self, file: OpenFile | None = None, offset: int | None = None) -> Position:
        return Position(self.origin.source, self.origin.stream, encode(self._now_at(file, offset)))

    def _now_at(self, file: OpenFile | None = None, offset: int | None = None) -> Mark:
        begun = [f.mark(offset if f is file else None) for f in self._files if f.begun]
        if not begun and self._last is not None:
            begun = [self._last]
        return Mark(tuple(begun))

    # -- from one file to the next ---------------------------------------------------------------------------

    def _advance(self, there: os.stat_result | None, now: float) -> None:
        """All that is open is at its end: open what comes after it, if something does."""
        newest = self._files[-1] if self._files else None
        live = (there.st_dev, there.st_ino) if there is not None else None
        if (newest is not None and newest.key == live) or now < self._retry_at:
            return
        if live is None:
            if now < self._search_at:
                return
            self._search_at = now + SEARCH_S
        back = next((file for file in self._files if file.key == live), None)
        if back is not None:  # a link moved back, a file renamed back: it is the log again
            self._files.remove(back)
            self._files.append(back)
            return
        last = newest.mark() if newest is not None else self._last
        following = self._opened(self._finder.after(last, self._files), now)
        if following is not None:
            self.busy = True
            if newest is not None:
                self.counts["rotations"] += 1
                newest.moved_at = now  # its writer may only now learn of it
            self._files.append(following)

    def _retire(self, there: os.stat_result | None, now: float, arrived: Stamp) -> list[Chunk]:
        """Be done with the oldest file that nobody will write to any more."""
        for place, file in enumerate(self._files):
            if self._is_done(file, self._files[place + 1 :], there, now):
                return self._drop(file, arrived)
        return []

    def _is_done(
        self, file: OpenFile, newer: list[OpenFile], there: os.stat_result | None, now: float
    ) -> bool:
        if self.busy:  # what was just opened has to be read first
            return False
        if file.compressed:
            return True
        if newer and file.lines.at == 0:
            return len(newer) >= EMPTIES
        if newer:
            used = any(other.lines.at > 0 for other in newer)
            return used and (len(newer) > 1 or now - file.moved_at >= LINGER_S)
        return there is None and file.deleted and now - file.moved_at >= DELETED_S

    # -- for its owner ---------------------------------------------------------------------------------------

    def rest(self) -> None:
        """Give its descriptors back; the next step opens again what it was reading, and goes on there."""
        self._mark = self._now_at()
        self._begun = False
        self.close()

    def modified(self) -> int:
        """The mtime of its newest open file, nanoseconds; 0 where nothing is open."""
        return max((file.modified for file in self._files), default=0)

    def is_over(self, now: float, quiet_s: float) -> bool:
        """Whether the log is not there, and nothing was read of what it left behind for so long."""
        quiet = all(now - file.moved_at >= quiet_s for file in self._files)
        return self._begun and not self.busy and self.state == "waiting" and quiet

    def counters(self) -> Counter[str]:
        """What happened so far, by name: `rotations`, `truncations`, `lost_bytes`, `cut_lines` …"""
        total = self.counts + self._finder.counts
        for file in self._files:
            total["cut_lines"] += file.lines.cut_lines
            total["cut_bytes"] += file.lines.cut_bytes
        return +total

    def behind(self) -> int:
        """Bytes that stand in open plain files and were not read yet, as of the last look."""
        return sum(max(0, f.size - f.lines.at) for f in self._files if not f.compressed)

    def close(self) -> None:
        """Close everything; what was not given out is read again from the committed mark."""
        while self._files:
            self._files.pop().close()
