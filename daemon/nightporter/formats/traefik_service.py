"""Traefik's service log: v3's console (colours or not, with the caller at DEBUG) and JSON, v2's logfmt.

    2026-11-24T09:59:48Z ERR middlewares/auth.go:12 > message error="…" routerName=bad@file

Measured with 3.7.15. A message may hold line ends: its later lines have no stamp, and are messages. Where a
line has an `error` but no message, the error is the message. Names of the access log's fields are not taken
from a service line, so that no rule about requests can fit one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nightporter.formats import ansi, levels, stamps
from nightporter.formats.base import Parsed
from nightporter.formats.fields import RESERVED, TRAEFIK
from nightporter.formats.gojson import is_spelled_by_go
from nightporter.formats.json_ import flattened, object_of, time_of
from nightporter.formats.literals import Literals, Spelling
from nightporter.formats.logfmt import PAIR, read_logfmt, value_of
from nightporter.formats.open_fields import MESSAGE_NAMES, MOST_FIELDS, gathered, of_open_line
from nightporter.model import Stamp, Value
from nightporter.rule import Test

NAME: Final = "traefik_service"
SPELLING: Final = Spelling(cut=frozenset('"\\<>&'), otherwise=ansi.ESCAPED)
NOT_TAKEN: Final = RESERVED | TRAEFIK.keys()
LONGEST_READ: Final = 65_536
"""Characters of a console line that are searched for pairs; a longer one is a message as a whole."""
_CONSOLE: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) "
    r"(?P<level>TRC|DBG|INF|WRN|ERR|FTL|PNC|\?\?\?) "
    r"(?:(?P<caller>[\w./@-]{1,300}\.go:\d{1,6}) > )?(?P<rest>.*)",
    re.DOTALL | re.ASCII,
)
_GAP: Final = re.compile(r" (?:(?P<word>[A-Z]{2,20}) )?", re.ASCII)
"""What stands between two pairs: a blank, and the first word of a key of two, such as `ACME CA`."""
_LOGFMT: Final = 'time="'


def begins(text: str) -> bool:
    """Whether a line without colours is the first of a message of this log, or a JSON line of either."""
    return text.startswith(("{", _LOGFMT)) or _CONSOLE.match(text[:400]) is not None


def read_service(text: str, zone: stamps.Zone, arrived: Stamp) -> Parsed:
    """The event of any line that is no access line; `text` is without colours and line end."""
    parsed = _read_json(text, zone, arrived) if text.startswith("{") else _read_console(text)
    if parsed is None and text.startswith(_LOGFMT):
        parsed = read_logfmt(text, zone, arrived)
        if parsed is not None:
            parsed.fields = {n: v for n, v in parsed.fields.items() if n not in NOT_TAKEN}
            parsed.format = NAME
    if parsed is not None:
        return parsed
    return Parsed(format=NAME, fields={"message": text} if text else {}, time=None)


def _read_json(text: str, zone: stamps.Zone, arrived: Stamp) -> Parsed | None:
    """None for what Go's encoders did not write: an escaped plain letter would hide it from the scanner."""
    tree = object_of(text) if is_spelled_by_go(text.encode()) else None
    if tree is None:
        return None
    fields = gathered(flattened(tree), NOT_TAKEN)
    if "message" not in fields:
        fields["message"] = fields.get("error", text)
    return Parsed(format=NAME, fields=fields, time=time_of(tree, zone, arrived))


def _read_console(text: str) -> Parsed | None:
    found = _CONSOLE.match(text)
    if found is None:
        return None
    rest = found["rest"]
    message, pairs = _parted(rest) if len(rest) <= LONGEST_READ else (rest, [])
    told: dict[str, Value] = {name: value for name, value in pairs if name not in MESSAGE_NAMES}
    fields = gathered(told.items(), NOT_TAKEN)
    if found["caller"]:
        fields["caller"] = found["caller"]
    said = message or told.get("error", "")
    if said:
        fields["message"] = said
    if found["level"] != "???":
        fields["level"] = levels.canonical(found["level"])
    return Parsed(format=NAME, fields=fields, time=stamps.rfc3339(found["time"]))


def _parted(rest: str) -> tuple[str, list[tuple[str, str]]]:
    """The message, and the pairs that end the line: the longest run of pairs that reaches its end."""
    begin = end = 0
    run: list[tuple[str, str]] = []
    for pair in _last_pairs(rest):
        gap = _GAP.fullmatch(rest, end, pair.start()) if run else None
        if gap is None:
            begin = pair.start()
            run.clear()
        word = f"{gap['word']} " if gap is not None and gap["word"] else ""
        run.append((word + pair["key"], value_of(pair)))
        end = pair.end()
    if not run or end != len(rest):
        return rest, []
    return rest[:begin].rstrip(" "), run


def _last_pairs(rest: str) -> Iterator[re.Match[str]]:
    found = list(PAIR.finditer(rest))
    return iter(found[-MOST_FIELDS:])


def of_service_line(test: Test, values: Sequence[Value]) -> Literals:
    """The literals of a test on a service line."""
    return of_open_line(test, values, SPELLING, NOT_TAKEN)
