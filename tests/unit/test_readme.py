"""What the README shows works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from nightporter.cli import VERBS
from nightporter.configfile import World, parse_config
from nightporter.rulefiles import texts
from nightporter.ruleset import SourceText, load

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
RULE, CONFIG = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_rule_is_one() -> None:
    loaded = load([SourceText(name="README.md", text=RULE)])
    assert [str(problem) for problem in loaded.problems] == []
    assert [rule.id for rule in loaded.ruleset.rules] == ["login-bruteforce"]


def test_the_config_is_one(tmp_path: Path) -> None:
    secret = tmp_path / "discord-url"
    secret.write_text("discord://1234/abcd\n")
    secret.chmod(0o600)
    world = World(env={}, home=tmp_path, state=tmp_path)  # as a service in the background has it
    loaded = parse_config(str(tmp_path / "config.yaml"), CONFIG.encode(), world)
    assert [str(problem) for problem in loaded.problems] == []
    assert [source.name for source in loaded.config.sources] == ["traefik", "docker", "ombi"]
    assert texts(loaded.config)


def test_every_verb_it_names_is_there() -> None:
    named = set(re.findall(r"^nightporter (\w+)", README, re.MULTILINE)) | set(
        re.findall(r"^\| `(\w+)", README, re.MULTILINE)
    )
    assert named
    assert named <= set(VERBS)


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
