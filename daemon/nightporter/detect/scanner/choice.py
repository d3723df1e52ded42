"""Which scanner this machine gets: the first in order that passes a test with these very literals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Final

from nightporter.detect.scanner.backends import (
    Unfit,
    ahocorasick_scanner,
    hyperscan_scanner,
    re2_scanner,
    stdlib_scanner,
)
from nightporter.detect.scanner.base import NEWLINE, EveryLine, NoLine, Scanner, Span, essential

BACKENDS: Final[Mapping[str, Callable[[tuple[bytes, ...]], Scanner]]] = MappingProxyType(
    {
        "hyperscan": hyperscan_scanner,
        "re2": re2_scanner,
        "ahocorasick": ahocorasick_scanner,
        "stdlib": stdlib_scanner,
    }
)
"""Fastest first, as measured over access logs and free text; the last one needs no library."""

_SAMPLE: Final = frozenset({b'"downstreamstatus":404', b"access denied for user", b"\xc3\xa9", b"aa"})
"""What `survey` tests with: a field, words, bytes that are not ASCII, a literal that overlaps itself."""
_TEST_LINES: Final = 96
_TEST_LITERALS: Final = 64
"""Of a bigger set, this many go into the mixed lines, spread over the set: the plain look at each line
takes lines times literals. All stand in a text of their own."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one backend: `fault` is empty where it works, else says in words why not."""

    name: str
    fault: str = ""


def choose(literals: frozenset[bytes]) -> Scanner:
    """The fastest scanner for these literals that gives right answers on this machine.

    Without literals no line is a candidate; with an empty one every line is. Takes some milliseconds: build
    once for a set of rules. Raises ValueError for a literal with a newline.
    """
    plain = _without_library(literals)
    if plain is not None:
        return plain
    wanted = essential(literals)
    for name in BACKENDS:
        scanner, _ = _tried(name, wanted)
        if scanner is not None:
            return scanner
    return EveryLine()


def choose_named(name: str, literals: frozenset[bytes]) -> Scanner:
    """The scanner of one backend, tested too. Raises KeyError for a name that is not in BACKENDS, Unfit
    where the backend is missing here, refuses the literals or fails the test."""
    plain = _without_library(literals)
    if plain is not None:
        return plain
    scanner, fault = _tried(name, essential(literals))
    if scanner is None:
        raise Unfit(fault)
    return scanner


def survey(literals: frozenset[bytes] = _SAMPLE) -> tuple[Verdict, ...]:
    """Every backend with the test's verdict, in the order of choice, for `doctor`."""
    wanted = essential(literals)
    return tuple(Verdict(name, _tried(name, wanted)[1]) for name in BACKENDS)


def naive(literals: frozenset[bytes], data: bytes) -> list[Span]:
    """What every scanner must answer, by the plainest code: the measure of the self-test."""
    lowered = [literal.lower() for literal in literals]
    spans: list[Span] = []
    start = 0
    for line in data.lower().split(NEWLINE):
        stop = start + len(line)
        if start < len(data) and any(literal in line for literal in lowered):
            spans.append((start, stop))
        start = stop + 1
    return spans


def _without_library(literals: frozenset[bytes]) -> Scanner | None:
    if not literals:
        return NoLine()
    return EveryLine() if b"" in literals else None


def _tried(name: str, wanted: tuple[bytes, ...]) -> tuple[Scanner | None, str]:
    try:
        scanner = BACKENDS[name](wanted)
        fault = _fault(scanner, wanted)
    except Unfit as err:
        return None, str(err)
    return (None, fault) if fault else (scanner, "")


def _fault(scanner: Scanner, wanted: tuple[bytes, ...]) -> str:
    """Run the scanner over small made-up texts and compare; "" where it is right."""
    each = NEWLINE.join(literal.upper() for literal in wanted)
    mixed = _test_text(wanted)
    tail = mixed[-200:-1]
    answers = [(each, EveryLine().candidates(each, len(each)))]  # every literal once: every line holds one
    answers += [(data, naive(frozenset(wanted), data)) for data in (mixed, tail, b"", NEWLINE)]
    for data, right in answers:
        got = scanner.candidates(data, len(data))
        if got != right:
            missed, extra = len(set(right) - set(got)), len(set(got) - set(right))
            return f"gave wrong answers in the self-test: {missed} lines missed, {extra} too many"
    return ""


def _test_text(wanted: tuple[bytes, ...]) -> bytes:
    """Lines with whole literals, broken ones and noise: any case, at edges, repeated, between NULs, CRs and
    bytes that are not UTF-8. The same literals give the same text in every run."""
    random = Random(len(wanted))  # noqa: S311 - a repeatable test, no secret
    used = wanted[:: max(1, len(wanted) // _TEST_LITERALS)]
    noise = (b"", b" ", b"\0", b"\r", b"\xff\xfe", b"GET /x HTTP/1.1", b'"status":200,', b"\xc3")

    def piece() -> bytes:
        literal = random.choice(used)
        cased = bytes(
            random.choice((byte, ord(chr(byte).upper()))) if byte < 128 else byte for byte in literal
        )
        cut = random.randrange(len(literal))
        return random.choice((cased, literal.upper(), literal[:cut], literal[cut + 1 :], *noise, *noise))

    lines = (b"".join(piece() for _ in range(random.randrange(6))) for _ in range(_TEST_LINES))
    return NEWLINE.join(lines) + NEWLINE
