"""What changed in a text, without the text."""

from __future__ import annotations

import time
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.sources.integrity.change import DIFF_CHARS, change
from nightporter.sources.integrity.difference import (
    MAX_BYTES,
    MOST_COMPARED,
    SHOWN_LINES,
    Text,
    changed_lines,
    masked_anew,
    text_of,
)
from nightporter.sources.integrity.state import ABSENT, State

LINES = st.lists(st.sampled_from(["a: 1", "b: 2", "  - c", "", "PASS: x", "PASS: y"]), max_size=12)


def text(lines: list[str], salt: bytes = b"s" * 16, name: str = "a.yml") -> Text:
    made = text_of(name, "".join(f"{line}\n" for line in lines).encode(), salt)
    assert made is not None
    return made


def compared(before: list[str], now: list[str]) -> list[str]:
    return list(changed_lines(text(before).lines(), text(now).lines()))


@given(before=LINES, now=LINES)
def test_it_says_nothing_if_and_only_if_nothing_changed(before: list[str], now: list[str]) -> None:
    assert (compared(before, now) == []) == (before == now)


@given(before=LINES, now=LINES)
def test_it_counts_what_went_and_came(before: list[str], now: list[str]) -> None:
    lines = compared(before, now)
    came = sum(line.startswith("+") for line in lines)
    went = sum(line.startswith("-") for line in lines)
    assert came - went == len(now) - len(before)


@given(lines=LINES)
def test_what_is_packed_comes_back(lines: list[str]) -> None:
    assert len(text(lines).lines()) == len(lines)


def test_another_secret_of_the_same_name_is_seen() -> None:
    assert compared(["PASS: x"], ["PASS: y"]) == ["@ line 1", "-PASS: ***", "+PASS: ***  (another value)"]


def test_prints_of_two_salts_cannot_be_compared() -> None:
    first, second = text(["PASS: x"], b"a" * 16), text(["PASS: x"], b"b" * 16)
    assert first.lines() != second.lines()
    before, now = State(kind="file", sha256="1", text=first), State(kind="file", sha256="2", text=second)
    found = change(before, now)
    assert found is not None
    assert found.diff == "(what was in it before is not known)"


def test_a_new_salt_is_random() -> None:
    made = [text_of("a.yml", b"PASS: x\n") for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].salt != made[1].salt


@pytest.mark.parametrize(
    "data",
    [b"\0", b"\xff\xfe", b"x" * MAX_BYTES, b"-----BEGIN PRIVATE KEY-----"],
    ids=["binary", "no utf-8", "long", "key"],
)
def test_what_is_no_text_is_none(data: bytes) -> None:
    assert text_of("a.yml", data) is None
    found = change(State(kind="file", sha256="1"), State(kind="file", sha256="2"))
    assert found is not None
    assert found.diff.startswith("(what is in it is not shown")


def test_a_long_difference_is_cut_and_says_so() -> None:
    lines = compared([], [f"line: {'x' * 300} {number}" for number in range(200)])
    assert len(lines) == SHOWN_LINES + 1
    assert lines[-1] == "… and 161 lines more"
    assert max(map(len, lines)) <= 160
    now = State(kind="file", sha256="2", text=text([f"line: {'x ' * 100}{n}" for n in range(200)]))
    found = change(ABSENT, now)
    assert found is not None
    assert len(found.diff) <= DIFF_CHARS + 40


def test_two_files_with_nothing_in_common_are_only_measured() -> None:
    before, now = [f"a: {n}" for n in range(MOST_COMPARED + 1)], [f"b: {n}" for n in range(10)]
    assert compared(["same", *before], ["same", *now]) == ["1,501 lines became 10, from line 2 on"]


def test_the_worst_text_takes_little_time() -> None:
    before = [("a", b""), ("b", b"")] * (MOST_COMPARED // 2)
    now = [("b", b""), ("b", b""), ("a", b"")] * (MOST_COMPARED // 3)
    begun = time.process_time()
    list(changed_lines(before, now))
    assert time.process_time() - begun < 5.0


def test_a_text_that_somebody_made_up_is_no_bomb() -> None:
    import zlib

    assert Text(b"", zlib.compress(b"\0" * (64 << 20))).lines() == []
    assert Text(b"", b"nonsense").lines() == []


def test_a_state_is_like_itself_and_keeps_what_could_not_be_read() -> None:
    before = State(kind="file", sha256="1", mode=0o640, text=text(["a: 1"]))
    unread = State(kind="file", mode=0o600)
    assert change(before, before) is None
    assert unread.over(before).sha256 == "1"
    found = change(before, unread.over(before))
    assert found is not None
    assert (found.action, found.diff) == ("mode", "mode 0640 → 0600")


def test_a_text_that_an_older_version_kept_is_masked_anew() -> None:
    """It took the password for harmless, and kept the line as it stood."""
    lines = ["image: x", "test: [mysqladmin, -pMyDogRex2019]", "PASSWORD: ***"]
    kept = [(lines[0], b""), (lines[1], b""), (lines[2], b"12345678")]
    old = Text(b"s" * 16, zlib.compress(msgspec.msgpack.encode(kept)))
    anew = masked_anew("a.yml", old)
    assert anew is not None
    assert [line for line, _ in anew.lines()] == ["image: x", "test: [mysqladmin, -p***", "PASSWORD: ***"]
    now = text([lines[0], lines[1]])
    assert anew.lines()[:2] == now.lines(), "the same password is no change"
    assert masked_anew("a.yml", anew) is anew
    assert masked_anew(".pgpass", old) is None
