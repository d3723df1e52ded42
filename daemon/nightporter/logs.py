"""The daemon's own log: structlog in front, one line an event, JSON in a file and off a terminal.

What is logged may hold an attacker's text. In JSON every control and non-ASCII character is escaped; on a
terminal `inert` writes such characters out, and the lines of a traceback are marked, so that neither face
can be made to show a line that we did not log. Secrets are masked, and every value has a cap.

The file is rotated here, since launchd never does. A log that cannot be written (full disk, lost folder) is
no reason to stop watching: the line is dropped and counted, and the next one tries again.
"""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import sys
import threading
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISFIFO
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from nightporter.clock import Clock, SystemClock
from nightporter.model import SECOND
from nightporter.safetext import mask_secrets

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
FILE_BYTES: Final = 5_000_000
FILES: Final = 5
"""How many files there are at most, the live one included: 25 MB in all."""
VALUE_CHARS: Final = 2_000
TRACEBACK_CHARS: Final = 16_000
_LISTED: Final = 20
"""How many entries of a list or mapping are logged."""
_DEPTH: Final = 4
_MARK: Final = "  | "


class Sink(Protocol):
    """Where finished lines go."""

    def write(self, line: str) -> None:
        """Write one line (without its end). Never raises."""
        ...


class RotatingFile:
    """A log file of at most `size` bytes, and the older ones beside it: NAME.1 is the newest of them.

    A file that was moved or deleted by someone else is begun anew. Safe from any thread. Writes go to the
    page cache: they do not wait for a disk, but would for a network share that hangs. A pipe at this place
    is not written: it would wait for its reader. The first line that is lost is said to `aside`.
    """

    def __init__(
        self, path: Path, *, size: int = FILE_BYTES, files: int = FILES, aside: Sink | None = None
    ) -> None:
        self.path = path
        self._aside = aside
        self.dropped = 0
        """Lines that could not be written."""
        self._size = size
        self._files = files
        self._fd: int | None = None
        self._torn = False
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        data = line.encode(errors="backslashreplace") + b"\n"
        with self._lock:
            try:
                fd = self._open(len(data))
                if self._torn:
                    data = b"\n" + data
                self._torn = os.write(fd, data) != len(data)
                self.dropped += self._torn
            except OSError as err:
                self.dropped += 1
                self._say(err)

    def close(self) -> None:
        with self._lock:
            self._shut()

    def _say(self, err: OSError) -> None:
        """Why lines are lost; once, since a disk may be full for long."""
        aside, self._aside = self._aside, None
        if aside is not None:
            reason = (err.strerror or type(err).__name__).lower()
            aside.write(inert(f"{self.path}: the log cannot be written: {reason}"))

    def _open(self, more: int) -> int:
        """The live file, with room for `more` bytes."""
        if self._fd is not None and not self._is_live(self._fd):
            self._shut()
        fd = self._fd
        if fd is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = self._begin()
        if 0 < os.fstat(fd).st_size > self._size - more:
            self._rotate()
            fd = self._begin()
        return fd

    def _begin(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self.path, flags, 0o600)
        if S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "a pipe, not a file", str(self.path))
        self._fd, self._torn = fd, False
        return fd

    def _is_live(self, fd: int) -> bool:
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(fd)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _rotate(self) -> None:
        self._shut()
        for older in range(self._files - 1, 0, -1):
            source = self.path if older == 1 else self._numbered(older - 1)
            if source.exists():
                source.replace(self._numbered(older))
        if self._files == 1:
            self.path.unlink()

    def _numbered(self, age: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{age}")

    def _shut(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class Stream:
    """An open text stream, such as standard error. One that breaks is counted, not raised."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.dropped = 0

    def write(self, line: str) -> None:
        try:
            self.stream.write(f"{line}\n")
            self.stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            self.dropped += 1

    def close(self) -> None:
        """The stream belongs to whoever opened it."""


class Logs:
    """The configured log. `log` is handed to every part; `close` gives all global settings back."""

    def __init__(self, sink: RotatingFile | Stream, bridge: logging.Handler, before: int) -> None:
        self.sink = sink
        self.log: FilteringBoundLogger = structlog.get_logger().bind()  # bound: outlives the global settings
        self._bridge = bridge
        self._level_before = before

    def counters(self) -> dict[str, int]:
        """What the log itself lost, for `status`."""
        return {"log_lines_dropped": self.sink.dropped}

    def close(self) -> None:
        root = logging.getLogger()
        root.removeHandler(self._bridge)
        root.setLevel(self._level_before)
        structlog.reset_defaults()
        self.sink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def configure(
    *,
    level: str = "info",
    path: Path | None = None,
    stream: TextIO | None = None,
    colours: bool | None = None,
    clock: Clock | None = None,
) -> Logs:
    """Set up the log of this process: in `path` if given, else on `stream` (standard error by default).

    `level` is a name of `LEVELS`. With `path`, the stream hears only that the file cannot be written. A
    stream is written for a person where it is a terminal (`colours` decides otherwise), else as JSON. What
    libraries log through the standard library at warning or above comes out as `library.message`. Touches
    two globals, structlog's and the root logger's: call it once, at the top.
    """
    stream = stream if stream is not None else sys.stderr
    sink = RotatingFile(path, aside=Stream(stream)) if path is not None else Stream(stream)
    human = path is None and (stream.isatty() if colours is None else colours)
    structlog.configure(
        processors=[*_prepare(clock or SystemClock()), *(_for_a_person() if human else _for_a_program())],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _LineLogger(sink),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    before = root.level
    bridge = _Bridge(structlog.get_logger(), max(LEVELS[level], logging.WARNING))
    root.addHandler(bridge)
    root.setLevel(logging.WARNING)
    return Logs(sink, bridge, before)


def inert(text: str, keep: str = "") -> str:
    """The text with every character written out that a terminal would obey or hide.

    Control, format (bidi among them), surrogate, private and unassigned characters and the line and
    paragraph separators become `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`; those in `keep` stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or _shows(c) else _written_out(c) for c in text)


def _shows(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ" or character == "\u00a0"


def _written_out(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _LineLogger:
    """What structlog calls with the rendered line, whatever the level."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def msg(self, message: str) -> None:
        self._sink.write(message)

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


class _Bridge(logging.Handler):
    """Takes what libraries log (aiohttp, apprise, docker, asyncio) into our log."""

    def __init__(self, log: FilteringBoundLogger, level: int) -> None:
        super().__init__(level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a library's format string and its arguments do not fit
            message = str(record.msg)
        say = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        say("library.message", library=record.name, message=message, exc_info=record.exc_info or False)


def _prepare(clock: Clock) -> tuple[Processor, ...]:
    """The processors that both faces share; after them, every value is a short, masked, plain one."""
    return (
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        _stamper(clock),
        _plain,
    )


def _for_a_program() -> tuple[Processor, ...]:
    return (_json,)


def _for_a_person() -> tuple[Processor, ...]:
    return (
        _inert_values,
        structlog.dev.ConsoleRenderer(
            colors=True, exception_formatter=structlog.dev.plain_traceback, timestamp_key="time"
        ),
    )


def _stamper(clock: Clock) -> Processor:
    def stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
        seconds, rest = divmod(clock.now(), SECOND)
        whole = datetime.fromtimestamp(seconds, UTC)
        event["time"] = f"{whole:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"
        return event

    return stamp


def _plain(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {
        key: _capped(value, TRACEBACK_CHARS if key == "exception" else VALUE_CHARS)
        for key, value in event.items()
    }


def _capped(value: object, limit: int, depth: int = _DEPTH) -> object:
    """A JSON-able likeness of `value`: secrets masked, long texts and lists cut, deep ones as their repr."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth and isinstance(value, Mapping):
        pairs = list(value.items())[:_LISTED]
        return {str(key): _capped(entry, limit, depth - 1) for key, entry in pairs}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_capped(entry, limit, depth - 1) for entry in list(value)[:_LISTED]]
    text = mask_secrets(str(value)[: 2 * limit])
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit})"


def _json(_logger: object, _method: str, event: EventDict) -> str:
    ordered = {key: event.pop(key) for key in ("time", "level", "event") if key in event}
    return json.dumps({**ordered, **event}, ensure_ascii=True)


def _inert_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: _inert(value, key) for key, value in event.items()}


def _inert(value: object, key: str) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if key == "exception":
        return "\n".join(_MARK + inert(line, keep="\t") for line in str(value).split("\n"))
    return inert(value if isinstance(value, str) else repr(value))
