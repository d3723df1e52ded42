"""`alerts`: the store's incidents, newest first."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC
from pathlib import Path

import msgspec
import pytest
from tests.parts.incidents import an_incident

from nightporter import cli
from nightporter.cli.alerts import as_object, for_a_person
from nightporter.clock import SystemClock
from nightporter.model import DAY, HOUR, MINUTE, Incident, IncidentPart, Severity, Stamp
from nightporter.statefolder import DATABASE
from nightporter.store import incidents


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with four incidents, one of them old, one of them hostile."""
    now = SystemClock().now()
    (tmp_path / "config.yaml").write_text(f"state: {tmp_path}\n")
    connection = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    connection.executescript(incidents.SCHEMA)
    incidents.save(
        connection,
        [
            an_incident(1, now - 30 * DAY),
            an_incident(2, now - 2 * DAY, severity=Severity.high, rule="login-spray"),
            an_incident(3, now - HOUR, message="forged\n\x1b[2J ?token=SeCrEtToKeN123456"),
            an_incident(4, now - HOUR // 2),
        ],
    )
    connection.close()
    return tmp_path


def alerts(state: Path, *arguments: str) -> int:
    return cli.exit_code(cli.build(), ("alerts", "--config", str(state / "config.yaml"), *arguments))


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        pytest.param((), ["i4", "i3", "i2"], id="a week"),
        pytest.param(("--since", "60d"), ["i4", "i3", "i2", "i1"], id="all"),
        pytest.param(("--since", "1d", "-n", "1"), ["i4"], id="newest"),
        pytest.param(("--min-severity", "high"), ["i2"], id="severity"),
        pytest.param(("--rule", "login-*"), ["i2"], id="rule"),
        pytest.param(("--since", "1m"), [], id="none"),
    ],
)
def test_which_are_listed(
    state: Path, arguments: tuple[str, ...], ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert alerts(state, "--json", *arguments) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ids


def test_they_are_sorted_by_the_time_that_is_shown(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And not by when they were told, which a line that was seen late or a long episode sets apart."""
    now = SystemClock().now()
    connection = sqlite3.connect(state / DATABASE, isolation_level=None)
    told_last = msgspec.structs.replace(an_incident(5, now - HOUR * 3 // 4), told_at=now)
    goes_on = msgspec.structs.replace(an_incident(6, now - HOUR), last=now - MINUTE)
    together = [msgspec.structs.replace(an_incident(n, now - HOUR), last=now - 2 * MINUTE) for n in (8, 7)]
    incidents.save(connection, [told_last, goes_on, *together])
    connection.close()
    assert alerts(state, "--json", "-n", "6") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [incident["id"] for incident in found] == ["i6", "i8", "i7", "i4", "i5", "i3"]
    assert [incident["last"] for incident in found] == sorted((i["last"] for i in found), reverse=True)


def test_what_a_person_reads(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alerts(state) == 0
    out = capsys.readouterr().out
    assert "high      Many missing pages" in out
    assert "1,234 events, over · login-spray · i2" in out
    assert out.endswith("3 in the last 7d.\n")


def test_hostile_text_and_secrets_are_told_by_neither_face(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alerts(state)
    alerts(state, "--json")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "SeCrEtToKeN" not in out


def test_where_the_daemon_never_ran_there_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text(f"state: {tmp_path / 'none'}\n")
    assert alerts(tmp_path) == 0
    assert capsys.readouterr().out == "Nothing in the last 7d.\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("content", "code"), [(b"this is no database, though as long as one is" * 40, 2), (b"", 1)]
)
def test_a_file_that_is_no_database_of_ours(
    tmp_path: Path, content: bytes, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text(f"state: {tmp_path}\n")
    (tmp_path / DATABASE).write_bytes(content)
    assert alerts(tmp_path) == code
    assert DATABASE in capsys.readouterr().err


def test_a_span_without_a_unit_is_a_mistake(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert alerts(state, "--since", "7") == 2
    assert "--since 7: expected a duration with its unit" in capsys.readouterr().err


def an_outage(now: Stamp, *, tellings: int = 1) -> Incident:
    """An incident of a subject with three parts, over after 14 minutes."""
    begun = now - 20 * MINUTE
    base = an_incident(5, now, severity=Severity.high)
    parts = [
        IncidentPart(
            rule=rule,
            title=title,
            key=dict(base.key),
            severity=Severity.high,
            first=begun,
            last=begun,
            count=count,
            message="token=SeCrEtToKeN123456",
            open=False,
            state=True,
            episode=rule,
            crossed=begun,
            episode_count=count,
        )
        for rule, title, count in (("http-404-scan", "It does not answer", 3), ("gateway", "502\x1b[2J", 14))
    ]
    return msgspec.structs.replace(
        base,
        title="It does not answer: plex",
        subject="plex",
        parts=parts,
        first=begun,
        ended_at=begun + 14 * MINUTE,
        told_end=tellings > 0,
        tellings=tellings,
        covers=["ombi", "sonarr"],
    )


def test_an_outage_is_shown_with_its_parts_how_long_it_took_and_what_it_covers() -> None:
    now = SystemClock().now()
    lines = for_a_person(an_outage(now), UTC, now).splitlines()
    assert lines[2].startswith("    1,234 events, over after 14 min · ")
    assert lines[3:] == ["    also: 502␛[2J ×14", "    covers 2: ombi, sonarr"]
    assert "over after 14 min, before it was told" in for_a_person(an_outage(now, tellings=0), UTC, now)


def test_one_event_is_one_event() -> None:
    now = SystemClock().now()
    one = msgspec.structs.replace(an_incident(6, now), count=1)
    assert for_a_person(one, UTC, now).splitlines()[2].startswith("    1 event, ")


def test_an_outage_in_json_has_its_parts_and_no_secret() -> None:
    found = json.loads(as_object(an_outage(SystemClock().now())))
    assert [(p["rule"], p["count"], p["open"]) for p in found["parts"]] == [
        ("http-404-scan", 3, False),
        ("gateway", 14, False),
    ]
    assert (found["subject"], found["lasted"], found["told"]) == ("plex", 14 * MINUTE, True)
    assert found["covers"] == ["ombi", "sonarr"]
    assert "SeCrEt" not in json.dumps(found)
