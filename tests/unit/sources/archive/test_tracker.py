"""What of a file is new: over growth, rotation, truncation and restarts, each whole line once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nightporter.model import Chunk, Origin
from nightporter.sources.archive.tracker import Tracker

ORIGIN = Origin(source="ombi", kind="file", stream="ombi:/config/Logs/log-*.txt", format="auto")


class Box:
    """The folder's files, looked at whole, and the marks as a store keeps them."""

    def __init__(self, *, at_end: bool = False) -> None:
        self.at_end = at_end
        self.marks: dict[str, bytes] = {}
        self.tracker = self._tracker()
        self.data = b""

    def _tracker(self) -> Tracker:
        return Tracker(ORIGIN, self.marks, at_end=self.at_end)

    def restart(self) -> None:
        self.tracker = self._tracker()

    def look(self, *files: bytes, step: int = 1000) -> bytes:
        """What these contents, in this order, bring."""
        before = len(self.data)
        seen = []
        for content in files:
            reading = self.tracker.content(len(content))
            for at in range(0, len(content), step):
                self._keep(reading.feed(content[at : at + step], 0))
            assert reading.complete
            seen += [reading.identity] if reading.identity else []
        self._keep(self.tracker.seen_all(seen, 0))
        return self.data[before:]

    def _keep(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            assert chunk.data == b"" or chunk.data.endswith(b"\n")
            self.data += chunk.data
            self.marks[chunk.end.stream] = chunk.end.mark


def test_a_new_folder_is_read_from_the_beginning_or_from_its_end() -> None:
    assert Box().look(b"a\nb\n") == b"a\nb\n"
    at_end = Box(at_end=True)
    assert at_end.look(b"a\nb\nhal") == b""
    assert at_end.look(b"a\nb\nhalf\nc\n") == b"half\nc\n"


def test_a_file_that_comes_after_the_first_look_is_new() -> None:
    box = Box(at_end=True)
    assert box.look() == b""
    box.restart()
    assert box.look(b"first\n") == b"first\n"


def test_a_renamed_file_goes_on_and_the_new_one_is_read_whole() -> None:
    box = Box()
    box.look(b"one\n")
    assert box.look(b"one\ntwo\n", b"three\n") == b"two\nthree\n"


def test_the_same_content_under_another_name_is_no_news() -> None:
    box = Box()
    box.look(b"one\ntwo\n")
    assert box.look(b"one\ntwo\n", b"one\ntwo\n") == b""


def test_a_file_that_was_cut_is_not_read_again() -> None:
    box = Box()
    box.look(b"one\ntwo\nthree\n", step=4)
    box.look(b"one\ntwo\nthree\nfour\n")
    head = b"x" * 5000 + b"\n"
    box.look(head + b"two\n")
    assert box.look(head) == b""
    assert box.look(head + b"six\n") == b"six\n"


def test_what_is_gone_is_forgotten() -> None:
    box = Box()
    box.look(b"one\n", b"two\n")
    assert sum(bool(mark) for mark in box.marks.values()) == 3
    box.look(b"two\n")
    assert sum(bool(mark) for mark in box.marks.values()) == 2


def test_marks_of_another_path_say_nothing() -> None:
    box = Box()
    box.look(b"one\n")
    box.marks = {stream.replace("log-", "web-"): mark for stream, mark in box.marks.items()}
    box.restart()
    assert box.look(b"one\n") == b"one\n"


@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n"), min_size=1),
    st.lists(st.tuples(st.integers(1, 60), st.booleans(), st.booleans()), max_size=20),
    st.integers(1, 7000),
)
def test_every_line_comes_once_in_order(
    lines: list[bytes], moves: list[tuple[int, bool, bool]], step: int
) -> None:
    """Files grow by any number of bytes between looks, are rotated, and the daemon is started anew."""
    whole = b"".join(b"%d %s" % (number, line) for number, line in enumerate(lines))
    box, files, at = Box(), [b""], 0
    for grow, rotate, restart in [*moves, (len(whole), False, False)]:
        if rotate and files[-1].endswith(b"\n"):
            files.append(b"")
        files[-1] += whole[at : at + grow]
        at = min(len(whole), at + grow)
        box.look(*files, step=step)
        if restart:
            box.restart()
    assert box.data == whole
