"""One log through everything that happens to logs."""

from __future__ import annotations

import errno
import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.logfiles import Disk, Reading, not_root

from nightporter.sources.files.finder import explain
from nightporter.sources.files.follower import DELETED_S, LINGER_S, RETRY_S
from nightporter.sources.files.marks import decode
from nightporter.sources.files.siblings import Sibling, list_siblings


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    disk.close()


@pytest.fixture
def reading(disk: Disk) -> Iterator[Reading]:
    """A log that is known, with one line given out and committed."""
    disk.write(b"first\n")
    reading = Reading(disk)
    assert reading.poll() == b"first\n"
    reading.commit()
    yield reading
    reading.close()


class TestFirstSight:
    def test_starts_at_the_end(self, disk: Disk) -> None:
        disk.write(b"old\n")
        reading = Reading(disk, at_end=True)
        assert reading.poll() == b""
        disk.write(b"new\n")
        assert reading.poll() == b"new\n"
        reading.close()

    def test_starts_at_the_beginning_of_an_unfinished_line(self, disk: Disk) -> None:
        disk.write(b"old\n" * 40_000 + b"unfini")
        reading = Reading(disk, at_end=True)
        assert reading.poll() == b""
        disk.write(b"shed\n")
        assert reading.poll() == b"unfinished\n"
        reading.close()

    def test_is_kept_at_once(self, disk: Disk) -> None:
        disk.write(b"old\n")
        reading = Reading(disk, at_end=True)
        reading.poll()
        reading.commit()
        disk.write(b"written while we were down\n")
        reading.crash()
        assert reading.poll() == b"written while we were down\n"
        reading.close()

    def test_of_nothing_makes_all_that_comes_news(self, tmp_path: Path) -> None:
        disk = Disk(tmp_path / "not there yet")
        reading = Reading(disk, at_end=True)
        assert reading.poll() == b""
        assert reading.state == "waiting"
        reading.restart()
        disk.folder.mkdir()
        disk.write(b"one\n")
        disk.rename()
        disk.reopen()
        disk.write(b"two\n")
        assert reading.poll() == b"one\ntwo\n"
        assert reading.state == "following"
        reading.close()
        disk.close()


class TestLines:
    def test_a_half_line_waits_for_its_end(self, disk: Disk, reading: Reading) -> None:
        disk.write(b"ha")
        assert reading.poll() == b""
        disk.write(b"lf\n")
        assert reading.poll() == b"half\n"

    def test_a_first_line_that_comes_in_pieces(self, disk: Disk) -> None:
        reading = Reading(disk)
        for piece in (b"in", b" three", b" pieces\n"):
            assert reading.poll() == b""
            disk.write(piece)
        assert reading.poll(2) == b"in three pieces\n"
        reading.close()

    def test_bytes_pass_untouched(self, disk: Disk, reading: Reading) -> None:
        odd = b"crlf\r\nnul \x00\nlatin \xe9\xff\n\n\x1b[31mred\x1b[0m\n"
        disk.write(odd)
        assert reading.poll() == odd

    def test_a_line_of_ten_megabytes_is_cut_and_holds_no_more_memory(
        self, disk: Disk, reading: Reading
    ) -> None:
        big = Reading(disk, buffer_bytes=65_536)
        big.poll()
        for _ in range(10):
            disk.write(b"x" * 1_000_000)
        disk.write(b"\nafter\n")
        tracemalloc.start()
        text = big.poll()
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        cut = big.follower.counters()["cut_lines"]
        big.close()
        assert text == b"x" * 1_048_576 + b"\nafter\n"
        assert held < 5 * 1_048_576  # the carried line, its copy in the chunk, and our own joining of chunks
        assert cut == 1

    def test_ids_do_not_change_with_growth_rename_and_compression(self, disk: Disk, reading: Reading) -> None:
        (first,) = [chunk for chunk in reading.judged if chunk.data]
        disk.write(b"second\n")
        disk.rename()
        reading.crash()
        disk.reopen()
        disk.pack(1)
        reading.poll()
        (second,) = reading.pending
        assert (second.identity, second.start) == (first.identity, 6)


