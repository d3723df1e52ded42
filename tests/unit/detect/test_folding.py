"""Folding and the text and number of a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.detect.folding import as_number, as_text, fold, member_key
from nightporter.model import Value

ALL_CHARACTERS = [chr(code) for code in range(0x110000)]


def test_no_character_folds_to_ascii_but_ascii() -> None:
    """Over all of Unicode: else a scanner for ASCII letters would miss what the judge accepts."""
    wrong = [c for c in ALL_CHARACTERS if not c.isascii() and any(f.isascii() for f in fold(c))]
    assert wrong == []


def test_folding_keeps_the_length_and_is_done_once() -> None:
    assert [c for c in ALL_CHARACTERS if len(fold(c)) != 1 or fold(fold(c)) != fold(c)] == []


def test_ascii_folds_as_bytes_do() -> None:
    text = "".join(ALL_CHARACTERS[:128])
    assert fold(text).encode() == text.encode().lower()


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("GET", "get"),
        ("ÉTÉ", "été"),
        ("ΑΣ", "ασ"),
        ("ΣΑΣ", "σασ"),
        ("ΑΣΒ", "ασβ"),
        ("\u212aI\u0130É", "\u212ai\u0130é"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


folding_text = st.text(st.one_of(st.characters(), st.sampled_from("aAkKΣςσ\u212a\u0130İıſ")))


@given(a=folding_text, b=folding_text)
def test_parts_fold_as_the_whole_does(a: str, b: str) -> None:
    assert fold(a) + fold(b) == fold(a + b)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (404, "404"),
        (404.0, "404"),
        (1.5, "1.5"),
        (-0.0, "0"),
        (True, "true"),
        (False, "false"),
        ("Text", "Text"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (1e300, "1e+300"),
    ],
    ids=repr,
)
def test_a_value_as_text(value: Value, text: str) -> None:
    assert as_text(value) == text


def test_an_integer_too_long_to_print_has_a_text() -> None:
    assert as_text(1 << 100_000).startswith("0x1000")


def test_a_member_is_kept_without_its_case() -> None:
    assert member_key("Bob") == member_key("BOB") == "bob"
    assert member_key(7) == "7"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (2.5, 2.5),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("9" * 40, int("9" * 40)),
        (True, None),
        ("", None),
        ("1_000", None),
        (" 1", None),
        ("0x10", None),
        ("nan", None),
        ("inf", None),
        ("١", None),
        ("1" * 5000, None),
        (float("nan"), None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_as_a_number(value: Value, number: float | None) -> None:
    assert as_number(value) == number


@given(st.text())
def test_no_text_raises_as_a_number(text: str) -> None:
    as_number(text)
