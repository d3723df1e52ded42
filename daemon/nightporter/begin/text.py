"""Text of anyone's in a YAML file: as a comment, or as a value that means just itself. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from nightporter.safetext import cleaned

_WIDTH: Final = 100
_LONGEST: Final = 600
"""Characters of a comment."""


def comment(text: str, *, indent: str = "") -> Iterator[str]:
    """Text of anyone's as lines that YAML cannot read as anything but a comment."""
    for line in textwrap.wrap(cleaned(text)[:_LONGEST], _WIDTH):
        yield f"{indent}# {line}"


def quoted(text: str) -> str:
    """A text of the machine's as a value that means just itself: `${` is no variable."""
    return as_yaml(text.replace("${", "$${"))


def as_yaml(text: str) -> str:
    """A text in YAML's double quotes; what is not printable is escaped (YAML 1.1, 5.7; JSON's escapes for
    what is above U+FFFF are none of YAML's)."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() and ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"


def quoted_list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(quoted, texts)) + "]"
