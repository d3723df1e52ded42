"""`init` where there is nothing to be found, and where the config cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightporter import cli
from nightporter.cli import init
from nightporter.doctor.containers import EngineFacts
from nightporter.doctor.looking.containers import EngineView
from nightporter.survey.facts import Survey

DOCKER = Survey(
    docker=EngineView(
        facts=EngineFacts(source="docker", url="unix:///x.sock", why="Colima's socket is there")
    )
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "new" / "config.yaml"


def finds(monkeypatch: pytest.MonkeyPatch, found: Survey) -> None:
    async def survey(*_: object) -> Survey:
        return found

    monkeypatch.setattr(init, "survey", survey)


def run(*arguments: str) -> int:
    return cli.exit_code(cli.build(), ["init", "--yes", *arguments])


def test_where_nothing_is_found_nothing_is_written(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Docker may not be started yet: the next run must not find an empty config in its way."""
    finds(monkeypatch, Survey())
    assert run("--config", str(config)) == 1
    told = capsys.readouterr()
    assert "Nothing was found" in told.out
    assert "Nothing is written" in told.err
    assert not config.parent.exists()


def test_a_variable_that_is_not_set_is_told_and_nothing_is_written(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finds(monkeypatch, DOCKER)
    assert run("--config", str(config), "--to", "${NIGHTPORTER_NO_SUCH}") == 2
    assert "NIGHTPORTER_NO_SUCH is not set" in capsys.readouterr().err
    assert not config.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise's 180 plugins
def test_a_url_that_nothing_can_be_sent_to_is_refused_before_anything_is_written(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finds(monkeypatch, DOCKER)
    assert run("--config", str(config), "--to", "carrier-pigeon://SECRET") == 2
    told = capsys.readouterr().err
    assert "apprise knows no such URL" in told
    assert "Nothing is written" in told
    assert "SECRET" not in told
    assert not config.parent.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise's 180 plugins
def test_one_that_is_kept_elsewhere_is_looked_at_too(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finds(monkeypatch, DOCKER)
    monkeypatch.setenv("NIGHTPORTER_PIGEON", "carrier-pigeon://SECRET")
    assert run("--config", str(config), "--to", "${NIGHTPORTER_PIGEON}") == 2
    assert "apprise knows no such URL" in capsys.readouterr().err
    assert not config.exists()


def test_the_terminal_is_told_where_nobody_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finds(monkeypatch, DOCKER)
    assert run("--config", str(config)) == 0
    told = capsys.readouterr().out
    assert "On duty" in told
    assert "Watching: changes of config files." in told
    assert "nothing to look back on" in told
    assert "nightporter install" in told


def test_a_config_with_a_mistake_is_told_and_left_alone(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finds(monkeypatch, DOCKER)
    config.parent.mkdir()
    config.write_text("sources: 3\n")
    assert run("--config", str(config)) == 2
    assert "config.yaml:1:" in capsys.readouterr().err
    assert config.read_text() == "sources: 3\n"
