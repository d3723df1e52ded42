"""`nightporter replay --json` finds every planted attacker, no near miss and nobody else."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from tests.parts.daemon import PROGRAM
from tests.parts.patience import PATIENCE_S
from tests.parts.planted import RULES, Evening, evening

from nightporter import cli


def replayed(folder: Path, log: Path, *more: str) -> set[tuple[str, str]]:
    rules = folder / "rules.yaml"
    rules.write_text(RULES)
    command = [PROGRAM, "replay", "--from", "traefik", "--rules", str(rules), "--json", str(log), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    episodes = [json.loads(line) for line in done.stdout.splitlines()]
    for episode in episodes:
        assert episode.keys() == {"rule", "key", "severity", "first", "last", "count", "message"}
    return {(episode["rule"], episode["key"]["client_ip"]) for episode in episodes}


def check(folder: Path, night: Evening, kind: str) -> None:
    log = folder / f"access.{kind}"
    with log.open("wb") as file:
        file.writelines(night.lines(kind))
    assert replayed(folder, log) == night.attackers


@pytest.mark.parametrize("kind", ["json", "clf"])
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_every_attacker_no_near_miss_nobody_else(tmp_path: Path, seed: int, kind: str) -> None:
    check(tmp_path, evening(seed, 10_000), kind)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["json", "clf"])
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_the_same_over_a_million_lines(tmp_path: Path, seed: int, kind: str) -> None:
    check(tmp_path, evening(seed, 1_000_000, attacks=120), kind)


def test_packed_files_are_read_as_they_are(tmp_path: Path) -> None:
    night = evening(7, 3_000)
    log = tmp_path / "access.log.1.gz"
    log.write_bytes(gzip.compress(b"".join(night.lines("json"))))
    assert replayed(tmp_path, log) == night.attackers


def test_several_files_are_one_log(tmp_path: Path) -> None:
    night = evening(8, 3_000)
    lines = list(night.lines("json"))
    for number in range(3):
        part = lines[number * len(lines) // 3 : (number + 1) * len(lines) // 3]
        (tmp_path / f"{number}.log").write_bytes(b"".join(part))
    rest = (str(tmp_path / "1.log"), str(tmp_path / "2.log"))
    assert replayed(tmp_path, tmp_path / "0.log", *rest) == night.attackers


def test_a_missing_file_is_the_persons_mistake(tmp_path: Path) -> None:
    command = [PROGRAM, "replay", "--from", "traefik", str(tmp_path / "none.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert "none.log" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["replay", "explain", "tail"])
def test_a_source_that_nobody_knows_is_refused_with_the_nearest(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "access.log"
    log.touch()
    words = [] if verb == "tail" else [str(log)]
    assert cli.exit_code(cli.build(), [verb, "--from", "trafik", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "no source, kind or format is called 'trafik'" in said.err
    assert "did you mean 'traefik'?" in said.err


def test_a_source_of_the_config_and_any_service_are_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, config = tmp_path / "access.log", tmp_path / "config.yaml"
    log.touch()
    config.write_text(f"sources:\n  - {{name: edge, kind: file, format: traefik, paths: ['{log}']}}\n")
    for name in ("edge", "service:Anything"):
        assert cli.exit_code(cli.build(), ["replay", "--from", name, "--config", str(config), str(log)]) == 0
        assert capsys.readouterr().out.startswith("0 episodes")


def test_a_person_is_told_which_rules_a_replay_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(
        "rules:\n"
        "  new-client: {from: traefik, first_seen: {fields: client_ip, learn: 0s}, by: host}\n"
        "  silent: {from: [traefik, syslog], absence: 1h}\n"
        "  elsewhere: {from: syslog, absence: 1h}\n"
    )
    log = tmp_path / "access.log"
    log.write_bytes(b"".join(evening(9, 100).lines("json")))
    ask = ["replay", "--from", "traefik", "--rules", str(tmp_path / "rules.yaml"), str(log)]

    def said(*more: str) -> list[str]:
        assert cli.exit_code(cli.build(), [*ask, *more]) == 0
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("Off ")]

    first_seen = "Off in a replay, but for --with first_seen: new-client."
    assert said() == ["Off in a replay, but for --with absence: silent.", first_seen]
    assert said("--with", "absence") == [first_seen]
    assert said("--with", "absence", "--with", "first_seen") == []
