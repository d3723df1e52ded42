"""Paths and globs of one source, and when each file begins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightporter.config import FileSource as FileSourceConfig
from nightporter.model import MINUTE, Chunk
from nightporter.sources.files.group import AWAKE, GONE_S, LIST_S, Group, is_glob, stream_of


class Rounds:
    """A `Group` stepped by hand; keeps the last mark of each stream, as the store does."""

    def __init__(self, *paths: Path | str, start: str = "end", service: str = "") -> None:
        self.config = FileSourceConfig(
            name="logs",
            paths=tuple(map(str, paths)),
            start=start,
            service=service,
            trusted_proxies=("10.0.0.1/32",),
        )
        self.marks: dict[str, bytes] = {}
        self.now = 0.0
        self.chunks: list[Chunk] = []
        self.group = Group(self.config, self.marks, chunk_bytes=64)

    def poll(self, seconds: float = LIST_S) -> dict[str, bytes]:
        """Rounds until all is at rest; gives the new lines of each stream, by its file's name."""
        self.now += seconds
        new: dict[str, bytes] = {}
        while True:
            chunks = self.group.round(self.now, 1_764_504_000_000_000_000)
            for chunk in chunks:
                self.marks[chunk.end.stream] = chunk.end.mark
                if chunk.data:
                    name = Path(chunk.origin.stream).name
                    new[name] = new.get(name, b"") + chunk.data
            self.chunks += chunks
            if not (chunks or self.group.busy or self.group.moved):
                return new

    def restart(self) -> None:
        self.group.close()
        self.group = Group(self.config, dict(self.marks), chunk_bytes=64)

    def open_files(self) -> int:
        return sum(len(follower.open_files) for follower in self.group.followers())


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path


@contextmanager
def opened(*paths: Path | str, start: str = "end", service: str = "") -> Iterator[Rounds]:
    rounds = Rounds(*paths, start=start, service=service)
    try:
        yield rounds
    finally:
        rounds.group.close()


@pytest.fixture
def dated(logs: Path) -> Iterator[Rounds]:
    (logs / "log-20261123.txt").write_bytes(b"old\n")
    with opened(logs / "log-*.txt") as rounds:
        yield rounds


def test_a_glob_begins_at_the_end_and_new_members_at_their_beginning(logs: Path, dated: Rounds) -> None:
    assert dated.poll() == {}
    (logs / "log-20261124.txt").write_bytes(b"new\n")
    with (logs / "log-20261123.txt").open("ab") as file:
        file.write(b"more\n")
    assert dated.poll() == {"log-20261124.txt": b"new\n", "log-20261123.txt": b"more\n"}


def test_a_member_that_came_while_we_were_down_is_read_from_its_beginning(logs: Path, dated: Rounds) -> None:
    dated.poll()
    (logs / "log-20261124.txt").write_bytes(b"new\n")
    dated.restart()
    assert dated.poll() == {"log-20261124.txt": b"new\n"}
    dated.restart()
    assert dated.poll() == {}


def test_a_glob_that_showed_nothing_at_first_is_known(logs: Path) -> None:
    with opened(logs / "later" / "*.log") as rounds:
        assert rounds.poll() == {}
        rounds.restart()
        (logs / "later").mkdir()
        (logs / "later" / "a.log").write_bytes(b"first\n")
        assert rounds.poll() == {"a.log": b"first\n"}


def test_start_beginning(logs: Path) -> None:
    (logs / "a.log").write_bytes(b"old\n")
    with opened(logs / "*.log", logs / "a.log", start="beginning") as rounds:
        assert rounds.poll() == {"a.log": b"old\n"}


@pytest.mark.parametrize(
    ("live", "copy"),
    [
        ("sonarr.txt", "sonarr.0.txt"),
        ("app.log", "app.log.1"),
        ("app.log", "app.log.1.gz"),
        ("log.txt", "log-20261124.txt"),
    ],
)
def test_rotated_copies_are_no_members(logs: Path, live: str, copy: str) -> None:
    (logs / live).write_bytes(b"old\n")
    with opened(logs / "*") as rounds:
        rounds.poll()
        with (logs / live).open("ab") as file:
            file.write(b"unread\n")
        (logs / live).rename(logs / copy) if not copy.endswith(".gz") else None
        (logs / live).write_bytes(b"new\n") if not copy.endswith(".gz") else (logs / copy).write_bytes(b"x")
        assert rounds.poll()[live] in (b"unread\nnew\n", b"unread\n")
        assert [Path(f.origin.stream).name for f in rounds.group.followers()] == [live]


