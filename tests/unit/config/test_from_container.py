"""`from_container`: files that are read through the engine."""

from __future__ import annotations

from pathlib import Path

from nightporter.clock import SystemClock
from nightporter.config import ContainerFileSource
from nightporter.configfile import World, parse_config, surroundings
from nightporter.sources.archive import ContainerFiles
from nightporter.sources.building import build_source

WORLD = World(env={}, home=Path("/home/ada"), state=Path("/state"), platform="linux")
TEXT = """
sources:
  - name: ombi
    kind: file
    service: ombi
    from_container: {name: ombi, path: /config/Logs/log-*.txt, host: "unix:///run/x.sock"}
    tz: Europe/Berlin
    start: beginning
"""


def test_every_key_is_taken() -> None:
    loaded = parse_config("config.yaml", TEXT, WORLD)
    assert loaded.problems == ()
    assert loaded.config.sources == (
        ContainerFileSource(
            name="ombi",
            container="ombi",
            path="/config/Logs/log-*.txt",
            host="unix:///run/x.sock",
            service="ombi",
            tz="Europe/Berlin",
            start="beginning",
        ),
    )
    assert surroundings(loaded.config).sources == {"ombi": "auto"}


def test_it_is_built_and_says_what_it_waits_for() -> None:
    (config,) = parse_config("config.yaml", TEXT, WORLD).config.sources
    source = build_source(config, SystemClock())
    assert isinstance(source, ContainerFiles)
    assert source.status()["waiting"] == ["ombi:/config/Logs/log-*.txt"]
