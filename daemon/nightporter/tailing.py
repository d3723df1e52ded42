"""Lines of the configured sources as a person may want to see them: filtered, with the rules that count each.

A `View` judges by an engine of its own: nothing that it sees is stored, told, or known to the daemon. Which
lines it shows is asked after the line was judged, so that what an `events:` entry adds (`event=login`) can be
asked for as well. It parses every line; the fast path's scanner would skip what no rule looks for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nightporter.config import (
    CommandSource,
    Config,
    ContainerFileSource,
    DiskSource,
    DockerSource,
    FileSource,
    IntegritySource,
    ProbeSource,
    SourceConfig,
)
from nightporter.detect.compiled import Formats, applies
from nightporter.detect.engine import Engine
from nightporter.detect.places import Places, nowhere
from nightporter.detect.predicates import compile_condition
from nightporter.errors import UserError
from nightporter.lane import Arrival, Lane
from nightporter.model import Chunk, Event, Origin
from nightporter.rule import Condition, Ruleset
from nightporter.sources.files.ending import endings, marks_after, pieces

BACK_BYTES: Final = 64 * 1024 * 1024
"""How far back the last lines are looked for, in all files together."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A line that fits, and the ids of the rules that count it."""

    event: Event
    rules: tuple[str, ...]


class View:
    """What a command line asks to see."""

    def __init__(
        self, ruleset: Ruleset, sources: Sequence[str], condition: Condition, places: Places = nowhere
    ) -> None:
        """`sources` as a rule's `from`."""
        self._engine = Engine(ruleset, places=places)
        self._sources = sources
        self._fits = compile_condition(condition, self._engine.rules.lists, timezone=ruleset.timezone)
        self._lanes: dict[Origin, tuple[Lane, Formats]] = {}

    def shown(self, chunk: Chunk, *, past: bool = False) -> Iterator[Shown]:
        """The lines of a chunk that fit. `past`: they are old, and their own stamps say what now is."""
        lane, formats = self._lane(chunk.origin, past)
        if formats == frozenset():
            return
        for event in lane.every_event(chunk):
            if formats is not None and event.format not in formats:
                continue
            counted = self._engine.judge(event, lane.plan)
            if self._fits(event.fields, {}):
                yield Shown(event, tuple(counted))
        self._engine.advance(lane.arrival.latest if past else chunk.arrived)
        self._engine.take_changes(rows=False)

    def _lane(self, origin: Origin, past: bool) -> tuple[Lane, Formats]:
        if origin not in self._lanes:
            lane = Lane(origin, self._engine, Arrival(replayed=past), scan=False)
            self._lanes[origin] = lane, applies(self._sources, origin, lane.form.produces)
        return self._lanes[origin]


def followed(config: Config, name: str) -> tuple[SourceConfig, ...]:
    """The sources whose lines a `from` of this name may mean. Raises UserError where there is none."""
    own = tuple(source for source in config.sources if source.name == name)
    found = own or tuple(source for source in config.sources if _may_hold(source, name))
    if not found:
        known = ", ".join(source.name for source in config.sources) or "none"
        raise UserError(f"no source of the config has lines from '{name}'; its sources: {known}")
    return found


def _may_hold(source: SourceConfig, name: str) -> bool:
    """Whether a source, whose own name is another, can have such lines."""
    if isinstance(source, IntegritySource):
        return name in ("any", "integrity", "record")
    if isinstance(source, DockerSource):
        return name not in ("file", "integrity")
    if name.startswith(("docker", "integrity")):
        return False
    if isinstance(source, DiskSource | ProbeSource):
        return name in ("any", "probe", "record")
    if isinstance(source, CommandSource) and name in ("command", "file"):
        return name == "command"
    if name.startswith("service:"):
        wanted = name.removeprefix("service:")
        return isinstance(source, ContainerFileSource) or source.service.lower() == wanted
    return name in ("any", "file", source.format) or source.format == "auto"


def last_lines(
    config: FileSource, make_view: Callable[[], View], count: int
) -> tuple[list[Shown], dict[str, bytes]]:
    """The newest lines of a file source that fit, at most `count`, oldest first; and the marks with which the
    source goes on after them.

    The newest file is looked at first, each from its end in growing pieces; a piece that turns out too short
    is judged anew by another view.
    """
    found = endings(config)
    left, lines = BACK_BYTES, deque[Shown]()
    for ending in reversed(found):
        best: list[Shown] = []
        read = 0
        for chunk in pieces(config, ending, left):
            best, read = list(make_view().shown(chunk, past=True)), len(chunk.data)
            if len(lines) + len(best) >= count:
                break
        lines.extendleft(reversed(best))
        left -= read
        if len(lines) >= count or left <= 0:
            break
    return list(lines)[-count:], marks_after(config, found)
