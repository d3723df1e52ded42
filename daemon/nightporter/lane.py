"""A lane carries one origin's chunks to the engine: chunk → candidate lines → parse → judge.

Quiet lines are never touched one by one: the scanner finds the lines that hold a literal without which no
rule can fit, and only those are decoded, parsed and judged. The scanner may only ever skip work; the exact
judgement always follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from nightporter.detect import necessary
from nightporter.detect.compiled import Plan
from nightporter.detect.engine import Engine
from nightporter.detect.scanner import EveryLine, Scanner, choose
from nightporter.formats import make_format
from nightporter.formats.base import Format, LooksBack, Parsed, stands_before
from nightporter.model import MINUTE, Chunk, Event, Fields, Origin, Stamp, Untrusted
from nightporter.own import Own

AHEAD: Final = MINUTE
"""A stamp further ahead of its arrival than this is wrong: it is set to the arrival, and counted."""
RAW_CHARS: Final = 8_192
"""Characters of a line that are kept as `raw`: beyond, no rule looks (RULES §5)."""

Failed = Callable[[Event, Exception], None]
Saw = Callable[[Event], None]
"""Is shown each event after it was judged, with what `events:` entries made of it."""


@dataclass(slots=True)
class Arrival:
    """What "now" is for a lane. Live: the chunk's own arrival. In replay and tests the running maximum of
    event time, over all lanes that share this object (RULES §4.7)."""

    replayed: bool = False
    latest: Stamp = 0


class Lane:
    """Judges the chunks of one origin. Built anew when the rules change."""

    def __init__(
        self,
        origin: Origin,
        engine: Engine,
        arrival: Arrival,
        *,
        scan: bool = True,
        form: Format | None = None,
        own: Own | None = None,
        saw: Saw | None = None,
    ) -> None:
        """`own`: lines that fit it were written because of our own probes, and are judged by no rule."""
        self.origin = origin
        self._saw = saw
        self._own = own
        self._engine = engine
        self.arrival = arrival
        self.form: Format = form or make_format(origin)
        self.plan: Plan = engine.plan(origin, self.form.produces)
        self.literals = self._necessary() if scan else None
        """The bytes of which a line must hold one to be looked at; None: every line is judged."""
        self.scanner: Scanner = EveryLine() if self.literals is None else choose(self.literals)
        # Asked once: whether an object fits a protocol is a slow question.
        self._looks_back = self.form if isinstance(self.form, LooksBack) else None
        self._back = self._looks_back.look_back if self._looks_back is not None else 0
        self._before = b""
        """What stands before the chunk, where the format looks back at it."""
        self._identity, self._offset = "", 0
        self.counts: Counter[str] = Counter()
        """`bytes` seen, `candidates` judged, `ahead` (stamps set back), `failed` (mistakes of ours), `own`
        (candidates that tell of our own probes)."""

    def _necessary(self) -> necessary.Literals:
        rules = self._engine.rules
        found = necessary.literals(self.plan, self.origin, self.form, rules.lists, rules.ruleset.timezone)
        # That Traefik's log is read at all is known by our own requests in it: none may be skipped.
        if found is None or self._own is None or not self.tells_of_own:
            return found
        return found | {self._own.prefix}

    @property
    def tells_of_own(self) -> bool:
        """Whether a proxy writes this stream, in which our requests must appear. A service behind it may log
        them as well, which proves nothing."""
        return self.origin.format == "traefik"

    def judge(self, chunk: Chunk, failed: Failed | None = None) -> None:
        """Judge every line of a chunk. A line on which a mistake of ours raises goes to `failed`, and the
        next one is judged: no crafted line may stop the daemon."""
        self.counts["bytes"] += len(chunk.data)
        for event in self.events(chunk):
            self.counts["candidates"] += 1
            try:
                self._engine.judge(event, self.plan)
                if self._saw is not None:
                    self._saw(event)
            except Exception as err:  # a bug of ours met by one line: counted, handed on, the next is judged
                if failed is None:
                    raise
                self.counts["failed"] += 1
                failed(event, err)

    def events(self, chunk: Chunk) -> Iterator[Event]:
        """The events of the chunk's candidate lines, in order."""
        return self._events(chunk, self.scanner)

    def every_event(self, chunk: Chunk) -> Iterator[Event]:
        """The events of all lines of the chunk, whatever the scanner would skip."""
        return self._events(chunk, EveryLine())

    def _events(self, chunk: Chunk, scanner: Scanner) -> Iterator[Event]:
        data = chunk.data
        line_number, counted_to = 0, 0
        if self._back:
            self._follow(chunk)
        for start, end in scanner.candidates(data, len(data)):
            line_number += data.count(b"\n", counted_to, start)
            counted_to = start
            if end > start and data[end - 1] == 13:  # CR of a CRLF
                end -= 1
            line = data[start:end]
            if self._own is not None and self._own.fits(line, chunk.arrived):
                self.counts["own"] += 1
                continue
            yield self._event(chunk, start, line, line_number)
        if self._back:
            self._before = self._back_from(data, len(data))

    def _follow(self, chunk: Chunk) -> None:
        """What stands before a chunk is known only if it goes on where the last one ended."""
        if (chunk.identity, chunk.start) != (self._identity, self._offset):
            self._before = b""
        self._identity, self._offset = chunk.identity, chunk.start + len(chunk.data)

    def _parse(self, chunk: Chunk, start: int, line: bytes, arrived: Stamp) -> Parsed:
        if self._looks_back is None:
            return self.form.parse(line, arrived)
        return self._looks_back.parse_after(self._back_from(chunk.data, start), line, arrived)

    def _back_from(self, data: bytes, at: int) -> bytes:
        """What stands before a place in the chunk; the chunk before it is asked where that is needed."""
        before = stands_before(data, at, self._back)
        if self._before and len(before) == at:
            before = stands_before(self._before + before, len(self._before) + at, self._back)
        return before

    def _event(self, chunk: Chunk, start: int, line: bytes, number: int) -> Event:
        arrived = self.arrival.latest if self.arrival.replayed else chunk.arrived
        parsed = self._parse(chunk, start, line, arrived or chunk.arrived)
        if chunk.stamps is not None:
            time = chunk.stamps[number]
            position = f"{chunk.identity}:{time}:{crc32(line):x}"
        else:
            time = parsed.time if parsed.time is not None else arrived
            position = f"{chunk.identity}:{chunk.start + start}"
        if self.arrival.replayed:
            if time > chunk.arrived + AHEAD:
                time = self.arrival.latest
                self.counts["ahead"] += 1
            self.arrival.latest = arrived = max(self.arrival.latest, time)
        elif time > arrived + AHEAD:
            time = arrived
            self.counts["ahead"] += 1
        raw = Untrusted(line[: 4 * RAW_CHARS].decode("utf-8", "replace")[:RAW_CHARS])
        fields: Fields = {
            **dict(self.origin.fields),
            **parsed.fields,
            "source": self.origin.source,
            "time": time,
            "arrived": arrived,
            "raw": raw,
        }
        if parsed.started is not None:
            fields["started"] = parsed.started
        if chunk.channels is not None:
            fields["stream"] = "stderr" if chunk.channels[number] == 2 else "stdout"
        return Event(
            fields=fields,
            time=time,
            arrived=arrived,
            origin=self.origin,
            format=parsed.format,
            position=position,
            raw=raw,
            line=number,
        )


