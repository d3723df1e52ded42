"""Opens the files of one log: the one a mark speaks of, wherever it is now, and the one that comes next.

Names beside a log move whenever it is rotated, and it may be rotated while we look: so what was opened
counts only if the folder looks the same afterwards.
"""

from __future__ import annotations

import errno
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from nightporter.sources.files import siblings
from nightporter.sources.files.marks import FileMark
from nightporter.sources.files.opened import OpenFile

TRIES: Final = 5
"""How often a folder that is being rotated just now is looked at before it is taken as it is."""
REMEMBERED: Final = 16

FileKey = tuple[int, int]
Listing = list[siblings.Sibling]


class Finder:
    """All its methods raise OSError as the system does when the log itself is refused; a file that has just
    gone is None."""

    def __init__(self, path: Path, *, line_cap: int) -> None:
        self.path = path
        self._line_cap = line_cap
        self._done: dict[FileKey, FileMark] = {}
        """The REMEMBERED files last done with, should one come back."""
        self._unreadable: dict[FileKey, str] = {}
        self.counts: Counter[str] = Counter()

    def marked(self, mark: FileMark, held: list[OpenFile]) -> OpenFile | None:
        """The file that `mark` speaks of, at its place; none of those `held` open."""
        return self._undisturbed(partial(self._marked, mark, held))

    def after(self, mark: FileMark | None, held: list[OpenFile]) -> OpenFile | None:
        """The oldest file that is newer than the one that `mark` speaks of; without a mark, the log
        itself."""
        if mark is None:
            return self._again(self.path)
        return self._undisturbed(partial(self._after, mark, held))

    def log(self) -> OpenFile | None:
        """The log itself, at 0."""
        return self._open(self.path)

    def done(self, key: FileKey, mark: FileMark) -> None:
        """Remember how far a file was read that is let go."""
        self._done[key] = mark
        if len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]

    def _open(self, path: Path, mark: FileMark | None = None) -> OpenFile | None:
        """Open a file, at its mark or at 0."""
        try:
            return OpenFile.open(
                path,
                offset=mark.offset if mark else 0,
                identity=mark.identity if mark else "",
                line_cap=self._line_cap,
            )
        except FileNotFoundError:
            return None

    def _again(self, path: Path) -> OpenFile | None:
        """Open a file that comes next: at 0, or where it was left, if it is one that came back."""
        file = self._open(path)
        past = self._done.get(file.key) if file is not None else None
        if file is None or past is None or not (past.head.telling and siblings.fits(path, past)):
            return file
        file.close()
        return self._open(path, past)

    def _undisturbed(self, choose: Callable[[Listing], OpenFile | None]) -> OpenFile | None:
        """What `choose` opens by a listing that still holds afterwards: a rotation meanwhile moves every
        name, and may hide a file from the listing or put another in its place."""
        for _ in range(TRIES):
            listed = siblings.list_siblings(self.path)
            chosen = choose(listed)
            if _names(siblings.list_siblings(self.path)) == _names(listed):
                break
            _close(chosen)
        else:
            return choose(siblings.list_siblings(self.path))
        return chosen

    def _marked(self, mark: FileMark, held: list[OpenFile], listed: Listing) -> OpenFile | None:
        """The file that `mark` speaks of, at its place, wherever it is now."""
        others = [sibling for sibling in listed if sibling.key not in _keys(held)]
        found = siblings.find(mark, self.path, others)
        return self._open(found, mark) if found is not None else None

    def _after(self, mark: FileMark, held: list[OpenFile], listed: Listing) -> OpenFile | None:
        """The oldest file that is newer than the one that `mark` speaks of."""
        live = self._again(self.path)
        try:
            known = [*(file.mark() for file in held), *self._done.values()]
            for sibling in siblings.newer_than(mark, listed, known):
                if live is not None and sibling.key == live.key:
                    return live
                if sibling.key not in _keys(held) and (older := self._copy(sibling)) is not None:
                    _close(live)
                    return older
        except OSError:
            _close(live)
            raise
        if live is not None and self._rewritten(mark, listed):
            live.close()
            return self._open(self.path, mark)
        return live

    def _copy(self, sibling: siblings.Sibling) -> OpenFile | None:
        """Open a rotated copy; one that is broken or refused must not hold up the log itself: it is
        counted."""
        if sibling.key in self._unreadable:
            return None
        try:
            return self._again(sibling.path)
        except OSError as err:
            self._unreadable[sibling.key] = explain(err, sibling.path)
            self.counts["unreadable_copies"] += 1
            return None

    def _rewritten(self, mark: FileMark, listed: Listing) -> bool:
        """Whether the log at our path is the marked file under a new inode, as an editor or `sed -i` leaves
        it."""
        elsewhere = any(siblings.has_head(s.path, mark) for s in listed)
        return mark.head.telling and not elsewhere and siblings.fits(self.path, mark)


def _keys(files: list[OpenFile]) -> set[FileKey]:
    return {file.key for file in files}


def _names(listed: Listing) -> list[tuple[Path, FileKey]]:
    return [(sibling.path, sibling.key) for sibling in listed]


def _close(file: OpenFile | None) -> None:
    if file is not None:
        file.close()


def explain(err: OSError, path: Path) -> str:
    """Why a file cannot be read and what to do, for a person."""
    if err.errno == errno.EPERM and sys.platform == "darwin":
        return (
            f"{path}: macOS refuses it (privacy protection): allow the Python that runs Nightporter under "
            "System Settings → Privacy & Security → Full Disk Access, then restart the agent"
        )
    if err.errno in (errno.EACCES, errno.EPERM):
        return f"{path}: permission denied: let the user that runs Nightporter read it"
    if err.errno in (errno.EMFILE, errno.ENFILE):
        return f"{path}: too many files are open on this machine or in this process"
    return f"{path}: {err.strerror or err}"