def test_a_member_renamed_to_another_fitting_name_is_not_read_again(logs: Path) -> None:
    (logs / "a.log").write_bytes(b"old\n")
    with opened(logs / "*.log", start="beginning") as rounds:
        rounds.poll()
        (logs / "a.log").rename(logs / "before.log")
        assert rounds.poll() == {}


def test_a_link_and_its_target_are_one_stream(logs: Path) -> None:
    (logs / "log-1.txt").write_bytes(b"once\n")
    (logs / "log-current.txt").symlink_to(logs / "log-1.txt")
    with opened(logs / "log-*.txt", start="beginning") as rounds:
        assert rounds.poll() == {"log-1.txt": b"once\n"}


def test_a_member_that_is_gone_is_forgotten(logs: Path, dated: Rounds) -> None:
    dated.poll()
    stream = str(logs / "log-20261123.txt")
    assert dated.marks[stream]
    (logs / "log-20261123.txt").unlink()
    dated.poll()
    dated.poll(GONE_S)
    assert dated.marks[stream] == b""
    assert dated.group.followers() == []
    dated.restart()
    assert dated.poll() == {}


def test_what_a_vanished_member_left_in_its_copy_is_read(logs: Path) -> None:
    log = logs / "a.log"
    log.write_bytes(b"old\n")
    with opened(logs / "*.log", start="beginning") as rounds:
        rounds.poll()
        with log.open("ab") as file:
            file.write(b"unread\n")
        log.rename(logs / "a.log.1")
        rounds.restart()
        assert rounds.poll() == {"a.log": b"unread\n"}


def test_many_members_do_not_use_up_descriptors_and_none_is_missed(logs: Path) -> None:
    paths = [logs / f"log-{number}.txt" for number in range(AWAKE + 20)]
    for age, path in enumerate(paths):
        path.write_bytes(b"old\n")
        os.utime(path, (age, age))
    with opened(logs / "log-*.txt") as rounds:
        rounds.poll()
        rounds.poll()
        assert rounds.open_files() == AWAKE
        with paths[0].open("ab") as file:
            file.write(b"after a long rest\n")
        assert rounds.poll() == {"log-0.txt": b"after a long rest\n"}
        rounds.poll()
        assert rounds.open_files() == AWAKE


def test_one_busy_file_does_not_starve_the_others(logs: Path) -> None:
    (logs / "big.log").write_bytes(b"x" * 60 + b"\n" + b"many lines\n" * 2000)
    (logs / "small.log").write_bytes(b"small\n")
    with opened(logs / "big.log", logs / "small.log", start="beginning") as rounds:
        first = rounds.group.round(0.0, 1) + rounds.group.round(0.0, 1)
        assert {Path(chunk.origin.stream).name for chunk in first if chunk.data} == {"big.log", "small.log"}


def test_a_refused_folder_is_told(logs: Path) -> None:
    (logs / "closed").write_bytes(b"a file where a folder should be")
    with opened(logs / "closed" / "*.log") as rounds:
        rounds.poll()
        assert rounds.group.troubles() == [f"{logs / 'closed'}: Not a directory"]


def test_the_origin_says_all_that_is_true_of_every_line(logs: Path) -> None:
    (logs / "a.log").write_bytes(b"x\n")
    with opened(logs / "a.log", start="beginning", service="ombi") as rounds:
        rounds.poll()
        origin = rounds.chunks[-1].origin
        assert (origin.kind, origin.source, origin.stream, origin.format) == (
            "file",
            "logs",
            str(logs / "a.log"),
            "auto",
        )
        assert (origin.services, origin.fields) == (("ombi",), (("service", "ombi"),))
        assert (origin.tz, origin.trusted_proxies, origin.lateness) == ("local", ("10.0.0.1/32",), 2 * MINUTE)


def test_a_stream_is_named_by_the_real_folder_and_the_links_own_name(logs: Path) -> None:
    (logs / "real").mkdir()
    (logs / "tmp").symlink_to(logs / "real")
    (logs / "real" / "current").symlink_to("log-1.txt")
    assert stream_of(logs / "tmp" / "current") == str(logs / "real" / "current")


def test_a_file_whose_name_looks_like_a_glob_is_a_file(logs: Path) -> None:
    (logs / "[app].log").touch()
    assert not is_glob(str(logs / "[app].log"))
    assert is_glob(str(logs / "[ab].log"))
