"""Names of rotated copies, their order, and who is who."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from nightporter.sources.files.marks import FileMark, head_of
from nightporter.sources.files.siblings import find, has_head, list_siblings, newer_than, rotated_name


@pytest.mark.parametrize(
    ("name", "live"),
    [
        ("access.log.1", "access.log"),
        ("access.log.2.gz", "access.log"),
        ("access.1.log.gz", "access.log"),
        ("sonarr.0.txt", "sonarr.txt"),
        ("Plex Media Server.1.log", "Plex Media Server.log"),
        ("access.log-20261124", "access.log"),
        ("access.log-20261124.gz", "access.log"),
        ("access.log.2026-11-24", "access.log"),
        ("access-20261124.log", "access.log"),
        ("log-20261124.txt", "log.txt"),
        ("access-2026-11-24T10-00-00.000.log.gz", "access.log"),
        ("app.2026-11-24.3.log", "app.log"),
        ("access.log-1795520770", "access.log"),
        ("syslog.1", "syslog"),
        ("traefik.log.old", "traefik.log"),
    ],
)
def test_a_copys_name_says_whose_it_is(name: str, live: str) -> None:
    found = rotated_name(name)
    assert found is not None
    assert (found.live, found.compressed) == (live, name.endswith(".gz"))


@pytest.mark.parametrize(
    "name",
    ["access.log", "access.log.gz", "log-20261124_001.txt", "sonarr.debug.txt", "node-1.log", ".1", "1"],
)
def test_other_names_are_nobodys_copy(name: str) -> None:
    assert rotated_name(name) is None


def make(folder: Path, *names: str) -> None:
    """Files with these names, each written a second after the one before."""
    for age, name in enumerate(names):
        content = name.encode() * 3 + b"\n"
        path = folder / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        os.utime(path, (1_000_000 + age, 1_000_000 + age))


@pytest.mark.parametrize(
    "oldest_first",
    [
        pytest.param(["a.log.10.gz", "a.log.2.gz", "a.log.1"], id="numbers"),
        pytest.param(["a.1.log", "a.0.log"], id="numbers from zero"),
        pytest.param(["a.log-20260930", "a.log-20261001.gz", "a.log-20261124"], id="dates"),
        pytest.param(["a.2026-11-24.9.log", "a.2026-11-24.10.log"], id="a number within the day"),
        pytest.param(["a.log-20261101", "a.log.2", "a.log.1"], id="two schemes: by time"),
        pytest.param(["a.log.1", "a.log.2", "a.log.3"], id="numbers that count up"),
    ],
)
def test_siblings_are_listed_oldest_first(tmp_path: Path, oldest_first: list[str]) -> None:
    make(tmp_path, *oldest_first, "a.log", "b.log.1", "aa.log.1", "a.log.bak")
    assert [s.path.name for s in list_siblings(tmp_path / "a.log")] == oldest_first


def test_names_are_believed_before_disturbed_times(tmp_path: Path) -> None:
    make(tmp_path, "a.log.2", "a.log.3", "a.log.1")
    assert [s.path.name for s in list_siblings(tmp_path / "a.log")] == ["a.log.3", "a.log.2", "a.log.1"]


def test_a_copy_that_is_being_compressed_counts_once(tmp_path: Path) -> None:
    make(tmp_path, "a.log.1", "a.log.1.gz")
    assert [s.path.name for s in list_siblings(tmp_path / "a.log")] == ["a.log.1"]


def test_copies_beside_the_target_of_a_link_are_found(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    make(there, "real.log.1", "real.log")
    (tmp_path / "a.log").symlink_to(there / "real.log")
    assert [s.path.name for s in list_siblings(tmp_path / "a.log")] == ["real.log.1"]


def test_no_folder_has_no_siblings(tmp_path: Path) -> None:
    assert list_siblings(tmp_path / "no" / "a.log") == []


def mark_of(path: Path, *, offset: int | None = None) -> FileMark:
    content = path.read_bytes()
    seen = path.stat()
    return FileMark(
        identity="x",
        head=head_of(content),
        offset=len(content) if offset is None else offset,
        device=seen.st_dev,
        inode=seen.st_ino,
        modified=seen.st_mtime_ns,
    )


class TestFind:
    def test_a_grown_file_is_still_itself(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_bytes(b"first\n")
        mark = mark_of(log)
        log.write_bytes(b"first\nsecond\n" * 1000)
        assert find(mark, log, []) == log

    def test_by_inode_under_any_name(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_bytes(b"first\n")
        mark = mark_of(log)
        log.rename(tmp_path / "kept for later")
        assert find(mark, log, list_siblings(log)) == tmp_path / "kept for later"

    def test_by_head_in_a_compressed_copy(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_bytes(b"first\n")
        mark = mark_of(log)
        (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(b"first\nmore\n"))
        log.write_bytes(b"other\n")
        assert find(mark, log, list_siblings(log)) == tmp_path / "a.log.1.gz"

    def test_the_inode_tells_equal_heads_apart(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_bytes(b"banner\n")
        mark = mark_of(log)
        log.rename(tmp_path / "a.log.2")
        (tmp_path / "a.log.1").write_bytes(b"banner\n")
        log.write_bytes(b"banner\n")
        assert find(mark, log, list_siblings(log)) == tmp_path / "a.log.2"

    def test_a_reused_inode_with_another_head_is_another_file(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_bytes(b"first\n")
        mark = mark_of(log)
        with log.open("r+b") as same_inode:
            same_inode.write(b"OTHER\n")
        assert find(mark, log, []) is None

    def test_a_copy_shorter_than_our_place_is_not_read_on(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_bytes(b"first\nsecond\n")
        head = FileMark(identity="x", head=head_of(b"first\n"), offset=13)
        (tmp_path / "a.log.1").write_bytes(b"first\n")
        log.write_bytes(b"other\n")
        assert find(head, log, list_siblings(log)) is None

    def test_a_short_head_of_an_unread_file_fits_no_older_copy(self, tmp_path: Path) -> None:
        make(tmp_path, "a.log.1", "a.log")
        log = tmp_path / "a.log"
        mark = FileMark(identity="", head=head_of(b"a.log"), offset=0, modified=log.stat().st_mtime_ns)
        log.write_bytes(b"")
        assert find(mark, log, list_siblings(log)) is None


class TestNewerThan:
    def test_by_the_order_of_names(self, tmp_path: Path) -> None:
        make(tmp_path, "a.log.3", "a.log.2", "a.log.1")
        mark = mark_of(tmp_path / "a.log.3")
        assert [s.path.name for s in newer_than(mark, list_siblings(tmp_path / "a.log"))] == [
            "a.log.2",
            "a.log.1",
        ]

    def test_by_time_where_the_file_is_gone(self, tmp_path: Path) -> None:
        make(tmp_path, "a.log.4", "a.log.3", "a.log.2", "a.log.1")
        mark = mark_of(tmp_path / "a.log.3")
        (tmp_path / "a.log.3").unlink()
        assert [s.path.name for s in newer_than(mark, list_siblings(tmp_path / "a.log"))] == [
            "a.log.2",
            "a.log.1",
        ]

    def test_a_copy_of_what_was_read_is_no_news_though_it_is_younger(self, tmp_path: Path) -> None:
        make(tmp_path, "a.log", "a.log.1")
        (tmp_path / "a.log.1").write_bytes(b"first\n")
        mark = FileMark(identity="x", head=head_of(b"first\n"), offset=600, modified=1)
        assert newer_than(mark, list_siblings(tmp_path / "a.log")) == []


def test_a_broken_gzip_file_has_no_head(tmp_path: Path) -> None:
    path = tmp_path / "a.log.1.gz"
    path.write_bytes(b"not gzip at all")
    assert not has_head(path, FileMark(identity="", head=head_of(b"not\n"), offset=4))
