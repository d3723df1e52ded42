"""Finds `.env` files: where this was called, and where Docker Compose's projects and Traefik's log lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from nightporter.doctor.allowlist import AllowList, read_env
from nightporter.doctor.containers import Running
from nightporter.doctor.looking.view import View

_MAX_BYTES: Final = 256 * 1024
_USUAL: Final = ("", "docker", "traefik", "homelab", "home-server", "server", "compose")
"""Folders of a home where people keep them."""
_PROJECT: Final = "com.docker.compose.project.working_dir"


def look(view: View, containers: Iterable[Running]) -> tuple[AllowList, ...]:
    """Blocking."""
    found: list[AllowList] = []
    for path in candidates(view, containers):
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_BYTES).decode("utf-8", "replace")
        except OSError:
            continue  # most are not there
        found += read_env(str(path), text)
    return tuple(found)


def candidates(view: View, containers: Iterable[Running]) -> list[Path]:
    """Where an `.env` may lie: each folder, and the one above a compose project's."""
    projects = {Path(running.container.labels.get(_PROJECT, "")) for running in containers} - {Path()}
    above = {project.parent for project in projects}
    folders = [view.cwd, *sorted(projects), *sorted(above), *(view.home / name for name in _USUAL)]
    return list(dict.fromkeys(folder / ".env" for folder in folders))
