"""`check`: every mistake of config and rules with its place, warnings too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.parts.geo import country_database, network_database

from nightporter import bundled, cli


def checked(config: Path, *files: Path) -> int:
    return cli.exit_code(cli.build(), ["check", *map(str, files), "--config", str(config)])


def test_warnings_of_the_config_are_told_and_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text('destinations:\n  - {name: p, kind: apprise, url: "json://localhost"}\nroutes: []\n')
    assert checked(config) == 0
    said = capsys.readouterr()
    assert f"{config}:3:9: warning: no route leads to the destination 'p'" in said.err
    assert "all is well" in said.out


def test_a_folder_of_rules_that_is_misspelt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text("rules: {dirs: [./ruels]}\n")
    assert checked(config) == 2
    said = capsys.readouterr()
    assert (
        f"{tmp_path}/ruels:1:1: cannot be read: no such file or directory; did you mean 'rules'?" in said.err
    )
    assert said.out == ""


def test_a_shipped_file_in_a_folder_of_ones_own_is_no_second_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a checkout, where the folder beside `config.example.yaml` is the shipped one."""
    config, folder = tmp_path / "config.yaml", tmp_path / "rules"
    config.write_text("sources: []\n")
    folder.mkdir()
    (folder / "linked.yaml").symlink_to(bundled.rules() / "outages.yaml")  # it has `renamed:`, too
    copy = folder / "copy.yaml"
    shipped = (bundled.rules() / "disks.yaml").read_text()
    copy.write_text(shipped)
    assert checked(config) == 0
    assert checked(config, folder) == 0
    capsys.readouterr()
    copy.write_text(shipped.replace("severity: critical", "severity: high"))
    assert checked(config) == 2
    said = capsys.readouterr().err
    assert f"{copy}:4:3: a second rule 'disk-media-not-mounted'; the first is at {bundled.rules()}" in said
    assert "linked.yaml" not in said


def test_a_pipe_for_a_config_ends_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    assert checked(config) == 2
    assert "a pipe, not a file" in capsys.readouterr().err


def test_rules_that_are_off_for_want_of_a_list_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("")
    assert checked(config) == 0
    assert (
        "Off, since the config names no allow_list that can be read: allow-list-open"
        in capsys.readouterr().out
    )
    config.write_text("allow_list: {env: .env}\n")
    assert checked(config) == 0
    assert "no allow_list that can be read" in capsys.readouterr().out, "there is no such file"
    (tmp_path / ".env").write_text("IP_ALLOW_LIST=192.168.1.0/24\n")
    assert checked(config) == 0
    assert "no allow_list that can be read" not in capsys.readouterr().out


def test_rules_that_are_off_for_want_of_a_database_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("")
    assert checked(config) == 0
    assert "no geo database that can be read: login-new-country" in capsys.readouterr().out
    config.write_text("geo: {country: c.mmdb, network: asn.mmdb}\n")
    country_database(tmp_path / "c.mmdb", sort="DBIP-Country-Lite")
    assert checked(config) == 0
    said = capsys.readouterr()
    assert f"geo: {tmp_path / 'asn.mmdb'} is not there" in said.err
    assert "admin-new-country" not in said.out
    network_database(tmp_path / "asn.mmdb")
    assert checked(config) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "no geo database" not in said.out
