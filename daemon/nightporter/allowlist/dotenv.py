"""`.env` files as Docker Compose and shells read them: comments, quotes, `export`, values of several lines.

Grammar: https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/ ("env file
syntax", 2026-11). In single quotes everything stands for itself; in double quotes and without quotes
`${NAME}` and `$NAME` are what the file said of NAME before; without quotes ` #` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MOST_VARIABLES: Final = 2_000
LONGEST: Final = 64 * 1024
"""Characters of a value, with all that it refers to."""
_ASSIGNMENT: Final = re.compile(
    r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*"
    r"(?:'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|([^\r\n]*))",
    re.MULTILINE | re.DOTALL,
)
_COMMENT: Final = re.compile(r"(?:^|[ \t])#.*")
_REFERENCE: Final = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ESCAPE: Final = re.compile(r'\\([\\"$n])')


@dataclass(frozen=True, slots=True)
class Variable:
    """One assignment. `line` is where the value begins, from 1."""

    name: str
    value: str
    line: int


def read(text: str) -> dict[str, Variable]:
    """The variables of a file; of a name that is set twice the last one. References that nothing fills stay
    as they are written."""
    found: dict[str, Variable] = {}
    for variable in _assignments(text, found):
        found[variable.name] = variable
        if len(found) >= MOST_VARIABLES:
            break
    return found


def _assignments(text: str, known: Mapping[str, Variable]) -> Iterator[Variable]:
    line, counted, start = 1, 0, 0
    while match := _ASSIGNMENT.search(text, start):
        name, single, double, bare = match.groups()
        begin = match.start(2 if single is not None else 3 if double is not None else 4)
        line, counted = line + text.count("\n", counted, begin), begin
        start = match.end()
        if single is not None:
            value = single
        elif double is not None:
            value = _filled(_ESCAPE.sub(_unescaped, double), known)
        else:
            value = _filled(_COMMENT.sub("", bare).strip(), known)
        yield Variable(name, value, line)


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _filled(value: str, known: Mapping[str, Variable]) -> str:
    def one(match: re.Match[str]) -> str:
        variable = known.get(match[1] or match[2])
        return match[0] if variable is None else variable.value

    return _REFERENCE.sub(one, value[:LONGEST])[:LONGEST]
