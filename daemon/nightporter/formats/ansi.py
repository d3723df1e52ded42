"""Terminal colours, which containers write into their logs."""

from __future__ import annotations

import re
from typing import Final

_SEQUENCE: Final = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]")
"""ECMA-48's control sequences. No sequence reaches over another's escape, so the time is linear."""
MARK: Final = b"\x1b["
"""Stands in every raw text that `stripped` changes."""
ESCAPED: Final = frozenset({MARK, b"\\x1b[", b"\\u001b["})
"""Of these one stands in every line of which a part changes, also where Go's writers escaped that part."""


def stripped(text: str) -> str:
    """`text` without its control sequences (colours, cursor moves)."""
    return _SEQUENCE.sub("", text) if "\x1b[" in text else text
