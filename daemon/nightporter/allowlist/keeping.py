"""The allow-list over time: what names resolved to, what was taken out just now, and which faults were told.

An address stays in for GRACE after it was taken out of the list, or after its name resolves to another: a
film that began before ends after, and its line would look as if a stranger had been let in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

from nightporter.allowlist.entries import Entry, Listed, entry_of, network_of
from nightporter.allowlist.given import Given, given
from nightporter.allowlist.judging import UNUSED_DAYS, Finding, findings
from nightporter.formats.inside import is_inside
from nightporter.model import DAY, HOUR, Fields, Nanos, Stamp

GRACE: Final[Nanos] = HOUR
ROUTERS: Final[Nanos] = 90 * DAY
"""For so long a router that stood behind the list should refuse, as one that has refused somebody should."""
FAILURES: Final = 3
"""Resolutions of a name that must fail in a row before it is told."""
PROBE: Final = "allow_list"
RIGHT: Final = "right"


class LastGood(msgspec.Struct, frozen=True):
    """The list as it was read last: its file may be away for a while (a drive that is not mounted yet)."""

    place: str
    name: str
    entries: tuple[str, ...]
    is_yaml: bool


class Kept(msgspec.Struct):
    """What is remembered over a restart."""

    listed: LastGood | None = None
    networks: dict[str, Stamp] = {}
    """Network → when the list last held it."""
    names: dict[str, dict[str, Stamp]] = {}
    """Name → network → when it last resolved to it."""
    told: list[tuple[str, str]] = []
    """(fault, entry) of all that was told and is not right yet."""
    routers: dict[str, Stamp] = {}
    """Router → when Traefik's config last had it behind the list."""
    used: dict[str, Stamp] = {}
    """Entry outside → when somebody last came in by it, or when it was first seen."""


class Keeper:
    """Takes each look at the list and each answer for a name; gives the state of the list, and records."""

    def __init__(self, mark: bytes = b"", place: str | None = None) -> None:
        """Raises nothing: a mark that cannot be read is a first start. `place`: where the list stands now; a
        list of another place is not gone on with. None: wherever."""
        self._kept = _decoded(mark)
        if self._kept.listed is not None and place not in (None, self._kept.listed.place):
            self._kept.listed = None
        self._failures: dict[str, int] = {}
        self._resolving: set[str] = set()
        """Names that resolved at their last try, in this run."""
        self._now: Stamp = 0
        """When it was last asked who came in."""
        self.listed: Listed | None = _listed(self._kept.listed)

    @property
    def mark(self) -> bytes:
        return msgspec.json.encode(self._kept)

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """Names that never resolved: as long as there are some, not all who are let in are known."""
        names = self.listed.names if self.listed is not None else ()
        return tuple(name for name in names if not self._kept.names.get(name))

    @property
    def failing(self) -> tuple[str, ...]:
        """Names that no address was found for at the last try."""
        names = self.listed.names if self.listed is not None else ()
        return tuple(name for name in names if self._failures.get(name))

    @property
    def of_names(self) -> tuple[str, ...]:
        """The networks that the list's names resolve to, or last did."""
        names = self.listed.names if self.listed is not None else ()
        return tuple(network for name in names for network in self._kept.names.get(name, {}))

    def see(self, listed: Listed, routers: Iterable[str], now: Stamp) -> None:
        """The list as it stands in its file, and the routers that stand behind it now. One that no longer
        does should go on refusing as far as we know: whoever takes the guard away opens the door."""
        self.listed = listed
        self._kept.routers.update(dict.fromkeys(routers, now))
        _forget(self._kept.routers, now, ROUTERS)
        texts = tuple(entry.text for entry in listed.entries)
        self._kept.listed = LastGood(listed.place, listed.name, texts, listed.is_yaml)
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

    def came_in(self, clients: Iterable[tuple[str, Stamp]], now: Stamp) -> None:
        """Who was let in and when last, by address: what is used of the list. Of a home's own networks
        nothing is said: they belong in it whether used or not."""
        if self.listed is None:
            return
        of_entry = {entry.text: self._networks_of(entry) for entry in self.listed.entries}
        asked = {text: found for text, found in of_entry.items() if found and not any(map(is_inside, found))}
        used = {text: self._kept.used.get(text, now) for text in asked}
        for client, seen in clients:
            address = ip_address(client)
            for text, found in asked.items():
                if any(address.version == network.version and address in network for network in found):
                    used[text] = max(used[text], seen)
        self._kept.used = used
        self._now = now

    def _networks_of(self, entry: Entry) -> tuple[IPv4Network | IPv6Network, ...]:
        texts = [entry.network] if entry.network else self._kept.names.get(entry.text.lower(), {})
        return tuple(map(ip_network, texts))

    def state(self) -> Given | None:
        """Who is let in; None as long as that is not known. A name that never resolved holds that up until it
        was tried often enough to be told; then an open door is told with less noise, and not hidden by it."""
        waiting = self.waiting_for
        if self.listed is None or not self.listed.entries:
            return None
        if any(self._failures.get(name, 0) < FAILURES for name in waiting):
            return None
        return given(self.listed, [*self.of_names, *self._kept.networks], self._kept.routers, waiting)

    def records(self) -> list[Fields]:
        """What was not told yet: new faults, and what is right again."""
        if self.listed is None:
            return []
        unresolved = {name for name, failures in self._failures.items() if failures >= FAILURES}
        found: dict[tuple[str, str], Finding] = {
            (one.fault, one.entry.text): one
            for one in findings(self.listed, unresolved, unused=self._unused())
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

    def _unused(self) -> frozenset[str]:
        return frozenset(
            text for text, last in self._kept.used.items() if self._now - last > UNUSED_DAYS * DAY
        )

    def _is_still(self, fault: str, entry: str, found: Collection[tuple[str, str]]) -> bool:
        """Whether a fault that was told is one still. After a restart a name counts as unresolved until it
        has resolved, and an entry as unused until it was asked who came in."""
        if (fault, entry) in found:
            return True
        if self.listed is None:
            return True
        if fault == "unused" and not self._now:
            return entry in {one.text for one in self.listed.entries}
        names = self.listed.names
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


def _listed(last: LastGood | None) -> Listed | None:
    if last is None:
        return None
    return Listed(last.place, last.name, tuple(map(entry_of, last.entries)), is_yaml=last.is_yaml)


def _forget(seen: dict[str, Stamp], now: Stamp, after: Nanos = GRACE) -> None:
    for name in [name for name, last in seen.items() if now - last > after]:
        del seen[name]


def _decoded(mark: bytes) -> Kept:
    try:
        return msgspec.json.decode(mark, type=Kept) if mark else Kept()
    except msgspec.MsgspecError:
        return Kept()
