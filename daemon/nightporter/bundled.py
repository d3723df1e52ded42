"""What ships beside the code: `rules/`, `launchd/`, `config.example.yaml`.

In a wheel they lie inside the package, in `nightporter/bundled/`; in a checkout (editable install, pytest)
at its top level. Wheels are always unpacked by pip, uv and pipx, so that everything is a real path.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


class NotBundled(RuntimeError):
    """The installation lacks a part of itself: a packaging fault, not the user's."""


def path_of(name: str) -> Path:
    """The real path of a shipped file or folder: `rules`, `launchd`, `config.example.yaml`."""
    package = Path(str(files("nightporter")))
    for base in (package / "bundled", package.parents[1]):
        if (base / name).exists():
            return base / name
    raise NotBundled(f"this installation of Nightporter has no '{name}': install it again")


def rules() -> Path:
    """The folder of the shipped rules."""
    return path_of("rules")


def launchd() -> Path:
    """The folder of the agent's template and notes."""
    return path_of("launchd")


def example_config() -> Path:
    """The commented config."""
    return path_of("config.example.yaml")
