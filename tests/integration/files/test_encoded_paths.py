"""A scanner who spells his pages otherwise: what a real Traefik logs, and what the rules make of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from tests.parts.traefik import Traefik

from nightporter import bundled, origins
from nightporter.clock import SystemClock
from nightporter.detect.engine import Engine
from nightporter.lane import Arrival, Lane
from nightporter.model import Chunk, Position, Value
from nightporter.ruleset import load, read

Form = Literal["json", "common"]

pytestmark = pytest.mark.real


def judged(folder: Path, form: Form, paths: Sequence[str]) -> tuple[list[Value | None], set[str]]:
    """The paths that Traefik logged of these requests, and the rules that fired on them."""
    with Traefik(folder, access_format=form) as traefik:
        for path in paths:
            assert traefik.get(path, client="203.0.113.66") == 404
    engine = Engine(load(read([bundled.rules()], shipped=True).texts).ruleset)
    lane = Lane(origins.named("traefik"), engine, Arrival())
    chunk = Chunk(
        data=traefik.access_log.read_bytes(),
        origin=lane.origin,
        identity="x",
        start=0,
        end=Position(source="test", stream="test", mark=b""),
        arrived=SystemClock().now(),
    )
    lane.judge(chunk)
    logged = [event.fields.get("path") for event in lane.every_event(chunk)]
    return logged, {episode.rule for episode in engine.take_changes().episodes}


@pytest.mark.parametrize("form", ["json", "common"])
def test_letters_sent_as_numbers_are_letters_in_the_log(tmp_path: Path, form: Form) -> None:
    logged, fired = judged(tmp_path, form, ["/%2eenv", "/%77p-login.php?x=%2e", "//.gi%74/config"])
    assert logged == ["/.env", "/wp-login.php", "/.git/config"]
    assert fired == {"http-scanner-paths"}


@pytest.mark.parametrize("form", ["json", "common"])
@pytest.mark.parametrize(
    "paths", [["/.env/", "/.env;x", "/.env%20"], ["/.env%2f", "/.git%2fconfig", "/wp-login.php%3fx"]]
)
def test_what_is_written_behind_a_name_hides_nothing(tmp_path: Path, form: Form, paths: list[str]) -> None:
    _, fired = judged(tmp_path, form, paths)
    assert fired == {"http-scanner-paths"}
