"""Every scanner gives the same answers: those of a plain look at each line."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nightporter.detect.scanner import (
    BACKENDS,
    EveryLine,
    NoLine,
    Scanner,
    choice,
    choose,
    choose_named,
    survey,
)
from nightporter.detect.scanner.backends import HyperscanScanner, Unfit
from nightporter.detect.scanner.base import Span, essential

NAMES = tuple(BACKENDS)


def plain(literals: frozenset[bytes], data: bytes, end: int) -> list[Span]:
    """The law, written apart from the code under test: walk the bytes, judge each line by itself."""
    spans, start = [], 0
    while start < end:
        newline = data.find(b"\n", start, end)
        stop = newline if newline >= 0 else end
        if any(literal.lower() in data[start:stop].lower() for literal in literals):
            spans.append((start, stop))
        start = stop + 1
    return spans


def scanner_of(name: str, literals: frozenset[bytes]) -> Scanner | None:
    """The backend's scanner; None where it rightly refuses the literals."""
    try:
        return choose_named(name, literals)
    except Unfit:
        assert name == "hyperscan", "only hyperscan may refuse literals here"
        assert any(b"\0" in literal for literal in literals)
        return None


# A small alphabet makes literals overlap and meet; the rest is what real and hostile lines bring along.
letters = st.sampled_from(
    [b"a", b"B", b"b", b"A", b"k", b"s", b"\n", b"\r\n", b"\0", b"\xff", b"\xc3\xa9", b"\\", b"."]
)
texts = st.lists(letters, max_size=60).map(b"".join)
words = st.lists(letters.filter(lambda one: b"\n" not in one), min_size=1, max_size=4).map(b"".join)
literal_sets = st.frozensets(words, max_size=6)


@pytest.mark.parametrize("name", NAMES)
@given(literals=literal_sets, data=texts, cut=st.integers(0, 5), viewed=st.booleans())
@example(literals=frozenset({b"a"}), data=b"a\na", cut=0, viewed=False)
@example(literals=frozenset({b"aa", b"aaa"}), data=b"aaaa\nAAAA\n", cut=0, viewed=True)
@example(literals=frozenset({b"ab", b"ba"}), data=b"xabab\n\nbaba", cut=1, viewed=False)
@example(literals=frozenset({b"\xc3\xa9"}), data=b"\xc3\x89\n\xe9\n\xc3\xa9\n", cut=0, viewed=False)
@example(literals=frozenset({b"k", b"s"}), data="\u212a\u017f\n".encode(), cut=0, viewed=False)
def test_each_backend_answers_as_a_plain_look_at_each_line(
    name: str, literals: frozenset[bytes], data: bytes, cut: int, viewed: bool
) -> None:
    scanner = scanner_of(name, literals)
    end = max(0, len(data) - cut)
    if scanner is not None:
        got = scanner.candidates(memoryview(data) if viewed else data, end)
        assert list(got) == plain(literals, data, end)


@given(literals=literal_sets, data=texts)
def test_the_chosen_scanner_answers_so_too(literals: frozenset[bytes], data: bytes) -> None:
    assert choose(literals).candidates(data, len(data)) == plain(literals, data, len(data))


@given(data=texts, cut=st.integers(0, 5))
def test_every_line_is_every_line(data: bytes, cut: int) -> None:
    end = max(0, len(data) - cut)
    assert EveryLine().candidates(data, end) == plain(frozenset({b""}), data, end)


