"""Broken files and the exact words that a person reads about them.

Each folder of tests/broken is a case: rule files (one named shipped.yaml counts as shipped) or a
config.yaml, and expected.txt. `UPDATE_GOLDEN=1 pytest tests/unit/ruleset/test_broken.py` writes the
expected texts anew; read the diff before committing it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from nightporter.configfile import World, parse_config
from nightporter.errors import Problem
from nightporter.ruleset import SourceText, load

BROKEN = Path(__file__).parents[2] / "broken"
CASES = sorted(path.name for path in BROKEN.iterdir() if path.is_dir())
WORLD = World(env={}, home=Path("/home/ada"), state=Path("/state"), platform="linux")


def problems_of(case: Path) -> Iterable[Problem]:
    if (case / "config.yaml").exists():
        return parse_config("config.yaml", (case / "config.yaml").read_bytes(), WORLD).problems
    files = sorted(case.glob("*.yaml"), key=lambda path: (path.name != "shipped.yaml", path.name))
    texts = [
        SourceText(name=file.name, text=file.read_bytes(), shipped=file.name == "shipped.yaml")
        for file in files
    ]
    return load(texts).problems


@pytest.mark.parametrize("name", CASES)
def test_what_a_person_reads_of_a_broken_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)  # the extra is not installed, wherever this runs
    case = BROKEN / name
    told = "".join(f"{problem}\n" for problem in problems_of(case))
    golden = case / "expected.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(told)
    assert told == golden.read_text()
    assert told, "a case without a mistake tests nothing"


def test_there_are_enough_broken_files() -> None:
    assert len(CASES) >= 30
