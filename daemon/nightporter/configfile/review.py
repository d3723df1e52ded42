"""`review:` of config.yaml: when the weekly line and the monthly review are sent, and to whom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nightporter.config import Review, Turn
from nightporter.configfile.parts import given, got, read_notation
from nightporter.ruleset import values
from nightporter.ruleset.values import NotA
from nightporter.yamltext.page import Node, Page, Scalar

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NEVER: Final = "never"
_WEEKLY: Final = 'a day and a time such as "sun 18:00", or never'
_MONTHLY: Final = 'a day of the month, 1 to 28, and a time such as "1 09:00", or never'
_DAY_OF_MONTH: Final = re.compile(r"[1-9]|1\d|2[0-8]")


def read_review(page: Page, node: Node, destinations: Iterable[str]) -> Review:
    """The map's meaning; what is wrong is told, and left at its default."""
    table = given(page.keyed(node, "a map with weekly, monthly and to", ("weekly", "monthly", "to")))
    return Review(
        weekly=_turn(page, table, "weekly", Review().weekly),
        monthly=_turn(page, table, "monthly", Review().monthly),
        to=_names(page, table["to"], tuple(destinations)) if "to" in table else (),
    )


def _turn(page: Page, table: dict[str, Node], key: str, usual: Turn | None) -> Turn | None:
    node = table.get(key)
    if isinstance(node, Scalar) and node.text.strip().lower() == NEVER:
        return None
    parser, what = (weekly, _WEEKLY) if key == "weekly" else (monthly, _MONTHLY)
    return got(table, key, lambda n: read_notation(page, n, parser, what), usual)


def weekly(text: str) -> Turn:
    """`sun 18:00`, `Sunday 18:00`. Raises NotA."""
    day, _, clock = text.strip().partition(" ")
    found = [number for number, name in enumerate(DAYS) if day.lower() in (name, name[:3])]
    if not found:
        raise NotA(_WEEKLY)
    return Turn(found[0], _minute(clock, _WEEKLY))


def monthly(text: str) -> Turn:
    """`1 09:00`. Raises NotA."""
    day, _, clock = text.strip().partition(" ")
    if not _DAY_OF_MONTH.fullmatch(day):
        raise NotA(_MONTHLY)
    return Turn(int(day), _minute(clock, _MONTHLY))


def _minute(text: str, what: str) -> int:
    try:
        return values.clock_minute(text.strip())
    except NotA as err:
        raise NotA(what) from err


def _names(page: Page, node: Node, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names of destinations; one that there is not is told."""
    found = []
    for name, item in ((page.text(item, "a destination's name"), item) for item in page.items(node)):
        if name in known:
            found.append(name)
        elif name is not None:
            page.unknown(item, "destination", name, known)
    return tuple(found)
