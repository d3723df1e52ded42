"""One database file: read as a whole, checked, asked.

The file is never mapped into memory: one that is written anew in its place (`curl -o`, `cp`) would take the
process down with it (SIGBUS). For the same reason maxminddb's own reader in C, which maps, is left alone.

Shapes of the records, which GeoLite2, GeoIP2 and DB-IP's lite databases share
(https://dev.maxmind.com/geoip/docs/databases, https://db-ip.com/db/lite.php; 2026-11):

    Country, City   {"country": {"iso_code": "DE", …}, "registered_country": {…}, …}
    ASN             {"autonomous_system_number": 3320, "autonomous_system_organization": "…"}
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import maxminddb

LARGEST: Final = 256 * 1024 * 1024
"""Bytes. GeoLite2-Country has 9 MB, -ASN 11 MB, -City 65 MB; DB-IP's city lite 130 MB."""
LONGEST: Final = 100
"""Characters of a network's name. Whoever registers one chooses it: it is an attacker's text."""
SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "country": ("country", "city", "enterprise"),
    "network": ("asn", "isp"),
}
"""Field → words of which one stands in its databases' type: `GeoLite2-Country`, `DBIP-ASN-Lite`."""
WORDS: Final[Mapping[str, str]] = {"country": "countries", "network": "networks"}
EXTRA: Final = "the extra 'geo' is not installed: uv tool install 'nightporter[geo]'"


class NoDatabase(Exception):
    """Why a file is none that can be used, in words that follow its path."""


@dataclass(frozen=True, slots=True)
class Version:
    """What tells one state of a file from the next."""

    device: int
    inode: int
    size: int
    changed: int
    """When its content, name or rights were changed last."""

    @classmethod
    def of(cls, status: os.stat_result) -> Version:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Database:
    """One file as it was when it was read."""

    version: Version
    sort: str
    """Its own word for what it is: `GeoLite2-Country`."""
    built: int
    """When it was made, in seconds since the epoch."""
    value_of: Callable[[str], str | None]
    """The field's value for an address; None where none is known. Raises anything on a damaged file."""


def version_of(path: Path) -> Version:
    """Raises NoDatabase where there is no file."""
    try:
        return Version.of(path.stat())
    except (FileNotFoundError, NotADirectoryError):
        raise NoDatabase("is not there") from None
    except (OSError, ValueError) as err:
        raise NoDatabase(f"cannot be read: {_reason(err)}") from None


def open_database(path: Path, field: str) -> Database:
    """Read a file for one of `rule.PLACE_FIELDS`. Blocking. Raises NoDatabase."""
    try:
        import maxminddb
    except ImportError:
        raise NoDatabase(f"cannot be used: {EXTRA}") from None
    content, version = _content(path)
    content.name = str(path)
    try:
        reader = maxminddb.open_database(content, maxminddb.MODE_FD)
        reader.get("192.0.2.1")
        about = reader.metadata()
        sort, built = str(about.database_type)[:LONGEST], int(about.build_epoch)
    except Exception:  # noqa: BLE001 - half a file, or another's: the pure reader raises whatever it stumbles over
        raise NoDatabase("is no database in MaxMind's format, or a damaged one") from None
    if not any(word in sort.lower() for word in SORTS[field]):
        raise NoDatabase(f"is '{sort}', which is no database of {WORDS[field]}")
    read = _country if field == "country" else _network
    return Database(version, sort, built, lambda address: read(_record(reader, address)))


def built_on(database: Database) -> str:
    """The day on which it was made, as `2026-10-30`; `?` for no day at all."""
    try:
        return f"{datetime.fromtimestamp(database.built, UTC):%Y-%m-%d}"
    except (OverflowError, OSError, ValueError):
        return "?"


class _Content(BytesIO):
    """The bytes of a file; maxminddb asks such an object for its `name`."""

    name = ""


def _content(path: Path) -> tuple[_Content, Version]:
    """All of a plain file, if it was not written to meanwhile. Raises NoDatabase."""
    try:
        # Without waiting: to open a pipe that nobody writes to would hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise NoDatabase("is no file")
            if before.st_size > LARGEST:
                raise NoDatabase(f"is larger than {LARGEST // 1024**2} MiB, and is not read")
            content = _Content(file.read(LARGEST))
            after = Version.of(os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        raise NoDatabase("is not there") from None
    except (OSError, ValueError) as err:
        raise NoDatabase(f"cannot be read: {_reason(err)}") from None
    if after != Version.of(before):
        raise NoDatabase("is being written")
    return content, after


def _reason(err: OSError | ValueError) -> str:
    return (err.strerror if isinstance(err, OSError) else None) or type(err).__name__


def _record(reader: maxminddb.Reader, address: str) -> Mapping[str, object]:
    if ":" in address and reader.metadata().ip_version == 4:
        return {}
    found = reader.get(address)
    return found if isinstance(found, dict) else {}


def _country(record: Mapping[str, object]) -> str | None:
    """Where the address is used; where that is not known, where its network is registered."""
    for name in ("country", "registered_country"):
        entry = record.get(name)
        code = entry.get("iso_code") if isinstance(entry, dict) else None
        if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha():
            return code.upper()
    return None


def _network(record: Mapping[str, object]) -> str | None:
    number, name = record.get("autonomous_system_number"), record.get("autonomous_system_organization")
    if not isinstance(number, int) or number <= 0:
        return None
    said = " ".join(name.split()) if isinstance(name, str) else ""
    return f"AS{number} {said}".strip()[:LONGEST]
