"""What changed in a text, line by line, without ever keeping the text itself: masked lines and their prints.

The baseline lives in our database. Of a line that holds a secret it keeps the masked form and a keyed print,
which says that another value stands there, and not which.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from hashlib import blake2b
from typing import Final

import msgspec

from nightporter.sources.integrity.masking import masked

MAX_BYTES: Final = 64 * 1024
"""A text whose changes are shown is smaller than this."""
MOST_COMPARED: Final = 1_500
"""Lines of either side that differ and are compared; difflib takes a second for as many at worst."""
SHOWN_LINES: Final = 40
SHOWN_CHARS: Final = 160
_ANOTHER: Final = "  (another value)"
_UNPACKED: Final = 4 << 20

Line = tuple[str, bytes]
"""A masked line, and the print of the whole one where something is masked (else empty)."""


class Text(msgspec.Struct, frozen=True):
    """A text as the baseline keeps it."""

    salt: bytes
    packed: bytes
    """zlib of the lines as msgpack."""

    def lines(self) -> list[Line]:
        """Raises nothing: what cannot be unpacked is no lines."""
        try:
            unpacked = zlib.decompressobj().decompress(self.packed, _UNPACKED)
            return msgspec.msgpack.decode(unpacked, type=list[Line])
        except (zlib.error, msgspec.MsgspecError):
            return []


def text_of(name: str, data: bytes, salt: bytes = b"") -> Text | None:
    """The content of a file called `name`; None where no change of it can be shown: it is no text, too long,
    or holds keys. Only texts of one `salt` can be compared; empty: a new one."""
    if len(data) >= MAX_BYTES or b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    shown = masked(name, text)
    if shown is None:
        return None
    salt = salt or os.urandom(16)
    lines = [
        (line, b"" if line == whole.rstrip() or line == whole else _print(whole, salt))
        for line, whole in zip(shown, text.splitlines(), strict=True)
    ]
    return Text(salt, zlib.compress(msgspec.msgpack.encode(lines)))


def masked_anew(name: str, text: Text) -> Text | None:
    """A kept text of a file called `name` by today's rules: what an older version took for harmless is not
    shown, nor kept. None where nothing of it may be any more."""
    before = text.lines()
    shown = masked(name, "".join(f"{line}\n" for line, _ in before))
    if shown is None or len(shown) != len(before):
        return None
    lines = [
        (now, secret or (_print(line, text.salt) if now != line else b""))
        for now, (line, secret) in zip(shown, before, strict=True)
    ]
    return text if lines == before else Text(text.salt, zlib.compress(msgspec.msgpack.encode(lines)))


def _print(line: str, salt: bytes) -> bytes:
    return blake2b(line.encode(errors="surrogatepass"), key=salt, digest_size=8).digest()


def changed_lines(before: Sequence[Line], now: Sequence[Line]) -> Iterator[str]:
    """The lines that went (`-`) and came (`+`), with where in the file they stand now (`@ line 12`). At most
    SHOWN_LINES, and then how many more."""
    start, before, now = _trimmed(before, now)
    if len(before) > MOST_COMPARED or len(now) > MOST_COMPARED:
        yield f"{len(before):,} lines became {len(now):,}, from line {start + 1} on"
        return
    lines = list(_hunks(before, now, start))
    yield from (_short(line) for line in lines[:SHOWN_LINES])
    if len(lines) > SHOWN_LINES:
        yield f"… and {len(lines) - SHOWN_LINES:,} lines more"


def _trimmed(before: Sequence[Line], now: Sequence[Line]) -> tuple[int, Sequence[Line], Sequence[Line]]:
    """Without what both begin and end with; how many lines they begin with."""
    start, least = 0, min(len(before), len(now))
    while start < least and before[start] == now[start]:
        start += 1
    end = 0
    while end < least - start and before[-1 - end] == now[-1 - end]:
        end += 1
    return start, before[start : len(before) - end], now[start : len(now) - end]


def _hunks(before: Sequence[Line], now: Sequence[Line], start: int) -> Iterator[str]:
    for tag, left, left_end, right, right_end in SequenceMatcher(None, before, now).get_opcodes():
        if tag == "equal":
            continue
        yield f"@ line {start + right + 1}"
        gone = [line for line, _ in before[left:left_end]]
        yield from (f"-{line}" for line in gone)
        for line, secret in now[right:right_end]:
            yield f"+{line}{_ANOTHER if secret and line in gone else ''}"


def _short(line: str) -> str:
    return line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 1] + "…"
