"""A rule's inline tests, run through a lane: used by `test`, by `check` and by every reload.

A test judges the rule as its own file wrote it, with that file's lists: no tune, no additions from elsewhere,
no `ignore:`. Only a tune's own tests see the tuned rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from nightporter import origins
from nightporter.detect.compiled import applies
from nightporter.detect.engine import Engine
from nightporter.detect.filling import normalised
from nightporter.errors import Problem
from nightporter.formats import make_format
from nightporter.formats.access import family_of, shape_of
from nightporter.lane import Arrival, Lane
from nightporter.model import SECOND, Chunk, Episode, Event, Fields, Nanos, Origin, Position, Stamp, Untrusted
from nightporter.rule import PLACE_FIELDS, Enricher, LineTest, Rule, Ruleset, TestItem

BEGIN: Final[Stamp] = 1_780_315_200 * SECOND
"""When events without a stamp of their own happen: noon UTC on Monday, 1 June 2026."""


def failures(ruleset: Ruleset) -> list[Problem]:
    """Every inline test that fails, as a mistake at the test's place."""
    problems: list[Problem] = []
    for rule in ruleset.rules:
        for test in rule.tests:
            judged = rule if test.tuned or rule.untuned is None else rule.untuned
            problems += _problem(f"rule '{rule.id}'", test, run(judged, None, test, ruleset))
    for enricher in ruleset.enrichers:
        for test in enricher.tests:
            problems += _problem(f"event '{enricher.id}'", test, run(None, enricher, test, ruleset))
    return problems


def all_tests(ruleset: Ruleset) -> list[LineTest]:
    """Every inline test of a set."""
    return [
        *(test for rule in ruleset.rules for test in rule.tests),
        *(test for enricher in ruleset.enrichers for test in enricher.tests),
    ]


def _problem(what: str, test: LineTest, complaint: str) -> Iterator[Problem]:
    if complaint:
        yield Problem(place=test.place, found=f"the test '{test.name}' of {what} fails: {complaint}")


def run(rule: Rule | None, enricher: Enricher | None, test: LineTest, ruleset: Ruleset) -> str:
    """Run one test; gives what is wrong, or "" for a test that holds."""
    stage = _Stage(rule, enricher, test, ruleset)
    if not stage.looked_at:
        return f"the rule does not look at lines from '{stage.origin.source}'"
    last, episodes = stage.play()
    fired = len({episode.id for episode in episodes})
    if test.fires is not None and fired != test.fires:
        return f"it fires {fired} times; the test expects {test.fires}"
    fields = last.fields if last else {}
    wrong = [
        f"{name} is {_shown(fields.get(name))}, expected {_shown(value)}"
        for name, value in test.sets
        if fields.get(name) != value
    ]
    return "; ".join(wrong)


def episodes(rule: Rule, test: LineTest, ruleset: Ruleset) -> list[Episode]:
    """The episodes that the rule finds in one of its tests; their stamps are the test's."""
    return _Stage(rule, None, test, ruleset).play()[1]


class _Stage:
    """An engine with one rule or event, and a lane, for one test."""

    def __init__(
        self, rule: Rule | None, enricher: Enricher | None, test: LineTest, ruleset: Ruleset
    ) -> None:
        sources = rule.sources if rule else enricher.sources if enricher else ()
        self.origin = origins.named(test.source or sources[0], tz="UTC")
        produces = make_format(self.origin).produces
        self.looked_at = rule is None or applies(rule.sources, self.origin, produces) != frozenset()
        small = Ruleset(
            rules=(replace(rule, enabled=True),) if rule else (),
            enrichers=tuple(
                e for e in ruleset.enrichers if applies(e.sources, self.origin, produces) != frozenset()
            ),
            # Beneath what a tune sees: lists that only the config gives, as a file wrote them for tests.
            lists={**ruleset.own_lists, **ruleset.lists} if test.tuned else ruleset.own_lists,
            timezone="UTC",
            places=PLACE_FIELDS,  # tests write them as fields of their events
        )
        self._test = test
        self._engine = Engine(small)
        self._lane = Lane(self.origin, self._engine, Arrival(replayed=True, latest=BEGIN), scan=False)

    def play(self) -> tuple[Event | None, list[Episode]]:
        """The last event, and what was found."""
        last = _play(self._test.items, self._engine, self._lane)
        self._engine.finish()
        return last, self._engine.take_changes().episodes


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)


def _play(items: Iterable[TestItem], engine: Engine, lane: Lane) -> Event | None:
    clock = Arrival(replayed=True, latest=BEGIN)
    last: Event | None = None
    number = 0
    for item in items:
        if item.wait:
            clock.latest += item.wait
            lane.arrival.latest = max(lane.arrival.latest + item.wait, clock.latest)
            engine.advance(lane.arrival.latest)
        for i in range(item.repeat):
            shift = i * item.every
            if item.line is not None:
                made = list(_line_events(lane, item.line.replace("{i}", str(i)), number, shift))
            elif item.event is not None:
                made = [_given(lane.origin, lane.form.produces[0], dict(item.event), i, clock, number)]
                clock.latest += item.every
            else:
                break
            number += 1
            for event in made:
                engine.judge(event, lane.plan)
                last = event
            engine.advance(lane.arrival.latest)
    return last


def _line_events(lane: Lane, line: str, number: int, shift: Nanos) -> Iterator[Event]:
    """A raw line through the lane's format; `shift` is added to the stamp it carries."""
    data = line.encode(errors="surrogateescape") + b"\n"
    chunk = Chunk(
        origin=lane.origin,
        data=data,
        start=number * 1_000_000,
        identity="test",
        end=Position("test", "test", b""),
        arrived=2**62,
    )
    for event in lane.every_event(chunk):
        event.time += shift
        event.fields["time"] = event.time
        lane.arrival.latest = max(lane.arrival.latest, event.time)
        yield event


def _given(origin: Origin, form: str, given: Fields, i: int, clock: Arrival, number: int) -> Event:
    """An event that a test gives as fields; `{i}` in its texts is the repetition. What a format would derive
    of them is derived here too."""
    fields: Fields = {
        "source": origin.source,
        "time": clock.latest,
        "arrived": clock.latest,
        "raw": str(given),
        **dict(origin.fields),
        **{n: v.replace("{i}", str(i)) if isinstance(v, str) else v for n, v in given.items()},
    }
    if "path" in fields:
        fields.setdefault("path_shape", shape_of(str(fields["path"])))
    if "user_agent" in fields:
        fields.setdefault("agent", family_of(str(fields["user_agent"])))
    return Event(
        fields=normalised(fields),
        time=clock.latest,
        arrived=clock.latest,
        origin=origin,
        format=form,
        position=f"test:{number}",
        raw=Untrusted(str(given)),
    )
