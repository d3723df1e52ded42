"""What a purge lists of the places that the config names."""

from __future__ import annotations

import os
from pathlib import Path

from nightporter.agent import purge
from nightporter.config import Config, FileDestination, LogConfig


def named(config: Config) -> set[str]:
    return {str(action) for action in purge.belongings(config, [])}


def test_a_device_or_a_pipe_is_nothing_of_ours(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "alerts.jsonl").touch()
    paths = [Path("/dev/stderr"), Path("/dev/null"), tmp_path / "pipe", tmp_path / "alerts.jsonl"]
    config = Config(
        state=tmp_path / "state",
        log=LogConfig(path=Path("/dev/stderr")),
        destinations=tuple(FileDestination(name=path.name, path=path) for path in paths),
    )
    assert named(config) == {f"remove {tmp_path}/alerts.jsonl"}
