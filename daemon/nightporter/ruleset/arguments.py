"""Conditions from a command line: `status=4xx,5xx` means what `status: [4xx, 5xx]` means in a rule.

They become the same nodes that a rule file becomes, and go through the same reader, so that types, modifiers
(`path|contains=wp-`), lists (`client_ip=$trusted`) and mistakes are the same. Words are taken as written:
what YAML would read otherwise (`no`, `0x1f`) is text here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from nightporter.errors import Problem
from nightporter.model import Value
from nightporter.rule import Condition
from nightporter.ruleset.conditions import ConditionReader
from nightporter.ruleset.names import Names, Surroundings
from nightporter.yamltext.page import Items, Node, Page, Scalar

_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
_FRACTION: Final = re.compile(r"[-+]?[0-9]+\.[0-9]+\Z")
_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks for. With an error in `problems` it is not to be used."""

    sources: tuple[str, ...]
    """The `from` names, as a rule has them."""
    condition: Condition
    problems: tuple[Problem, ...]


def read_asked(
    source: str, words: Sequence[str], surroundings: Surroundings, lists: Collection[str] = ()
) -> Asked:
    """`--from SOURCE` and its `FIELD=VALUE[,VALUE]` words, all of which must hold. `lists`: names of the
    lists that the rules know."""
    page = Page("command line", lines=(f"--from {source}", *words))
    names = Names(surroundings=surroundings, learned=dict.fromkeys(lists))
    sources = names.read_from(page, _scalar(source, 1, len("--from ") + 1))
    entries: list[tuple[Scalar, Node]] = []
    for number, word in enumerate(words, 2):
        key, equals, value = word.partition("=")
        at = _scalar(key, number, 1)
        if not equals:
            page.tell(at, f"'{word}' is no condition", expected="FIELD=VALUE, such as status=4xx,5xx")
        else:
            entries.append((at, _value(value, number, len(key) + 2)))
    condition = ConditionReader(page, names, names.scope(sources)).all_of(entries)
    return Asked(sources, condition, tuple(page.problems))


def _value(text: str, line: int, column: int) -> Node:
    """One value, or a list of them where commas stand; a backslash keeps a comma."""
    items: list[Node] = []
    for part in re.split(r"(?<!\\),", text):
        items.append(_scalar(part.replace("\\,", ","), line, column))
        column += len(part) + 1
    return items[0] if len(items) == 1 else Items(line=line, column=items[0].column, items=tuple(items))


def _scalar(text: str, line: int, column: int) -> Scalar:
    return Scalar(line=line, column=column, text=text, value=_read(text), plain=True)


def _read(text: str) -> Value:
    if _WHOLE.match(text):
        return int(text)
    if _FRACTION.match(text) and math.isfinite(number := float(text)):
        return number
    return _TRUTH.get(text, text)
