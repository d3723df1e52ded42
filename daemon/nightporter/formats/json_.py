"""JSON lines: one object a line, nested keys joined by dots, lists left out.

The names `event`, `outcome`, `source`, `time`, `container` and their like are never taken from a line, or
whoever writes it could forge a login event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from nightporter.formats import ansi, stamps
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import fields_of
from nightporter.formats.levels import NUMBERS
from nightporter.formats.literals import Literals, Spelling, union
from nightporter.formats.open_fields import MOST_FIELDS, TIME_NAMES, gathered, of_open_line
from nightporter.formats.text import decoded, of_text_line, read
from nightporter.model import Origin, Stamp, Value
from nightporter.rule import Test

DEEPEST: Final = 6
"""Levels of nested objects that are looked into."""
SPELLING: Final = Spelling(cut=frozenset('"\\/'), otherwise=frozenset({b"\\u00", ansi.MARK}))
"""A writer of JSON may escape any character as `\\u00XX`; PHP's and Apple's write `\\/`."""
_SURROGATES: Final = re.compile("[\ud800-\udfff]")

Tree = Mapping[str, object]


def object_of(text: str) -> Tree | None:
    """The object that a line is, or None. Never raises, however deep, wide or broken the text.

    msgspec refuses what JavaScript writes of half an emoji (`\\ud83d`); an attacker's user name must not
    hide a line so, hence the second, slower reader.
    """
    stripped = text.strip()
    if stripped[:1] != "{" or stripped[-1:] != "}":
        return None
    try:
        found = msgspec.json.decode(stripped)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        try:
            found = json.loads(stripped)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def flattened(tree: Tree) -> Iterator[tuple[str, Value]]:
    """Names and scalar values, breadth first so that nesting cannot crowd out the top; no nulls, no lists."""
    level: list[tuple[str, Tree]] = [("", tree)]
    given = 0
    for _ in range(DEEPEST):
        deeper: list[tuple[str, Tree]] = []
        for prefix, node in level:
            for key, value in node.items():
                if given >= 2 * MOST_FIELDS:
                    return
                given += 1
                if isinstance(value, dict):
                    deeper.append((f"{prefix}{key}.", value))
                elif isinstance(value, str):
                    yield prefix + key, _SURROGATES.sub("�", value)
                elif isinstance(value, bool | int | float):
                    yield prefix + key, value
        level = deeper


def read_json(text: str, zone: stamps.Zone, arrived: Stamp) -> Parsed | None:
    """The event of a JSON line, or None for text that is no JSON object."""
    tree = object_of(text)
    if tree is None:
        return None
    fields = gathered(flattened(tree))
    fields.setdefault("message", text)
    level = fields.get("level")
    if isinstance(level, int) and level in NUMBERS and (f'":{level}' in text or f'": {level}' in text):
        fields["level"] = NUMBERS[level]
    return Parsed(format="json", fields=fields, time=time_of(tree, zone, arrived))


def time_of(tree: Tree, zone: stamps.Zone, arrived: Stamp) -> Stamp | None:
    """The first stamp among the names that loggers give it."""
    told = (stamps.of_value(tree[name], zone, arrived) for name in TIME_NAMES if name in tree)
    return next((stamp for stamp in told if stamp is not None), None)


class JsonFormat:
    """One object a line; a line that is none is a message."""

    produces: tuple[str, ...] = ("json",)
    open = True

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("json")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        text = decoded(line)
        parsed = read_json(text, self._zone, arrived)
        return read(text, self._zone, arrived, name="json") if parsed is None else parsed

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        return union((of_open_line(test, values, SPELLING), of_text_line(test, values)))
