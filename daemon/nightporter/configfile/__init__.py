"""config.yaml → `Config`, with every mistake at its place.

Start at whole.py; each part of the file has a module of its own. What a `Config` is made of is in
`nightporter.config`, what its secrets may be in secrets.py, and the last good one is kept by good.py.
"""

from nightporter.configfile.whole import (
    KEYS,
    LoadedConfig,
    World,
    default_path,
    default_state,
    parse_config,
    read,
    surroundings,
)

__all__ = [
    "KEYS",
    "LoadedConfig",
    "World",
    "default_path",
    "default_state",
    "parse_config",
    "read",
    "surroundings",
]
