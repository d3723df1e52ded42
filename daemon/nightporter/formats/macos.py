"""macOS's unified log as `log stream --style ndjson` and `log show --style ndjson` write it.

One object a line, slashes escaped: `timestamp processImagePath subsystem category messageType userID
eventMessage` and twenty more. There is no key for the process: its name is the last part of its path. The
first line of a stream is a sentence, the last of a `show` is `{"count":2,"finished":1}` (macOS 12 to 15).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from nightporter.formats import ansi, stamps
from nightporter.formats.base import Parsed
from nightporter.formats.entries import Entries
from nightporter.formats.json_ import SPELLING, Tree
from nightporter.model import Fields, Stamp

LEVELS: Final = MappingProxyType(
    {"Default": "info", "Info": "info", "Debug": "debug", "Error": "error", "Fault": "critical"}
)
"""`messageType` → level. Default stands above Info, and is what nearly every line is."""


def read_macos(tree: Tree, zone: stamps.Zone, arrived: Stamp) -> Parsed:
    """The event of one line's object."""
    fields: Fields = {}
    for name, value in (
        ("process", str(tree.get("processImagePath") or "").rpartition("/")[2]),
        ("subsystem", tree.get("subsystem")),
        ("category", tree.get("category")),
        ("message", ansi.stripped(str(tree.get("eventMessage") or ""))),
        ("level", LEVELS.get(str(tree.get("messageType")))),
    ):
        if isinstance(value, str) and value:
            fields[name] = value
    user = tree.get("userID")  # that of root says nothing: every service of the system has it
    if isinstance(user, int) and not isinstance(user, bool) and user > 0:
        fields["user"] = str(user)
    return Parsed(format="macos", fields=fields, time=stamps.of_value(tree.get("timestamp"), zone, arrived))


MACOS: Final = Entries(
    name="macos",
    read=read_macos,
    texts=("process", "subsystem", "category", "message"),
    own=frozenset({"level", "user"}),
    spelling=SPELLING,
)
