"""Engines for tests: rules as YAML text, events as fields."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import dedent

from nightporter import origins, ruleset
from nightporter.detect.compiled import Plan
from nightporter.detect.engine import Engine
from nightporter.model import SECOND, Episode, Event, Origin, Stamp, Untrusted, Value
from nightporter.rule import Ruleset
from nightporter.ruleset import SourceText

NOON: Stamp = 1_780_315_200 * SECOND


def rules(text: str) -> Ruleset:
    """The rules of one YAML text; raises AssertionError with the problems of a bad one."""
    loaded = ruleset.load([SourceText(name="test.yaml", text=dedent(text), shipped=False)])
    assert loaded.ok, "\n".join(map(str, loaded.problems))
    return loaded.ruleset


class Bench:
    """An engine that is fed events given as fields, in event time (seconds after NOON)."""

    def __init__(
        self, text: str | Ruleset, *, source: str = "traefik", resumed_at: Stamp | None = None
    ) -> None:
        self.ruleset = rules(text) if isinstance(text, str) else text
        self.engine = Engine(self.ruleset, resumed_at=resumed_at)
        self.origin: Origin = origins.named(source)
        self._number = 0
        self.known: dict[str, Episode] = {}

    @property
    def plan(self) -> Plan:
        return self.engine.plan(self.origin, ("traefik",))

    def feed(self, second: float, **fields: Value) -> list[str]:
        """One event; gives the rules that counted it."""
        self._number += 1
        time = NOON + round(second * SECOND)
        return self.engine.judge(
            Event(
                fields={**dict(self.origin.fields), "time": time, "arrived": time, **fields},
                time=time,
                arrived=time,
                origin=self.origin,
                format="traefik",
                position=f"test:{self._number}",
                raw=Untrusted(f"line {self._number}"),
            ),
            self.plan,
        )

    def burst(self, seconds: Iterable[float], **fields: Value) -> None:
        """The same event at each of these times."""
        for second in seconds:
            self.feed(second, **fields)

    def episodes(self) -> list[Episode]:
        """Every episode so far, as it last stood, in the order of crossing."""
        for episode in self.engine.take_changes(rows=False).episodes:
            self.known[episode.id] = episode
        return sorted(self.known.values(), key=lambda e: e.crossed)

    def quiet(self, second: float) -> None:
        """Let the arrival clock reach this second."""
        self.engine.advance(NOON + round(second * SECOND))
