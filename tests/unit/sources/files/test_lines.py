"""Bytes in, whole lines out."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.sources.files.lines import Block, LineSplitter


def split(pieces: list[bytes], cap: int = 8, *, finish: bool = True) -> tuple[list[Block], LineSplitter]:
    lines = LineSplitter(cap=cap)
    blocks = [block for piece in pieces for block in lines.feed(piece, len(piece))]
    last = lines.finish() if finish else None
    return blocks + ([last] if last else []), lines


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([b"one\ntwo\n"], [(b"one\ntwo\n", 0, 8)], id="whole lines stand together"),
        pytest.param([b"one\ntw", b"o\n"], [(b"one\n", 0, 4), (b"two\n", 4, 8)], id="a half line is carried"),
        pytest.param([b"a", b"b", b"\n"], [(b"ab\n", 0, 3)], id="a line in three pieces"),
        pytest.param([b"\n\n"], [(b"\n\n", 0, 2)], id="empty lines"),
        pytest.param([b"a\r\n\x00\xff\n"], [(b"a\r\n\x00\xff\n", 0, 6)], id="CR, NUL and bad UTF-8 pass"),
        pytest.param([b"abcdefgh\n"], [(b"abcdefgh\n", 0, 9)], id="exactly the cap is whole"),
        pytest.param(
            [b"abcdefghi\nx\n"],
            [(b"abcdefgh\n", 0, 10), (b"x\n", 10, 12)],
            id="longer is cut, and ends its block",
        ),
        pytest.param(
            [b"x\nabcdefghi", b"jk", b"\n"], [(b"x\n", 0, 2), (b"abcdefgh\n", 2, 14)], id="cut over pieces"
        ),
        pytest.param(
            [b"one\ntwo"], [(b"one\n", 0, 4), (b"two\n", 4, 7)], id="the last line is given a newline"
        ),
        pytest.param([b"abcdefghijk"], [(b"abcdefgh\n", 0, 11)], id="a last line that is too long"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_blocks(pieces: list[bytes], expected: list[tuple[bytes, int, int]]) -> None:
    blocks, _ = split(pieces)
    assert blocks == expected


def test_what_was_cut_is_counted() -> None:
    _, lines = split([b"0123456789\n", b"01234567\n", b"012345678"])
    assert (lines.cut_lines, lines.cut_bytes) == (2, 3)


def test_the_place_is_that_of_the_unfinished_line() -> None:
    _, lines = split([b"one\ntw"], finish=False)
    assert (lines.start, lines.at) == (4, 6)


def test_only_the_filled_part_of_the_buffer_is_read() -> None:
    lines = LineSplitter()
    buffer = bytearray(b"a\nb\nstale\n")
    assert lines.feed(buffer, 4) == [Block(b"a\nb\n", 0, 4)]
    assert lines.at == 4


line = st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"\r"))


@given(st.lists(line), line, st.data())
def test_any_chunking_gives_the_same_lines(whole: list[bytes], last: bytes, data: st.DataObject) -> None:
    content = b"".join(piece + b"\n" for piece in whole) + last
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    blocks, _ = split(pieces, cap=12)
    expected = b"".join(piece[:12] + b"\n" for piece in [*whole, *([last] if last else [])])
    assert b"".join(block.data for block in blocks) == expected
    assert [b.start for b in blocks] == [0, *(b.end for b in blocks)][: len(blocks)]
    for block in blocks:  # every line but a cut or unfinished last one stands in the block as in the stream
        body = block.data[: block.data.rfind(b"\n", 0, -1) + 1]
        assert content[block.start :].startswith(body)


def test_a_line_of_ten_megabytes_takes_no_more_memory_than_the_cap() -> None:
    cap = 1024 * 1024
    lines = LineSplitter(cap=cap)
    buffer = bytearray(b"x" * 65_536)
    tracemalloc.start()
    try:
        for _ in range(160):
            assert lines.feed(buffer, len(buffer)) == []
        held = tracemalloc.get_traced_memory()[1]
        (block,) = lines.feed(b"\n", 1)
    finally:
        tracemalloc.stop()
    assert held < 2 * cap
    assert len(block.data) == cap + 1
    assert (lines.cut_lines, lines.cut_bytes) == (1, 160 * 65_536 - cap)
