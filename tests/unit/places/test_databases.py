"""Databases of places: real files, replaced, damaged, of the wrong sort, and asked anything."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.geo import country_database, network_database, registered_database

from nightporter.config import Geo
from nightporter.formats.address import HOME
from nightporter.places import Databases, places_for
from nightporter.places import database as one


def both(folder: Path) -> Databases:
    return places_for(
        Geo(country=country_database(folder / "country.mmdb"), network=network_database(folder / "asn.mmdb"))
    )


def test_an_address_outside_has_a_country_and_a_network(tmp_path: Path) -> None:
    places = both(tmp_path)
    assert places.fields == {"country", "network"}
    assert places("203.0.113.9") == {"country": "DE", "network": "AS3320 Deutsche Telekom AG"}
    assert places("2001:db8:7::1") == {"country": "FR"}
    assert places("8.8.8.8") == {}
    assert list(places.troubles) == []


def test_a_homes_own_addresses_have_none(tmp_path: Path) -> None:
    networks = (*HOME[:-1], "9.9.9.0/24")  # the writer knows no single addresses
    places = places_for(Geo(country=country_database(tmp_path / "c.mmdb", dict.fromkeys(networks, "AQ"))))
    for address in ("192.168.1.20", "10.0.0.1", "127.0.0.1", "::1", "fe80::1", "100.64.0.1", "fd00::1"):
        assert places(address) == {}, address
    assert places("9.9.9.9") == {"country": "AQ"}


def test_where_a_network_is_registered_is_better_than_nothing(tmp_path: Path) -> None:
    path = registered_database(tmp_path / "dbip.mmdb", "203.0.113.0/24", "nl")
    places = places_for(Geo(country=path))
    assert places("203.0.113.1") == {"country": "NL"}
    assert places("2001:db8::1") == {}  # a database of IPv4 alone
    assert list(places.troubles) == []


@pytest.mark.parametrize(
    ("number", "name", "told"),
    [
        (64500, "A\x1b[31m\n\tB   C", "AS64500 A\x1b[31m B C"),
        (64500, "", "AS64500"),
        (64500, "x" * 500, "AS64500 " + "x" * 92),
        (0, "nobody", None),
    ],
)
def test_a_networks_name_is_anybodys_text(tmp_path: Path, number: int, name: str, told: str | None) -> None:
    path = network_database(tmp_path / "asn.mmdb", {"203.0.113.0/24": (number, name)})
    assert places_for(Geo(network=path))("203.0.113.1").get("network") == told


@pytest.mark.parametrize("code", ["", "D", "DEU", "D1", "ÄÖ", "<b"])
def test_a_country_is_two_letters(tmp_path: Path, code: str) -> None:
    path = country_database(tmp_path / "c.mmdb", {"203.0.113.0/24": code})
    assert places_for(Geo(country=path))("203.0.113.1") == {}


def test_a_file_that_is_not_there_is_told_and_read_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "c.mmdb"
    places = places_for(Geo(country=path))
    assert places.fields == frozenset()
    assert places("203.0.113.9") == {}
    assert list(places.troubles) == [f"{path} is not there"]
    country_database(path)
    assert places.look()
    assert places("203.0.113.9") == {"country": "DE"}  # what was remembered without it is forgotten
    assert list(places.troubles) == []


def test_a_file_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    path = country_database(tmp_path / "c.mmdb")
    places = places_for(Geo(country=path))
    assert places("203.0.113.9") == {"country": "DE"}
    assert not places.look()
    country_database(path, {"203.0.113.0/24": "AT"})
    assert places("203.0.113.9") == {"country": "DE"}
    assert places.look()
    assert places("203.0.113.9") == {"country": "AT"}


def test_a_file_written_over_in_place_takes_nothing_down(tmp_path: Path) -> None:
    path = country_database(tmp_path / "c.mmdb")
    places = places_for(Geo(country=path))
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.truncate(0)
        assert places("203.0.113.9") == {"country": "DE"}  # a mapped file would be SIGBUS here
        assert not places.look()
        file.write(whole[: len(whole) // 2])
        file.flush()
        assert not places.look()
        assert places("198.51.100.1") == {"country": "RU"}
        (trouble,) = places.troubles
        assert "damaged" in trouble
        assert "stays in use" in trouble
        file.write(whole[len(whole) // 2 :])
    assert places.look()
    assert list(places.troubles) == []


def test_what_was_refused_is_not_read_again_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.mmdb"
    path.write_bytes(b"no database")
    places = places_for(Geo(country=path))
    monkeypatch.setattr(one, "_content", lambda _: pytest.fail("read again"))
    assert not places.look()
    assert "is no database in MaxMind's format" in places.troubles[0]


def test_a_database_of_the_other_sort_is_refused(tmp_path: Path) -> None:
    path = network_database(tmp_path / "asn.mmdb")
    places = places_for(Geo(country=path))
    assert places.troubles == (f"{path} is 'GeoLite2-ASN', which is no database of countries",)


def test_a_folder_a_pipe_and_a_loop_are_no_databases(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", Path("/dev/zero")):
        places = places_for(Geo(country=path))
        assert places.fields == frozenset()
        assert len(places.troubles) == 1, path


def test_a_giant_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "c.mmdb"
    with path.open("wb") as file:
        file.truncate(one.LARGEST + 1)
    assert "is larger than 256 MiB" in places_for(Geo(country=path)).troubles[0]


def test_damage_inside_is_told_and_raises_nothing(tmp_path: Path) -> None:
    path = country_database(tmp_path / "c.mmdb")
    content = bytearray(path.read_bytes())
    at = content.index(b"iso_code") - 10
    content[at : at + 18] = b"\xff" * 18
    path.write_bytes(content)
    places = places_for(Geo(country=path))
    assert places.fields == {"country"}
    for address in ("203.0.113.9", "198.51.100.9", "2001:db8:7::9"):
        places(address)
    assert list(places.troubles) == [f"{path} is damaged: some addresses cannot be looked up"]
    country_database(path)
    assert places.look()
    assert list(places.troubles) == []


def test_how_old_a_database_is(tmp_path: Path) -> None:
    places = both(tmp_path)
    now = datetime.now(UTC)
    assert list(places.older_than(60, now)) == []
    later = now + timedelta(days=61)
    assert [path.name for path, _ in places.older_than(60, later)] == ["country.mmdb", "asn.mmdb"]
    assert str(places.status()["country"]).startswith("GeoLite2-Country of 2")


@given(text=st.text() | st.ip_addresses().map(str) | st.from_regex(r"[0-9a-f:.%\[\]]{0,60}"))
def test_no_text_makes_a_lookup_raise(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "places"
    if not folder.exists():
        folder.mkdir()
        both(folder)
    places = places_for(Geo(country=folder / "country.mmdb", network=folder / "asn.mmdb"))
    place = places(text)
    assert set(place) <= {"country", "network"}
    assert list(places.troubles) == []


@given(where=st.integers(0, 10_000), what=st.binary(min_size=1, max_size=64))
def test_no_damage_makes_a_look_or_a_lookup_raise(
    tmp_path_factory: pytest.TempPathFactory, where: int, what: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.mmdb"
    content = bytearray(country_database(path).read_bytes())
    at = where % len(content)
    content[at : at + len(what)] = what
    path.write_bytes(content)
    places = places_for(Geo(country=path))
    for address in ("203.0.113.9", "198.51.100.9", "2001:db8:7::9", "9.9.9.9"):
        assert set(places(address)) <= {"country"}
