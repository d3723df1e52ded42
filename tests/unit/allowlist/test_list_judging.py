"""What is wrong with a list, and the line that is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightporter.allowlist.entries import Listed, entry_of
from nightporter.allowlist.judging import ADVISED, Fault, Limits, fault_of, findings

LIMITS = Limits(inside=(16, 32), outside=(16, 32))


def listed(*texts: str) -> Listed:
    return Listed(".env", "IP_ALLOW_LIST", tuple(entry_of(text, 1) for text in texts))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("127.0.0.1/32", None),
        ("192.168.0.0/16", None),
        ("192.168.1.0/24", None),
        ("172.16.0.0/12", "too_wide"),
        ("10.0.0.0/8", "too_wide"),
        ("203.0.0.0/15", "too_wide"),
        ("203.0.0.0/16", None),
        ("2001:db8::/32", None),
        ("2001:d00::/24", "too_wide"),
        ("0.0.0.0/0", "everybody"),
        ("::/0", "everybody"),
        ("YOUR.REMOTE.IP/32", "placeholder"),
        ("192.168.1.256", "invalid"),
        ("ada.dyn.test", None),
        ("gone.dyn.test", "unresolved"),
    ],
)
def test_the_verdict_on_an_entry(text: str, fault: Fault | None) -> None:
    assert fault_of(entry_of(text), {"gone.dyn.test"}, LIMITS) == fault


def test_the_owners_list_of_the_guide() -> None:
    found = list(findings(listed("127.0.0.1/32", "192.168.1.0/24", "10.0.0.0/8", "YOUR.REMOTE.IP/32")))
    assert [(one.fault, one.entry.text) for one in found] == [
        ("too_wide", "10.0.0.0/8"),
        ("placeholder", "YOUR.REMOTE.IP/32"),
    ]
    assert {one.instead for one in found} == {"IP_ALLOW_LIST=127.0.0.1/32,192.168.1.0/24"}
    assert "16,777,216 addresses" in found[0].what
    assert "never filled in" in found[1].what


def test_a_name_that_does_not_resolve_now_stays_in_the_line_for_others() -> None:
    wide, name = findings(listed("10.0.0.0/8", "gone.dyn.test"), {"gone.dyn.test"})
    assert wide.instead == "IP_ALLOW_LIST=gone.dyn.test"
    assert name.instead == "IP_ALLOW_LIST="


def test_who_asks_is_advised_more_strictly() -> None:
    entry = entry_of("203.0.113.0/20")
    assert fault_of(entry) is None
    assert fault_of(entry, (), ADVISED) == "too_wide"


@given(st.lists(st.sampled_from(["10.0.0.0/8", "192.168.1.0/24", "x.x.x.x", "1.2.3.4", "0.0.0.0/0", "nope"])))
def test_the_line_that_is_proposed_has_nothing_wrong(texts: list[str]) -> None:
    for one in findings(listed(*texts)):
        name, _, value = one.instead.partition("=")
        assert name == "IP_ALLOW_LIST"
        assert list(findings(listed(*filter(None, value.split(","))))) == []
