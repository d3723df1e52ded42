"""Necessary literals: byte strings of which one stands in every raw line whose field passes a test.

A wanted text is cut where the format may spell a character in another way (an escape) and where the judge
may see another than stands in the line (bytes that are no UTF-8); its longest printable ASCII run is left.
Where a writer may spell even plain letters otherwise, what marks such spelling (`\\u00` in JSON, a colour
within a word) is one more literal, so that those lines are judged too.

The judge ignores case as ASCII does and as `str.lower` does for the rest, but lets no other character pass
for an ASCII letter (K as KELVIN SIGN, İ): so lower-case ASCII runs are safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from nightporter.formats import address
from nightporter.formats.levels import LETTERS, NUMBERS, SPELLINGS
from nightporter.formats.regexliterals import required
from nightporter.model import Value
from nightporter.rule import Op, Test

Literals = frozenset[bytes] | None
NONE_CAN_PASS: Final[frozenset[bytes]] = frozenset()

SHORTEST: Final = 3
"""Bytes that a literal needs to be of use; a shorter one stands in most lines anyway."""
MOST: Final = 1_000
"""Literals that one test may give: the scanner looks for hundreds at the cost of one, not for ever more."""

_TEXT_OPS: Final = frozenset({Op.EQUALS, Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH, Op.GLOB, Op.RE})
_NUMERIC: Final = frozenset("0123456789.+-e")
"""Characters of numbers as Python writes them (`1e+16`): JSON may spell them otherwise (`10E15`)."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a format writes a text field into a line."""

    cut: frozenset[str] = frozenset()
    """Printable ASCII characters that may be written as something else."""
    otherwise: frozenset[bytes] = frozenset()
    """Of these one stands in every line that spells even other characters in another way."""
    numbers: bool = False
    """Whether the value may be a number in the line, spelled unlike Python's text of it."""

    def plain(self, char: str) -> bool:
        """Whether a character of a field's text stands in the line as it is."""
        return " " <= char <= "~" and char not in self.cut


def of_text(test: Test, values: Sequence[Value], spelling: Spelling) -> Literals:
    """The literals of a test on a text field."""
    if test.negated or test.op not in _TEXT_OPS:
        return None
    found = [_of_value(test.op, value, spelling) for value in values]
    return _joined(found, spelling.otherwise, every=test.every)


def of_absent(test: Test) -> Literals:
    """The literals of a test on a field that a format never gives: only asking for its absence can pass."""
    asks = test.op is Op.EXISTS and (test.negated or not any(value is True for value in test.values))
    return None if asks else NONE_CAN_PASS


def of_status(test: Test, values: Sequence[Value], spelling: Spelling) -> Literals:
    """The literals of a status that stands somewhere in a line as three digits."""
    found = statuses(test, values)
    if found is None or any(len(one) < 3 for one in found):
        return None
    return capped({one.encode() for one in found} | spelling.otherwise) if found else NONE_CAN_PASS


def union(parts: Iterable[Literals]) -> Literals:
    """The literals of a line that may be read in several ways."""
    united: set[bytes] = set()
    for part in parts:
        if part is None:
            return None
        united |= part
    return capped(united)


def _joined(found: list[Literals], otherwise: frozenset[bytes], *, every: bool) -> Literals:
    """Of all values (`every`) the best promise is enough; of any, each must give one."""
    if every:
        known = [one for one in found if one]
        return max(known, key=lambda one: min(map(len, one))) | otherwise if known else None
    united: set[bytes] = set()
    for one in found:
        if one is None:
            return None
        united |= one
    if not united:
        return NONE_CAN_PASS
    return capped(united | otherwise)


def capped(found: Iterable[bytes]) -> Literals:
    """The literals without those that hold another; None where they are too many."""
    kept: list[bytes] = []
    for one in sorted(set(found), key=len):
        if not any(other in one for other in kept):
            kept.append(one)
            if len(kept) > MOST:
                return None
    return frozenset(kept)