class TestRename:
    def test_the_old_file_is_finished_by_its_descriptor(self, disk: Disk, reading: Reading) -> None:
        disk.rename()
        disk.write(b"into the moved file\n")
        assert reading.poll() == b"into the moved file\n"
        disk.reopen()
        disk.write(b"into the new file\n")
        assert reading.poll() == b"into the new file\n"

    def test_late_lines_of_the_old_file_come_though_the_new_one_is_in_use(
        self, disk: Disk, reading: Reading
    ) -> None:
        with disk.live.open("ab") as slow_worker:
            disk.rename()
            disk.reopen()
            disk.write(b"new\n")
            assert reading.poll() == b"new\n"
            reading.poll(LINGER_S / 2)
            slow_worker.write(b"late\n")
        assert reading.poll() == b"late\n"

    def test_a_crash_while_two_files_are_open_loses_neither(self, disk: Disk, reading: Reading) -> None:
        with disk.live.open("ab") as slow_worker:
            disk.rename()
            disk.reopen()
            disk.write(b"new\n")
            reading.poll()
            reading.restart()
            slow_worker.write(b"late\n")
        disk.write(b"newer\n")
        assert reading.poll() == b"late\nnewer\n"

    def test_a_lone_last_line_is_given_out_when_its_file_is_done(self, disk: Disk, reading: Reading) -> None:
        disk.write(b"no newline")
        disk.rename()
        disk.reopen()
        disk.write(b"new\n")
        assert reading.poll() == b"new\n"
        assert reading.poll(LINGER_S) == b"no newline\n"
        assert len(reading.follower.open_files) == 1

    def test_a_writer_that_never_takes_up_the_new_file_is_followed(
        self, disk: Disk, reading: Reading
    ) -> None:
        for number in range(3):
            disk.rename(create=True)
            assert reading.poll(LINGER_S * 2) == b""
            disk.write(b"%d\n" % number)
            assert reading.poll() == b"%d\n" % number

    def test_files_made_for_nobody_do_not_use_up_descriptors(self, disk: Disk, reading: Reading) -> None:
        for _ in range(20):
            disk.rename(create=True)
            reading.poll(LINGER_S)
        assert len(reading.follower.open_files) <= 6


