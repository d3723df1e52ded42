"""A rule's window, in its short form (`count: 15 in 1m`) and as a map (`{threshold: 15, within: 1m}`)."""

from __future__ import annotations

import re
from typing import Final

from nightporter.model import DAY, Nanos
from nightporter.rule import Count, Distinct, WindowSpec
from nightporter.ruleset import values
from nightporter.ruleset.names import Scope
from nightporter.ruleset.values import NotA
from nightporter.yamlpage import Node, Page, Scalar, Table

KINDS: Final = ("count", "distinct")
LATER: Final = frozenset({"sum", "absence", "ratio", "spike", "first_seen", "sequence"})
"""Windows of the language that this version does not have."""
MAX_THRESHOLD: Final = 100_000
"""A window keeps up to four times its threshold in memory, for each key."""
MAX_WITHIN: Final[Nanos] = 90 * DAY

_COUNT: Final = re.compile(r"(?P<n>\d+)\s+in\s+(?P<within>\S+)\Z")
_DISTINCT: Final = re.compile(r"(?P<n>\d+)\s+(?P<field>[A-Za-z_][\w.]*)\s+in\s+(?P<within>\S+)\Z")


def read_duration(
    page: Page, node: Node, *, least: Nanos = 1, most: Nanos = values.MAX_DURATION
) -> Nanos | None:
    """A duration within bounds."""
    text = page.text(node, values.DURATION)
    if text is None:
        return None
    return _duration_of(page, node, text, least, most)


def _duration_of(page: Page, node: Node, text: str, least: Nanos, most: Nanos) -> Nanos | None:
    try:
        length = values.duration(text)
    except NotA as err:
        fix = f"write its unit: {text}s, {text}m, {text}h or {text}d" if text.isdigit() else ""
        page.tell(node, f"'{text}'", expected=err.expected, fix=fix)
        return None
    if least <= length <= most:
        return length
    bound = "more than 0s" if length < least else f"at most {values.duration_text(most)}"
    page.tell(node, f"'{text}'", expected=f"{bound}")
    return None


def read_window(page: Page, kind: str, node: Node, scope: Scope) -> WindowSpec | None:
    """`count` or `distinct` in either form."""
    if isinstance(node, Table):
        return _from_map(page, kind, node, scope)
    example = "15 in 1m" if kind == "count" else "20 path_shape in 5m"
    text = page.text(node, f"'{example}'")
    if text is None:
        return None
    match = (_COUNT if kind == "count" else _DISTINCT).match(text)
    if not match:
        page.wrong(node, f"'{kind}: {example}', or a map")
        return None
    threshold = int(match["n"])
    if not 1 <= threshold <= MAX_THRESHOLD:
        page.tell(node, f"the threshold {match['n'][:20]}", expected=f"from 1 to {MAX_THRESHOLD}")
        return None
    within = _duration_of(page, node, match["within"], 1, MAX_WITHIN)
    if kind == "distinct":
        scope.check(page, node, match["field"])
    if within is None:
        return None
    return Count(threshold, within) if kind == "count" else Distinct(threshold, match["field"], within)


def _from_map(page: Page, kind: str, node: Table, scope: Scope) -> WindowSpec | None:
    wanted = ("threshold", "within") if kind == "count" else ("threshold", "field", "within")
    table = page.keyed(node, f"a map of {', '.join(wanted)}", wanted)
    if table is None:
        return None
    for name in wanted:
        if name not in table:
            page.tell(node, f"'{kind}' without '{name}'", fix=f"add '{name}:'")
    threshold = read_threshold(page, table["threshold"]) if "threshold" in table else None
    within = read_within(page, table["within"]) if "within" in table else None
    field = read_field(page, table["field"], scope) if "field" in table else None
    if threshold is None or within is None:
        return None
    if kind == "count":
        return Count(threshold, within)
    return Distinct(threshold, field, within) if field is not None else None


def read_threshold(page: Page, node: Node) -> int | None:
    return page.whole(node, "a threshold", 1, MAX_THRESHOLD)


def read_within(page: Page, node: Node) -> Nanos | None:
    return read_duration(page, node, most=MAX_WITHIN)


def read_field(page: Page, node: Node, scope: Scope) -> str | None:
    """The name of a field."""
    name = page.text(node, "a field's name")
    if name is not None and isinstance(node, Scalar):
        scope.check(page, node, name)
    return name
