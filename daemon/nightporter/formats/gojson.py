"""Whether JSON is spelled as Go's encoders spell it: plain letters as they are, never as escapes.

The scanner looks for letters in a line's bytes. A line that spells them `\\u0041` would go unseen, so it is
not read as Traefik's at all; Traefik cannot have written it.
"""

from __future__ import annotations

import re
from typing import Final

_EXOTIC: Final = re.compile(rb"(?<!\\)(?:\\\\)*+\\(?:/|u00(?:2[^26]|3[^cCeE]|[4-6]|7[^fF]))")
"""Escapes that Go's encoders never write: all of plain letters but those of " < > and &."""
_USUAL: Final = (rb"\u0026", rb"\u003c", rb"\u003e")


def is_spelled_by_go(line: bytes) -> bool:
    """Whether nothing is escaped but what Go's encoders escape. Linear, and quick for real lines."""
    if b"\\" not in line:
        return True
    if rb"\/" not in line and line.count(rb"\u00") == sum(map(line.count, _USUAL)):
        return True
    return _EXOTIC.search(line) is None
