"""The databases that the config names, followed: a file that is replaced is read anew, a damaged one changes
nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final

from nightporter.config import Geo
from nightporter.detect.places import UNKNOWN, Place
from nightporter.formats.address import LONGEST, normalise
from nightporter.formats.inside import is_inside
from nightporter.places.database import (
    Database,
    NoDatabase,
    Version,
    built_on,
    open_database,
    version_of,
)

REMEMBERED: Final = 16_384
"""Addresses whose place is remembered."""


class Databases:
    """Where addresses are, as `detect.places.Places`. Asked on one thread; `look` may run on another."""

    def __init__(self, config: Geo) -> None:
        named = {"country": config.country, "network": config.network}
        self._paths: dict[str, Path] = {field: path for field, path in named.items() if path is not None}
        self._open: Mapping[str, Database] = MappingProxyType({})
        self._refused: dict[str, Version] = {}
        """Files that were found wanting, as they were then: they are not read again until they change."""
        self._troubles: dict[str, str] = {}
        self._stumbled: set[str] = set()
        """Databases in which a lookup met damage."""
        self._known = lru_cache(maxsize=REMEMBERED)(self._place)

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it can give now."""
        return frozenset(self._open)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with which file, a sentence each."""
        stumbled = (
            f"{self._paths[field]} is damaged: some addresses cannot be looked up"
            for field in sorted(self._stumbled)
            if field not in self._troubles
        )
        return (*(self._troubles[field] for field in sorted(self._troubles)), *stumbled)

    def look(self) -> bool:
        """Open what is new or was replaced; what was read stays where its file is damaged or gone. True if
        something was read. Blocking."""
        found = {field: self._looked(field, path) for field, path in self._paths.items()}
        opened = {field: database for field, database in found.items() if database is not None}
        if all(self._open.get(field) is database for field, database in opened.items()):
            return False
        self._open = MappingProxyType({**self._open, **opened})
        self._stumbled = set()
        self._known = lru_cache(maxsize=REMEMBERED)(self._place)
        return True

    def _looked(self, field: str, path: Path) -> Database | None:
        """The database of a field as its file has it now; None where it cannot be used."""
        before = self._open.get(field)
        version: Version | None = None
        try:
            version = version_of(path)
            if before is not None and before.version == version:
                self._troubles.pop(field, None)
                return before
            if self._refused.get(field) == version:
                return None
            database = open_database(path, field)
        except NoDatabase as err:
            kept = f"; the one of {built_on(before)} stays in use" if before is not None else ""
            self._troubles[field] = f"{path} {err}{kept}"
            if version is not None:
                self._refused[field] = version
            return None
        self._troubles.pop(field, None)
        self._refused.pop(field, None)
        return database

    def __call__(self, address: str) -> Place:
        """The place of an address, as far as the databases know it."""
        return self._known(address) if len(address) <= LONGEST else UNKNOWN

    def _place(self, text: str) -> Place:
        address = normalise(text)
        if address is None or is_inside(ip_address(address)):
            return UNKNOWN
        place: dict[str, str] = {}
        for field, database in self._open.items():
            try:
                value = database.value_of(address)
            except Exception:  # noqa: BLE001 - a damaged file may make the reader raise anything; it is told
                self._stumbled.add(field)
                continue
            if value is not None:
                place[field] = value
        return MappingProxyType(place) if place else UNKNOWN

    def status(self) -> dict[str, object]:
        """`country` and `network`: what is in use, as `GeoLite2-Country of 2026-10-30`; `troubles`."""
        used = {field: f"{each.sort} of {built_on(each)}" for field, each in self._open.items()}
        return {**used, "troubles": list(self.troubles)}

    def older_than(self, days: int, now: datetime) -> Iterable[tuple[Path, str]]:
        """The files that were made longer ago, and on which day."""
        for field, database in self._open.items():
            if database.built < (now - timedelta(days=days)).timestamp():
                yield self._paths[field], built_on(database)


def places_for(config: Geo) -> Databases:
    """The databases as they are now. Blocking."""
    databases = Databases(config)
    databases.look()
    return databases
