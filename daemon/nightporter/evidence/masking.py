"""A raw line as it may be handed on: secrets masked, and nothing in it acts on a terminal. Pure."""

from __future__ import annotations

import re
from typing import Final

from nightporter.safetext import MASK, MAX_INPUT, cleaned

LONG: Final = 4_096
"""Characters of one secret that `safetext` masks; the rest of a longer one would follow its mask."""
_REST: Final = re.compile(re.escape(MASK) + r"[^\"']+")


def shown(line: bytes) -> bytes:
    """The line (without its line end) as UTF-8 text: bytes that are none are written as `\\xff`, characters
    that nobody can see are marked, and after 16,384 characters it says how much more there was."""
    text = line.decode("utf-8", "backslashreplace")
    safe = cleaned(text)
    if len(text) > LONG:
        safe = _REST.sub(MASK, safe)
    if len(text) > MAX_INPUT:
        safe += f" [… {len(text) - MAX_INPUT:,} characters more]"
    return safe.encode("utf-8", "replace")
