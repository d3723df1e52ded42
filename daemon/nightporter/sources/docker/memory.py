"""What the source remembers of an engine over restarts: one mark, committed with the lifecycle records."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nightporter.model import Fields, Stamp
from nightporter.sources.docker.repeats import Mark


class Told(msgspec.Struct):
    """Which of our own findings were told, so that a restart does not tell them again."""

    steady: dict[str, Stamp] = {}
    """Container's short id → the start of the run that was told to be steady."""
    exposed: dict[str, list[str]] = {}
    """Container's name → its ports that were told, as `3306/tcp`."""
    known: dict[str, tuple[str, str, str]] = {}
    """Container's short id → name, image and service of what was told of, and not yet to be gone."""

    def note(self, container_id: str, record: Fields) -> None:
        """A record is handed on. A port that is not open any more may be told again when it is."""
        name, action = str(record.get("container", "")), record.get("action")
        if action == "destroy":
            self.known.pop(short(container_id), None)
        elif container_id:
            self.known[short(container_id)] = (name, str(record["image"]), str(record["service"]))
        if action == "steady":
            self.steady[short(container_id)] = int(record["started_at"])
        elif action == "exposed":
            self.exposed.setdefault(name, []).append(f"{record['port']}/{record['protocol']}")
        elif action == "running" and name in self.exposed:
            still = frozenset(str(record.get("open", "")).split(","))
            self.exposed[name] = [port for port in self.exposed[name] if port in still]

    def forget(self, ids: Iterable[str], names: Iterable[str]) -> None:
        """Keep what is known of the containers that there are."""
        alive, named = frozenset(map(short, ids)), frozenset(names)
        for gone in self.steady.keys() - alive:
            del self.steady[gone]
        for gone in self.exposed.keys() - named:
            del self.exposed[gone]


class EventsMark(msgspec.Struct, frozen=True, kw_only=True):
    """The committed position of the lifecycle stream, and since when the source knows this engine."""

    position: Mark
    began: Stamp
    choice: str
    """Names the config's selectors: with others, `began` says nothing about newly chosen containers."""
    told: Told = msgspec.field(default_factory=Told)


def events_mark(raw: bytes | None) -> EventsMark | None:
    """The kept mark; None without one, or for bytes that are none."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=EventsMark)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def short(container_id: str) -> str:
    """The twelve digits by which a container is known."""
    return container_id[:12]
