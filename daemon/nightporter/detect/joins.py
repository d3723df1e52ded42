"""The true client of a login that a service logged with its proxy's address (RULES §4.18).

Such a login is held for two seconds, in which the proxy's line of the same request comes; then it takes that
line's address. It is never a guess: where requests of two clients fit equally well, nobody is named.

    login of a service, address hidden ──hold──▶ two seconds ──▶ judged, with the address if one request fits
    request to a login path of that service ──saw──┘
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nightporter.model import SECOND, Event, Nanos, Stamp

WAIT: Final[Nanos] = 2 * SECOND
"""How long a login waits for the proxy's line of its request."""
SLACK: Final[Nanos] = SECOND // 20
"""How far the clocks of two programs on one machine, and the rounding of their stamps, may differ."""
HELD_CAP: Final = 1_000
"""Logins that wait at one time; what comes beyond is judged without an address, at once."""
SEEN_CAP: Final = 1_000
"""Requests to login paths that are remembered."""
_WORD: Final = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a login path, as the proxy logged it."""

    client_ip: str
    began: Stamp
    ended: Stamp
    names: frozenset[str]
    """What its router, service and host are called, word by word."""


@dataclass(frozen=True, slots=True)
class Held:
    """A login that waits, until `due` (by arrival)."""

    event: Event
    due: Stamp


class Joins:
    """The logins that wait and the requests that were seen. Pure: arrivals come with the events."""

    def __init__(self) -> None:
        self._held: deque[Held] = deque()
        self._seen: deque[Request] = deque(maxlen=SEEN_CAP)
        self.changed: dict[str, Event | None] = {}
        """Since the last commit: position → a login that began to wait, None for one that no longer does."""

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, event: Event) -> bool:
        """Let a login wait for its request; False if too many wait already."""
        if len(self._held) >= HELD_CAP:
            return False
        self._held.append(Held(event, event.arrived + WAIT))
        self.changed[event.position] = event
        return True

    def saw(self, event: Event) -> None:
        """Remember a request to a login path: a POST, as passwords are sent."""
        client = event.fields.get("client_ip")
        if client is not None and event.fields.get("method", "POST") == "POST":
            began, ended = _span_of_request(event)
            self._seen.append(Request(str(client), began, ended, _names(event)))

    def due(self, arrived: Stamp) -> list[Event]:
        """The logins whose wait is over, in order, with the address where exactly one client fits. One that
        would wait for longer than that came while the clock was ahead: it waits no longer."""
        ready: list[Event] = []
        while self._held and not arrived < self._held[0].due <= arrived + 2 * WAIT:
            event = self._held.popleft().event
            self.changed[event.position] = None
            self._name(event)
            ready.append(event)
        return ready

    def _name(self, event: Event) -> None:
        began, ended = _span_of_login(event)
        service = set(_WORD.findall(str(event.fields.get("service", "")).lower()))
        # The service wrote its line while it answered the request. One that had ended before, or began after,
        # is another visitor's, however near: the right one may be at a path that is in no list.
        clients = {
            request.client_ip
            for request in self._seen
            if service
            and service <= request.names
            and request.began - SLACK <= ended
            and began <= request.ended + SLACK
        }
        if len(clients) == 1:
            event.fields["client_ip"] = clients.pop()

    def restore(self, events: Iterable[Event]) -> None:
        """Take back the logins that waited at the last commit; they are due at once, by their own arrival."""
        self._held.extend(Held(event, event.arrived + WAIT) for event in events)


def _span_of_request(event: Event) -> tuple[Stamp, Stamp]:
    """When a request began and ended. JSON is exact; the common format has whole seconds, so that a request
    began somewhere within one."""
    started = event.fields.get("started")
    began = started if isinstance(started, int) else event.time
    precise = event.raw.startswith("{")
    return began, event.time + (0 if precise else SECOND)


def _span_of_login(event: Event) -> tuple[Stamp, Stamp]:
    """When the service wrote its line: a moment, or the second that its stamp names."""
    return event.time, event.time + (SECOND - 1 if event.time % SECOND == 0 else 0)


def _names(event: Event) -> frozenset[str]:
    fields = (str(event.fields.get(name, "")) for name in ("service", "router", "host"))
    return frozenset(word for field in fields for word in _WORD.findall(field.lower()))