class TestDowntime:
    def test_everything_rotated_meanwhile_is_read_oldest_first(self, disk: Disk, reading: Reading) -> None:
        disk.write(b"second\n")
        for number in range(3):
            disk.rename()
            disk.reopen()
            disk.write(b"generation %d\n" % number)
        disk.pack(3)
        disk.pack(2)
        reading.restart()
        assert reading.poll() == b"second\n" + b"".join(b"generation %d\n" % n for n in range(3))

    def test_a_rotation_while_copies_are_read_loses_nothing(self, disk: Disk, reading: Reading) -> None:
        for number in range(3):
            disk.rename()
            disk.reopen()
            disk.write(b"generation %d\n" % number * 10)
        reading.restart()
        for _ in range(3):
            reading.step()
        disk.rename()
        disk.reopen()
        disk.write(b"last\n")
        reading.poll()
        reading.commit()
        assert (
            reading.text == b"first\n" + b"".join(b"generation %d\n" % n * 10 for n in range(3)) + b"last\n"
        )

    def test_a_held_file_with_late_lines_is_not_taken_for_news_when_compressed(
        self, disk: Disk, reading: Reading
    ) -> None:
        disk.rename(create=True)
        reading.poll()
        disk.rename()
        disk.write(b"late\n")
        assert reading.poll() == b"late\n"
        disk.reopen()
        disk.pack(2)
        assert reading.poll(2) == b""
        disk.write(b"new\n")
        assert reading.poll() == b"new\n"

    def test_a_rotation_while_the_folder_is_listed_loses_nothing(
        self, disk: Disk, reading: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def rotate(line: bytes) -> None:
            disk.rename()
            disk.reopen()
            disk.write(line)

        def list_and_be_overtaken(path: Path) -> list[Sibling]:
            listed = list_siblings(path)
            if lines:
                rotate(lines.pop(0))
            return listed

        lines = [b"two\n", b"three\n", b"four\n"]
        rotate(b"one\n")
        monkeypatch.setattr("nightporter.sources.files.siblings.list_siblings", list_and_be_overtaken)
        assert reading.poll() == b"one\ntwo\nthree\nfour\n"

    def test_what_is_gone_is_counted_and_the_rest_read(self, disk: Disk, reading: Reading) -> None:
        for number in range(3):
            disk.rename()
            disk.reopen()
            disk.write(b"generation %d\n" % number)
        disk.copy(3).unlink()
        disk.copy(2).unlink()
        reading.restart()
        assert reading.poll() == b"generation 1\ngeneration 2\n"
        assert reading.follower.counters()["vanished"] == 1

    def test_a_broken_copy_does_not_hold_up_the_log(self, disk: Disk, reading: Reading) -> None:
        disk.rename()
        disk.reopen()
        disk.copy(0, packed=True).write_bytes(b"\x1f\x8b broken")
        disk.write(b"live\n")
        reading.restart()
        assert reading.poll() == b"live\n"
        assert reading.follower.counters()["unreadable_copies"] == 1


class TestTruncation:
    def test_the_copy_is_read_on_then_the_log(self, disk: Disk, reading: Reading) -> None:
        disk.write(b"unread\n")
        disk.copytruncate()
        disk.write(b"new\n")
        assert reading.poll() == b"unread\nnew\n"
        assert reading.follower.counters()["lost_bytes"] == 0

    def test_grown_past_our_place_before_we_look(self, disk: Disk, reading: Reading) -> None:
        disk.copytruncate()
        disk.write(b"much longer than what was there before\n")
        assert reading.poll() == b"much longer than what was there before\n"

    def test_grown_to_exactly_our_place(self, disk: Disk, reading: Reading) -> None:
        disk.copytruncate()
        disk.write(b"FIRST\n")
        assert reading.poll() == b"FIRST\n"

    def test_while_we_were_down(self, disk: Disk, reading: Reading) -> None:
        disk.write(b"unread\n")
        disk.copytruncate()
        disk.write(b"much longer than what was there before\n")
        disk.pack(1)
        reading.restart()
        assert reading.poll() == b"unread\nmuch longer than what was there before\n"

    def test_twice_before_we_look(self, disk: Disk, reading: Reading) -> None:
        for line in (b"a\n", b"b\n", b"c\n"):
            disk.write(line)
            disk.copytruncate()
        assert reading.poll() == b"a\nb\nc\n"

    def test_what_no_copy_holds_is_counted(self, disk: Disk, reading: Reading) -> None:
        disk.write(b"0123456789" * 20)
        reading.step()  # one buffer of 64 bytes
        disk.truncate()
        disk.write(b"new\n")
        text = reading.poll()
        assert text == (b"0123456789" * 20)[:64] + b"\nnew\n"
        assert reading.follower.counters()["lost_bytes"] == 200 - 64

    def test_a_copy_made_before_our_last_look_is_not_read_again(self, disk: Disk, reading: Reading) -> None:
        disk.copy_only()
        disk.write(b"after the copy\n")
        assert reading.poll() == b"after the copy\n"
        disk.truncate()
        disk.write(b"new\n")
        assert reading.poll() == b"new\n"


class TestOtherEnds:
    def test_deleted_and_made_anew(self, disk: Disk, reading: Reading) -> None:
        disk.write(b"last words\n")
        disk.live.unlink()
        disk.reopen()
        disk.write(b"anew\n")
        assert reading.poll() == b"last words\nanew\n"

    def test_a_deleted_file_is_let_go_when_quiet(self, disk: Disk, reading: Reading) -> None:
        disk.live.unlink()
        disk.write(b"still open there\n")
        assert reading.poll() == b"still open there\n"
        reading.poll(DELETED_S)
        assert reading.follower.open_files == []
        disk.reopen()
        disk.write(b"anew\n")
        assert reading.poll(2) == b"anew\n"

    def test_a_link_moved_to_the_next_file_and_back(self, tmp_path: Path) -> None:
        a, b, link = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "current"
        disk = Disk(tmp_path, "current")

        def point(target: Path) -> None:
            (tmp_path / "next").symlink_to(target)
            (tmp_path / "next").replace(link)

        a.write_bytes(b"a1\n")
        point(a)
        reading = Reading(disk)
        assert reading.poll() == b"a1\n"
        b.write_bytes(b"b1\n")
        point(b)
        assert reading.poll() == b"b1\n"
        reading.poll(LINGER_S * 2)
        with a.open("ab") as file:
            file.write(b"a2\n")
        point(a)
        assert reading.poll() == b"a2\n"
        reading.close()

    def test_rewritten_by_an_editor_under_a_new_inode_it_is_the_same_log(
        self, disk: Disk, reading: Reading
    ) -> None:
        edited = disk.folder / "edited"
        edited.write_bytes(disk.live.read_bytes() + b"added\n")
        edited.replace(disk.live)
        assert reading.poll() == b"added\n"

    def test_renamed_away_and_back(self, disk: Disk, reading: Reading) -> None:
        disk.live.rename(disk.folder / "aside")
        reading.poll()
        (disk.folder / "aside").rename(disk.live)
        disk.reopen()
        disk.write(b"more\n")
        assert reading.poll() == b"more\n"


class TestBlind:
    @pytest.mark.parametrize("kind", ["folder", "pipe"])
    def test_what_is_no_file_is_told_and_tried_again(self, tmp_path: Path, kind: str) -> None:
        disk = Disk(tmp_path)
        if kind == "pipe":
            os.mkfifo(disk.live)
        else:
            disk.live.mkdir()
        reading = Reading(disk)
        assert reading.poll() == b""
        assert reading.follower.state == "blind"
        assert reading.follower.trouble == f"{disk.live}: is not a regular file"
        disk.live.unlink() if kind == "pipe" else disk.live.rmdir()
        disk.write(b"a file at last\n")
        assert reading.poll() == b""
        assert reading.poll(RETRY_S) == b"a file at last\n"
        assert (reading.follower.state, reading.follower.trouble) == ("following", "")
        reading.close()
        disk.close()

    @pytest.mark.parametrize(
        ("platform", "code", "said"),
        [
            ("darwin", errno.EPERM, "Full Disk Access"),
            ("darwin", errno.EACCES, "permission denied"),
            ("linux", errno.EPERM, "permission denied"),
            ("linux", errno.EMFILE, "too many files"),
            ("linux", errno.EIO, "Input/output error"),
        ],
    )
    def test_the_reason_is_told_in_words(
        self, monkeypatch: pytest.MonkeyPatch, platform: str, code: int, said: str
    ) -> None:
        monkeypatch.setattr("sys.platform", platform)
        assert said in explain(OSError(code, os.strerror(code)), Path("/logs/a.log"))

    def test_a_refused_log_is_told_and_read_from_its_place_later(self) -> None:
        with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
            Path(folder).chmod(0o755)
            disk = Disk(Path(folder))
            disk.write(b"first\n")
            reading = Reading(disk)
            reading.poll()
            reading.commit()
            disk.write(b"second\n")
            disk.live.chmod(0)
            with not_root():
                reading.crash()
                assert reading.poll() == b""
            assert reading.follower.trouble == (
                f"{disk.live}: permission denied: let the user that runs Nightporter read it"
            )
            disk.live.chmod(0o644)
            with not_root():
                assert reading.poll() == b""
                assert reading.poll(RETRY_S) == b"second\n"
            reading.close()
            disk.close()


def test_a_mark_is_small_json(reading: Reading) -> None:
    assert reading.committed is not None
    assert len(reading.committed) < 300
    mark = decode(reading.committed)
    assert mark is not None
    assert [file.offset for file in mark.files] == [6]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"files": 3}', b"\xff"])
def test_what_is_no_mark_is_none(data: bytes) -> None:
    assert decode(data) is None
