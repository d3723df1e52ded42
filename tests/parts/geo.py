"""Real databases in MaxMind's format, as small as a test needs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmdb_writer import MmdbU32, MMDBWriter
from netaddr import IPSet

COUNTRIES: Mapping[str, str] = {
    "203.0.113.0/24": "DE",
    "198.51.100.0/24": "RU",
    "2001:db8:7::/48": "FR",
    "192.168.0.0/16": "AQ",
}
"""A home's own network is in there, too: it must not be asked for."""
NETWORKS: Mapping[str, tuple[int, str]] = {
    "203.0.113.0/24": (3320, "Deutsche Telekom AG"),
    "198.51.100.0/24": (64500, "Bullet-Proof Hosting"),
}


def country_database(
    path: Path, countries: Mapping[str, str] = COUNTRIES, *, sort: str = "GeoLite2-Country"
) -> Path:
    """Records as GeoLite2-Country and DB-IP's country lite have them."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=sort, languages=["en"])
    for network, code in countries.items():
        writer.insert_network(IPSet([network]), {"country": {"iso_code": code, "names": {"en": code}}})
    return _written(writer, path)


def network_database(path: Path, networks: Mapping[str, tuple[int, str]] = NETWORKS) -> Path:
    """Records as GeoLite2-ASN has them."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-ASN", languages=["en"])
    for network, (number, name) in networks.items():
        record = {"autonomous_system_number": MmdbU32(number), "autonomous_system_organization": name}
        writer.insert_network(IPSet([network]), record)
    return _written(writer, path)


def registered_database(path: Path, network: str, code: str) -> Path:
    """A country of which only the registration is known."""
    writer = MMDBWriter(ip_version=4, database_type="DBIP-Country-Lite", languages=["en"])
    writer.insert_network(IPSet([network]), {"registered_country": {"iso_code": code}})
    return _written(writer, path)


def _written(writer: MMDBWriter, path: Path) -> Path:
    """Beside, then in place: as `geoipupdate` does it."""
    beside = path.with_suffix(".new")
    writer.to_db_file(str(beside))
    beside.replace(path)
    return path
