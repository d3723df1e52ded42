"""Files that an intruder would change and that lie elsewhere than `paths: default` looks. Blocking."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from nightporter.doctor.allowlist import AllowList
from nightporter.doctor.containers import Running
from nightporter.sources.integrity.watchlist import covers, usual
from nightporter.survey.facts import AcmeFacts, TraefikFacts

COMPOSE_FILES: Final = "com.docker.compose.project.config_files"
"""The compose files that a container was made from, with commas between (Docker Compose 2, 2026-11)."""
COMPOSE_FOLDER: Final = "com.docker.compose.project.working_dir"
MOST: Final = 50


def elsewhere(
    home: Path,
    facts: TraefikFacts,
    acme: Iterable[AcmeFacts],
    lists: Iterable[AllowList],
    running: Sequence[Running],
) -> tuple[str, ...]:
    """What Traefik's settings, the allow-lists and the containers' compose files name, and is there."""
    known = usual(home)
    named = (*_of_traefik(facts, acme), *(found.file for found in lists), *_composed(running))
    places = dict.fromkeys(map(os.path.normpath, named))
    unusual = (path for path in places if os.path.isfile(path) and not _is_usual(path, known))  # noqa: PTH113
    return tuple(islice(unusual, MOST))


def _of_traefik(facts: TraefikFacts, acme: Iterable[AcmeFacts]) -> Iterator[str]:
    yield from (static.place for static in facts.statics if static.place.startswith("/"))
    yield from (str(found.path) for found in acme)


def _composed(running: Sequence[Running]) -> Iterator[str]:
    for one in running:
        labels = one.container.labels
        yield from filter(os.path.isabs, labels.get(COMPOSE_FILES, "").split(","))
        if folder := labels.get(COMPOSE_FOLDER, ""):
            yield os.path.join(folder, ".env")  # noqa: PTH118 - a text of the engine's


def _is_usual(path: str, known: tuple[str, ...]) -> bool:
    return any(covers(pattern, path) for pattern in known)
