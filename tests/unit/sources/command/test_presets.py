"""What is run for a system's own log, where it goes on, and that nothing is read twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from nightporter.config import CommandSource
from nightporter.model import DAY, SECOND
from nightporter.sources.command.presets import MACOS_PREDICATE, MOST_SHOWN, Mark, Overlap, decode, preset_of

MAC = preset_of(CommandSource(name="mac", preset="macos", format="macos"))
JOURNAL = preset_of(CommandSource(name="journal", preset="journald", args=("--namespace=x",)))
START = 1_795_525_758
"""2026-11-24T13:09:18Z."""


def line(micros: int, message: str = "hello", pid: int = 7) -> bytes:
    """A line of macOS's log, written so many microseconds after START, by a Mac in Berlin."""
    at = datetime.fromtimestamp(START + micros // 10**6 + 3600, UTC).strftime("%Y-%m-%d %H:%M:%S")
    stamp = f"{at}.{micros % 10**6:06}+0100"
    return json.dumps(
        {"timestamp": stamp, "eventMessage": message, "processID": pid}, separators=(",", ":")
    ).encode()


def position(micros: int) -> str:
    return str(START * SECOND + micros * 1000)


def test_macos_streams_what_the_rules_look_at() -> None:
    assert MAC.command("") == (
        "log", "stream", "--level", "info", "--style", "ndjson", "--predicate", MACOS_PREDICATE,
    )  # fmt: skip
    assert MAC.missed("", START * SECOND) == ()


def test_macos_catches_up_from_the_second_of_its_mark() -> None:
    now = (START + 3600) * SECOND
    missed = list(MAC.missed(position(999_999), now))
    assert missed[:5] == ["log", "show", "--info", "--start", "2026-11-24 13:09:18+0000"]
    assert missed[5:7] == ["--style", "ndjson"]
    assert MAC.missed("nonsense", now) == MAC.missed("9" * 40, now) == ()
    assert list(MAC.missed(position(0), now + 7 * DAY))[4] == "2026-11-30 14:09:18+0000", "a day back at most"


def test_a_predicate_of_ones_own() -> None:
    own = preset_of(
        CommandSource(name="mac", preset="macos", predicate='process == "smbd"', args=("--debug",))
    )
    assert list(own.command(""))[-3:] == ["--predicate", 'process == "smbd"', "--debug"]


def test_the_sentences_around_macos_lines_are_none() -> None:
    assert MAC.is_line(line(0))
    assert not MAC.is_line(b'Filtering the log data using "process == "sshd-session""\n')
    assert not MAC.is_line(b'{"count":2,"finished":1}\n')


def test_the_position_is_the_lines_own_stamp() -> None:
    assert MAC.position([line(1_234_567), line(3)], "") == position(1_234_567)
    assert MAC.position([line(3)], position(4)) == position(4)
    assert MAC.position([b'{"eventType":"lossEvent"}'], "") == ""
    forged = line(5, message='","timestamp":"2099-01-01 00:00:00.000000+0000","x":"')
    assert MAC.position([forged], "") == position(5)


def test_the_journal_goes_on_after_its_cursor() -> None:
    assert "--lines=0" in JOURNAL.command("")
    assert list(JOURNAL.command("s=1;i=2"))[-3:] == ["--no-tail", "--after-cursor=s=1;i=2", "--namespace=x"]
    entry = b'{"MESSAGE":"\\"__CURSOR\\":\\"x\\"","__CURSOR":"s=1;i=2"}'
    assert JOURNAL.position([entry, b'{"MESSAGE":"x"}'], "s=0") == "s=1;i=2"
    assert JOURNAL.position([b'{"MESSAGE":"x"}'], "s=0") == "s=0"
    assert not JOURNAL.is_line(b"-- No entries --\n")


def test_a_command_of_ones_own_starts_anew() -> None:
    own = preset_of(CommandSource(name="x", command=("/bin/x", "a b")))
    assert own.command("anything") == ("/bin/x", "a b")
    assert own.missed("anything", 0) == ()
    assert own.position([b"x"], "") == ""
    assert own.is_line(b"x\n")


def test_a_mark_that_is_none_of_ours_says_nothing() -> None:
    assert decode(None) == decode(b"") == decode(b"\xff") == decode(b"[]") == Mark()
    assert decode(b'{"position":"s=1"}') == Mark("s=1")


def test_what_was_read_before_the_gap_is_left_out() -> None:
    overlap = Overlap(position(10))
    assert [overlap.is_new_in_show(line(micros)) for micros in (9, 10, 11)] == [False, False, True]


def test_two_equal_lines_are_two() -> None:
    overlap = Overlap(position(0))
    assert overlap.is_new_in_show(line(5))
    assert not overlap.is_new_in_stream(line(5))
    assert overlap.is_new_in_stream(line(5)), (
        "what the show had once, the stream may say but once for nothing"
    )
    assert overlap.is_new_in_stream(line(5, pid=8))
    assert overlap.is_new_in_stream(line(5, message="other"))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 3)), unique=True), st.data())
def test_a_line_that_both_tell_is_read_once(lines: list[tuple[int, int]], data: st.DataObject) -> None:
    """Whatever part of the lines the show had, and in whatever order the stream tells them."""
    mark = data.draw(st.integers(-1, 50))
    shown = [one for one in sorted(lines) if data.draw(st.booleans())]
    overlap = Overlap(position(mark) if mark >= 0 else "")
    read = [one for one in shown if overlap.is_new_in_show(line(one[0], pid=one[1]))]
    read += [
        one
        for one in data.draw(st.permutations(lines))
        if one[0] > mark and overlap.is_new_in_stream(line(one[0], pid=one[1]))
    ]
    assert sorted(read) == sorted(one for one in lines if one[0] > mark)


def test_what_is_remembered_of_a_show_is_bounded() -> None:
    overlap = Overlap("")
    for micros in range(MOST_SHOWN + 10):
        assert overlap.is_new_in_show(line(micros))
    assert overlap.is_new_in_stream(line(0)), "forgotten, so told again rather than lost"
    assert not overlap.is_new_in_stream(line(MOST_SHOWN))
    assert overlap.is_new_in_stream(line(200 * 10**6)), "long after, nothing is compared"
    assert overlap.is_new_in_stream(line(MOST_SHOWN + 1))


def test_the_mac_is_asked_for_what_the_shipped_rules_look_at_and_little_else() -> None:
    assert 'eventMessage CONTAINS[c] "malware"' in MACOS_PREDICATE
    assert 'AND NOT eventMessage BEGINSWITH "GK evaluateScanResult: 0"' in MACOS_PREDICATE
    # Of processes that write without end only some lines are asked for.
    for noisy in ("kernel", "syspolicyd", "XprotectService", "authd", "loginwindow"):
        assert MACOS_PREDICATE.count(f'"{noisy}"') == MACOS_PREDICATE.count(
            f'process == "{noisy}" AND eventMessage'
        )
    assert MACOS_PREDICATE.count("(") == MACOS_PREDICATE.count(")")
