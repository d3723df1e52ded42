"""What a text must hold for a regex to match it, found by walking the parsed regex.

Python's own parser reads the pattern; the judges (google-re2, regex) read nearly the same language. Where a
pattern may mean another thing to them, or holds what this walk does not know, there is no promise.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]  # CPython's parser has no public name or stub
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

Plain = Callable[[str], bool]
Useful = Callable[[str], bool]
Found = frozenset[bytes] | None

LONGEST: Final = 4_000
"""Characters of a pattern that is walked; a longer one gets every line."""
MOST: Final = 48
"""Alternatives that are worth looking for."""
_ELSEWHERE: Final = re.compile(r"\[\[?:|\{[a-z<>]|\(\?<[A-Za-z]|\\[QECX]|\(\*")
"""Parts that the judges read otherwise: POSIX classes, fuzzy matching, quoting, verbs."""
_FOLDED: Final = frozenset("iksIKS")
"""Letters that other characters pass for under (?i): ı İ, KELVIN SIGN, ſ."""


def required(pattern: str, plain: Plain, useful: Useful) -> Found:
    """Lower-case literals of which one stands in every text that `pattern` matches; None: no promise.

    `plain` says whether a character stands in the raw line as in the text, `useful` whether a run of
    such characters may be looked for.
    """
    parsed = _parsed(pattern)
    if parsed is None:
        return None
    walk = _Walk(plain, useful)
    return walk.best(parsed, bool(parsed.state.flags & re.IGNORECASE))


@lru_cache(maxsize=1_024)  # each lane asks for the same patterns
def _parsed(pattern: str) -> Any:
    """The parser's tree (untyped, hence Any); None where it is not to be walked."""
    if len(pattern) > LONGEST or _ELSEWHERE.search(pattern):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parser.parse(pattern)
    except (re.error, OverflowError, RecursionError, ValueError):
        return None


class _Walk:
    def __init__(self, plain: Plain, useful: Useful) -> None:
        self._plain = plain
        self._useful = useful

    def best(self, items: Iterable[Any], folded: bool) -> Found:
        """The best promise of a sequence; its items are the parser's (code, argument) pairs, hence Any."""
        gathered = _Gathered(self._useful)
        self._gather(items, folded, gathered)
        gathered.end_run()
        return max(gathered.found, key=_worth, default=None)

    def _gather(self, items: Iterable[Any], folded: bool, into: _Gathered) -> None:
        for code, argument in items:
            if code is op.LITERAL:
                self._character(chr(argument), folded, into)
            elif code is op.IN and (char := _one_letter(argument)) is not None:
                self._character(char, folded, into)
            elif code is op.SUBPATTERN:
                _, added, removed, inner = argument
                now = (folded or bool(added & re.IGNORECASE)) and not removed & re.IGNORECASE
                self._gather(inner, now, into)
            elif code is op.ATOMIC_GROUP:
                self._gather(argument, folded, into)
            elif code is op.AT:
                continue  # takes no room: what stands around it is adjacent
            else:
                into.end_run()
                into.add(self._elsewhere(code, argument, folded))

    def _character(self, char: str, folded: bool, into: _Gathered) -> None:
        if self._plain(char) and not (folded and char in _FOLDED):
            into.run += char
        else:
            into.end_run()

    def _elsewhere(self, code: Any, argument: Any, folded: bool) -> Found:
        """What a repeat, a choice or a look-ahead needs; None for all that needs nothing certain."""
        if code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, _, inner = argument
            return self.best(inner, folded) if least >= 1 else None
        if code is op.BRANCH:
            united: set[bytes] = set()
            for branch in argument[1]:
                found = self.best(branch, folded)
                if found is None:
                    return None
                united |= found
            return frozenset(united) if len(united) <= MOST else None
        return None


class _Gathered:
    """The promises of a sequence so far, and the run of characters that is still growing."""

    def __init__(self, useful: Useful) -> None:
        self.found: list[frozenset[bytes]] = []
        self.run = ""
        self._useful = useful

    def end_run(self) -> None:
        if self._useful(self.run):
            self.found.append(frozenset({self.run.lower().encode()}))
        self.run = ""

    def add(self, found: Found) -> None:
        if found is not None:
            self.found.append(found)


def _one_letter(members: list[Any]) -> str | None:
    """The lower-case letter when a class is one letter in both cases (`[Ff]`), else None."""
    if not all(code is op.LITERAL and argument < 128 for code, argument in members):
        return None
    letters = {chr(argument).lower() for _, argument in members}
    return letters.pop() if len(letters) == 1 else None


def _worth(found: frozenset[bytes]) -> tuple[int, int]:
    return min(map(len, found)), -len(found)
