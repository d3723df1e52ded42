"""Counts what the judge sees anyway: whole chunks, and the events of lines that a rule cared for.

Nothing is parsed for its sake, but for the few records that our own probes and watched files make. So a
refusal or a login counts where some rule in force asks for such lines, as all shipped ones do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import msgspec

from nightporter.history.rows import NO_SERVICES, OTHERS, Account, Day, Outage, Rows, What
from nightporter.model import ACCEPTED, MINUTE, SECOND, Chunk, Event, Fields, Nanos, Stamp

NAMES_A_DAY: Final = 200
"""Different names that one kind of number may have in a day; what is beyond counts under OTHERS."""
ADDRESSES: Final = 5_000
"""Refused addresses between two commits; beyond, only their sum counts."""
USERS: Final = 500
"""Names with failed logins between two commits: whoever guesses makes them up."""
NAME_CHARS: Final = 120
LONGEST_LOOK: Final[Nanos] = 30 * SECOND
"""Two looks further apart than this: the daemon slept between them, and nothing was watched."""
_DAYS_CACHED: Final = 1_024
_QUARTER: Final[Nanos] = 15 * MINUTE
"""All zones' days begin on a quarter of an hour, so that one question a quarter is enough."""
_SERVICE_UNKNOWN: Final = "unknown"


class Tally:
    """Gathers between two commits; `take` gives it away. `day_of`: the owner's day of a stamp."""

    def __init__(self, day_of: Callable[[Stamp], Day]) -> None:
        self._day_of = day_of
        self._days: dict[int, Day] = {}
        self._names: dict[tuple[Day, What], set[str]] = {}
        self._rows = Rows()
        self._looked_at: Stamp | None = None

    def __bool__(self) -> bool:
        return bool(self._rows)

    def take(self) -> Rows:
        """What came since the last call."""
        rows, self._rows = self._rows, Rows()
        return rows

    # --- what comes in

    def chunk(self, chunk: Chunk, own: int = 0) -> None:
        """Count the lines of a chunk, of which `own` tell of our own requests; our own records are looked at
        one by one."""
        if not chunk.data:
            return
        if chunk.origin.format == "record":
            for line in chunk.data.splitlines():
                self._record(chunk.origin.kind, line)
        else:
            whats: tuple[tuple[What, int], ...] = ("lines", chunk.data.count(b"\n") - own), ("own_lines", own)
            for what, count in whats:
                if count > 0:
                    self._add(chunk.arrived, what, chunk.origin.source, count)

    def event(self, event: Event) -> None:
        """Count what one judged event tells."""
        fields = event.fields
        if event.format == "traefik":
            self._request(event.time, fields)
        if fields.get("event") == "login" and "torn" not in fields:
            self._login(event.time, fields)

    def looked(self, now: Stamp, blind: Iterable[str]) -> None:
        """The daemon is alive; these sources cannot be read. Call it every few seconds."""
        before, self._looked_at = self._looked_at, now
        seconds = (now - before) // SECOND if before is not None else 0
        if before is None or not 0 < now - before <= LONGEST_LOOK:
            return
        # What is left of a second is counted with the next look.
        self._looked_at = before + seconds * SECOND
        if seconds:
            self._add(now, "watched_s", "", seconds)
            for source in blind:
                self._add(now, "blind_s", source, seconds)

    # --- what is made of it

    def _request(self, time: Stamp, fields: Fields) -> None:
        status = fields.get("status")
        is_routed = "router" in fields
        # Traefik itself said no, and asked no service; it may be told to say so with a 404.
        if "upstream" not in fields and (status == 403 or (status == 404 and is_routed)):
            day = self._add(time, "refused", "", 1)
            address = _name(fields.get("client_ip"))
            refused = self._rows.refused
            if address and ((day, address) in refused or len(refused) < ADDRESSES):
                refused[(day, address)] = refused.get((day, address), 0) + 1
        elif status == 404 and not is_routed and "duration" in fields:  # formats that name routers
            self._add(time, "unrouted", "", 1)

    def _login(self, time: Stamp, fields: Fields) -> None:
        service = _name(fields.get("service") or fields.get("container") or _SERVICE_UNKNOWN)
        user = _name(fields.get("user"))
        outcome = fields.get("outcome")
        if outcome == "failure":
            self._add(time, "failures", service, 1)
            failures = self._rows.failures
            if user and ((service, user) in failures or len(failures) < USERS):
                failures[(service, user)] = failures.get((service, user), 0) + 1
        elif outcome == "success" and user:
            client = _name(fields.get("client_ip"))
            fresh = Account(service=service, user=user, first=time, last=time, successes=1, client=client)
            known = self._rows.logins.get((service, user))
            self._rows.logins[(service, user)] = fresh if known is None else merged(known, fresh)

    def _record(self, kind: str, line: bytes) -> None:
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        match record:
            case {"action": "up", "downtime": int() | float() as downtime, "time": int() as time} if (
                record.get("probe") not in NO_SERVICES
            ):
                service = _name(record.get("service") or record.get("name"))
                self._rows.outages.append(Outage(service, time - round(downtime * SECOND), time))
            case {"path": str() as path, "action": str() as action, "time": int() as time} if (
                kind == "integrity" and action != ACCEPTED
            ):
                self._add(time, "changed", _name(path), 1)

    def _add(self, time: Stamp, what: What, name: str, count: int) -> Day:
        day = self._day(time)
        if len(self._names) > _DAYS_CACHED:
            self._names.clear()
        names = self._names.setdefault((day, what), set())
        if name not in names and len(names) >= NAMES_A_DAY:
            name = OTHERS
        names.add(name)
        key = (day, what, name)
        self._rows.counts[key] = self._rows.counts.get(key, 0) + count
        return day

    def _day(self, time: Stamp) -> Day:
        quarter = time // _QUARTER
        day = self._days.get(quarter)
        if day is None:
            if len(self._days) >= _DAYS_CACHED:
                self._days.clear()
            day = self._days[quarter] = self._day_of(time)
        return day


def _name(value: object) -> str:
    """A value as a name that the store can hold: short, and without halves of surrogate pairs."""
    return "" if value is None else str(value)[:NAME_CHARS].encode(errors="replace").decode()


def merged(old: Account, new: Account) -> Account:
    """What is known of an account after more logins, in whatever order they were read."""
    newer = new if new.last >= old.last else old
    return replace(
        old,
        first=min(old.first, new.first),
        last=newer.last,
        successes=old.successes + new.successes,
        client=newer.client or old.client,
    )
