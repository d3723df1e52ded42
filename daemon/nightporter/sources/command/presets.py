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
from nightporter.model import DAY, MINUTE, SECOND, Nanos, Stamp

MACOS_PREDICATE: Final = " OR ".join(
    (
        'process IN {"sshd", "sshd-session", "sshd-auth", "screensharingd", "sudo"}',
        '(process == "authd" AND eventMessage CONTAINS "Failed to authorize")',
        '(process == "loginwindow" AND eventMessage CONTAINS "INCORRECT")',
        '(process == "loginwindow" AND eventMessage BEGINSWITH "Unlock succeeded")',
        '(process == "kernel" AND eventMessage BEGINSWITH "ASP: Security policy")',
        '(process == "syspolicyd" AND eventMessage BEGINSWITH "GK evaluateScanResult: "'
        ' AND NOT eventMessage BEGINSWITH "GK evaluateScanResult: 0")',
        '(process == "XprotectService" AND eventMessage CONTAINS[c] "malware")',
        'subsystem == "com.apple.XProtectFramework.PluginAPI"',
        '(process == "backgroundtaskmanagementd" AND eventMessage CONTAINS "new item disposition")',
    )
)
"""What the shipped rules look at, and nothing besides: a Mac writes thousands of lines a second. The lines of
syspolicyd and XprotectService are from descriptions and memory: https://eclecticlight.co writes of them."""
OVERLAP: Final[Nanos] = 2 * MINUTE
"""For how long after a `log show` the stream may repeat what was shown."""
LONGEST_GAP: Final[Nanos] = DAY
"""What is caught up with at most: `log show` reads every line of the Mac's, for minutes after a long gap."""
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
    missed: Callable[[str, Stamp], Sequence[str]] = lambda position, now: ()
    """Position and now → what is run once before the stream is read, to catch up; empty: nothing."""
    between: Callable[[Stamp, Stamp], Sequence[str]] = lambda first, last: ()
    """First and last → what is run to read what was written from then to then; empty: nobody has kept it."""
    position: Callable[[Sequence[bytes], str], str] = lambda lines, before: before
    """The position after some lines, given the one before them."""
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

    def missed(position: str, now: Stamp) -> Sequence[str]:
        stamp = _stamp_at(position)
        if not stamp:
            return ()
        return ("log", "show", "--info", "--start", _second(max(stamp, now - LONGEST_GAP)), *style)

    return Preset(
        # Info: sshd tells a wrong password on that level, which is left out otherwise.
        command=lambda position: ("log", "stream", "--level", "info", *style),
        missed=missed,
        between=lambda first, last: (
            *("log", "show", "--info", "--start", _second(first), "--end", _second(last + SECOND), *style),
        ),
        position=_newest_stamp,
        # The stream begins with a sentence, a `show` ends with how many lines it was.
        is_line=lambda line: line.startswith(b"{") and not line.startswith(b'{"count":'),
    )


def _journald(config: CommandSource) -> Preset:
    def command(position: str) -> Sequence[str]:
        # --all, or a field over 4096 bytes would come as null: a long user name must not hide a line.
        where = ("--no-tail", f"--after-cursor={position}") if position else ("--lines=0",)
        return ("journalctl", "--follow", "--output=json", "--all", "--no-pager", *where, *config.args)

    def between(first: Stamp, last: Stamp) -> Sequence[str]:
        times = (f"--since=@{first // SECOND}", f"--until=@{last // SECOND + 1}")
        return ("journalctl", "--output=json", "--all", "--no-pager", *times, *config.args)

    return Preset(
        command=command, between=between, position=_cursor, is_line=lambda line: line.startswith(b"{")
    )


def _cursor(lines: Sequence[bytes], before: str) -> str:
    """The last cursor: the journal tells its entries in order."""
    found = next(filter(None, map(_CURSOR.search, reversed(lines))), None)
    return found[1].decode("ascii", "replace") if found else before


def _newest_stamp(lines: Sequence[bytes], before: str) -> str:
    """The newest stamp: macOS hands on the lines of several processes out of order, by a little."""
    return str(max((_stamp_at(before), *(stamp_of(line) or 0 for line in lines)))).removeprefix("0")


def stamp_of(line: bytes) -> Stamp | None:
    """When a line of macOS's log was written."""
    found = _STAMP.search(line)
    return whole(found[1].decode("ascii", "replace"), Zone("UTC"), 0) if found else None


def _stamp_at(position: str) -> Stamp:
    """The stamp that a position is; 0 for none."""
    return int(position) if position.isascii() and position.isdigit() and len(position) <= 19 else 0


def _second(stamp: Stamp) -> str:
    """The second of a stamp as `log show --start` takes it (man log: `Y-M-D H:m:s+zzzz`)."""
    return datetime.fromtimestamp(stamp // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S+0000")


class Overlap:
    """Leaves out what was read before: up to the mark, and what both `log show` and the stream tell.

    A show begins with the second of the mark, so lines up to the mark's own stamp are left out. While the
    show ran, the stream kept what it had for us: a line of it that was shown is known by stamp, process and
    message. One that the log hands on later than others with a newer stamp, just when the daemon was
    killed, is lost.
    """

    def __init__(self, position: str) -> None:
        self._before = _stamp_at(position)
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