@dataclass(slots=True)
class Lanes:
    """All lanes, made when their first chunk comes."""

    engine: Engine
    arrival: Arrival = field(default_factory=Arrival)
    scan: bool = True
    own: Own | None = None
    """The tokens of our own probes; see `Lane`."""
    saw: Saw | None = None
    _lanes: dict[Origin, Lane] = field(default_factory=dict)
    _retired: dict[Origin, Lane] = field(default_factory=dict)

    def of(self, origin: Origin) -> Lane:
        """The lane of an origin."""
        lane = self._lanes.get(origin)
        return lane if lane is not None else self._made(origin)

    def _made(self, origin: Origin) -> Lane:
        before = self._retired.pop(origin, None)
        form = before.form if before is not None else None
        lane = self._lanes[origin] = Lane(
            origin, self.engine, self.arrival, scan=self.scan, form=form, own=self.own, saw=self.saw
        )
        if before is not None:
            lane.counts = before.counts
        return lane

    def drop(self, origin: Origin) -> None:
        """The origin's stream is gone for good (a dated file that was deleted)."""
        self._lanes.pop(origin, None)
        self._retired.pop(origin, None)

    def renew(self) -> None:
        """The rules have changed: each lane is made anew when its next chunk comes, since a dozen at once
        would hold up everything. Formats keep what they know, and counters go on."""
        self._retired |= self._lanes
        self._lanes.clear()

    def own_seen(self, source: str = "") -> int:
        """How many lines of proxies' logs told of our own requests; of all sources, or of one."""
        lanes = [*self._lanes.values(), *self._retired.values()]
        asked = [lane for lane in lanes if lane.tells_of_own and source in ("", lane.origin.source)]
        return sum(lane.counts["own"] for lane in asked)

    def counts(self) -> Counter[str]:
        """The counters of all lanes together."""
        lanes = (*self._lanes.values(), *self._retired.values())
        return sum((lane.counts for lane in lanes), Counter())
