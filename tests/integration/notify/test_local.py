"""Terminal and file: everything, at once, whatever happens to the file."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock
from tests.parts.telling import MIDDAY, House, telling

from nightporter.config import AppriseDestination, Config, FileDestination, Secret, TerminalDestination
from nightporter.model import Severity
from nightporter.notify.channels import channel_for
from nightporter.notify.channels.file import FileChannel
from nightporter.notify.channels.terminal import TerminalChannel
from nightporter.notify.outcome import Channel, Delivered, Retry
from nightporter.notify.trial import send_now


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line]


async def test_terminal_and_file_get_every_telling_of_any_severity(tmp_path: Path) -> None:
    screen, path = io.StringIO(), tmp_path / "sub" / "alerts.jsonl"
    here = (TerminalDestination(name="terminal"), FileDestination(name="file", path=path))
    channels: dict[str, Channel] = {"terminal": TerminalChannel(screen, None), "file": FileChannel(path)}
    config = Config(state=tmp_path, timezone="UTC", destinations=here)
    async with House(tmp_path, config, channels, ManualClock()) as home:
        await home.tell(*(telling(n, severity=Severity(n % 5)) for n in range(250)))
        await home.restart()
    assert len(lines(path)) == 250
    assert screen.getvalue().count("Many different missing pages") == 250
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_may_be_rotated_and_removed_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    channel = FileChannel(path)
    assert send_now(channel, telling(1), None, MIDDAY) == Delivered()
    path.rename(tmp_path / "alerts.jsonl.1")
    assert send_now(channel, telling(2), None, MIDDAY) == Delivered()
    assert [line["id"] for line in lines(path)] == [telling(2).id]


def test_a_line_written_before_a_crash_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    send_now(FileChannel(path), telling(1), None, MIDDAY)
    with path.open("a") as file:
        file.write('{"id": "half')
    second = FileChannel(path)
    assert send_now(second, telling(1), None, MIDDAY) == Delivered()
    assert send_now(second, telling(2), None, MIDDAY) == Delivered()
    whole = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert [line["id"] for line in whole] == [telling(1).id, telling(2).id]


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.touch()
    assert isinstance(send_now(FileChannel(blocked / "alerts.jsonl"), telling(1), None, MIDDAY), Retry)
    assert isinstance(send_now(FileChannel(Path("/dev/full")), telling(1), None, MIDDAY), Retry)


def test_a_pipe_is_written_to_and_never_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "alerts.pipe"
    os.mkfifo(path)
    channel = FileChannel(path)
    assert isinstance(send_now(channel, telling(1), None, MIDDAY), Retry)  # nobody reads
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert send_now(channel, telling(1), None, MIDDAY) == Delivered()
        outcomes = [send_now(channel, telling(number), None, MIDDAY) for number in range(2, 400)]
        assert isinstance(outcomes[-1], Retry)  # it is full
        whole = os.read(reader, 1 << 20).split(b"\n")
        assert send_now(channel, telling(999), None, MIDDAY) == Delivered()
        after = os.read(reader, 1 << 20).strip().split(b"\n")
    finally:
        os.close(reader)
    arrived = [json.loads(line)["id"] for line in whole if line.endswith(b"}")]
    assert arrived == [telling(n + 1).id for n in range(len(arrived))]
    assert [json.loads(line)["id"] for line in after] == [telling(999).id]


def test_a_terminal_is_coloured_and_a_pipe_is_not(tmp_path: Path) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as screen:
        assert send_now(TerminalChannel(screen, None), telling(1), None, MIDDAY) == Delivered()
        shown = os.read(master, 65536).decode()
    os.close(master)
    assert "\x1b[33mmedium\x1b[0m" in shown
    plain = io.StringIO()
    send_now(TerminalChannel(plain, None), telling(1), None, MIDDAY)
    assert "\x1b" not in plain.getvalue()


def test_a_terminal_that_speaks_ascii_gets_ascii(tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w", encoding="ascii") as screen:
        assert send_now(TerminalChannel(screen, None), telling(1, title="Größe"), None, MIDDAY) == Delivered()


def test_a_closed_terminal_is_tried_again() -> None:
    screen = io.StringIO()
    screen.close()
    assert isinstance(send_now(TerminalChannel(screen, None), telling(1), None, MIDDAY), Retry)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise's 180 plugins
def test_any_other_service_gets_plain_text(tmp_path: Path) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"json://127.0.0.1:{server.server_port}/"
        channel = channel_for(AppriseDestination(name="hook", url=Secret(url)), None, io.StringIO())
        outcome = send_now(channel, telling(1, message="**a** @everyone\x1b[1m"), None, MIDDAY)
        server.shutdown()
        thread.join()
    assert outcome == Delivered()
    assert got[0]["title"] == "[medium] Many different missing pages from one address"
    assert got[0]["message"].startswith("**a** @everyone␛[1m\nWho: 203.0.113.1\n")
