"""Reads the config, and goes on with the defaults where it cannot be read."""

from __future__ import annotations

from pathlib import Path

from nightporter import configfile
from nightporter.doctor.configuration import ConfigFacts
from nightporter.doctor.looking.view import View
from nightporter.errors import BadFiles


def look(view: View, path: Path | None) -> ConfigFacts:
    """The config at `path`, or at its usual place. Blocking."""
    world = configfile.World(env=view.environ, home=view.home, platform=view.platform)
    place = path or configfile.default_path()
    try:
        loaded = configfile.read(path, world)
    except BadFiles as err:
        defaults = configfile.parse_config(str(place), b"", world)
        return ConfigFacts(config=defaults.config, problems=err.problems)
    return ConfigFacts(config=loaded.config, problems=loaded.problems, there=place.exists())
