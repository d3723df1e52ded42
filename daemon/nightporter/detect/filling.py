"""What entries of rule files set in an event's fields: texts with `{names}` in them, and named groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nightporter.detect.template import fill, lone
from nightporter.formats import address
from nightporter.model import Fields, Value


def filled(sets: Iterable[tuple[str, Value]], value_of: Callable[[str], Value | None]) -> Fields:
    """What an entry sets. A value that is nothing but a name which stands for nothing sets nothing."""
    return {
        name: fill(value, value_of) if isinstance(value, str) else value
        for name, value in sets
        if not (isinstance(value, str) and (lacked := lone(value)) and value_of(lacked) is None)
    }


def normalised(fields: Fields) -> Fields:
    """Fields that a rule made of a line's text: an address is brought to its one form, or dropped."""
    raw = fields.get("client_ip")
    if raw is None:
        return fields
    proper = address.normalise(str(raw))
    rest = {name: value for name, value in fields.items() if name != "client_ip"}
    return rest if proper is None else {**rest, "client_ip": proper}
