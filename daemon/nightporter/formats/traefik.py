"""What a Traefik writes, judged line by line: access lines (JSON, CLF, generic CLF) and service lines, which
a container's stdout mixes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nightporter.formats import address, literals, stamps, traefik_clf, traefik_json, traefik_service
from nightporter.formats.base import FieldSpec, Parsed
from nightporter.formats.fields import FROM_OUTSIDE, TRAEFIK, fields_of
from nightporter.formats.literals import Literals, Spelling
from nightporter.formats.text import RAW, decoded
from nightporter.model import Origin, Stamp, Value
from nightporter.rule import Test

SPELLING: Final = Spelling(cut=frozenset('"\\<>&'))
"""Both spellings of an access line: Go's JSON escapes all of these, CLF the quote."""
_ELSEWHERE: Final = frozenset(
    {"client_ip", "user", "path_shape", "agent", "bytes", "duration", "retries", "container_age"}
)
"""Fields that do not stand in their line as they are: of a torn CLF request the client and the user's name
stand in a line before it, the shape and the family are made, the numbers are compared rather than spelled."""
_STATUS_KEYS: Final = {"status": traefik_json.STATUS, "origin_status": traefik_json.ORIGIN_STATUS}


class TraefikFormat:
    """Access lines as `traefik`, all else as `traefik_service`."""

    produces: tuple[str, ...] = ("traefik", "traefik_service")
    open = True
    look_back = 8_192

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self._trusted = address.Networks(origin.trusted_proxies)
        self.fields: Mapping[str, FieldSpec] = {**fields_of("traefik_service")[0], **fields_of("traefik")[0]}

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        return self.parse_after(b"", line, arrived)

    def parse_after(self, before: bytes, line: bytes, arrived: Stamp) -> Parsed:
        """The fields of one line; in CLF, `before` tells where it began (see traefik_clf)."""
        if line[:1] == b"{":
            parsed = traefik_json.read_access(line, self._trusted)
        elif line.endswith((b"ms", b'"', b"ms\r", b'"\r')):
            parsed = self._clf(before, line.decode("utf-8", "replace").rstrip("\r"))
        else:
            parsed = None
        return parsed or traefik_service.read_service(decoded(line), self._zone, arrived)

    def _clf(self, before: bytes, text: str) -> Parsed | None:
        parsed = traefik_clf.read_clf(text, self._trusted)
        if parsed is None or not before:
            return parsed
        beginning = traefik_clf.beginning_of(before, cut=len(before) >= self.look_back)
        if beginning is None:
            parsed.fields.pop("client_ip", None)
            parsed.fields.pop("user", None)
        return traefik_clf.read_clf(text, self._trusted, beginning) if beginning else parsed

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        return literals.union(
            (of_access_line(test, values), traefik_service.of_service_line(test, values))
        )  # fmt: skip


class TraefikServiceFormat:
    """A file that holds the service log alone."""

    produces: tuple[str, ...] = ("traefik_service",)
    open = True

    def __init__(self, origin: Origin) -> None:
        self._zone = stamps.Zone(origin.tz)
        self.fields: Mapping[str, FieldSpec] = fields_of("traefik_service")[0]

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        return traefik_service.read_service(decoded(line), self._zone, arrived)

    def literals(self, test: Test, values: Sequence[Value]) -> Literals:
        return traefik_service.of_service_line(test, values)


def of_access_line(test: Test, values: Sequence[Value]) -> Literals:
    """The literals of a test on an access line in any of its spellings."""
    name = test.field
    if name == "raw":
        return literals.of_text(test, values, RAW)
    if name in _STATUS_KEYS:
        return _of_status(test, values)
    if name in _ELSEWHERE:
        return None
    if name in TRAEFIK:
        return literals.of_text(test, values, SPELLING)
    return None if name in FROM_OUTSIDE else literals.of_absent(test)


def _of_status(test: Test, values: Sequence[Value]) -> Literals:
    """`"DownstreamStatus":404` in JSON, ` 404 ` behind the request's quote in CLF."""
    beginnings = literals.statuses(test, values)
    if beginnings is None:
        return None
    key = _STATUS_KEYS[test.field].lower()
    found: set[bytes] = set()
    for begin in beginnings:
        found.update(f'"{key}":{blank}{begin}'.encode() for blank in ("", " "))
        if test.field == "status":
            # Whole statuses: `" 5` would also find every request count that begins with a 5.
            rest = ("",) if len(begin) == 3 else (f"{n:02}" for n in range(100))
            found.update(f'" {begin}{end} '.encode() for end in rest)
    return literals.capped(found)
