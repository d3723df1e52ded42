"""The log stream's bytes become the same lines however they are cut."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nightporter.errors import Unreachable
from nightporter.sources.docker.frames import (
    MAX_LINE_BYTES,
    PIECE_BYTES,
    Demux,
    Line,
    format_since,
    parse_stamp,
)

T0 = 1_795_516_015_728_471_643


def spelled(stamp: int) -> bytes:
    second, nanos = divmod(stamp, 1_000_000_000)
    whole = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{nanos:09d}Z ".encode()


def frame(channel: int, payload: bytes) -> bytes:
    return pack(">BxxxL", channel, len(payload)) + payload


def pieces(line: Line) -> list[bytes]:
    """The frames that the engine makes of a line."""
    cuts = range(0, max(len(line.text), 1), PIECE_BYTES)
    return [frame(line.channel, spelled(line.stamp) + line.text[at : at + PIECE_BYTES]) for at in cuts]


def raw(line: Line) -> bytes:
    """The same through a terminal."""
    text = line.text[:-1] + b"\r\n"
    cuts = range(0, len(text), PIECE_BYTES)
    return b"".join(spelled(line.stamp) + text[at : at + PIECE_BYTES] for at in cuts)


def read(stream: bytes, cuts: list[int], *, tty: bool = False) -> list[Line]:
    demux = Demux(tty=tty)
    out: list[Line] = []
    edges = sorted({0, len(stream), *(c % (len(stream) + 1) for c in cuts)})
    for start, end in pairwise(edges):
        out += demux.feed(stream[start:end])
    return out + demux.rest()


texts = st.one_of(
    st.binary(max_size=60).map(lambda b: b.replace(b"\n", b" ")),
    st.integers(16380, 33000).map(lambda n: b"x" * n),
)
lines = st.lists(
    st.builds(
        Line, st.sampled_from([1, 2]), st.integers(0, 4_000_000_000 * 10**9), texts.map(lambda t: t + b"\n")
    ),
    max_size=8,
    unique_by=lambda line: line.stamp,
)
cuts = st.lists(st.integers(0, 1 << 20), max_size=12)


@given(lines, cuts)
@example([Line(1, T0, b"a" * 40_960 + b"\n"), Line(2, T0 + 1, b"\n")], [3, 9, 16_400])
def test_frames_read_back_as_the_lines_that_made_them(written: list[Line], at: list[int]) -> None:
    stream = b"".join(b"".join(pieces(line)) for line in written)
    assert read(stream, at) == written


@given(lines, cuts)
def test_a_terminals_stream_reads_back_as_its_lines(written: list[Line], at: list[int]) -> None:
    merged = [Line(1, line.stamp, line.text.replace(b"\r", b".")) for line in written]
    assert read(b"".join(map(raw, merged)), at, tty=True) == merged


@given(st.binary(max_size=300), cuts, st.booleans())
def test_any_bytes_cut_anyhow_give_the_same(stream: bytes, at: list[int], tty: bool) -> None:
    def outcome(where: list[int]) -> list[Line] | str:
        try:
            return read(stream, where, tty=tty)
        except Unreachable as err:
            return str(err)

    assert outcome(at) == outcome([])


@given(lines.filter(lambda ls: len(ls) > 1), st.randoms(use_true_random=False))
def test_pieces_of_the_two_channels_may_alternate(written: list[Line], random: object) -> None:
    one = [Line(1, line.stamp, line.text) for line in written[::2]]
    two = [Line(2, line.stamp, line.text) for line in written[1::2]]
    queues = [[f for line in ls for f in pieces(line)] for ls in (one, two)]
    stream = b""
    while any(queues):
        queue = random.choice([q for q in queues if q])  # type: ignore[attr-defined]  # hypothesis: a Random
        stream += queue.pop(0)
    found = read(stream, [])
    assert [line for line in found if line.channel == 1] == one
    assert [line for line in found if line.channel == 2] == two


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        (b"2026-11-24T10:26:55.728471643Z x", 1_795_516_015_728_471_643),
        (b"2026-11-24T10:26:55Z x", 1_795_516_015_000_000_000),
        (b"2026-11-24T10:26:55.7Z x", 1_795_516_015_700_000_000),
        (b"2026-11-24T11:26:55.728471643+01:00 x", 1_795_516_015_728_471_643),
        (b"2026-11-24T05:56:55.000000001-04:30 x", 1_795_516_015_000_000_001),
        (b"1970-01-01T00:00:00.000000000Z ", 0),
        (b"2026-13-24T10:26:55.728471643Z x", None),
        (b"2026-11-24T10:26:55.728471643Zx", None),
        (b"9999-11-24T10:26:55.728471643Z x", None),
        (b"2026-11-24T10:26:55+99:99 x", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_stamps_are_exact(text: bytes, stamp: int | None) -> None:
    found = parse_stamp(text)
    assert (found and found[0]) == stamp
    if found is not None:
        assert text[found[1] :] in (b"x", b"")


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_a_stamp_is_asked_for_as_it_was_read(stamp: int) -> None:
    assert parse_stamp(spelled(stamp)) == (stamp, 31)
    second, _, nanos = format_since(stamp).partition(".")
    assert len(nanos) == 9
    assert int(second) * 10**9 + int(nanos) == stamp


def test_neighbours_of_a_second_are_read_apart() -> None:
    stamps = [T0, T0 + 1, T0 + 999_999_999, T0 + 3_600_000_000_000, T0 - 5]
    stream = b"".join(frame(1, spelled(s) + b"x\n") for s in stamps)
    assert [line.stamp for line in read(stream, [])] == stamps


def test_a_last_line_without_a_newline_gets_one() -> None:
    stream = frame(1, spelled(T0) + b"whole\n") + frame(2, spelled(T0 + 1) + b"half")
    demux = Demux(tty=False)
    assert demux.feed(stream) == [Line(1, T0, b"whole\n")]
    assert demux.rest() == [Line(2, T0 + 1, b"half\n")]
    assert demux.rest() == []


def test_pieces_whose_end_was_lost_make_a_line_of_their_own() -> None:
    stream = frame(1, spelled(T0) + b"a" * PIECE_BYTES) + frame(1, spelled(T0 + 1) + b"next\n")
    assert read(stream, []) == [Line(1, T0, b"a" * PIECE_BYTES + b"\n"), Line(1, T0 + 1, b"next\n")]


@pytest.mark.parametrize("tty", [False, True], ids=["frames", "terminal"])
@pytest.mark.parametrize(
    ("length", "cut"),
    [(MAX_LINE_BYTES - 1, 0), (MAX_LINE_BYTES, 1), (3 * MAX_LINE_BYTES, 1)],
    ids=["just fits", "one too many", "far too long"],
)
def test_a_long_line_is_cut_and_the_next_one_is_whole(tty: bool, length: int, cut: int) -> None:
    line, after = Line(1, T0, b"y" * length + b"\n"), Line(1, T0 + 1, b"after\n")
    stream = raw(line) + raw(after) if tty else b"".join(pieces(line) + pieces(after))
    demux = Demux(tty=tty)
    found = demux.feed(stream)
    assert [len(f.text) for f in found] == [min(length + 1, MAX_LINE_BYTES), 6]
    assert demux.cut == cut


def test_the_engines_own_errors_are_no_lines() -> None:
    demux = Demux(tty=False)
    assert demux.feed(frame(3, b"Error grabbing logs: EOF\n") + frame(1, spelled(T0) + b"x\n")) == [
        Line(1, T0, b"x\n")
    ]
    assert (demux.errors, demux.error) == (1, "Error grabbing logs: EOF")


def test_what_has_no_stamp_takes_the_last_one() -> None:
    demux = Demux(tty=True)
    assert demux.feed(spelled(T0) + b"x\r\nno stamp\n") == [Line(1, T0, b"x\n"), Line(1, T0, b"no stamp\n")]
    assert demux.unstamped == 1


def test_a_stream_out_of_step_is_refused() -> None:
    with pytest.raises(Unreachable, match="out of step"):
        Demux(tty=False).feed(b"2026-11-24T10:26:55.728471643Z this is a terminal's\n")
