"""`review`: from a store that a month was lived into, and from none at all."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest
from PIL import Image

from nightporter import cli
from nightporter.clock import SystemClock
from nightporter.history import Account, Rows
from nightporter.model import HOUR
from nightporter.notify.localtime import day_of, zone_of
from nightporter.statefolder import DATABASE
from nightporter.store import history, incidents, state


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A config, and a store of one day with a hostile account."""
    text = (
        f"timezone: UTC\nstate: {tmp_path}\nrules: {{shipped: false}}\n"
        f"destinations: [{{name: log, kind: file, path: {tmp_path}/told.jsonl}}]\nreview: {{to: [log]}}\n"
    )
    (tmp_path / "config.yaml").write_text(text)
    now = SystemClock().now()
    today = day_of(now, zone_of("UTC"))
    evil = Account(service="ombi", user="\x1b[31mroot", first=now - HOUR, last=now - HOUR, successes=1)
    connection = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    for schema in (state.SCHEMA, incidents.SCHEMA, history.SCHEMA):
        connection.executescript(schema)
    counts = {(today, "lines", "traefik"): 41_200, (today, "watched_s", ""): 3_600}
    history.add(connection, Rows(counts=counts, logins={("ombi", "root"): evil}))  # type: ignore[arg-type]
    connection.close()
    return tmp_path


def review(home: Path, *words: str) -> int:
    return cli.exit_code(cli.build(), ["review", "--config", str(home / "config.yaml"), *words])


def test_the_page(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert review(home) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Review: ")
    assert "41,200 lines, 0 incidents" in shown
    assert "ombi: ␛[31mroot" in shown
    assert "\x1b" not in shown


def test_json_is_for_programs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert review(home, "--json", "--since", "7d") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["days"]) == 7
    assert sum(day["lines"] for day in found["days"]) == 41_200
    assert found["accounts"][0]["service"] == "ombi"


def test_the_picture_is_written(home: Path) -> None:
    assert review(home, "--png", str(home / "out.png")) == 0
    with Image.open(home / "out.png") as picture:
        assert picture.format == "PNG"


def test_a_picture_that_cannot_be_written_is_a_mistake(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(home, "--png", str(home / "no" / "out.png")) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_without_pillow_it_says_how_to_get_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.features", raising=False)
    assert review(home, "--png", str(home / "out.png")) == 2
    assert "nightporter[chart]" in capsys.readouterr().err
    assert review(home) == 0
    assert "nightporter[chart]" in capsys.readouterr().out


def test_it_is_sent_to_whom_the_config_says(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert review(home, "--send") == 0
    assert "log: sent" in capsys.readouterr().err
    (told,) = [json.loads(line) for line in (home / "told.jsonl").read_text().splitlines()]
    assert told["kind"] == "review"
    assert [name for name, _ in told["sections"]][-1] == "What only you can know"


def test_nobody_to_send_to_is_a_mistake(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (home / "config.yaml").read_text().replace("review: {to: [log]}\n", "")
    (home / "config.yaml").write_text(text)
    assert review(home, "--send") == 2
    assert "review: {to:" in capsys.readouterr().err


@pytest.mark.parametrize("since", ["0d", "401d", "soon"])
def test_a_span_that_cannot_be_is_a_mistake(
    home: Path, since: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review(home, "--since", since) == 2
    assert "--since" in capsys.readouterr().err


def test_where_the_daemon_never_ran_nothing_is_known(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / DATABASE).unlink()
    assert review(home) == 0
    shown = capsys.readouterr().out
    assert "Nothing has been counted yet" in shown
    assert "What was watched: not known" in shown
    assert not (home / DATABASE).exists()


def test_a_file_that_is_no_database_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / DATABASE).write_bytes(b"x" * 5_000)
    assert review(home) == 2
    assert "is not a database of Nightporter's" in capsys.readouterr().err


def test_a_broken_rule_file_keeps_nobody_from_his_review(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "rules").mkdir()
    (home / "rules" / "bad.yaml").write_text("rules: [")
    assert review(home) == 0
    assert "41,200 lines" in capsys.readouterr().out
