"""The config that docs/getting-started.md shows is one."""

from __future__ import annotations

import re
from pathlib import Path

from nightporter.configfile import World, parse_config


def test_the_config_of_the_guide(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "getting-started.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    secret = tmp_path / "discord-url"
    secret.write_text("discord://1/abc")
    secret.chmod(0o600)
    loaded = parse_config(str(tmp_path / "config.yaml"), text, World(env={}, home=tmp_path, state=tmp_path))
    assert [str(problem) for problem in loaded.problems] == []
    assert [source.name for source in loaded.config.sources] == [
        "traefik",
        "docker",
        "nextcloud",
        "ombi",
        "services",
        "watched",
        "disks",
    ]
