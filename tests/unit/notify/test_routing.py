"""Where a telling goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.parts.telling import telling

from nightporter.config import AppriseDestination, FileDestination, Route, Secret, TerminalDestination
from nightporter.model import Severity
from nightporter.notify.routing import destinations_for

PHONE = AppriseDestination(name="phone", url=Secret("discord://1/x"))
POST = AppriseDestination(name="post", url=Secret("mailto://x"))
LOCAL = (TerminalDestination(name="terminal"), FileDestination(name="file", path=Path("alerts.jsonl")))
ALL = (PHONE, POST, *LOCAL)
ROUTES = (
    Route(to="phone", min_severity=Severity.medium),
    Route(to="post", min_severity=Severity.high, rules=("login-*",)),
    Route(to="post", min_severity=Severity.medium, tags=("outage",)),
)

CASES: list[tuple[str, dict[str, Any], tuple[Route, ...], str]] = [
    ("no routes: every apprise destination", {}, (), "phone post"),
    ("no routes: low too, for the digest", {"severity": Severity.low}, (), "phone post"),
    ("info goes to none", {"severity": Severity.info}, (), ""),
    ("medium by severity", {}, ROUTES, "phone"),
    ("a rule's glob and severity", {"rule": "login-slow", "severity": Severity.high}, ROUTES, "phone post"),
    ("a glob without the severity", {"rule": "login-slow"}, ROUTES, "phone"),
    ("any tag", {"tags": ["x", "outage"]}, ROUTES, "phone post"),
    ("low wherever rule and tag fit", {"severity": Severity.low, "rule": "login-x"}, ROUTES, "phone post"),
    ("low where they do not", {"severity": Severity.low}, ROUTES, "phone"),
    ("the rule names one", {"notify": ["post"]}, ROUTES, "post"),
    ("the rule names one, even for info", {"notify": ["post"], "severity": Severity.info}, ROUTES, "post"),
    ("the rule names none that exists", {"notify": ["pots"]}, ROUTES, "phone"),
    (
        "a recovery goes to whoever was told, by whichever rule",
        {"kind": "resolved", "severity": Severity.high, "told_rules": ["bad-gateway", "login-slow"]},
        ROUTES,
        "phone post",
    ),
    (
        "what became worse goes by its new rule",
        {"kind": "again", "told_rules": ["login-slow"]},
        ROUTES,
        "phone",
    ),
    ("a route to nowhere", {}, (Route(to="fax"),), ""),
]


@pytest.mark.parametrize(("changes", "routes", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_telling_goes_to(changes: dict[str, Any], routes: tuple[Route, ...], expected: str) -> None:
    found = destinations_for(telling(**changes), ALL, routes)
    assert found == [*expected.split(), "terminal", "file"]


def test_a_test_goes_where_it_says() -> None:
    assert destinations_for(telling(kind="test", notify=["post"]), ALL, ROUTES) == ["post"]
    assert destinations_for(telling(kind="test", severity=Severity.info), ALL, ROUTES) == [
        d.name for d in ALL
    ]
