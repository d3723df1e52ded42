"""What happens to containers: the engine's event stream → lifecycle records. Pure; `watch` does the reading.

A record is a line of JSON with `action container image service time`, and where they apply `exit_code`,
`health`, `old_name`, `by_hand`, `seen_late`. `action` is one of the engine's own (`create start die oom stop
kill restart rename destroy health_status`) or ours: `engine_up` (first sight, or back again), `engine_down`,
and those of `standing`.

`by_hand` tells a container that someone stopped from one that crashed. A kill comes before the die; the stop
comes before it on 26.1 and after it on 20.10 (`kill die stop`), so a die that nobody asked for is held for a
second, with all that comes after it, to see whether a stop belongs to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from nightporter.model import MINUTE, SECOND, Fields, Nanos, Stamp
from nightporter.sources.docker.container import COMPOSE_SERVICE, Container

ACTIONS: Final = (
    "create",
    "start",
    "die",
    "oom",
    "stop",
    "kill",
    "restart",
    "rename",
    "destroy",
    "health_status",
)
"""Asked for by name, so that exec_* (two events a health check) never cross the wire."""

ENGINE: Final = "docker"
"""The engine as a service, whatever the source is called."""
HOLD_S: Final = 1.0
_ASKED_FOR: Final[Nanos] = 10 * MINUTE
"""How long after a stopping signal a die still counts as asked for (longer than any sane stop timeout)."""
_OOM_QUIET: Final[Nanos] = 10 * SECOND
"""One OOM gave 19 events on 20.10, 7 on 26.1."""
_MAX_WAITING: Final = 10_000
_RELOADS: Final = frozenset({"1", "10", "12", "28", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH"})
"""Signals that mostly mean "reload": a die after one is by hand only if the engine says stop as well."""
_BY_HAND_CODES: Final = frozenset({0, 137, 143, 255})
_SAME_DIE: Final[Nanos] = 5 * SECOND


class Actor(msgspec.Struct, frozen=True):
    """Part of an event: whom it happened to."""

    id: str = msgspec.field(default="", name="ID")
    attributes: dict[str, str] | None = msgspec.field(default=None, name="Attributes")


class EngineEvent(msgspec.Struct, frozen=True):
    """One event as the engine sends it."""

    action: str = msgspec.field(default="", name="Action")
    actor: Actor = msgspec.field(default=Actor(), name="Actor")
    nanos: Stamp = msgspec.field(default=0, name="timeNano")
    seconds: int = msgspec.field(default=0, name="time")

    @property
    def stamp(self) -> Stamp:
        """When it happened, by the engine's clock."""
        return self.nanos or self.seconds * SECOND

    @property
    def key(self) -> bytes:
        """With the stamp, what tells it from every other."""
        return f"{self.actor.id} {self.action}".encode(errors="surrogatepass")

    @property
    def container(self) -> Container:
        """The container as the event describes it: labels stand among the attributes."""
        attributes = self.actor.attributes or {}
        return Container(
            id=self.actor.id,
            name=attributes.get("name", ""),
            image=attributes.get("image", ""),
            labels=attributes,
        )


