"""What a rule's message may name, beside fields, and what a rule without a message says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from nightporter.detect import template
from nightporter.errors import nearest
from nightporter.model import Nanos
from nightporter.rule import (
    Absence,
    Count,
    Distinct,
    FirstSeen,
    KeyPart,
    Ratio,
    Sequence,
    Spike,
    Sum,
    WindowSpec,
    within_of,
)
from nightporter.ruleset.complaint import Complaint, Spot
from nightporter.ruleset.names import Scope
from nightporter.yamltext.page import Scalar, Table

NEEDS: Final[Mapping[str, str]] = {
    "distinct": "distinct",
    "sum": "sum",
    "share": "ratio",
    "value": "spike",
    "usual": "spike",
    "times": "spike",
    "new": "first_seen",
    "silence": "absence",
    "for": "for",
    "window": "",
}
"""Names that a message may have beside fields → the key of the rule that fills them; `window` any window."""
TEMPLATE_NAMES: Final = ("count", "first", "last", *NEEDS)
_GIVEN: Final = ("allow_list", "allow_list_doubt")
"""Names that the config fills, before the rule is in force."""
_NEVER_FIELDS: Final = ("distinct", "window", "for", "silence")
"""Those that a rule never takes from a line, even where a line may carry any field."""


def template_names(window: WindowSpec | None, lasts: Nanos) -> tuple[str, ...]:
    """The names that such a rule fills itself."""
    names: tuple[str, ...]
    match window:
        case Distinct():
            names = ("count", "distinct")
        case Sum():
            names = ("count", "sum")
        case Ratio():
            names = ("count", "share")
        case Spike():
            names = ("count", "value", "usual", "times")
        case FirstSeen():
            names = ("count", "new")
        case Absence():
            names = ("silence",)
        case Count() | Sequence() | None:
            names = ("count",)
    timed = (("window",) if within_of(window) else ()) + (("for",) if lasts else ())
    return (*names, *timed, "first", "last")


def wrong_in_message(spot: Spot, text: str, available: Collection[str], scope: Scope) -> Iterator[Complaint]:
    """Every name in a message that nothing can fill. `available`: what the rule itself fills."""
    for name in dict.fromkeys(template.names(text)):
        bare = name.removeprefix("top.")
        if bare == "raw":
            fix = "take it out: every alert shows sample lines"
            yield Complaint(key="message", spot=spot, found="'{raw}' in a message", fix=fix)
        elif name not in available and name not in _GIVEN and bare not in scope.known:
            yield from _unfilled("message", spot, name, available, scope)


def wrong_in_emit(spot: Spot, available: Collection[str], scope: Scope) -> Iterator[Complaint]:
    """Names in the texts of an `emit` that only another kind of rule fills; `read_filled` has told of fields
    that do not exist."""
    for _, item in spot.node.entries if isinstance(spot.node, Table) else ():
        for name in dict.fromkeys(template.names(item.text)) if isinstance(item, Scalar) else ():
            if name in NEEDS and name not in available and name not in scope.known:
                yield from _unfilled("emit", Spot(spot.page, item), name, available, scope)


def _unfilled(
    key: str, spot: Spot, name: str, available: Collection[str], scope: Scope
) -> Iterator[Complaint]:
    if name in NEEDS and (not scope.open or name in _NEVER_FIELDS):
        without = f"'{NEEDS[name]}:'" if NEEDS[name] else "a window"
        expected = "a field, or one of " + ", ".join(f"{{{n}}}" for n in available)
        found = f"'{{{name}}}' in a rule without {without}"
        yield Complaint(key=key, spot=spot, found=found, expected=expected)
        return
    bare = name.removeprefix("top.")
    near = (
        scope.misspelt(bare, available) if scope.open else nearest(bare, {*scope.known, *available} - {"raw"})
    )
    if scope.open and not near and name not in NEEDS:
        return  # a field of the line's own
    yield Complaint(
        key=key,
        spot=spot,
        found=f"nothing can fill '{{{name}}}' in this message",
        near=near,
        fix="it prints '?' in lines without it" if scope.open else "",
        warning=scope.open,
    )


def default_message(by: tuple[KeyPart, ...], window: WindowSpec | None, lasts: Nanos, scope: Scope) -> str:
    """What a rule without a message says: who, how many, in what time."""
    who = ", ".join(f"{{{part.field}}}" for part in by)
    many = _many(window, scope)
    if lasts and "{message}" not in many:
        many += ", for {for}"
    return f"{who}: {many}" if who else many


def _many(window: WindowSpec | None, scope: Scope) -> str:
    match window:
        case Distinct(field=field):
            return f"{{distinct}} different {field} in {{window}}"
        case Count():
            return "{count} in {window}"
        case Sum(field=field):
            return f"{{sum}}{_counted(field, scope)} in {{window}}"
        case Ratio():
            return "{share} of events in {window}"
        case Spike(measure=measure, field=field):
            what = f" different {field}" if measure == "distinct" else _counted(field, scope)
            return f"{{value}}{what} in {{window}}, {{times}} times the usual {{usual}}"
        case FirstSeen():
            return "{new} for the first time"
        case Absence():
            return "nothing for {silence}"
        case Sequence(steps=steps):
            return f"all {len(steps)} steps in {{window}}"
    return "{message}" if "message" in scope.known else "{count}"


def _counted(field: str, scope: Scope) -> str:
    """What a sum is a sum of; one of bytes is written with its unit anyway."""
    unit = scope.unit_of(field)
    if not field or unit == "bytes":
        return ""
    return f" {unit} of {field}" if unit else f" {field}"
