"""How values are compared: as text, case aside, or as numbers. Pure, and right for any value of a line."""

from __future__ import annotations

import re
from typing import Final

from nightporter.model import Value

_KELVIN: Final = "\u212a"
_DOTTED_I: Final = "\u0130"
_FINAL_SIGMA: Final = "ς"
_BITS_SHOWN: Final = 1_024
"""Python refuses to write integers of over 4,300 digits; those of more bits than this are written in hex."""


def fold(text: str) -> str:
    """`text` with its case taken away; as long as `text`, character for character.

    Two characters would fold to ASCII letters, the Kelvin sign and the dotted capital I: they stay as they
    are, since a scanner that looks for ASCII letters in a line's bytes would miss what the judge accepts.
    The final sigma is a sigma, or `ΑΣ` would not stand in `ΑΣΒ`.
    """
    if text.isascii():
        return text.lower()
    if _KELVIN in text or _DOTTED_I in text:
        folded = "".join(c if c in (_KELVIN, _DOTTED_I) else c.lower() for c in text)
    else:
        folded = text.lower()
    return folded.replace(_FINAL_SIGMA, "σ")


def as_text(value: Value) -> str:
    """A value as a person would write it in a rule: `true`, `404` (for 404.0 too), `1.5`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value) if value.bit_length() <= _BITS_SHOWN else hex(value)


def member_key(value: Value) -> str:
    """The spelling under which a learned list should keep a value, so that case does not matter."""
    return fold(as_text(value))


_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})(?:[eE][+-]?\d{1,4})?", re.ASCII)


def as_number(value: Value) -> int | float | None:
    """A value as a number: numbers, and text that is nothing but one. None for all else, and for NaN."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return None if value != value else value
    if len(value) > 140 or _NUMBER.fullmatch(value) is None:
        return None
    return int(value) if value.lstrip("+-").isdigit() else float(value)
