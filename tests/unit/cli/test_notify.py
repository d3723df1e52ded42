"""`notify test`: one message, and what came of it in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nightporter import cli
from nightporter.cli.notify import in_words
from nightporter.notify.outcome import Barred, Delivered, Outcome, Refused, Retry, Uncertain


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"state: {tmp_path}\n"
        "destinations:\n"
        "  - {name: terminal, kind: terminal}\n"
        f"  - {{name: everything, kind: file, path: {tmp_path}/told.jsonl}}\n"
        f"  - {{name: nowhere, kind: file, path: {tmp_path}/config.yaml/told.jsonl}}\n"
    )
    return path


def notify(config: Path, *names: str) -> int:
    return cli.exit_code(cli.build(), ("notify", "test", "--config", str(config), *names))


def test_one_destination_alone(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert notify(config, "everything") == 0
    assert capsys.readouterr().out == "everything: sent\n"
    (line,) = (config.parent / "told.jsonl").read_text().splitlines()
    assert json.loads(line)["kind"] == "test"


def test_all_of_them_and_one_fails(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert notify(config) == 1
    out = capsys.readouterr().out
    assert "Test: Nightporter can reach you here" in out
    assert "terminal: sent" in out
    assert "nowhere: not sent: " in out


def test_a_misspelt_destination(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert notify(config, "everthing") == 2
    assert "no destination 'everthing'; did you mean 'everything'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Delivered(), "sent"),
        (Retry("429", after_s=3.2), "not sent: 429; it asks to wait 3 s; trying again later may help"),
        (Retry("refused"), "not sent: refused; trying again later may help"),
        (Refused("400"), "not sent: this message was refused: 400"),
        (Barred("404\x1b[2J"), "not sent: 404␛[2J; look at this destination's address in the config"),
        (Uncertain("timeout"), "sent, but no answer came: timeout; it may have arrived"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_came_of_it_in_words(outcome: Outcome, words: str) -> None:
    assert in_words(outcome) == words