class EventLines:
    """The stream's bytes → events. `bad` counts lines that are none; a line over 1 MiB is one of them."""

    _MAX: Final = 1 << 20

    def __init__(self) -> None:
        self._rest = b""
        self._decoder = msgspec.json.Decoder(EngineEvent)
        self.bad = 0

    def feed(self, data: bytes) -> list[EngineEvent]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._MAX:
            self._rest, self.bad = b"", self.bad + 1
        events = []
        for line in filter(None, map(bytes.strip, lines)):
            try:
                events.append(self._decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.bad += 1
        return events


@dataclass(slots=True)
class Happening:
    """One record that waits to be told; `key` and `stamp` name it in marks (no key: it is of our own making,
    and the engine will not repeat it)."""

    stamp: Stamp
    key: bytes
    container: str
    record: Fields
    held_until: float = 0.0

    @property
    def line(self) -> bytes:
        return msgspec.json.encode(self.record) + b"\n"


class Lifecycle:
    """Events in, records out, in their order. `now` is a monotonic clock, in seconds.

    At most 10,000 records wait (the judge would have to be stuck for hours); the oldest go, counted.
    """

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._waiting: deque[Happening] = deque()
        self._asked: dict[str, Stamp] = {}
        self._oom: dict[str, Stamp] = {}
        self._died: dict[str, Stamp] = {}
        self.dropped = 0
        self.ooms_folded = 0

    def feed(self, event: EngineEvent, now: float) -> None:
        """Take one event of a container that is watched."""
        action, _, detail = event.action.partition(": ")
        happening = Happening(event.stamp, event.key, event.actor.id, _record(action, event))
        if action == "health_status":
            happening.record["health"] = detail
        elif action == "oom" and not self._is_new_oom(event):
            self.ooms_folded += 1
            return
        elif action == "die":
            self._take_die(happening, now)
        elif action in ("stop", "kill", "start", "destroy"):
            self._take_other(action, event)
        self._append(happening)

    def add(self, found: Iterable[Happening]) -> None:
        """What was found otherwise, to be told after all that waits."""
        for happening in found:
            self._append(happening)

    def note(self, action: str, stamp: Stamp) -> None:
        """Something that happened to the engine itself, which is a service that others depend on."""
        record: Fields = {"action": action, "service": ENGINE, "time": stamp}
        self._append(Happening(stamp, action.encode(), "", record))

    def missed(self, container: Container, since: Stamp) -> None:
        """Tell what the container went through after `since` without an event that said so.

        The engine remembers 256 events, none over its own restart; inspect knows each container's last end.
        Exit codes 0, 137, 143 and 255 (the engine lost it) without an OOM count as by hand, since an engine
        that goes down stops its containers so. Of one that runs again only the end's time is known: by hand
        unless the restart policy restarted it. Earlier ends, and containers that came and went, stay unknown.
        """
        if container.finished <= since or self._knows_end(container):
            return
        end: Fields = {"by_hand": container.restarts == 0}
        if not container.running:
            by_hand = container.exit_code in _BY_HAND_CODES and not container.oom_killed
            end = {"exit_code": container.exit_code, "by_hand": by_hand}
        self._late("die", container, container.finished, end)
        if container.running and container.started > since:
            self._late("start", container, container.started, {})

    def forget(self, alive: Iterable[str]) -> None:
        """Keep what is known of these containers only."""
        known = frozenset(alive)
        for table in (self._asked, self._oom, self._died):
            for gone in table.keys() - known:
                del table[gone]

    def take(self, now: float) -> list[Happening]:
        """The records that are settled, in order; a held one holds those after it."""
        taken = []
        while self._waiting and self._waiting[0].held_until <= now:
            taken.append(self._waiting.popleft())
        return taken

    def wait_s(self, now: float) -> float | None:
        """Seconds until `take` gives something; None while nothing waits."""
        return max(0.0, self._waiting[0].held_until - now) if self._waiting else None

    def _append(self, happening: Happening) -> None:
        if len(self._waiting) >= _MAX_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(happening)

    def _is_new_oom(self, event: EngineEvent) -> bool:
        last = self._oom.get(event.actor.id)
        if last is not None and 0 <= event.stamp - last < _OOM_QUIET:
            return False
        self._oom[event.actor.id] = event.stamp
        return True

    def _take_die(self, die: Happening, now: float) -> None:
        asked = self._asked.pop(die.container, None)
        by_hand = asked is not None and die.stamp - asked < _ASKED_FOR
        die.record["by_hand"] = by_hand
        die.held_until = 0.0 if by_hand else now + self._hold_s
        self._oom.pop(die.container, None)
        self._died[die.container] = die.stamp

    def _take_other(self, action: str, event: EngineEvent) -> None:
        container = event.actor.id
        signal = (event.actor.attributes or {}).get("signal", "")
        if action == "stop" or (action == "kill" and signal not in _RELOADS):
            self._asked[container] = event.stamp
        if action != "kill":
            self._settle(container, by_hand=action == "stop")
        if action in ("start", "destroy"):
            self._asked.pop(container, None)

    def _settle(self, container: str, *, by_hand: bool) -> None:
        for waiting in self._waiting:
            if waiting.container == container and waiting.held_until:
                waiting.held_until = 0.0
                waiting.record["by_hand"] = by_hand

    def _knows_end(self, container: Container) -> bool:
        died = self._died.get(container.id)
        return died is not None and died >= container.finished - _SAME_DIE

    def _late(self, action: str, container: Container, stamp: Stamp, more: Fields) -> None:
        record: Fields = {
            "action": action,
            "container": container.name,
            "image": container.image,
            "service": container.service,
            "time": stamp,
            "seen_late": True,
            **more,
        }
        if action == "die":
            self._died[container.id] = stamp
        self._append(Happening(stamp, f"{container.id} late {action}".encode(), container.id, record))


def _record(action: str, event: EngineEvent) -> Fields:
    attributes = event.actor.attributes or {}
    record: Fields = {
        "action": action,
        "container": attributes.get("name", ""),
        "image": attributes.get("image", ""),
        "service": attributes.get(COMPOSE_SERVICE) or attributes.get("name", ""),
        "time": event.stamp,
    }
    code = attributes.get("exitCode", "")
    if code.isdecimal():
        record["exit_code"] = int(code)
    if "oldName" in attributes:
        record["old_name"] = attributes["oldName"].removeprefix("/")
    return record
