"""`status`: what the daemon wrote, read by a person, whatever stands in the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.clock import NOON

from nightporter import cli
from nightporter.agent.service import ServiceState
from nightporter.cli.status import Report, about_daemon, about_service, read
from nightporter.clock import SystemClock
from nightporter.model import MINUTE, SECOND
from nightporter.rulebook import Kept

FACTS: dict[str, object] = {
    "at": NOON,
    "running": True,
    "pid": 4711,
    "parts": {
        "traefik": {"name": "traefik", "state": "running", "last_error": ""},
        "docker": {"name": "docker", "state": "waiting", "last_error": "no engine"},
    },
    "sources": {
        "traefik": {
            "kind": "file",
            "state": "blind",
            "blind": ["/tmp/traefik.log: may not be read"],
            "waiting": ["/tmp/other.log"],
            "last_chunk": NOON - 3 * SECOND,
        },
        "docker": {"up": False, "away_why": "no socket", "following": [], "last_chunk": None},
        "mac": {"state": "following", "blind": [], "stderr": ["not an administrator"], "last_chunk": None},
    },
    "rules": {"in_force": 31, "kept": "last good", "problems": ["tune.yaml:1:1: unknown key"]},
    "judge": {"trouble": "the disk is full"},
    "outbox": {
        "phone": {
            "pending": 2,
            "sent": 41,
            "parked": 0,
            "failing_since": NOON - 20 * MINUTE,
            "last_error": "502",
            "last_sent": NOON - 30 * MINUTE,
            "possible_repeats": 1,
            "broken": False,
        },
        "post": {"sent": 1, "broken": True, "last_error": "wrong password"},
        "terminal": {"pending": 0},
    },
}


def test_what_a_person_reads() -> None:
    assert list(about_daemon(Report(FACTS), NOON + SECOND)) == [
        "Daemon: running, pid 4711",
        "Source traefik: blind, last line 4 s ago",
        "    blind: /tmp/traefik.log: may not be read",
        "    waiting: /tmp/other.log",
        "Source docker: away (no socket), no line yet",
        "Source mac: following, no line yet",
        "    stderr: not an administrator",
        "Rules: 31 in force, the last good ones: a file has a mistake",
        "    tune.yaml:1:1: unknown key",
        "Part docker: waiting, no engine",
        "Trouble: the disk is full",
        "Destination phone: 41 sent, 2 waiting; last sent 30 min ago; failing for 20 min: 502; "
        "1 perhaps sent twice",
        "Destination post: 1 sent; refuses us, and needs you: wrong password",
        "Destination terminal: nothing sent yet",
    ]


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        ("files", "Rules: 31 in force"),
        ("last good", "Rules: 31 in force, the last good ones: a file has a mistake"),
        ("shipped", "Rules: 31 in force, the shipped ones alone: a file has a mistake"),
    ],
)
def test_whether_the_rules_are_those_of_the_files(kept: Kept, line: str) -> None:
    facts = {"at": NOON, "running": True, "rules": {"in_force": 31, "kept": kept}}
    assert list(about_daemon(Report(facts), NOON))[1:] == [line]


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        pytest.param({}, "Daemon: unknown; its status file says no time", id="empty"),
        pytest.param({"at": "noon"}, "Daemon: unknown; its status file says no time", id="odd time"),
        pytest.param(
            {"at": NOON - 30 * MINUTE, "running": True},
            "Daemon: not running; nothing was heard of it 30 min ago",
            id="killed",
        ),
        pytest.param(
            {"at": NOON - 5 * SECOND, "running": False},
            "Daemon: not running; it was stopped 5 s ago",
            id="stopped",
        ),
        pytest.param({"at": NOON + MINUTE, "running": True}, "Daemon: running, pid ", id="clock set back"),
    ],
)
def test_a_daemon_that_is_not_there(facts: dict[str, object], first: str) -> None:
    assert next(about_daemon(Report(facts), NOON)) == first


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN = {
    "parts": ["state", "last_error"],
    "sources": ["state", "up", "away_why", "blind", "waiting", "following", "stderr", "last_chunk"],
    "outbox": ["sent", "pending", "parked", "last_sent", "broken", "failing_since", "possible_repeats"],
}
NAMED = {"rules": ["in_force", "kept", "problems"], "judge": ["trouble"]}


def with_keys(keys: list[str]) -> st.SearchStrategy[object]:
    """An object with keys that the reader knows, and whatever values."""
    return st.dictionaries(st.sampled_from(keys), json_values)


known_names = st.fixed_dictionaries(
    {"at": st.just(NOON), "running": st.booleans()},
    optional={
        **{
            name: json_values | st.dictionaries(st.just("traefik"), with_keys(keys) | json_values)
            for name, keys in KNOWN.items()
        },
        **{name: json_values | with_keys(keys) for name, keys in NAMED.items()},
    },
)


@given(known_names)
def test_a_file_of_another_version_never_makes_it_fail(facts: dict[str, object]) -> None:
    for line in about_daemon(Report(facts), NOON):
        assert "\n" not in line


def test_hostile_text_in_the_status_reaches_no_terminal() -> None:
    facts = {"at": NOON, "running": True, "sources": {"\x1b[2J": {"blind": ["a\nSource forged\x1b]0;x\x07"]}}}
    text = list(about_daemon(Report(facts), NOON))
    assert all(line.isprintable() for line in text)


@pytest.mark.parametrize(
    ("content", "note"),
    [(None, "it has not run yet"), (b"{half", "is not the status"), (b"[]", "is not the status")],
)
def test_files_that_say_nothing(tmp_path: Path, content: bytes | None, note: str) -> None:
    path = tmp_path / "status.json"
    if content is not None:
        path.write_bytes(content)
    report = read(path)
    assert not report.facts
    assert note in report.note


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (ServiceState(manager="launchd", installed=False), "Service: not installed (launchd)"),
        (
            ServiceState(manager="none", installed=False, note="there is no 'systemctl' here"),
            "Service: not installed (there is no 'systemctl' here)",
        ),
        (
            ServiceState(manager="launchd", installed=True, loaded=True, running=True, pid=7),
            "Service: launchd, running, pid 7",
        ),
        (
            ServiceState(manager="systemd", installed=True, last_exit=2),
            "Service: systemd, not running, will not start at login, last exit code 2",
        ),
    ],
    ids=["no", "no manager", "runs", "failed"],
)
def test_the_service_in_a_line(state: ServiceState, line: str) -> None:
    assert list(about_service(state)) == [line]


def test_the_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no service manager here
    config = tmp_path / "config.yaml"
    config.write_text(f"state: {tmp_path}\n")
    arguments = ("status", "--json", "--config", str(config))
    assert cli.exit_code(cli.build(), arguments) == 1
    assert json.loads(capsys.readouterr().out)["alive"] is False

    (tmp_path / "status.json").write_text(json.dumps({**FACTS, "at": SystemClock().now()}))
    assert cli.exit_code(cli.build(), arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["alive"] is True
    assert told["daemon"]["pid"] == 4711
    assert cli.exit_code(cli.build(), ("status", "--config", str(config))) == 0
    assert "Daemon: running, pid 4711" in capsys.readouterr().out
