"""Each act of the demo makes one rule speak, and no other."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.parts.clock import NOON

from nightporter.cli.demo import Stage, config_for
from nightporter.cli.replay import origin_of
from nightporter.demo.story import Expected, Story, read_story
from nightporter.model import SECOND, Chunk, Position
from nightporter.replay import Replay
from nightporter.rule import Ruleset
from nightporter.rulefiles import judged, texts

STORY = read_story()
CONFIG = config_for(Stage(Path("/nowhere")), STORY)


@cache
def shipped_rules() -> Ruleset:
    sources, _ = texts(CONFIG)
    return judged(sources, CONFIG).ruleset


def alerts(story: Story, ruleset: Ruleset) -> list[tuple[str, dict[str, object]]]:
    """Rule and key of every episode that the story's lines make."""
    replay = Replay(ruleset)
    for number, beat in enumerate(story.beats(), 1):
        now = NOON + round(beat.at_s * SECOND)
        replay.feed(
            [
                Chunk(
                    origin=origin_of(beat.file, CONFIG),
                    data=story.line(beat, number, now).encode() + b"\n",
                    start=number,
                    identity="demo",
                    end=Position(beat.file, beat.file, b""),
                    arrived=now,
                )
            ]
        )
    return sorted(((e.rule, dict(e.key)) for e in replay.episodes()), key=str)


def due(expected: tuple[Expected, ...]) -> list[tuple[str, dict[str, object]]]:
    return sorted(((e.rule, dict(e.key)) for e in expected), key=str)


def test_exactly_the_alerts_that_are_due() -> None:
    assert alerts(STORY, shipped_rules()) == due(STORY.expected)


@pytest.mark.parametrize("missing", [e.rule for e in STORY.expected])
def test_without_a_rule_exactly_its_alert_is_missing(missing: str) -> None:
    all_rules = shipped_rules()
    fewer = replace(all_rules, rules=tuple(rule for rule in all_rules.rules if rule.id != missing))
    assert alerts(STORY, fewer) == due(tuple(e for e in STORY.expected if e.rule != missing))
