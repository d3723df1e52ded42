"""The last lines of files, and that following goes on just after them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from nightporter.config import FileSource
from nightporter.sources.files import ending
from nightporter.sources.files.ending import endings, marks_after, pieces
from nightporter.sources.files.group import Group


def source(*paths: str) -> FileSource:
    return FileSource(name="app", paths=paths, format="text")


def followed(config: FileSource, marks: dict[str, bytes]) -> bytes:
    """What a source that goes on from these marks reads until it finds nothing more."""
    group = Group(config, marks, chunk_bytes=64 * 1024)
    try:
        read = b""
        for turn in range(5):
            read += b"".join(chunk.data for chunk in group.round(turn * 10.0, 1))
        return read
    finally:
        group.close()


def test_following_goes_on_after_the_last_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"one\ntwo\nthr")
    config = source(str(log))
    found = endings(config)
    (chunk,) = pieces(config, found[0], 1 << 20)
    assert chunk.data == b"one\ntwo\n"
    with log.open("ab") as file:
        file.write(b"ee\nfour\n")
    assert followed(config, marks_after(config, found)) == b"three\nfour\n"


def test_a_rotation_in_between_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"one\n")
    config = source(str(log))
    found = endings(config)
    with log.open("ab") as file:
        file.write(b"two\n")
    log.rename(tmp_path / "app.log.1")
    log.write_bytes(b"three\n")
    assert followed(config, marks_after(config, found)) == b"two\nthree\n"
    assert list(pieces(config, found[0], 1 << 20)) == []  # another file stands there now


def test_a_globs_members_newest_last_without_copies(tmp_path: Path) -> None:
    for age, name in enumerate(("log-3.txt", "log-1.txt", "log-2.txt", "log-2.txt.1", "log-0.txt.gz")):
        (tmp_path / name).write_bytes(name.encode() + b"\n")
        os.utime(tmp_path / name, ns=(age, age))
    config = source(str(tmp_path / "log-*"), str(tmp_path / "none.log"))
    found = endings(config)
    assert [one.path.name for one in found] == ["log-3.txt", "log-1.txt", "log-2.txt"]
    assert followed(config, marks_after(config, found)) == b""
    (tmp_path / "log-9.txt").write_bytes(b"new\n")
    assert followed(config, marks_after(config, found)) == b"new\n"


@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=40),
    rest=st.binary(max_size=5).map(lambda rest: rest.replace(b"\n", b"")),
    first=st.integers(1, 64),
    most=st.integers(1, 2000),
)
def test_pieces_are_whole_lines_to_the_end(lines: list[bytes], rest: bytes, first: int, most: int) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ending, "FIRST_BYTES", first):
        log = Path(folder) / "app.log"
        log.write_bytes(whole + rest)
        config = source(str(log))
        read = list(pieces(config, endings(config)[0], most))
    sizes = [len(chunk.data) for chunk in read]
    assert sizes == sorted(sizes)
    for chunk in read:
        assert whole[chunk.start :] == chunk.data
        assert chunk.start == 0 or whole[chunk.start - 1 : chunk.start] == b"\n"
    if most >= len(whole):
        assert read[-1].data == whole
