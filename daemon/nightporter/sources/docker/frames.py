"""The engine's log stream → stamped lines. Pure: bytes in, lines out, any chunking gives the same.

What the stream looks like (Engine 20.10.24 and 26.1.5, measured; `timestamps=1`):

- Without a TTY: frames of an 8-byte header (channel, three zero bytes, length as big-endian uint32) and a
  payload `2026-11-24T10:26:55.728471643Z text\\n`. Channel 1 is stdout, 2 stderr, 3 an error of the engine's.
- A line over 16 KiB is cut into pieces of 16384 bytes, each a frame with the *same* stamp, of which only the
  last ends in a newline. Pieces of stdout and stderr may alternate. A last line without a newline stays so.
- With a TTY: no headers, stderr merged into stdout, lines end in CR LF, and each piece of a long line still
  carries the stamp, now in the middle of the line.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from struct import Struct
from typing import Final, NamedTuple

from nightporter.errors import Unreachable
from nightporter.model import SECOND, Stamp

STDOUT: Final = 1
STDERR: Final = 2
_SYSTEM: Final = 3

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is cut here (its newline included) and counted."""
PIECE_BYTES: Final = 16384
"""Where the engine cuts long lines (moby, daemon/logger/copier.go, defaultBufSize)."""

_HEADER: Final = Struct(">BxxxL")
_MAX_FRAME_BYTES: Final = 16 << 20  # no driver makes such a frame: a longer one means that we lost step
_PREFIX_BYTES: Final = 64  # at least the longest stamp and its blank
_MAX_RAW_BYTES: Final = MAX_LINE_BYTES + (MAX_LINE_BYTES // PIECE_BYTES + 2) * _PREFIX_BYTES

_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d)) ")
_FAR: Final = 1 << 63  # the year 2262: stamps are kept in 64 bits
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - both sides of the subtraction are UTC without saying so


class Line(NamedTuple):
    """One line of a container: its channel, the engine's stamp, its bytes up to and with the newline."""

    channel: int
    stamp: Stamp
    text: bytes


def parse_stamp(payload: bytes) -> tuple[Stamp, int] | None:
    """The RFC 3339 stamp at the start of `payload` and where the text after it begins; None without one."""
    match = _STAMP.match(payload)
    if match is None:
        return None
    whole, fraction, sign, hours, minutes = match.groups()
    try:
        since = datetime.fromisoformat(whole.decode("ascii")) - _EPOCH
        if sign is not None:
            offset = timezone(timedelta(hours=int(hours), minutes=int(minutes))).utcoffset(None)
            since += -offset if sign == b"+" else offset
    except ValueError:
        return None
    stamp = (since // timedelta(seconds=1)) * SECOND + int((fraction or b"0").ljust(9, b"0"))
    return (stamp, match.end()) if stamp < _FAR else None


def format_since(stamp: Stamp) -> str:
    """A stamp as the engine's `since=` takes it exactly: seconds, a dot, nine digits (RFC 3339 is refused,
    and a float is rounded: on 26.1 that skipped a line)."""
    return f"{stamp // SECOND}.{stamp % SECOND:09d}"


class _Stamps:
    """`parse_stamp` with the last second kept: neighbours mostly share it."""

    __slots__ = ("_second", "_whole")

    def __init__(self) -> None:
        self._second = b""
        self._whole = 0

    def read(self, payload: bytes) -> tuple[Stamp, int] | None:
        if payload[:20] == self._second and payload[29:31] == b"Z " and (nanos := payload[20:29]).isdigit():
            return self._whole + int(nanos), 31
        found = parse_stamp(payload)
        if found is not None and payload[19:20] == b"." and payload[29:31] == b"Z ":
            self._second = payload[:20]
            self._whole = found[0] - found[0] % SECOND
        return found


class _Pieces:
    """The pieces of a line that has no end yet, at most MAX_LINE_BYTES of them."""

    __slots__ = ("parts", "size", "stamp")

    def __init__(self, stamp: Stamp) -> None:
        self.stamp = stamp
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, text: bytes) -> None:
        room = MAX_LINE_BYTES + 1 - self.size  # one more than may stay, so that the cut is seen
        if room > 0:
            self.parts.append(text[:room])
        self.size += len(text)


