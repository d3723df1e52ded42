"""Reading certificates, Traefik's file of them, and what an error means."""

from __future__ import annotations

import errno
import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from tests.parts.certificates import Authority, acme_json

from nightporter.errors import Unreachable
from nightporter.model import DAY
from nightporter.sources.probes import certificates
from nightporter.sources.probes.ask import failed
from nightporter.sources.probes.certificates import parsed, read_acme


def test_what_is_kept_of_a_certificate() -> None:
    made = Authority("Test Authority").sign("a.example", "b.example", left=timedelta(days=20))
    read = parsed(made.certificate, "x")
    assert (read.key, read.host, read.issuer) == ("x", "a.example", "Test Authority")
    assert read.lifetime == 90 * DAY
    assert len(read.public_key) == 64


def test_the_same_key_is_known_again() -> None:
    authority = Authority()
    first = authority.sign("a.example", left=timedelta(days=20))
    again = authority.sign("a.example", left=timedelta(days=80), key=first.key)
    other = authority.sign("a.example", left=timedelta(days=80))
    keys = [parsed(made.certificate, "").public_key for made in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", bytes(range(256))],
    ids=["nothing", "a letter", "empty PEM", "noise"],
)
def test_what_is_no_certificate_is_said(data: bytes) -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        parsed(data, "")


def test_a_year_that_no_calendar_has_is_said() -> None:
    """Whoever answers a probe writes the certificate: it must not end the asking of all others."""
    made = Authority().sign("a.example", left=timedelta(days=20_000), lifetime=timedelta(days=1))
    der = ssl.PEM_cert_to_DER_cert(made.certificate.decode())
    start = der.index(b"\x18\x0f20") + 2  # GeneralizedTime, as of 2050
    with pytest.raises(Unreachable, match="cannot be read: year 0 is out of range"):
        parsed(der[:start] + b"0000" + der[start + 4 :], "")


def test_every_certificate_of_every_resolver_is_read(tmp_path: Path) -> None:
    authority = Authority()
    one, two = (authority.sign(f"{name}.example", left=timedelta(days=20)) for name in "ab")
    path = tmp_path / "acme.json"
    path.write_bytes(
        acme_json({"http": [("a.example", one), ("b.example", two)], "dns": [("a.example", one)], "new": []})
    )
    path.chmod(0o640)
    found = read_acme(path)
    assert found.mode == 0o640
    assert [c.key for c in found.certificates] == ["http/a.example", "http/b.example", "dns/a.example"]


def test_certificates_of_one_main_name_are_told_apart_by_the_others(tmp_path: Path) -> None:
    authority = Authority()
    one, two, three = (authority.sign("a.example", left=timedelta(days=days)) for days in (20, 30, 40))
    path = tmp_path / "acme.json"
    path.write_bytes(
        acme_json(
            {
                "le": [
                    ("a.example", one),
                    ("a.example c.example b.example", two),
                    ("a.example x.example", three),
                ]
            }
        )
    )
    found = read_acme(path).certificates
    assert [c.key for c in found] == [
        "le/a.example",
        "le/a.example b.example c.example",
        "le/a.example x.example",
    ]
    assert {c.former for c in found} == {"le/a.example"}


def test_of_two_for_the_same_names_the_newer_one_counts(tmp_path: Path) -> None:
    authority = Authority()
    old, new = (authority.sign("a.example", left=timedelta(days=days)) for days in (20, 80))
    path = tmp_path / "acme.json"
    for order in ([old, new], [new, old]):
        path.write_bytes(acme_json({"le": [("a.example b.example", made) for made in order]}))
        assert [c.public_key for c in read_acme(path).certificates] == [
            parsed(new.certificate, "").public_key
        ]


def test_one_bad_entry_does_not_hide_the_others(tmp_path: Path) -> None:
    good = Authority().sign("a.example", left=timedelta(days=20))
    path = tmp_path / "acme.json"
    text = acme_json({"x": [("a.example", good)]}).decode()
    bad = '{"domain": {"main": "b.example"}, "certificate": "%%%"},'
    path.write_text(text.replace('"Certificates": [', f'"Certificates": [{bad}'))
    found = read_acme(path)
    assert [c.host for c in found.certificates] == ["a.example"]
    assert found.unreadable == ("b.example",)


@pytest.mark.parametrize("text", ["", "{}", '{"x": {"Account": null, "Certificates": null}}'])
def test_a_file_without_certificates_is_fine(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acme.json"
    path.write_text(text)
    assert read_acme(path).certificates == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"x": 5}', '{"x": {"Certificates": "no"}}', "\xff"])
def test_what_is_no_acme_json_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acme.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(Unreachable, match=r"no acme\.json"):
        read_acme(path)


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreachable, match="No such file"):
        read_acme(tmp_path / "acme.json")
    monkeypatch.setattr(certificates, "MAX_ACME_BYTES", 3)
    (tmp_path / "acme.json").write_text("{   }")
    with pytest.raises(Unreachable, match="larger"):
        read_acme(tmp_path / "acme.json")


def _unreachable() -> OSError:
    return OSError(errno.EHOSTUNREACH, "No route to host")


@pytest.mark.parametrize(
    ("error", "seconds", "platform", "blocked", "why"),
    [
        (_unreachable(), 0.01, "darwin", True, "macOS does not let Nightporter into the local network"),
        (_unreachable(), 3.1, "darwin", False, "no route to host"),
        (_unreachable(), 0.01, "linux", False, "no route to host"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), 0.01, "darwin", False, "connection refused"),
        (TimeoutError(), 10.0, "darwin", False, "no answer in time"),
        (socket.gaierror(-2, "x"), 0.1, "linux", False, "its name is not known (DNS)"),
        (ssl.SSLError(1, "[SSL] odd"), 0.1, "linux", False, "no TLS: the handshake failed"),
        (ConnectionError(), 0.1, "linux", False, "the connection broke (ConnectionError)"),
    ],
    ids=str,
)
def test_what_an_error_means(error: OSError, seconds: float, platform: str, blocked: bool, why: str) -> None:
    outcome = failed(error, seconds, platform)
    assert (outcome.up, outcome.blocked, outcome.why) == (False, blocked, why)
