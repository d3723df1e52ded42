"""What stands in an allow-list: the file's grammar, and what each entry is."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.allowlist import dotenv
from nightporter.allowlist.entries import Kind, entry_of, is_placeholder, of_env


@pytest.mark.parametrize(
    ("text", "value", "line"),
    [
        ("A=1.2.3.4", "1.2.3.4", 1),
        ("\n\nA = 1.2.3.4  # mine", "1.2.3.4", 3),
        ("export A=1.2.3.4\r\n", "1.2.3.4", 1),
        ("  A='1.2.3.4 # in'", "1.2.3.4 # in", 1),
        ('A="1.2.3.4,\n 5.6.7.8" # both\n', "1.2.3.4,\n 5.6.7.8", 1),
        ("A='x\ny'\nB=2", "x\ny", 1),
        ("A=1\nA=2", "2", 2),
        ("#A=1\n # A=2\nA=3", "3", 3),
        ("LAN=10.0.0.1\nA=${LAN},$LAN,$OTHER", "10.0.0.1,10.0.0.1,$OTHER", 2),
        ("LAN=10.0.0.1\nA='$LAN'", "$LAN", 2),
        ('A="say \\"x\\""', 'say "x"', 1),
        ("A=", "", 1),
        ("A=#nothing", "", 1),
    ],
)
def test_the_grammar_of_env_files(text: str, value: str, line: int) -> None:
    assert dotenv.read(text)["A"] == dotenv.Variable("A", value, line)


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    for variable in dotenv.read(text).values():
        assert 1 <= variable.line <= text.count("\n") + 1


@given(st.lists(st.from_regex(r"[A-Za-z0-9./:]{1,20}", fullmatch=True), min_size=1, max_size=8))
def test_a_written_list_is_read_back_with_its_lines(entries: list[str]) -> None:
    text = '# head\nIP_ALLOW_LIST="' + ",\n".join(entries) + '"\n'
    listed = of_env(".env", text, "IP_ALLOW_LIST")
    assert listed is not None
    assert [(entry.text, entry.line) for entry in listed.entries] == [
        (entry, number) for number, entry in enumerate(entries, 2)
    ]


def test_a_list_that_doubles_itself_is_bounded() -> None:
    text = "A=xxxxxxxx\n" + "A=$A$A\n" * 60
    assert len(dotenv.read(text)["A"].value) <= dotenv.LONGEST


def test_a_backslash_goes_on_in_quotes() -> None:
    listed = of_env(".env", 'L="10.0.0.1, \\\n 10.0.0.2"', "L")
    assert listed is not None
    assert [(entry.text, entry.line) for entry in listed.entries] == [("10.0.0.1", 1), ("10.0.0.2", 2)]


def test_no_variable_is_no_list() -> None:
    assert of_env(".env", "OTHER=1", "IP_ALLOW_LIST") is None


@pytest.mark.parametrize(
    ("text", "kind", "network"),
    [
        ("127.0.0.1/32", "network", "127.0.0.1/32"),
        ("203.0.113.7", "network", "203.0.113.7/32"),
        ("203.0.113.7/24", "network", "203.0.113.0/24"),
        ("2001:db8::1", "network", "2001:db8::1/128"),
        ("2001:DB8:7::/48", "network", "2001:db8:7::/48"),
        ("0.0.0.0/0", "network", "0.0.0.0/0"),
        ("YOUR.REMOTE.IP/32", "placeholder", ""),
        ("<your-ip>/32", "placeholder", ""),
        ("x.x.x.x/32", "placeholder", ""),
        ("203.0.113.x", "placeholder", ""),
        ("${HOME_IP}/32", "placeholder", ""),
        ("$HOME_IP", "placeholder", ""),
        ("CHANGE_ME", "placeholder", ""),
        ("your.ip.here", "placeholder", ""),
        ("home.example.com", "placeholder", ""),
        ("ada.duckdns.org", "name", ""),
        ("my-home.dyn.test", "name", ""),
        ("Ada.DynDNS.org", "name", ""),
        ("192.168.1.256", "invalid", ""),
        ("192.168.1.0/33", "invalid", ""),
        ("10.0.0.0/255.0.0.0", "invalid", ""),
        ("010.0.0.1", "invalid", ""),
        ("[::1]", "placeholder", ""),
        ("203.0.113.7:443", "invalid", ""),
        ("localhost", "invalid", ""),
    ],
)
def test_what_an_entry_is(text: str, kind: Kind, network: str) -> None:
    entry = entry_of(text, 3)
    assert (entry.kind, entry.network, entry.line) == (kind, network, 3)


@given(st.ip_addresses(), st.integers(0, 128))
def test_every_network_is_one_in_its_one_spelling(address: object, prefix: int) -> None:
    text = f"{address}/{prefix}"
    try:
        network = str(ip_network(text, strict=False))
    except ValueError:
        assert entry_of(text).kind != "network"
    else:
        assert entry_of(text).network == network
        assert entry_of(network).network == network


@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]\.(duckdns\.org|dyndns\.org|ddns\.net)", fullmatch=True))
def test_a_dynamic_name_is_no_placeholder(name: str) -> None:
    labels = name.split(".")
    assert is_placeholder(name) == (labels[0] in {"your", "my", "remote", "change", "changeme"} or
                                    labels[0] in {"replace", "todo", "fixme", "xxx", "insert"})  # fmt: skip
