"""How each kind of window is written: its keys, its short form, and an example of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nightporter.rule import (
    Absence,
    Count,
    Distinct,
    FirstSeen,
    Ratio,
    Sequence,
    Spike,
    Sum,
    WindowSpec,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one kind of window is written."""

    keys: tuple[str, ...]
    example: str
    optional: tuple[str, ...] = ()
    short: re.Pattern[str] | None = None
    """The form without a map; its groups are keys of the map."""


_FIELD: Final = r"(?P<field>[A-Za-z_][\w.]*)"
_WITHIN: Final = r"\s+in\s+(?P<within>\S+)\Z"

FORMS: Final[Mapping[str, Form]] = {
    "count": Form(
        keys=("threshold", "within"),
        example="15 in 1m",
        short=re.compile(rf"(?P<threshold>\d{{1,18}}){_WITHIN}"),
    ),
    "distinct": Form(
        keys=("threshold", "field", "within"),
        example="20 path_shape in 5m",
        short=re.compile(rf"(?P<threshold>\d{{1,18}})\s+{_FIELD}{_WITHIN}"),
    ),
    "sum": Form(
        keys=("threshold", "field", "within"),
        example="5GB bytes in 1h",
        short=re.compile(rf"(?P<threshold>\d[\w.]*(?: [KMGTkmgt]i?[Bb])?)\s+{_FIELD}{_WITHIN}"),
    ),
    "absence": Form(keys=("within",), example="30m", short=re.compile(r"(?P<within>\S+)\Z")),
    "ratio": Form(
        keys=("above", "of", "within", "min"),
        example="{above: 20%, of: {status: 5xx}, within: 10m, min: 15}",
    ),
    "spike": Form(
        keys=("factor", "within", "baseline", "min", "sum", "distinct", "same_hour"),
        example="{factor: 5, within: 10m, baseline: 6h, min: 200}",
        optional=("sum", "distinct", "same_hour"),
    ),
    "first_seen": Form(
        keys=("fields", "learn", "remember"),
        example="{fields: [user, country], learn: 7d, remember: 90d}",
        optional=("learn", "remember"),
    ),
    "sequence": Form(
        keys=("steps", "within"),
        example="{steps: [{when: {outcome: failure}, times: 5}, {when: {outcome: success}}], within: 15m}",
    ),
}
KINDS: Final = tuple(FORMS)
TUNE_KEYS: Final = tuple(
    dict.fromkeys(key for form in FORMS.values() for key in form.keys if key not in FORMS)
)
"""Keys of a tune that change the rule's own window; a spike's `sum` and `distinct` come beside them."""


def kind_of(window: WindowSpec) -> str:
    """The key that a window is written under."""
    match window:
        case Count():
            return "count"
        case Distinct():
            return "distinct"
        case Sum():
            return "sum"
        case Absence():
            return "absence"
        case Ratio():
            return "ratio"
        case Spike():
            return "spike"
        case FirstSeen():
            return "first_seen"
        case Sequence():
            return "sequence"
