"""Whole files as chunks."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nightporter.errors import UserError
from nightporter.model import Chunk, Origin
from nightporter.sources.files import read_whole
from nightporter.sources.files.marks import head_of

ORIGIN = Origin(source="replay", kind="file", stream="a.log", format="text")
LINES = b"".join(b"line %d\n" % number for number in range(5000))


def text(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks)


@pytest.mark.parametrize("chunk_bytes", [1, 100, 4096, 65_536, 1_000_000])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_any_size_of_chunk_gives_the_same_lines(
    tmp_path: Path, chunk_bytes: int, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "old"  # what it is shows in its first bytes, not in its name
    path.write_bytes(pack(LINES[:20_000] + b"no newline"))
    chunks = list(read_whole(path, ORIGIN, 7, chunk_bytes))
    assert text(chunks) == LINES[:20_000] + b"no newline\n"
    assert {chunk.arrived for chunk in chunks} == {7}
    assert {chunk.identity for chunk in chunks} == {str(head_of(LINES))}
    assert [chunk.start for chunk in chunks] == [0, *(c.start + len(c.data) for c in chunks)][: len(chunks)]


@pytest.mark.parametrize("content", [b"", b"\n", b"x"])
def test_small_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(content)
    assert text(list(read_whole(path, ORIGIN, 1))) == content + (b"\n" if content == b"x" else b"")


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"a\n" + b"x" * 10_000 + b"\nb\n")
    assert text(list(read_whole(path, ORIGIN, 1, 100, line_cap=200))) == b"a\n" + b"x" * 200 + b"\nb\n"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_progress_goes_up_to_the_size_on_the_disk(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(pack(LINES))
    told: list[tuple[int, int | None]] = []
    list(read_whole(path, ORIGIN, 1, 4096, progress=lambda done, total: told.append((done, total))))
    size = path.stat().st_size
    assert told == sorted(told)
    assert {total for _, total in told} == {size}
    assert told[-1] == (size, size)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]) -> None:
    given = io.TextIOWrapper(io.BytesIO(pack(LINES)))
    monkeypatch.setattr(sys, "stdin", given)
    told: list[int | None] = []
    chunks = list(read_whole("-", ORIGIN, 1, progress=lambda _, total: told.append(total)))
    assert text(chunks) == LINES
    assert set(told) == {None}
    assert not given.buffer.closed


def test_a_pipe_gives_its_lines_though_its_reads_are_short() -> None:
    out, into = os.pipe()
    os.write(into, b"one\ntw")
    os.write(into, b"o\n")
    os.close(into)
    assert text(list(read_whole(f"/dev/fd/{out}", ORIGIN, 1))) == b"one\ntwo\n"
    os.close(out)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda path: None, "No such file or directory", id="missing"),
        pytest.param(lambda path: path.mkdir(), "Is a directory", id="a folder"),
        pytest.param(
            lambda path: path.write_bytes(gzip.compress(LINES)[:-20]), "is a broken gzip file", id="cut"
        ),
        pytest.param(
            lambda path: path.write_bytes(b"\x1f\x8b nonsense"), "is a broken gzip file", id="nonsense"
        ),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    path = tmp_path / "a.log"
    make(path)
    with pytest.raises(UserError, match=f"a.log: {said}"):
        list(read_whole(path, ORIGIN, 1))


def test_what_came_before_a_break_is_given_out(tmp_path: Path) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(LINES)[:-20])
    chunks: list[Chunk] = []
    with pytest.raises(UserError):
        chunks.extend(read_whole(path, ORIGIN, 1, 4096))
    assert len(text(chunks)) > 4096
    assert LINES.startswith(text(chunks))