class Demux:
    """Feed it what the socket gave; it gives the lines that are complete.

    One per connection. `cut` counts lines that were longer than MAX_LINE_BYTES, `unstamped` pieces without a
    stamp (they take the last one's), `errors` the engine's own messages on channel 3 (the last is kept).
    """

    def __init__(self, *, tty: bool) -> None:
        self._tty = tty
        self._buffer = b""
        self._stamps = _Stamps()
        self._last: Stamp = 0
        self._open: dict[int, _Pieces] = {}
        self.cut = 0
        self.unstamped = 0
        self.errors = 0
        self.error = ""

    def feed(self, data: bytes) -> list[Line]:
        """The lines that `data` completed, in order. Raises Unreachable when it is no stream of frames."""
        out: list[Line] = []
        if self._tty:
            self._feed_raw(data, out)
        else:
            self._feed_frames(data, out)
        return out

    def rest(self) -> list[Line]:
        """At the stream's true end: the last lines that had no newline, with one."""
        out: list[Line] = []
        if self._tty and self._buffer:
            self._take_raw(self._buffer + b"\n", out)
            self._buffer = b""
        for channel in list(self._open):
            self._close(channel, out)
        return out

    def _feed_frames(self, data: bytes, out: list[Line]) -> None:
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= 8:
            channel, size = _HEADER.unpack_from(buffer, at)
            if size > _MAX_FRAME_BYTES or channel > _SYSTEM:
                raise Unreachable(f"the engine's log stream is out of step (channel {channel}, {size} bytes)")
            stop = at + 8 + size
            if stop > end:
                break
            self._take(channel, buffer[at + 8 : stop], out)
            at = stop
        self._buffer = buffer[at:]

    def _take(self, channel: int, payload: bytes, out: list[Line]) -> None:
        if channel == _SYSTEM:
            self.errors += 1
            self.error = payload[:500].decode("utf-8", "replace").strip()
            return
        stamp, text = self._split(payload)
        pieces = self._open.get(channel)
        if pieces is not None and pieces.stamp != stamp:
            self._close(channel, out)  # its end was lost (the driver rotated under it)
            pieces = None
        if pieces is None:
            if text.endswith(b"\n"):
                self._give(channel, stamp, text, out)
                return
            pieces = self._open[channel] = _Pieces(stamp)
        pieces.add(text)
        if text.endswith(b"\n"):
            self._close(channel, out)

    def _split(self, payload: bytes) -> tuple[Stamp, bytes]:
        found = self._stamps.read(payload)
        if found is None:
            self.unstamped += 1
            return self._last, payload
        self._last = found[0]
        return found[0], payload[found[1] :]

    def _close(self, channel: int, out: list[Line]) -> None:
        pieces = self._open.pop(channel)
        text = b"".join(pieces.parts)
        if text:
            self._give(channel, pieces.stamp, text if text.endswith(b"\n") else text + b"\n", out)

    def _give(self, channel: int, stamp: Stamp, text: bytes, out: list[Line]) -> None:
        if text.find(b"\n") != len(text) - 1:  # not seen from any driver; but a line is a line
            for part in text[:-1].split(b"\n"):
                self._give(channel, stamp, part + b"\n", out)
            return
        if len(text) > MAX_LINE_BYTES:
            self.cut += 1
            text = text[: MAX_LINE_BYTES - 1] + b"\n"
        out.append(Line(channel, stamp, text))

    def _feed_raw(self, data: bytes, out: list[Line]) -> None:
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            self._keep_raw(data[at:end])
            self._take_raw(self._buffer + b"\n", out)
            self._buffer = b""
            at = end + 1
        self._keep_raw(data[at:])

    def _keep_raw(self, data: bytes) -> None:
        self._buffer += data[: max(0, _MAX_RAW_BYTES - len(self._buffer))]

    def _take_raw(self, line: bytes, out: list[Line]) -> None:
        stamp, text = self._split(line)
        prefix = line[: len(line) - len(text)]
        if prefix and len(text) > PIECE_BYTES:
            # The pieces' stamps stand inside. No program can foretell its line's stamp to the nanosecond.
            text = text.replace(prefix, b"")
        if text.endswith(b"\r\n"):  # the terminal's, not the program's
            text = text[:-2] + b"\n"
        self._give(STDOUT, stamp, text, out)
