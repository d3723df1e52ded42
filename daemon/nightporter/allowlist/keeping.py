"""The allow-list over time: what names resolved to, what was taken out just now, and which faults were told.

An address stays in for GRACE after it was taken out of the list, or after its name resolves to another: a
film that began before ends after, and its line would look as if a stranger had been let in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from nightporter.allowlist.entries import Listed, network_of
from nightporter.allowlist.given import Given, given
from nightporter.allowlist.judging import Finding, findings
from nightporter.model import HOUR, Fields, Nanos, Stamp

GRACE: Final[Nanos] = HOUR
FAILURES: Final = 3
"""Resolutions of a name that must fail in a row before it is told."""
PROBE: Final = "allow_list"
RIGHT: Final = "right"


class Kept(msgspec.Struct):
    """What is remembered over a restart."""

    networks: dict[str, Stamp] = {}
    """Network → when the list last held it."""
    names: dict[str, dict[str, Stamp]] = {}
    """Name → network → when it last resolved to it."""
    told: list[tuple[str, str]] = []
    """(fault, entry) of all that was told and is not right yet."""


class Keeper:
    """Takes each look at the list and each answer for a name; gives the state of the list, and records."""

    def __init__(self, mark: bytes = b"") -> None:
        """Raises nothing: a mark that cannot be read is a first start."""
        self._kept = _decoded(mark)
        self._failures: dict[str, int] = {}
        self._resolving: set[str] = set()
        """Names that resolved at their last try, in this run."""
        self.listed: Listed | None = None
        self.routers: tuple[str, ...] = ()

    @property
    def mark(self) -> bytes:
        return msgspec.json.encode(self._kept)

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Names that never resolved: as long as there are some, it is not known who is let in."""
        names = self.listed.names if self.listed is not None else ()
        return tuple(name for name in names if not self._kept.names.get(name))

    @property
    def failing(self) -> tuple[str, ...]:
        """Names that no address was found for at the last try."""
        names = self.listed.names if self.listed is not None else ()
        return tuple(name for name in names if self._failures.get(name))

    def see(self, listed: Listed, routers: Iterable[str], now: Stamp) -> None:
        """The list as it stands in its file."""
        self.listed, self.routers = listed, tuple(routers)
        self._kept.networks.update(dict.fromkeys(listed.networks, now))
        for name in [name for name in self._kept.names if name not in listed.names]:
            # What a name stood for that is no longer in the list goes as a network that was taken out does.
            self._kept.networks |= self._kept.names.pop(name)
        _forget(self._kept.networks, now)

    def answer(self, name: str, addresses: Iterable[str], now: Stamp) -> None:
        """What a name resolves to; nothing where it failed, and then the last good stays."""
        networks = [network for address in addresses if (network := network_of(address)) is not None]
        if not networks:
            self._failures[name] = self._failures.get(name, 0) + 1
            self._resolving.discard(name)
            return
        self._failures.pop(name, None)
        self._resolving.add(name)
        known = self._kept.names.setdefault(name, {})
        known.update(dict.fromkeys(networks, now))
        _forget(known, now)

    def state(self) -> Given | None:
        """Who is let in; None as long as that is not known."""
        if self.listed is None or not self.listed.entries or self.waiting_for:
            return None
        of_names = [network for name in self.listed.names for network in self._kept.names[name]]
        return given(self.listed, [*of_names, *self._kept.networks], self.routers)

    def records(self) -> list[Fields]:
        """What was not told yet: new faults, and what is right again."""
        if self.listed is None:
            return []
        unresolved = {name for name, failures in self._failures.items() if failures >= FAILURES}
        found: dict[tuple[str, str], Finding] = {
            (one.fault, one.entry.text): one for one in findings(self.listed, unresolved)
        }
        still = [(fault, entry) for fault, entry in self._kept.told if self._is_still(fault, entry, found)]
        mended = [one for one in self._kept.told if one not in still]
        fresh = [one for key, one in found.items() if key not in still]
        self._kept.told = still + [(one.fault, one.entry.text) for one in fresh]
        about: Fields = {"probe": PROBE, "name": self.listed.name}
        if self.listed.place:
            about["path"] = self.listed.place
        return [
            *({**about, "action": RIGHT, "entry": entry, "what": fault} for fault, entry in mended),
            *({**about, **_fields(one)} for one in fresh),
        ]

    def _is_still(self, fault: str, entry: str, found: Collection[tuple[str, str]]) -> bool:
        """Whether a fault that was told is one still. After a restart a name counts as unresolved until it
        has resolved."""
        if (fault, entry) in found:
            return True
        names = self.listed.names if self.listed is not None else ()
        return fault == "unresolved" and entry.lower() in names and entry.lower() not in self._resolving


def _fields(finding: Finding) -> Fields:
    entry = finding.entry
    fields: Fields = {
        "action": finding.fault,
        "entry": entry.text,
        "what": finding.what,
        "instead": finding.instead,
    }
    if entry.line:
        fields["line"] = entry.line
    return fields


def _forget(seen: dict[str, Stamp], now: Stamp) -> None:
    for network in [network for network, last in seen.items() if now - last > GRACE]:
        del seen[network]


def _decoded(mark: bytes) -> Kept:
    try:
        return msgspec.json.decode(mark, type=Kept) if mark else Kept()
    except msgspec.MsgspecError:
        return Kept()
