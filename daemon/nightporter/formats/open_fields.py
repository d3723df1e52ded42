"""What the open formats share: whose names a line may use, and what becomes of its values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from math import isfinite
from typing import Final

from nightporter.formats import address, ansi, levels, literals
from nightporter.formats.fields import FROM_OUTSIDE, RESERVED, field_type
from nightporter.formats.literals import Literals, Spelling
from nightporter.formats.text import RAW
from nightporter.model import Fields, Value
from nightporter.rule import Test

MOST_FIELDS: Final = 200
"""Fields of one line; those beyond are dropped."""
LONGEST_NAME: Final = 100
"""Characters of a field's name; a longer one is dropped with its value."""
MESSAGE_NAMES: Final = ("message", "msg", "Message", "@m", "@mt", "log", "text", "event")
LEVEL_NAMES: Final = ("level", "lvl", "severity", "@l", "loglevel", "levelname", "Level", "log.level")
TIME_NAMES: Final = ("ts", "time", "timestamp", "@timestamp", "@t", "datetime", "t", "date", "Timestamp")
_INT64: Final = range(-(2**63), 2**63)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})(\.\d{1,9})?", re.ASCII)


def gathered(pairs: Iterable[tuple[str, Value]], reserved: Collection[str] = RESERVED) -> Fields:
    """The fields of a line from its own names and values; `message` and `level` in our names besides.

    The first value of a name stays: a second `user=` further on in the line may be an attacker's.
    """
    fields: Fields = {}
    said: dict[str, Value] = {}
    for name, value in pairs:
        if len(fields) >= MOST_FIELDS:
            break
        if not name or len(name) > LONGEST_NAME or value in ("", "-"):
            continue
        said.setdefault(name, value)
        if name not in reserved and name not in fields and (made := _proper(name, value)) is not None:
            fields[name] = made
    _name_message(said, fields)
    _name_level(said, fields)
    return fields


def _name_message(said: dict[str, Value], fields: Fields) -> None:
    message = next((v for n in MESSAGE_NAMES if isinstance(v := said.get(n), str)), None)
    fields.pop("message", None)
    if message is not None and (bare := ansi.stripped(message)):
        fields["message"] = bare


def _name_level(said: dict[str, Value], fields: Fields) -> None:
    fields.pop("level", None)
    word = next((said[name] for name in LEVEL_NAMES if name in said), None)
    level = levels.canonical(word) if isinstance(word, str) else word
    if level is not None and level != "" and (level := _proper("level", level)) is not None:
        fields["level"] = level


def _proper(name: str, value: Value) -> Value | None:
    """The value as a field may have it: addresses in one spelling, statuses and numbers as numbers."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value not in _INT64:
        return None
    if isinstance(value, float) and not isfinite(value):
        return None
    if name == "client_ip":
        return address.normalise(value) if isinstance(value, str) else None
    match field_type(name):
        case "status":
            return _status(value)
        case "number" if isinstance(value, str):
            return _number(value)
    return value


def _status(value: Value) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and 100 <= value <= 999 else None


def _number(text: str) -> Value:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    return float(text) if found[1] else int(text)


def of_open_line(
    test: Test, values: Sequence[Value], spelling: Spelling, reserved: Collection[str] = RESERVED
) -> Literals:
    """The literals of a test on a line of an open format that spells its texts so."""
    name = test.field
    if name == "raw":
        return literals.of_text(test, values, RAW)
    if name in reserved:
        return None if name in FROM_OUTSIDE else literals.of_absent(test)
    if name == "client_ip":
        return literals.of_address(test, values, spelling)
    if name == "message":
        return literals.of_text(test, values, spelling)
    if name == "level":
        return literals.of_level(test, values, spelling)
    match field_type(name):
        case "status":
            return literals.of_status(test, values, spelling)
        case "number" | "flag" | "time" | "address":
            return None
    own = Spelling(cut=spelling.cut, otherwise=spelling.otherwise, numbers=True)
    return literals.of_text(test, values, own)
