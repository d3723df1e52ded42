"""The programs that read a system's own log: what is run, where it goes on, which of its lines are none.

A preset is what a source of kind `command` runs, first sight or not; a plain command is one that always
starts anew. Pure: arguments and lines only.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zlib import crc32

import msgspec

from nightporter.config import CommandSource
from nightporter.formats.stamps import Zone, whole
from nightporter.model import MINUTE, SECOND, Nanos, Stamp

MACOS_PREDICATE: Final = " OR ".join(
    (
        'process IN {"sshd", "sshd-session", "sshd-auth", "screensharingd", "sudo"}',
        '(process == "authd" AND eventMessage CONTAINS "Failed to authorize")',
        '(process == "loginwindow" AND eventMessage CONTAINS "INCORRECT")',
        '(process == "loginwindow" AND eventMessage BEGINSWITH "Unlock succeeded")',
        '(process == "kernel" AND eventMessage BEGINSWITH "ASP: Security policy")',
        'subsystem == "com.apple.XProtectFramework.PluginAPI"',
        '(process == "backgroundtaskmanagementd" AND eventMessage CONTAINS "new item disposition")',
    )
)
"""What the shipped rules look at, and nothing besides: a Mac writes thousands of lines a second."""
OVERLAP: Final[Nanos] = 2 * MINUTE
"""For how long after a `log show` the stream may repeat what was shown."""
MOST_SHOWN: Final = 4_096

_STAMP: Final = re.compile(rb'"timestamp":"([^"\\]{10,40})"')
_CURSOR: Final = re.compile(rb'"__CURSOR":"([^"\\]{1,500})"')
_MESSAGE: Final = re.compile(rb'"eventMessage":"((?:[^"\\]|\\.)*)"')
_PROCESS: Final = re.compile(rb'"processID":(\d{1,10})')
# A quote within a JSON text has a backslash before it, so none of these is found in what a line quotes.


class Mark(msgspec.Struct, frozen=True):
    """How far a program was read: `position` is the preset's own (a stamp, a cursor), "" without one."""

    position: str = ""


def decode(data: bytes | None) -> Mark:
    """The mark, or one that says nothing for what is no mark of ours."""
    try:
        return msgspec.json.decode(data or b"{}", type=Mark)
    except msgspec.MsgspecError:
        return Mark()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How a program is run, and how it is gone on with after a gap."""

    command: Callable[[str], Sequence[str]]
    """Position → what is run for ever."""
    missed: Callable[[str], Sequence[str]] = lambda position: ()
    """Position → what is run once before the stream is read, to catch up; empty: nothing."""
    position: Callable[[bytes], str] = lambda line: ""
    """The position after a line; "" where it says none."""
    is_line: Callable[[bytes], bool] = bool


def preset_of(config: CommandSource) -> Preset:
    """The preset that a source names, or its own command as one."""
    match config.preset:
        case "macos":
            return _macos(config)
        case "journald":
            return _journald(config)
        case _:
            return Preset(command=lambda position: config.command)


def _macos(config: CommandSource) -> Preset:
    predicate = config.predicate or MACOS_PREDICATE
    style = ("--style", "ndjson", "--predicate", predicate, *config.args)

    def missed(position: str) -> Sequence[str]:
        since = _local_second(position)
        return ("log", "show", "--info", "--start", since, *style) if since else ()

    return Preset(
        # Info: sshd tells a wrong password on that level, which is left out otherwise.
        command=lambda position: ("log", "stream", "--level", "info", *style),
        missed=missed,
        position=_stamp_text,
        # The stream begins with a sentence, a `show` ends with how many lines it was.
        is_line=lambda line: line.startswith(b"{") and not line.startswith(b'{"count":'),
    )


def _journald(config: CommandSource) -> Preset:
    def command(position: str) -> Sequence[str]:
        # --all, or a field over 4096 bytes would come as null: a long user name must not hide a line.
        where = ("--no-tail", f"--after-cursor={position}") if position else ("--lines=0",)
        return ("journalctl", "--follow", "--output=json", "--all", "--no-pager", *where, *config.args)

    return Preset(command=command, position=_cursor, is_line=lambda line: line.startswith(b"{"))


def _cursor(line: bytes) -> str:
    found = _CURSOR.search(line)
    return found[1].decode("ascii", "replace") if found else ""


def _stamp_text(line: bytes) -> str:
    stamp = stamp_of(line)
    return str(stamp) if stamp is not None else ""


def stamp_of(line: bytes) -> Stamp | None:
    """When a line of macOS's log was written."""
    found = _STAMP.search(line)
    return whole(found[1].decode("ascii", "replace"), Zone("UTC"), 0) if found else None


def _local_second(position: str) -> str:
    """The second of a stamp as `log show --start` takes it (man log: `Y-M-D H:m:s+zzzz`); "" for no stamp."""
    if not position.isdigit() or len(position) > 19:
        return ""
    return datetime.fromtimestamp(int(position) // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S+0000")


class Overlap:
    """Leaves out what was read before: up to the mark, and what both `log show` and the stream tell.

    A show begins with the second of the mark, so lines up to the mark's own stamp are left out. While the
    show ran, the stream kept what it had for us: a line of it that was shown is known by stamp, process and
    message. One that the log hands on later than others with a newer stamp, just when the daemon was
    killed, is lost.
    """

    def __init__(self, position: str) -> None:
        self._before: Stamp = int(position) if position.isdigit() and len(position) <= 19 else 0
        self._shown: OrderedDict[tuple[Stamp, int], None] = OrderedDict()
        self._latest: Stamp = 0

    def is_new_in_show(self, line: bytes) -> bool:
        """Whether a line of `log show` was not read before the gap."""
        stamp = stamp_of(line)
        if stamp is None:
            return True
        if stamp <= self._before:
            return False
        self._shown[self._key(stamp, line)] = None
        self._latest = max(self._latest, stamp)
        if len(self._shown) > MOST_SHOWN:
            self._shown.popitem(last=False)
        return True

    def is_new_in_stream(self, line: bytes) -> bool:
        """Whether a line of the stream was not shown before."""
        if not self._shown:
            return True
        stamp = stamp_of(line)
        if stamp is None:
            return True
        if stamp > self._latest + OVERLAP:
            self._shown.clear()
            return True
        return self._shown.pop(self._key(stamp, line), self) is self

    @staticmethod
    def _key(stamp: Stamp, line: bytes) -> tuple[Stamp, int]:
        """What stands for a line; the rest of it may differ between a show and the stream."""
        found = (_PROCESS.search(line), _MESSAGE.search(line))
        return stamp, crc32(b"\0".join(match[1] if match else b"" for match in found))
