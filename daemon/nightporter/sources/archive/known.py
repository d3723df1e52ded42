"""The files that are known, found by the beginning of a content. Pure.

A folder may hold a thousand files, each of which is looked for in each round: their heads are kept by length
and hash, so that a look costs one pass over the content's first bytes, however many files there are.
"""

from __future__ import annotations

from collections.abc import Iterator

from nightporter.sources.files.marks import FileMark, Head, heads_of


class KnownFiles:
    """The mark of each file, by its identity."""

    def __init__(self) -> None:
        self._marks: dict[str, FileMark] = {}
        self._by_head: dict[int, dict[Head, list[str]]] = {}
        """By the head's length: the identities that have it, mostly one."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._marks)

    def put(self, mark: FileMark) -> None:
        """This is how far the file of this identity was read."""
        before = self._marks.get(mark.identity)
        self._marks[mark.identity] = mark
        if before is None or before.head != mark.head:
            if before is not None:
                self._unlist(before)
            self._by_head.setdefault(mark.head.length, {}).setdefault(mark.head, []).append(mark.identity)

    def drop(self, identity: str) -> None:
        """Forget a file."""
        self._unlist(self._marks.pop(identity))

    def find(self, first: bytes) -> FileMark | None:
        """The mark of the file that begins with `first`; the longest head that fits."""
        lengths = sorted(length for length in self._by_head if length <= len(first))
        found = None
        for head in heads_of(first, lengths):
            if same := self._by_head[head.length].get(head):
                found = self._marks[same[0]]
        return found

    def _unlist(self, mark: FileMark) -> None:
        heads = self._by_head[mark.head.length]
        heads[mark.head].remove(mark.identity)
        if not heads[mark.head]:
            del heads[mark.head]
        if not heads:
            del self._by_head[mark.head.length]