CASES = {
    "at the line's start": (b"needle x\n", [(0, 8)]),
    "at the line's end": (b"x needle\n", [(0, 8)]),
    "the whole line": (b"needle\nneedle", [(0, 6), (7, 13)]),
    "any case": (b"NeEdLe\n", [(0, 6)]),
    "twice in a line": (b"needle needle\nx\n", [(0, 13)]),
    "broken over two lines": (b"nee\ndle\n", []),
    "the CR stays": (b"needle\r\n", [(0, 7)]),
    "a lone CR ends no line": (b"x\rneedle\n", [(0, 8)]),
    "after NULs": (b"\0\0needle\0\n", [(0, 9)]),
    "among bytes that are no UTF-8": (b"\xff\xfe\n\xffneedle\xfe\n", [(3, 11)]),
    "empty lines": (b"\n\n\nneedle\n\n", [(3, 9)]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("data", "spans"), CASES.values(), ids=CASES)
def test_lines_of_one_needle(name: str, data: bytes, spans: list[Span]) -> None:
    for literals in (frozenset({b"needle"}), frozenset({b"needle", b"haystack", b"another"})):
        assert choose_named(name, literals).candidates(data, len(data)) == spans


@pytest.mark.parametrize("name", NAMES)
def test_literals_are_no_regexes(name: str) -> None:
    literals = frozenset({b"a.c", b"[x]", b"(?i)q", b"\\d", b"^z$", b"{2}"})
    data = b"abc\nA.C\nx\n[X]\nq\n(?I)Q\n5\n\\D\nz\n^Z$\n{2}\n22\n"
    lines = [data[a:b] for a, b in choose_named(name, literals).candidates(data, len(data))]
    assert lines == [b"A.C", b"[X]", b"(?I)Q", b"\\D", b"^Z$", b"{2}"]


@pytest.mark.parametrize("name", NAMES)
def test_hundreds_of_literals_and_lines(name: str) -> None:
    literals = frozenset(b"user-%d " % number for number in range(0, 600, 3))
    data = b"".join(b"%d login of USER-%d failed\n" % (line, line % 700) for line in range(3_000))
    got = choose_named(name, literals).candidates(data, len(data))
    assert got == plain(literals, data, len(data))
    assert len(got) > 500


def test_no_literals_no_candidates() -> None:
    assert isinstance(choose(frozenset()), NoLine)
    assert choose(frozenset()).candidates(b"a\nb\n", 4) == []


def test_an_empty_literal_is_in_every_line() -> None:
    assert choose(frozenset({b"", b"x"})).candidates(b"a\n\nb", 4) == [(0, 1), (2, 2), (3, 4)]


def test_a_literal_with_a_newline_is_refused() -> None:
    with pytest.raises(ValueError, match="no line can hold"):
        choose(frozenset({b"a\nb"}))


def test_hyperscan_refuses_a_nul_and_the_next_one_is_chosen() -> None:
    literals = frozenset({b"a\0b"})
    with pytest.raises(Unfit, match="NUL"):
        choose_named("hyperscan", literals)
    scanner = choose(literals)
    assert scanner.name == "re2"
    assert scanner.candidates(b"a\nA\0B\n", 6) == [(2, 5)]


@pytest.mark.parametrize(
    ("literals", "kept"),
    [
        ({b"/.ENV", b"/.env.bak", b"x/.envrc"}, (b"/.env",)),
        ({b"404", b"40", b"4"}, (b"4",)),
        ({b"ab", b"bc"}, (b"ab", b"bc")),
        (set(), ()),
    ],
    ids=["longer ones", "a chain", "overlapping ones stay", "none"],
)
def test_literals_that_hold_another_are_left_out(literals: set[bytes], kept: tuple[bytes, ...]) -> None:
    assert essential(literals) == kept


@given(literals=literal_sets)
def test_what_is_essential_finds_the_same_lines(literals: frozenset[bytes]) -> None:
    kept = essential(literals)
    for literal in literals:
        assert any(one in literal.lower() for one in kept)
    assert not any(a in b for a in kept for b in kept if a != b)


@pytest.mark.parametrize(
    "missing", [("hyperscan",), ("hyperscan", "re2"), ("hyperscan", "re2", "ahocorasick_rs")]
)
def test_without_a_library_the_next_one_is_chosen(
    missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    assert choose(frozenset({b"abc", b"xyz"})).name == NAMES[len(missing)]
    faults = {verdict.name: verdict.fault for verdict in survey()}
    assert all("cannot be loaded" in faults[name] for name in NAMES[: len(missing)])
    assert not any(faults[name] for name in NAMES[len(missing) :])


class _Deaf:
    """A scanner that misses what it should find, as Vectorscan does under DOTALL."""

    name = "deaf"

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        return []


class _Shouting:
    """A scanner that takes Latin-1 letters for their other case."""

    name = "shouting"

    def candidates(self, data: bytes | memoryview, end: int) -> list[Span]:
        return EveryLine().candidates(data, end)


@pytest.mark.parametrize(
    ("broken", "fault"), [(_Deaf(), "lines missed"), (_Shouting(), "too many")], ids=["deaf", "shouting"]
)
def test_a_scanner_that_is_wrong_is_not_chosen(
    broken: Scanner, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "BACKENDS", {"broken": lambda _: broken, "stdlib": BACKENDS["stdlib"]})
    assert choose(frozenset({b"abc"})).name == "stdlib"
    assert [bool(verdict.fault) for verdict in survey()] == [True, False]
    assert fault in survey()[0].fault
    with pytest.raises(Unfit, match="self-test"):
        choose_named("broken", frozenset({b"abc"}))


def test_a_scanner_that_loses_one_literal_of_many_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    lossy = {"lossy": lambda wanted: BACKENDS["stdlib"](wanted[:-1]), "stdlib": BACKENDS["stdlib"]}
    monkeypatch.setattr(choice, "BACKENDS", lossy)
    literals = frozenset(b"word-%d." % number for number in range(500))
    with pytest.raises(Unfit, match="1 lines missed"):
        choose_named("lossy", literals)
    assert choose(literals).name == "stdlib"


def test_with_no_scanner_that_is_right_every_line_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "BACKENDS", {"broken": lambda _: _Deaf()})
    assert isinstance(choose(frozenset({b"abc"})), EveryLine)


@pytest.mark.parametrize("name", NAMES)
def test_one_scanner_serves_many_threads(name: str) -> None:
    literals = frozenset({b"needle", b"pin"})
    scanner = choose_named(name, literals)
    blocks = [
        b"".join(b"%d a %s b\n" % (i, b"pin" if i % n == 0 else b"hay") for i in range(4_000))
        for n in range(2, 10)
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda block: scanner.candidates(block, len(block)), blocks * 4))
    assert answers == [plain(literals, block, len(block)) for block in blocks] * 4


class _Unordered:
    """A database that calls back in an order of its own, as no contract of the wrapper's forbids."""

    def __init__(self, *ends: int) -> None:
        self._ends = ends

    def scan(self, data: bytes, *, match_event_handler: object, scratch: object) -> None:
        assert callable(match_event_handler)
        for end in self._ends:
            match_event_handler(0, 0, end, 0, None)


def test_matches_out_of_order_still_give_lines_in_order() -> None:
    scanner = HyperscanScanner(_Unordered(8, 2, 8, 5, 1), lambda _: None)
    assert scanner.candidates(b"ab\ncd\nefg\n", 10) == [(0, 2), (3, 5), (6, 9)]


def test_survey_names_every_backend_in_order() -> None:
    assert [(v.name, v.fault) for v in survey()] == [(name, "") for name in NAMES]
