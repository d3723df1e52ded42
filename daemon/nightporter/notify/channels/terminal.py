"""The terminal: one block a telling, coloured where a person looks, plain in a pipe or a file."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final, TextIO

from nightporter.model import Severity
from nightporter.notify.localtime import wall
from nightporter.notify.outcome import Delivered, Outcome, Retry
from nightporter.notify.render import Message, Part
from nightporter.safetext import for_terminal

WIDTH: Final = 160
"""A line longer than this is cut; a sample line is evidence, not a novel."""
TEXT: Final = 600
_COLOURS: Final = {
    Severity.info: "37",
    Severity.low: "36",
    Severity.medium: "33",
    Severity.high: "91",
    Severity.critical: "97;41",
}
_RESOLVED: Final = "32"


class TerminalChannel:
    """Writes to the given stream (standard output) and flushes. A full or closed pipe is tried again."""

    def __init__(self, stream: TextIO, zone: tzinfo | None) -> None:
        self._stream = stream
        self._zone = zone

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        encoding = self._stream.encoding or "utf-8"
        try:
            text = block(message, self._zone, colours=not plain and self._stream.isatty())
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError) as err:  # ValueError: the stream is closed
            return Retry(f"the terminal cannot be written: {type(err).__name__}")
        return Delivered()


def block(message: Message, zone: tzinfo | None, *, colours: bool) -> str:
    """The lines of one message, ending in an empty one."""
    code = _RESOLVED if message.kind == "resolved" else _COLOURS[message.severity]
    head = f"{wall(message.at, zone):%Y-%m-%d %H:%M:%S} {_painted(message.word, code, colours)} "
    head += _painted(for_terminal(message.title, WIDTH), "1", colours)
    lines = [head, *_indented(for_terminal(message.text, TEXT, lines=True))]
    for part in message.parts:
        lines += _part_lines(part)
    if message.footer:
        lines.append(f"  {for_terminal(message.footer, WIDTH)}")
    return "\n".join(lines) + "\n\n"


def _part_lines(part: Part) -> list[str]:
    limit = len(part.text) * 12 if part.exact else WIDTH
    texts = [for_terminal(line, limit) for line in part.text.splitlines() if line.strip()]
    name = for_terminal(part.name, WIDTH)
    if len(texts) == 1 and not part.code:
        return [f"  {name}: {texts[0]}"]
    return [f"  {name}:", *(f"    {text}" for text in texts)]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines() if line.strip()]


def _painted(text: str, code: str, colours: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colours and text else text
