"""One spelling for every address, and the client in a list of hops."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.formats import address


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:cb00:7109", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:0db8:0000::0001", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25en0]:80", "fe80::1"),
        ("::1", "::1"),
        ("010.1.1.1", None),
        ("1.2.3", None),
        ("1.2.3.4.5", None),
        ("256.1.1.1", None),
        ("1.2.3.4:", None),
        ("1.2.3.4:port", None),
        ("1.2.3.4:123456", None),
        ("[1.2.3.4", None),
        ("[::1]x", None),
        ("localhost", None),
        ("%", None),
        ("-", None),
        ("", None),
        ("１.2.3.4", None),
        ("1" * 10_000, None),
    ],
)
def test_normal_spelling(text: str, normal: str | None) -> None:
    assert address.normalise(text) == normal


@given(st.ip_addresses())
def test_a_normal_address_is_its_own_spelling_and_survives_ports(one: object) -> None:
    bare = ip_address(str(one))
    mapped = bare.ipv4_mapped if isinstance(bare, IPv6Address) else None
    expected = str(mapped or bare)
    assert address.normalise(str(one)) == expected
    assert address.normalise(expected) == expected
    assert address.normalise(f"[{one}]:65535") == expected


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    normal = address.normalise(text)
    assert normal is None or str(ip_address(normal)) == normal
    assert address.network(text) is None or normal or "/" in text
    assert (address.group(text, 32, 64) == text) or address.normalise(text) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("203.0.113.9", "203.0.113.9/32"),
        ("::1/128", "::1/128"),
        ("2001:db8::5/64", "2001:db8::/64"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("10.0.0.0/33", None),
        ("10.0.0.0/x", None),
        ("10.0.0.0/", None),
        ("trusted", None),
        ("", None),
    ],
)
def test_networks(text: str, expected: str | None) -> None:
    net = address.network(text)
    assert net == (None if expected is None else ip_network(expected))


@pytest.mark.parametrize(
    ("text", "v4", "v6", "expected"),
    [
        ("203.0.113.9", 32, 64, "203.0.113.9"),
        ("203.0.113.9", 24, 48, "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", 32, 128, "2001:db8:1:2:3:4:5:6"),
        ("::ffff:203.0.113.9", 32, 64, "203.0.113.9"),
        ("localhost", 32, 64, "localhost"),
    ],
)
def test_groups(text: str, v4: int, v6: int, expected: str) -> None:
    assert address.group(text, v4, v6) == expected


@pytest.mark.parametrize(
    ("hops", "trusted", "client"),
    [
        ("203.0.113.7", (), "203.0.113.7"),
        ("203.0.113.7, 198.51.100.9", (), "198.51.100.9"),
        ("203.0.113.7,198.51.100.9", ("198.51.100.0/24",), "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.0.0.2, 10.0.0.3", ("10.0.0.0/8",), "203.0.113.7"),
        ("10.0.0.2, 10.0.0.3", ("10.0.0.0/8",), None),
        ("203.0.113.7, unknown", (), None),
        ("203.0.113.7, unknown, 10.0.0.3", ("10.0.0.0/8",), None),
        ("2001:db8::7, [2001:db8:f::1]:80", ("2001:db8:f::/48",), "2001:db8::7"),
        ("", (), None),
        (",", (), None),
        ("8.8.8.8" + ", 10.0.0.1" * 100, ("10.0.0.0/8",), None),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_no_proxy(
    hops: str, trusted: tuple[str, ...], client: str | None
) -> None:
    assert address.right_most_untrusted(hops, address.Networks(trusted)) == client
