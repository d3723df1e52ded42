"""The shipped rules, judging lines that a test reads to them one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from nightporter import origins
from nightporter.detect.engine import Engine
from nightporter.lane import Arrival, Lane
from nightporter.model import Chunk, Episode, Fields, Position
from nightporter.rule import Rule, Ruleset
from nightporter.ruleset import load, read

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "rules"
NOON: Final = 1_780_315_200_000_000_000


@cache
def shipped() -> Ruleset:
    """The shipped rules, without a mistake."""
    files = read([RULES], shipped=True)
    loaded = load(files.texts)
    wrong = [str(problem) for problem in (*files.problems, *loaded.problems) if not problem.warning]
    assert not wrong, "\n".join(wrong)
    return loaded.ruleset


def rule_named(rule_id: str) -> Rule:
    return next(rule for rule in shipped().rules if rule.id == rule_id)


class Scene:
    """All shipped rules, or some, with lines read from one or several sources."""

    def __init__(self, *only: str) -> None:
        rules = shipped()
        if only:
            rules = replace(rules, rules=tuple(rule_named(name) for name in only))
        self.engine = Engine(rules)
        self._arrival = Arrival(replayed=True, latest=NOON)
        self._lanes: dict[str, Lane] = {}
        self._read = 0

    def line(self, source: str, line: str) -> Fields:
        """What became of one line; {} for one that the scanner rightly skipped."""
        lane = self._lanes.get(source)
        if lane is None:
            lane = self._lanes[source] = Lane(origins.named(source, tz="UTC"), self.engine, self._arrival)
        seen: list[Fields] = []
        self._read += 1
        chunk = Chunk(
            origin=lane.origin,
            data=line.encode("utf-8", "surrogateescape") + b"\n",
            start=self._read * 100_000,
            identity="scene",
            end=Position(source, "scene", b""),
            arrived=2**62,
        )
        for event in lane.events(chunk):
            self.engine.judge(event, lane.plan)
            seen.append(event.fields)
        return seen[-1] if seen else {}

    def episodes(self) -> list[Episode]:
        self.engine.finish()
        return self.engine.take_changes().episodes


@cache
def login_scene() -> Scene:
    """One engine for many lines: what a service writes of a login does not depend on what came before."""
    return Scene()


def judged(service: str, line: str) -> Fields:
    """What became of a line of `service`, whatever came before it. A proxy's line of a login may depend on it
    (whether its router asks for a password): each is judged as the first."""
    scene = Scene("login-lockout") if service == "traefik" else login_scene()
    return scene.line(f"service:{service}", line)
