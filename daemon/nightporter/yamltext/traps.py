"""What YAML reads otherwise than a person means it, in plain words, and how the file would read with quotes.

libyaml stops at the first syntax error. So that all mistakes of a file can be told at once, the value that
broke is put in quotes (just what the message advises) and the file is parsed again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml

from nightporter.model import Value

QUOTES: Final = "put quotes around this"
_INDENT: Final = "check the indentation of both, and whether the one above misses its ':'"
_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT: Final = re.compile(r"[-+]?[0-9]+\.[0-9]*(e[-+]?[0-9]+)?\Z", re.IGNORECASE)
_TRUE: Final = frozenset({"true", "yes", "on"})

MAX_LINE: Final = 10_000
"""Longer lines are not looked into for what was meant."""

Spot = tuple[int, int]
"""1-based line and column."""


def trap_of(tag: str, text: str) -> tuple[Value | None, str]:
    """A plain scalar's value by YAML's tag, and why it is a trap ("" if it is none).

    Dates stay text: the keys that take one parse it themselves.
    """
    match tag:
        case "bool":
            truth = text.lower() in _TRUE
            if text.lower() in ("true", "false"):
                return truth, ""
            return truth, f"YAML reads '{text}' as {str(truth).lower()}"
        case "int":
            return _int_of(text)
        case "float":
            return _float_of(text)
        case "null":
            return None, ""
        case _:
            return text, ""


def _int_of(text: str) -> tuple[Value, str]:
    if _DECIMAL.match(text):
        return (int(text), "") if len(text) <= 18 else (text, "")
    bare = text.lstrip("+-").replace("_", "")
    if ":" in text:
        return text, f"YAML reads '{text}' as a number in base 60"
    if bare[:2].lower() in ("0x", "0b"):
        return text, f"YAML reads '{text}' as the number {int(bare, 0)}"
    if bare.startswith("0") and len(bare) > 1:
        return text, f"YAML reads '{text}' as the octal number {int(bare, 8)}"
    return text, f"YAML reads '{text}' as the number {bare}"


def _float_of(text: str) -> tuple[Value, str]:
    if _FLOAT.match(text) and math.isfinite(number := float(text)):
        return number, ""
    if ":" in text:
        return text, f"YAML reads '{text}' as a number in base 60"
    return text, f"YAML reads '{text}' as a special number"


def explain(err: yaml.YAMLError, lines: Sequence[str]) -> tuple[Spot, str, str]:
    """Where a syntax error is, what was found, and what to do, in a home owner's words."""
    if not isinstance(err, yaml.MarkedYAMLError) or err.problem_mark is None:
        return _unreadable(err, lines)
    mark = err.problem_mark
    if err.context in _OPENERS and err.context_mark is not None and mark.line > err.context_mark.line:
        start = err.context_mark
        return (
            (start.line + 1, start.column + 1),
            _OPENERS[err.context],
            "close it, or put quotes around this",
        )
    if err.context in ("while scanning an alias", "while scanning an anchor") and err.context_mark:
        mark = err.context_mark
    spot = (mark.line + 1, mark.column + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    problem = str(err.problem)
    if "\t" in line[: mark.column + 1] and not line[: mark.column].strip():
        return (spot[0], line.index("\t") + 1), "a tab at the start of a line", "indent with spaces"
    return _explain_at(spot, line, problem)


_OPENERS: Final = {
    "while parsing a flow sequence": "a '[' that is not closed",
    "while parsing a flow mapping": "a '{' that is not closed",
    "while scanning a quoted scalar": "a quote that is not closed",
}


def _explain_at(spot: Spot, line: str, problem: str) -> tuple[Spot, str, str]:
    value = _value_at(line, spot[1])
    if value and spot[1] <= value[0] and "mapping values are not allowed" in problem:
        indented = len(line) - len(line.lstrip()) + 1
        return (spot[0], indented), "this line is indented as if it belonged to the one above", _INDENT
    at = (spot[0], value[0] + 1) if value else spot
    text = line[value[0] : value[1]] if value else ""
    rest = line[spot[1] - 1 :]
    if rest.startswith("\t"):
        return spot, "a tab between words", "use spaces"
    match text[:1]:
        case "*":
            return at, f"'{_cut(text)}': YAML takes a '*' at the start for an alias", QUOTES
        case "&":
            return at, f"'{_cut(text)}': YAML takes a '&' at the start for an anchor", QUOTES
        case "@" | "`" | "%" | "?":
            return at, f"'{_cut(text)}': a value cannot start with '{text[0]}'", QUOTES
        case "{" | "[" if "did not find expected" in problem or "not allowed" in problem:
            if _closes_early(text):
                return at, f"'{_cut(text)}': YAML takes a '{text[0]}' at the start for a map or list", QUOTES
        case '"' | "'" if "did not find expected" in problem:
            return (
                at,
                f"'{_cut(text)}': there is more after the closing quote",
                "put one pair of quotes around it all",
            )
        case ":":
            return at, f"'{_cut(text)}': a value cannot start with ':' here", QUOTES
    if text and ": " in text and ("not allowed" in problem or "did not find expected ','" in problem):
        return at, f"'{_cut(text)}': YAML takes ': ' inside a text for the end of a key", QUOTES
    if "unknown escape character" in problem:
        return spot, "a backslash in double quotes that YAML does not know", "use single quotes around this"
    if problem == "nested too deeply":
        return spot, "nested too deeply", "use fewer levels"
    if " #" in line[: spot[1] + 1]:
        return spot, "YAML takes ' #' for a comment", QUOTES
    return (
        spot,
        f"this is not YAML: {problem}",
        "check the indentation and the quotes of this line and the one above",
    )


def _unreadable(err: yaml.YAMLError, lines: Sequence[str]) -> tuple[Spot, str, str]:
    """libyaml's reader refuses control characters without a mark."""
    for number, line in enumerate(lines, 1):
        for column, char in enumerate(line, 1):
            if char != "\t" and (
                ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000
            ):
                return (number, column), f"a control character (U+{ord(char):04X})", "take it out"
    return (1, 1), f"this is not YAML: {type(err).__name__}", "check the file's encoding"


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _closes_early(text: str) -> bool:
    """A `{…}` or `[…]` with more text after it."""
    pairs = {"{": "}", "[": "]"}
    close = pairs[text[0]]
    depth = 0
    for index, char in enumerate(text):
        depth += (char == text[0]) - (char == close)
        if depth == 0:
            return bool(text[index + 1 :].strip())
    return False


_BLOCK_VALUE: Final = re.compile(
    r"^\s*(?:- +)*(?:(?:\"[^\"]*\"|'[^']*'|[^\s#\"'{\[][^:#]*?)\s*:(?:\s+|$))?(?:- +)*"
)


def _value_at(line: str, column: int) -> tuple[int, int] | None:
    """The span (from, to), 0-based, of the value around a column: in `key: value` the whole value; inside
    `{…}` or `[…]` one item."""
    if len(line) > MAX_LINE:
        return None
    head = _BLOCK_VALUE.match(line)
    start = head.end() if head else 0
    end = len(line.rstrip())
    comment = re.search(r"\s#(\s|$)", line[start:end])
    if comment:
        end = start + comment.start()
    if start >= end:
        return None
    if line[start] in "{[" and not _closes_early(line[start:end]):
        return _flow_item(line, start, end, min(column - 1, end - 1))
    return start, end


def _flow_item(line: str, start: int, end: int, around: int) -> tuple[int, int] | None:
    """One value of a flow map or list: from after `,`, `[`, `{` or `key: ` to the next `,`, `]` or `}`."""
    while around > start and line[around] in ",]}":
        around -= 1
    left = max(line.rfind(c, start, around + 1) for c in ",[{") + 1
    key = re.match(r"\s*(?:[^\s:,{}\[\]]+: +)?", line[left:end])
    left += key.end() if key else 0
    right = min((i for c in ",]}" if (i := line.find(c, left, end)) >= 0), default=end)
    while right > left and line[right - 1].isspace():
        right -= 1
    return (left, right) if left < right else None


@dataclass(slots=True)
class Mends:
    """Where quotes were put in, so that places are those of the file as the person has it."""

    _by_line: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)

    def add(self, line: int, start: int, end: int, longer: int) -> None:
        """A quote now stands in column `start`; from `end` on, the mended line is `longer` than before."""
        self._by_line.setdefault(line, []).append((start, end, longer))

    def original(self, line: int, column: int) -> int:
        """A column of the mended line as the person counts it."""
        for start, end, longer in reversed(self._by_line.get(line, ())):
            column -= longer if column >= end else int(column > start)
        return column


def repaired(text: str, spot: Spot, mends: Mends) -> str | None:
    """The file with the value at a spot in single quotes; None if there is nothing that could be quoted."""
    lines = re.split(r"(\r\n|[\n\r\x85\u2028\u2029])", text)
    index = 2 * (spot[0] - 1)
    if index >= len(lines):
        return None
    line = lines[index]
    value = _value_at(line, spot[1])
    if value is None or "\t" in line or spot[1] <= value[0]:
        return None  # the fault is not in the value
    inner = line[value[0] : value[1]].strip("\"'").replace("'", "''")
    lines[index] = f"{line[: value[0]]}'{inner}'{line[value[1] :]}"
    mends.add(spot[0], value[0] + 1, value[0] + len(inner) + 3, len(lines[index]) - len(line))
    return "".join(lines)
