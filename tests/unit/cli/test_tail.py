"""How `tail` shows a line, and which sources it follows."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.clock import NOON

from nightporter.cli.tail import LEAST_COLUMNS, Face, colour_of, line_of, why_quiet
from nightporter.config import Config, ContainerFileSource, DockerSource, FileSource
from nightporter.errors import UserError
from nightporter.model import Event, Fields, Origin, Untrusted, Value
from nightporter.tailing import Shown, followed

PLAIN = Face(UTC, colours=False, columns=0)
TERMINAL = Face(UTC, colours=True, columns=80)


def a_line(raw: str = "hello", *rules: str, kind: str = "file", **fields: Value) -> Shown:
    values: Fields = {"raw": raw, **fields}
    origin = Origin(source="s", kind="docker" if kind == "docker" else "file", stream="s", format="text")
    event = Event(
        fields=values,
        time=NOON,
        arrived=NOON,
        origin=origin,
        format="text",
        position="p",
        raw=Untrusted(raw),
    )
    return Shown(event, rules)


def test_in_a_pipe_a_line_is_time_text_and_rules() -> None:
    assert line_of(a_line(), PLAIN) == "12:00:00 hello"
    assert line_of(a_line("hello", "a", "b"), PLAIN) == "12:00:00 hello  ← a, b"
    assert line_of(a_line(kind="docker", container="ombi"), PLAIN) == "12:00:00 ombi: hello"


def test_on_a_terminal_the_rules_stand_at_the_right() -> None:
    shown = line_of(a_line("x" * 300, "guessing"), Face(UTC, colours=False, columns=80))
    assert len(shown) <= 80
    assert shown.endswith("…  ← guessing")
    short = line_of(a_line("x", "guessing"), Face(UTC, colours=False, columns=80))
    assert len(short) == 80
    assert short.endswith("  ← guessing")


def test_a_narrow_terminal_still_shows_something_of_the_line() -> None:
    shown = line_of(a_line("x" * 300, "r" * 100), Face(UTC, colours=False, columns=60))
    assert shown.count("x") >= LEAST_COLUMNS - 3


@pytest.mark.parametrize(
    ("fields", "colour"),
    [
        ({"status": 200}, "32"),
        ({"status": 304}, "36"),
        ({"status": 404}, "33"),
        ({"status": 502}, "31"),
        ({"status": 0}, ""),
        ({"level": "error"}, "31"),
        ({"level": "warning"}, "33"),
        ({"level": "info"}, ""),
        ({"status": 200, "level": "error"}, "32"),
        ({}, ""),
    ],
)
def test_colours_follow_the_status_else_the_level(fields: dict[str, Any], colour: str) -> None:
    assert colour_of(a_line("x", **fields)) == colour
    shown = line_of(a_line("x", **fields), TERMINAL)
    assert shown == (f"12:00:00 \x1b[{colour}mx\x1b[0m" if colour else "12:00:00 x")


@given(raw=st.text(), container=st.text())
def test_no_line_reaches_the_terminal_as_more_than_text(raw: str, container: str) -> None:
    shown = line_of(a_line(raw, "r", kind="docker", container=container), PLAIN)
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert not [c for c in shown if ord(c) < 32 or 0x7F <= ord(c) < 0xA0]


def test_a_json_access_line_is_brought_to_what_it_says() -> None:
    raw = json.dumps({"RequestMethod": "GET", "x": "y" * 900})
    shown = a_line(raw, method="GET", status=404, client_ip="203.0.113.9", host="a", path="/b")
    assert line_of(shown, PLAIN) == "12:00:00 203.0.113.9 GET a/b 404"


# --- which sources

CONFIG = Config(
    state=Path("/nowhere"),
    sources=(
        FileSource(name="proxy", paths=("a",), format="traefik"),
        FileSource(name="ombi-log", paths=("b",), service="Ombi"),
        FileSource(name="plain", paths=("c",), format="text", service="other"),
        ContainerFileSource(name="inside", container="x", path="/l", service="y"),
        DockerSource(name="engine"),
    ),
)


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("proxy", ["proxy"]),
        ("traefik", ["proxy", "ombi-log", "inside", "engine"]),  # `auto` may meet such lines
        ("service:ombi", ["ombi-log", "inside", "engine"]),
        ("docker", ["engine"]),
        ("docker_events", ["engine"]),
        ("file", ["proxy", "ombi-log", "plain", "inside"]),
        ("any", ["proxy", "ombi-log", "plain", "inside", "engine"]),
    ],
)
def test_only_sources_that_may_have_such_lines_are_followed(name: str, sources: list[str]) -> None:
    assert [source.name for source in followed(CONFIG, name)] == sources


def test_none_at_all_is_told() -> None:
    with pytest.raises(UserError, match="its sources: none"):
        followed(Config(state=Path("/nowhere")), "traefik")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "following", "blind": [], "waiting": ["/other"]}, ""),
        ({"state": "waiting", "blind": [], "waiting": ["/a.log"]}, "nothing there yet: /a.log"),
        ({"state": "blind", "blind": ["/a.log: refused"], "waiting": []}, "blind: /a.log: refused"),
        ({"up": False, "away_why": "no socket"}, "the engine is away: no socket"),
        ({"up": True, "following": ["ombi"], "blind": {}}, ""),
    ],
)
def test_a_source_that_brings_nothing_says_why(status: dict[str, object], words: str) -> None:
    assert why_quiet(status) == words
