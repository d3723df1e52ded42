"""macOS's log and systemd's journal: fields, and what the shipped events make of a Mac's own doors."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from tests.parts.scene import ROOT, Scene
from tests.unit.formats.origins import ARRIVED, origin, stamp

from nightporter.formats import make_format

ROWS: Final[list[dict[str, Any]]] = [
    json.loads(line) for line in (ROOT / "tests/data/macos.jsonl").read_text().splitlines()
]
"""Lines of macOS's log: `service kind line`, and `ip user` where they name them."""
UNCOUNTED: Final = (
    "Invalid user",
    "user NOT in sudoers",
    "APEventTouchIDNoMatch",
    "Authentication failed for",
)
"""Failures with another line beside them, a rule of their own, or (a finger) nothing to do with passwords."""


def message(row: dict[str, Any]) -> str:
    return str(json.loads(row["line"])["eventMessage"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['service']}-{message(row)[:50]}")
def test_the_doors_of_a_mac(row: dict[str, Any]) -> None:
    fields = Scene().line("macos", row["line"])
    outcomes = {"auth_fail": "failure", "auth_ok": "success"}
    expected = outcomes.get(row["kind"])
    if message(row).startswith(UNCOUNTED) or "NOT in sudoers" in message(row):
        expected = None
    if row["service"] == "sudo" and row["kind"] == "auth_ok":
        expected = None  # who may use sudo comes in by another door
    assert fields.get("outcome") == expected
    if expected and "ip" in row:
        assert fields["client_ip"] == row["ip"]
    if expected and "user" in row:
        assert fields["user"] == row["user"]


def test_a_line_of_a_mac_has_the_fields_of_the_table() -> None:
    line = next(row["line"] for row in ROWS if row["service"] == "authd")
    parsed = make_format(origin("macos")).parse(line.encode(), ARRIVED)
    text = parsed.fields.pop("message")
    assert parsed.fields == {
        "process": "authd",
        "subsystem": "com.apple.Authorization",
        "category": "authd",
        "level": "error",
    }
    assert str(text).startswith("Failed to authorize right 'system.preferences' by client '/System/")
    assert parsed.time == stamp(json.loads(line)["timestamp"])


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        pytest.param(
            b'Filtering the log data using "x"', {"message": 'Filtering the log data using "x"'}, id="banner"
        ),
        pytest.param(b'{"eventType":"lossEvent"}', {}, id="a loss"),
        pytest.param(
            b'{"userID":501,"messageType":"Fault"}', {"user": "501", "level": "critical"}, id="a user"
        ),
        pytest.param(
            b'{"userID":true,"processImagePath":7,"eventMessage":null}', {"process": "7"}, id="odd types"
        ),
    ],
)
def test_other_lines_of_a_macs_log(line: bytes, fields: dict[str, object]) -> None:
    assert make_format(origin("macos")).parse(line, ARRIVED).fields == fields


@pytest.mark.parametrize(
    ("entry", "fields"),
    [
        pytest.param(
            {"MESSAGE": "hello", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "sshd", "_COMM": "x", "_PID": "7"},
            {"message": "hello", "level": "error", "program": "sshd", "pid": 7},
            id="usual",
        ),
        pytest.param(
            {
                "MESSAGE": list(b"m\xe9\x1b[31mred"),
                "_COMM": "x",
                "_HOSTNAME": "nas",
                "_SYSTEMD_UNIT": "a.service",
            },
            {"message": "m\ufffdred", "program": "x", "host": "nas", "unit": "a.service"},
            id="bytes",
        ),
        pytest.param({"MESSAGE": ["one", "two"]}, {"message": "one"}, id="given twice"),
        pytest.param({"MESSAGE": None, "_PID": "x" * 99}, {}, id="nothing"),
        pytest.param({"MESSAGE": [[1], {}], "PRIORITY": "9"}, {}, id="nonsense"),
    ],
)
def test_an_entry_of_the_journal(entry: dict[str, object], fields: dict[str, object]) -> None:
    entry = {**entry, "__REALTIME_TIMESTAMP": "1795525758660960"}
    parsed = make_format(origin("journald")).parse(json.dumps(entry).encode(), ARRIVED)
    assert parsed.fields == fields
    assert parsed.time == 1_795_525_758_660_960_000


def test_whoever_sudo_refuses_is_named_by_the_line() -> None:
    """The number of the process's user is another's: sudo writes for the one who called it."""
    scene = Scene()
    scene.line("macos", next(row["line"] for row in ROWS if "NOT in sudoers" in row["line"]))
    assert [(episode.rule, episode.key) for episode in scene.episodes()] == [
        ("macos-sudo-refused", {"user": "guest"})
    ]


def test_an_attack_on_a_mac_is_told_once() -> None:
    scene = Scene()
    line = next(row["line"] for row in ROWS if "PAM: authentication error" in row["line"])
    for _ in range(5):
        scene.line("macos", line)
        scene.line("macos", line.replace("error: PAM: authentication error for", "Invalid user"))
    assert [episode.rule for episode in scene.episodes()] == ["login-bruteforce"]