def _of_value(op: Op, value: Value, spelling: Spelling) -> Literals:
    if isinstance(value, int) and not isinstance(value, bool) and not spelling.numbers:
        value = str(value)
    if not isinstance(value, str):
        return None
    if op is Op.RE:
        return required(value, spelling.plain, _Useful(spelling))
    if op is Op.GLOB:
        pieces = value.partition("[")[0].partition("\\")[0].replace("?", "*").split("*")
        runs = [run for piece in pieces for run in _runs(piece, spelling)]
    else:
        runs = _runs(value, spelling)
    run = max(filter(_Useful(spelling), runs), key=len, default=None)
    return None if run is None else frozenset({run.lower().encode()})


def _runs(text: str, spelling: Spelling) -> list[str]:
    return "".join(char if spelling.plain(char) else "\n" for char in text).split("\n")


class _Useful:
    """Whether a run is long enough to look for, and surely stands in the line as it is."""

    def __init__(self, spelling: Spelling) -> None:
        self._numbers = spelling.numbers

    def __call__(self, run: str) -> bool:
        return len(run) >= SHORTEST and not (self._numbers and _NUMERIC.issuperset(run.lower()))


def of_address(test: Test, values: Sequence[Value], spelling: Spelling) -> Literals:
    """The literals of a test on a normalised address: of IPv4 only, since IPv6 has many spellings.

    `::ffff:203.0.113.9` holds the dotted text; `::ffff:cb00:7109` holds `ffff:`.
    """
    if test.negated or test.every or test.op not in (Op.EQUALS, Op.CIDR):
        return None
    found: set[bytes] = set()
    for value in values:
        net = address.network(value) if isinstance(value, str) else None
        if not isinstance(net, IPv4Network) or net.prefixlen < 8:
            return None
        octets = str(net.network_address).split(".")[: net.prefixlen // 8]
        found.add((".".join(octets) + ("." if len(octets) < 4 else "")).encode())
    return capped(found | {b"ffff:"} | spelling.otherwise) if found else NONE_CAN_PASS


def of_level(test: Test, values: Sequence[Value], spelling: Spelling) -> Literals:
    """The literals of `level: error`: every word, letter and number that makes it."""
    if test.negated or test.every or test.op is not Op.EQUALS:
        return None
    found: set[bytes] = set()
    for value in values:
        level = value.lower() if isinstance(value, str) else ""
        words = SPELLINGS.get(level)
        if words is None:
            return None
        found.update(word.encode() for word in words)
        for letter, name in LETTERS.items():
            if name == level:
                found.update(f"{left}{letter}{right}".encode() for left in "[(" for right in "]) ")
        for number, name in NUMBERS.items():
            if name == level:
                found.update((f'":{number}'.encode(), f'": {number}'.encode()))
    return capped(found | spelling.otherwise) if found else NONE_CAN_PASS


def statuses(test: Test, values: Sequence[Value]) -> frozenset[str] | None:
    """The beginnings of all statuses (three digits) that pass: `404`, or `5` for 500-599; None: unknown."""
    if test.negated or test.every:
        return None
    found: set[str] = set()
    for value in values:
        span = _span(test.op, value)
        if span is None:
            return None
        found |= _beginnings(*span)
    return frozenset(found)


def _span(op: Op, value: Value) -> tuple[int, int] | None:
    """The first and last status that a value stands for."""
    text = str(value).strip().lower()
    low, dash, high = text.partition("-")
    if op in (Op.EQUALS, Op.STATUS) and _is_status(text):
        return int(text), int(text)
    if op is Op.STATUS and len(text) == 3 and text[0].isdigit() and text.isascii() and text[1:] == "xx":
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    if op is Op.STATUS and dash and _is_status(low) and _is_status(high):
        return int(low), int(high)
    if op in (Op.GTE, Op.GT) and _is_status(text):
        return int(text), 999
    if op in (Op.LTE, Op.LT) and _is_status(text):
        return 100, int(text)
    return None


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit()


def _beginnings(first: int, last: int) -> set[str]:
    """The fewest beginnings that cover first-last; whole hundreds where more than a dozen would be needed."""
    if last - first < 12:
        return {str(status) for status in range(first, last + 1)}
    return {str(hundred) for hundred in range(first // 100, last // 100 + 1)}
