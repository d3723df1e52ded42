"""Traefik's access log as CLF, and the generic CLF that v3.7 can write besides (both measured with 3.7.15).

    HOST - USER [24/Nov/2026:09:59:48 +0000] "GET /p HTTP/1.1" 200 8 "REFERER" "UA" 7 "router@file" "URL" 1ms

The generic one ends after the UA. A line is read from its right end, where nothing of the client's stands:
in Referer and UA a quote is written \\" (backslashes stay as they are), in the target it is %22, so the last
` "` before each closing quote opens that part. What is left, `HOST - USER`, is the client's: USER is written
raw, with blanks, quotes, brackets and line ends, and HOST may be a whole X-Forwarded-For.

**Forged lines.** Behind a basicAuth router a user name may hold line ends (`x\\n198.51.100.66 - y`), and
Traefik then writes two lines, of which the second is a perfect line of a client of the attacker's choice.
No single line shows that, so `parse_after` looks at what stands before it: a whole line of this log ends in a
duration (the generic one in a quote), a service line begins with its stamp or a brace. A line behind one that
is neither is the end of a request that began there: its client is the one who stands at the start of the
first such line, and its user the whole text up to the date. Where no start is found, neither is believed.
How far it looks is a matter of whole lines (`base.stands_before`): whoever sends a long request must not make
the next one, which may be his own, a request of nobody's.

What no reader can tell: a user name that holds a *complete* line before its line end. So the doctor
recommends the JSON form, which is immune, wherever users log in through Traefik. Nor is a host believed
that could be read in two ways (`client_and_user`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nightporter.formats import address, ansi, stamps, traefik_service
from nightporter.formats.access import put, put_agent, put_count, put_status, put_target, without_provider
from nightporter.formats.address import Networks
from nightporter.formats.base import Parsed
from nightporter.model import Fields, Stamp

_DATE: Final = len(" [24/Nov/2026:09:59:48 +0000]")
_MILLISECOND: Final = 10**6
_LONGEST_DURATION: Final = 11
"""Digits of a duration in milliseconds: three years."""


@dataclass(slots=True)
class Tail:
    """A line without its client: what Traefik itself wrote. `head` is `HOST - USER`."""

    head: str
    started: Stamp
    request: str
    status: str
    size: str
    referer: str
    user_agent: str
    router: str = ""
    upstream: str = ""
    duration_ms: int | None = None


def tail_of(text: str) -> Tail | None:
    """A line split from its right end, or None for text that is no line of this log."""
    end = _ended(text)
    if end is None:
        return None
    rest, router, upstream, duration = end
    rest, user_agent = _last_quoted(rest)
    rest, referer = _last_quoted(rest)
    if user_agent is None or referer is None:
        return None
    rest, _, size = rest.rpartition(" ")
    rest, _, status = rest.rpartition(" ")
    rest, request = _last_quoted(rest)
    if request is None or not _is_number(size) or not _is_number(status):
        return None
    head, date = rest[:-_DATE], rest[-_DATE:]
    started = stamps.access(date[2:-1]) if date[:2] == " [" and date[-1:] == "]" else None
    if started is None:
        return None
    return Tail(head, started, request, status, size, referer, user_agent, router, upstream, duration)


def _ended(text: str) -> tuple[str, str, str, int | None] | None:
    """The line up to its UA, and what the common form adds: router, upstream and duration."""
    if text.endswith('"'):
        return text, "", "", None
    rest, _, duration = text.rpartition(" ")
    digits = duration[:-2]
    if duration[-2:] != "ms" or not _is_number(digits) or len(digits) > _LONGEST_DURATION:
        return None
    rest, upstream = _last_quoted(rest)
    rest, router = _last_quoted(rest)
    rest, _, count = rest.rpartition(" ")
    if upstream is None or router is None or not _is_number(count):
        return None
    return rest, router, upstream, int(digits) if digits.isdigit() else None


def _last_quoted(text: str) -> tuple[str, str | None]:
    """The text before a last part ` "…"`, and that part; (text, None) where it ends in none."""
    opened = text.rfind(' "', 0, len(text) - 1)
    if opened < 0 or not text.endswith('"'):
        return text, None
    return text[:opened], text[opened + 2 : -1]


def _is_number(text: str) -> bool:
    return text == "-" or (text.isascii() and text.isdigit() and len(text) < 20)


def read_clf(text: str, trusted: Networks, before: str = "") -> Parsed | None:
    """The event of a line, or None for text that is none.

    `before` is the beginning of the request, where a user name with line ends tore it apart: see the module.
    """
    tail = tail_of(text)
    if tail is None:
        return None
    fields: Fields = {}
    client, user = client_and_user(before + tail.head, trusted)
    if client is not None:
        fields["client_ip"] = client
    put_status(fields, "status", int(tail.status) if tail.status != "-" else None)
    target, _, protocol = tail.request.rpartition(" ")
    method, _, target = target.partition(" ")
    put(fields, "method", method)
    put_target(fields, target)
    put(fields, "protocol", protocol)
    put(fields, "user", user)
    put_count(fields, "bytes", int(tail.size) if tail.size != "-" else None)
    put(fields, "referer", tail.referer.replace('\\"', '"'))
    put_agent(fields, tail.user_agent.replace('\\"', '"'))
    put(fields, "router", without_provider(tail.router))
    put(fields, "service", without_provider(tail.router))
    put(fields, "upstream", tail.upstream)
    time = tail.started
    if tail.duration_ms is not None:
        fields["duration"] = tail.duration_ms / 1000
        time += tail.duration_ms * _MILLISECOND
    return Parsed(format="traefik", fields=fields, time=time, started=tail.started)


def client_and_user(head: str, trusted: Networks) -> tuple[str | None, str]:
    """The client's address and the user of `HOST - USER`.

    HOST has blanks where it is a list, USER may hold ` - `. The first ` - ` parts them. But a peer's list may
    hold one too, so where proxies are trusted and another reading names another client, none is believed.
    """
    host, _, user = head.partition(" - ")
    client = _client(host, trusted)
    if trusted and " - " in user:
        longest, _, _ = head.partition("\n")[0].rpartition(" - ")
        if _client(longest, trusted) not in (None, client):
            return None, ""
    return client, user


def _client(host: str, trusted: Networks) -> str | None:
    """The right-most hop that is no trusted proxy, else the right-most: CLF does not name the TCP peer."""
    client = address.right_most_untrusted(host, trusted)
    return client or address.right_most_untrusted(host, address.NO_NETWORKS)


def beginning_of(before: bytes, *, cut: bool) -> str | None:
    """What of the lines before belongs to the same request: "" for nothing, else lines with their ends.

    `cut` says that more stands before `before`. None: the request may have begun there, so that its client
    and user are not to be believed.
    """
    torn: list[str] = []
    end = len(before.removesuffix(b"\n"))
    while end >= 0:
        start = before.rfind(b"\n", 0, end) + 1
        line = before[start:end].decode("utf-8", "replace")
        if start == 0 and cut:
            return _joined(torn) if _ends_as_one(line) else None
        if _is_whole(line):
            break
        torn.append(line)
        end = start - 1
    return _joined(torn)


def _ends_as_one(line: str) -> bool:
    """Whether a line whose beginning is out of sight ends as one of this log does: in a duration, or from its
    date on."""
    line = line.rstrip("\r")
    return (line.endswith("ms") and _ended(line) is not None) or tail_of(line) is not None


def _joined(torn: list[str]) -> str:
    """The lines (last first) from the first on that begins a request; "" where none does."""
    for index in range(len(torn) - 1, -1, -1):
        host, dash, _ = torn[index].partition(" - ")
        if dash and address.right_most_untrusted(host, address.NO_NETWORKS) is not None:
            return "".join(f"{line}\n" for line in reversed(torn[: index + 1]))
    return ""


def _is_whole(line: str) -> bool:
    """Whether a line is complete in itself: of an access log or of the service's."""
    bare = ansi.stripped(line).rstrip("\r")
    return tail_of(bare) is not None or traefik_service.begins(bare)
