"""`{name}` in messages and `set:` values: filled from an event's fields.

Not `str.format`: a message is written by a person, its values by an attacker, and `{0.__class__}` must stay
text. An unknown name prints `?`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_NAME = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def names(template: str) -> list[str]:
    """The names that a template asks for, in order."""
    return _NAME.findall(template)


def lone(template: str) -> str | None:
    """The name that is all of a template, or None."""
    only = _NAME.fullmatch(template)
    return None if only is None else only[1]


def fill(template: str, value_of: Callable[[str], object | None]) -> str:
    """The template with every `{name}` replaced by `value_of(name)`, or `?` where that is None."""

    def one(match: re.Match[str]) -> str:
        value = value_of(match[1])
        return "?" if value is None else str(value)

    return _NAME.sub(one, template)
