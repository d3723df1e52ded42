"""The daemon's own log: no forged line, no secret, no exception, no unbounded file."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.clock import ManualClock
from tests.parts.needs import require

from nightporter import logs
from nightporter.config import Secret

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def as_json(out: io.StringIO) -> Iterator[logs.Logs]:
    with logs.configure(level="debug", stream=out, colours=False, clock=ManualClock()) as configured:
        yield configured


@pytest.fixture
def on_a_terminal(out: io.StringIO) -> Iterator[logs.Logs]:
    with logs.configure(level="debug", stream=out, colours=True, clock=ManualClock()) as configured:
        yield configured


# What a line holds is decided by the caller: hence Any.
def entries(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_event_is_one_json_object(as_json: logs.Logs, out: io.StringIO) -> None:
    as_json.log.bind(part="ombi").info("tail.rotated", path=Path("/a"), lines=3, late=None)
    assert entries(out) == [
        {
            "time": "2025-11-30T12:00:00.000Z",
            "level": "info",
            "event": "tail.rotated",
            "part": "ombi",
            "path": "/a",
            "lines": 3,
            "late": None,
        }
    ]


@given(text=st.text())
def test_no_text_forges_a_line_in_json(text: str) -> None:
    out = io.StringIO()
    with logs.configure(stream=out, colours=False, clock=ManualClock()) as configured:
        configured.log.warning("x", line=text, nested={"deep": [text]})
    written = out.getvalue()
    assert written.count("\n") == 1
    assert written.isascii()
    assert written[:-1].isprintable()
    json.loads(written)


HOSTILE = "a\x1b[2Jb\r\nc\u202ed\u2028e\x9bf\u200bg\x00\ud800é 漢"


def test_hostile_text_is_written_out_on_a_terminal(on_a_terminal: logs.Logs, out: io.StringIO) -> None:
    on_a_terminal.log.warning("x", line=HOSTILE, nested=[HOSTILE])
    text = COLOUR.sub("", out.getvalue())
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    # The renderer may quote a value, which doubles its backslashes.
    written = text.replace("\\\\", "\\")
    assert r"a\x1b[2Jb\x0d\x0ac\u202ed\u2028e\x9bf\u200bg\x00\ud800é 漢" in written


@given(text=st.text())
def test_inert_text_shows_and_obeys_nothing(text: str) -> None:
    shown = logs.inert(text)
    assert all(c.isprintable() or c == "\u00a0" for c in shown)
    assert logs.inert(shown) == shown


def test_a_traceback_cannot_start_a_line_of_its_own(on_a_terminal: logs.Logs, out: io.StringIO) -> None:
    try:
        raise ValueError("bad line\n2026-11-24 [error] forged\x1b[31m")
    except ValueError:
        on_a_terminal.log.exception("part.failed")
    first, *rest = COLOUR.sub("", out.getvalue()).splitlines()
    assert "part.failed" in first
    assert rest
    assert all(line.startswith("  | ") for line in rest)
    assert "\x1b" not in "\n".join(rest)


@pytest.mark.parametrize("face", ["as_json", "on_a_terminal"])
def test_secrets_are_masked(face: str, out: io.StringIO, request: pytest.FixtureRequest) -> None:
    log = request.getfixturevalue(face).log
    url = "https://discord.com/api/webhooks/123456789/SeCrEtToKeN_abcdefghijklmnopqrstuvwxyz"
    log.warning("x", url=url, nested={"deep": [f"failed: {url}"]}, typed=Secret("SeCrEtToKeN"))
    try:
        raise OSError(f"cannot reach {url}")
    except OSError:
        log.exception("y")
    assert "SeCrEtToKeN" not in out.getvalue()


def test_every_value_has_a_cap(as_json: logs.Logs, out: io.StringIO) -> None:
    deep: list[object] = []
    deep.append(deep)
    as_json.log.info("x", long="a" * 100_000, many=list(range(1000)), deep=deep, odd=float("nan"))
    (entry,) = entries(out)
    assert len(entry["long"]) < logs.VALUE_CHARS + 20
    assert len(entry["many"]) == 20
    assert entry["odd"] == "nan"
    assert len(out.getvalue()) < 4_000


def test_levels_below_the_asked_one_are_left_out(out: io.StringIO) -> None:
    with logs.configure(level="warning", stream=out, colours=False) as configured:
        configured.log.info("quiet")
        configured.log.warning("loud")
    assert [entry["event"] for entry in entries(out)] == ["loud"]


def test_what_libraries_say_comes_out_as_ours(as_json: logs.Logs, out: io.StringIO) -> None:
    logging.getLogger("aiohttp.client").info("chatter")
    logging.getLogger("asyncio").warning("Executing %s took %.3f seconds", "<Task>", 0.2)
    logging.getLogger("docker").error("gone")
    assert [(e["level"], e["event"], e["library"], e["message"]) for e in entries(out)] == [
        ("warning", "library.message", "asyncio", "Executing <Task> took 0.200 seconds"),
        ("error", "library.message", "docker", "gone"),
    ]


def test_a_library_that_logs_badly_is_still_heard(as_json: logs.Logs, out: io.StringIO) -> None:
    (ours,) = [h for h in logging.getLogger().handlers if type(h).__module__ == logs.__name__]
    ours.handle(logging.LogRecord("apprise", logging.ERROR, "", 0, "%d is no number", ("x",), None))
    assert entries(out)[0]["message"] == "%d is no number"


def test_closing_gives_the_global_settings_back(out: io.StringIO) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    configured = logs.configure(stream=out, colours=False)
    configured.close()
    assert (root.level, list(root.handlers)) == before
    assert not structlog.is_configured()
    configured.log.info("late")
    assert entries(out)[0]["event"] == "late"


def test_a_broken_stream_is_counted_not_raised() -> None:
    closed = io.StringIO()
    closed.close()
    with logs.configure(stream=closed, colours=False) as configured:
        configured.log.info("x")
        assert configured.counters() == {"log_lines_dropped": 1}


# -- the file


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_the_file_is_private_and_holds_json(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "nightporter.log"
    with logs.configure(path=path) as configured:
        configured.log.info("x")
    assert json.loads(path.read_text())["event"] == "x"
    assert path.stat().st_mode & 0o777 == 0o600


def test_rotation_keeps_the_newest_and_no_more_files_than_asked(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sink = logs.RotatingFile(path, size=30, files=3)
    for number in range(20):
        sink.write(f"line {number:03}")  # 9 bytes with its end: three to a file
    sink.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    kept = lines(tmp_path / "log.2") + lines(tmp_path / "log.1") + lines(path)
    assert kept == [f"line {number:03}" for number in range(12, 20)]
    assert sink.dropped == 0


def test_a_line_longer_than_the_file_is_written_whole(tmp_path: Path) -> None:
    sink = logs.RotatingFile(tmp_path / "log", size=10, files=2)
    sink.write("a" * 50)
    sink.write("b" * 50)
    sink.close()
    assert lines(tmp_path / "log") == ["b" * 50]
    assert lines(tmp_path / "log.1") == ["a" * 50]


@pytest.mark.parametrize("how", ["moved", "deleted", "folder gone"])
def test_a_file_taken_away_is_begun_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "logs" / "log"
    sink = logs.RotatingFile(path)
    sink.write("before")
    if how == "moved":
        path.rename(tmp_path / "elsewhere")
    else:
        path.unlink()
    if how == "folder gone":
        path.parent.rmdir()
    sink.write("after")
    sink.close()
    assert lines(path) == ["after"]


def test_a_full_disk_drops_and_counts_then_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = logs.RotatingFile(tmp_path / "log")
    sink.write("one")
    real = os.write

    def half(fd: int, data: bytes) -> int:  # the last block of the disk takes a part of the line
        return real(fd, data[:2])

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", half)
        sink.write("two")
        disk.setattr(os, "write", full)
        sink.write("three")
    sink.write("four")
    sink.close()
    assert lines(tmp_path / "log") == ["one", "tw", "four"]
    assert sink.dropped == 2


def test_a_place_that_cannot_be_written_never_raises(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sink = logs.RotatingFile(tmp_path / "file" / "log")
    sink.write("x")
    assert sink.dropped == 1


@pytest.mark.parametrize("reader", [False, True], ids=["no reader", "a reader"])
def test_a_pipe_is_not_written_and_holds_nobody_up(tmp_path: Path, reader: bool) -> None:
    path = tmp_path / "log"
    os.mkfifo(path)
    other_end = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if reader else None
    sink = logs.RotatingFile(path)
    for _ in range(10_000):  # more than a pipe holds
        sink.write("x" * 20)
    assert sink.dropped == 10_000
    if other_end is not None:
        assert os.read(other_end, 1) == b""
        os.close(other_end)


def test_a_place_that_cannot_be_written_is_said_once(tmp_path: Path, out: io.StringIO) -> None:
    with logs.configure(path=tmp_path, stream=out, clock=ManualClock()) as configured:
        configured.log.error("x")
        configured.log.error("y")
    assert out.getvalue() == f"{tmp_path}: the log cannot be written: is a directory\n"


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    require(Path("/dev/full").exists(), "/dev/full: only Linux has it")
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    with logs.configure(path=path) as configured:
        configured.log.error("x")
        configured.log.error("y")
        assert configured.counters() == {"log_lines_dropped": 2}
