"""The scanners that search: one class a library, all with the same answers.

Each is built by a function that takes essential literals (lower case, no newline, none empty) and raises
`Unfit` where the library is missing or cannot serve them. Libraries are imported by the one that is built.
"""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from nightporter.detect.scanner.base import NEWLINE, Scanner, Span, as_bytes, line_around


class Unfit(Exception):
    """This backend cannot serve these literals on this machine; the text says why, for `doctor`."""


class HyperscanScanner:
    """Vectorscan, which PyPI's `hyperscan` bundles, as a searcher of plain literals.

    Only literals are given to it: version 5.4.12 misses matches of patterns under DOTALL
    (VectorCamp/vectorscan#382). It calls back once a match, 0.14 µs each in 2026, so further matches in a
    line that is already found cost one comparison. The wrapper lets go of the GIL while it scans, and a
    scratch must not be used by two scans at once: each scan takes one of a pool, or makes it (0.3 µs).
    """

    name = "hyperscan"

    def __init__(self, database: Any, new_scratch: Any) -> None:
        # Any: the wrapper's own annotations differ between its releases.
        self._database = database
        self._new_scratch = new_scratch
        self._idle: list[Any] = []

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        block = as_bytes(data, end)
        spans: list[Span] = []
        add, find, rfind = spans.append, block.find, block.rfind
        start, stop, in_order = 0, -1, True

        def matched(_id: int, _from: int, hit: int, _flags: int, _context: object) -> None:
            nonlocal start, stop, in_order
            if start < hit <= stop:
                return
            if hit <= start:
                in_order = False
            start = rfind(NEWLINE, 0, hit) + 1
            stop = find(NEWLINE, hit)
            if stop < 0:
                stop = end
            add((start, stop))

        try:
            scratch = self._idle.pop()
        except IndexError:
            scratch = self._new_scratch(self._database)
        self._database.scan(block, match_event_handler=matched, scratch=scratch)
        self._idle.append(scratch)
        # Ends come in rising order, says Hyperscan's reference; nothing here depends on it.
        return spans if in_order else sorted(set(spans))


def hyperscan_scanner(literals: tuple[bytes, ...]) -> Scanner:
    """A scanner on Vectorscan. Unfit for a NUL: the wrapper measures literals by strlen, which cuts there."""
    if any(b"\0" in literal for literal in literals):
        raise Unfit("a literal holds a NUL, which cuts it short")
    try:
        import hyperscan
    except ImportError as err:
        raise Unfit(f"cannot be loaded: {err}") from err
    count = len(literals)
    try:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=list(literals),
            ids=list(range(count)),
            elements=count,
            flags=[hyperscan.HS_FLAG_CASELESS] * count,
            literal=True,
        )
        return HyperscanScanner(database, hyperscan.Scratch)
    except hyperscan.HyperscanError as err:
        raise Unfit(f"cannot compile the literals: {err}") from err


class _Match(Protocol):
    def end(self) -> int: ...


class _Searcher(Protocol):
    """What `re` and `re2` patterns have in common."""

    def search(self, text: bytes, pos: int, endpos: int, /) -> _Match | None: ...


class PatternScanner:
    """An alternation of the literals, searched for again after each line that it was found in."""

    def __init__(self, name: str, pattern: _Searcher) -> None:
        self.name = name
        self._search = pattern.search

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        block = as_bytes(data, end)
        spans: list[Span] = []
        position = 0
        while position < end and (match := self._search(block, position, end)) is not None:
            span = line_around(block, match.end(), position)
            spans.append(span)
            position = span[1] + 1
        return spans


_RE2_MEMORY: Final = 8 << 20
"""Bytes that one automaton may take; RE2's own default, enough for some thousand literals."""


def re2_scanner(literals: tuple[bytes, ...]) -> Scanner:
    """A scanner on google-re2, on bytes. Letters are spelled `[aA]`: RE2's own caseless mode would fold
    Latin-1 letters too."""
    try:
        import re2
    except ImportError as err:
        raise Unfit(f"cannot be loaded: {err}") from err
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = _RE2_MEMORY
    try:
        pattern = re2.compile(b"|".join(_either_case(literal) for literal in literals), options)
    except re2.error as err:
        raise Unfit(f"cannot compile the literals: {err}") from err
    return PatternScanner("re2", pattern)


def _either_case(literal: bytes) -> bytes:
    return b"".join(
        b"[%c%c]" % (byte, byte - 32) if ord("a") <= byte <= ord("z") else b"\\x%02x" % byte
        for byte in literal
    )


class AhoCorasickScanner:
    """ahocorasick-rs on a lower-case copy. It reports matches that do not overlap, the earliest end first,
    so every line with a match has one reported: no literal spans two lines."""

    name = "ahocorasick"

    def __init__(self, automaton: Any) -> None:
        # Any: the library is optional, so its type cannot be named here.
        self._find = automaton.find_matches_as_indexes

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        block = as_bytes(data, end)
        spans: list[Span] = []
        floor = 0
        for _, _, hit in self._find(block.lower()):
            if hit > floor:
                span = line_around(block, hit, floor)
                spans.append(span)
                floor = span[1] + 1
        return spans


def ahocorasick_scanner(literals: tuple[bytes, ...]) -> Scanner:
    """A scanner on ahocorasick-rs."""
    try:
        from ahocorasick_rs import BytesAhoCorasick
    except ImportError as err:
        raise Unfit(f"cannot be loaded: {err}") from err
    try:
        return AhoCorasickScanner(BytesAhoCorasick(list(literals)))
    except ValueError as err:
        raise Unfit(f"cannot compile the literals: {err}") from err


class FindScanner:
    """The standard library alone: each literal is looked for in a lower-case copy, one pass each."""

    name = "stdlib"

    def __init__(self, literals: tuple[bytes, ...]) -> None:
        self._literals = literals

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        block = as_bytes(data, end)
        lowered = block.lower()
        found: set[Span] = set()
        for literal in self._literals:
            floor = 0
            while (hit := lowered.find(literal, floor)) >= 0:
                span = line_around(block, hit + len(literal), floor)
                found.add(span)
                floor = span[1] + 1
        return sorted(found)


def stdlib_scanner(literals: tuple[bytes, ...]) -> Scanner:
    """A scanner that is always there: `re` for one literal, passes of `find` for several."""
    if len(literals) == 1:
        return PatternScanner("stdlib", re.compile(re.escape(literals[0]), re.IGNORECASE))
    return FindScanner(literals)
