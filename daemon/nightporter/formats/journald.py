"""systemd's journal as `journalctl -o json` writes it (systemd.journal-fields(7), systemd 252).

One object a line, every value a text; a value that is no UTF-8 is a list of its bytes, a key that was given
more than once a list of texts. Keys with an underscore before them are the journal's own; the others are the
program's, and any program of this machine may call itself `sshd`.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from nightporter.formats import ansi, stamps
from nightporter.formats.base import Parsed
from nightporter.formats.entries import Entries
from nightporter.formats.json_ import SPELLING as JSON
from nightporter.formats.json_ import Tree
from nightporter.model import Fields, Stamp

LEVELS: Final = MappingProxyType(
    {
        "0": "critical",
        "1": "critical",
        "2": "critical",
        "3": "error",
        "4": "warning",
        "5": "info",
        "6": "info",
        "7": "debug",
    }
)
"""`PRIORITY`, syslog's severity → level."""
SPELLING: Final = replace(JSON, otherwise=JSON.otherwise | {b'":['})
"""Any value may be a list of bytes."""


def text_of(value: object) -> str:
    """A value's text; the first of several; "" for none. Bytes that are no UTF-8 become U+FFFD."""
    if isinstance(value, list):
        if value and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
            return bytes(value).decode("utf-8", "replace")
        return text_of(value[0]) if value and not isinstance(value[0], list) else ""
    return value if isinstance(value, str) else ""


def read_journal(tree: Tree, zone: stamps.Zone, arrived: Stamp) -> Parsed:
    """The event of one entry."""
    fields: Fields = {}
    for name, value in (
        ("host", text_of(tree.get("_HOSTNAME"))),
        ("program", text_of(tree.get("SYSLOG_IDENTIFIER")) or text_of(tree.get("_COMM"))),
        ("unit", text_of(tree.get("_SYSTEMD_UNIT"))),
        ("message", ansi.stripped(text_of(tree.get("MESSAGE")))),
        ("level", LEVELS.get(text_of(tree.get("PRIORITY")), "")),
    ):
        if value:
            fields[name] = value
    pid = text_of(tree.get("_PID")) or text_of(tree.get("SYSLOG_PID"))
    if pid.isascii() and pid.isdigit() and len(pid) <= 10:
        fields["pid"] = int(pid)
    written = text_of(tree.get("__REALTIME_TIMESTAMP"))
    return Parsed(format="journald", fields=fields, time=stamps.of_value(written, zone, arrived))


JOURNALD: Final = Entries(
    name="journald",
    read=read_journal,
    texts=("host", "program", "unit", "message"),
    own=frozenset({"level", "pid"}),
    spelling=SPELLING,
)
