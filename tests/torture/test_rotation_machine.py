"""Any order of writing, rotating, compressing, deleting, stopping and crashing loses and repeats nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.parts.logfiles import Disk, Reading


@dataclass
class Generation:
    """What one file holds, from its creation to its end, wherever it is now."""

    content: bytearray = field(default_factory=bytearray)
    gone: bool = False
    """Deleted: what of it was not judged by then may be lost."""


class Rotation(RuleBasedStateMachine):
    """The model knows which line went into which file. Lines are all different, and a whole one ends in
    `log`."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="rotation-"))
        self.disk = Disk(self.folder)
        self.reading = Reading(self.disk, buffer_bytes=48)
        self.generations: list[Generation] = []
        self.live: Generation | None = None
        """What stands at the log's own path."""
        self.written: Generation | None = None
        """What the writer's open file is."""
        self.copies: list[Generation] = []
        """Newest first, as numbered from 1."""
        self.count = 0

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.reading.close()
            self.disk.close()
            shutil.rmtree(self.folder)

    # -- the writer ------------------------------------------------------------------------------------------

    @initialize(at_end=st.booleans())
    def known(self, at_end: bool) -> None:
        """The log is known before its first line comes: else it would rightly begin at its end."""
        self.reading.close()
        self.reading = Reading(self.disk, at_end=at_end, buffer_bytes=48)
        self.reading.poll()
        self.reading.commit()

    def _append(self, data: bytes) -> None:
        if self.written is None:
            if self.live is None:
                self.live = Generation()
                self.generations.append(self.live)
            self.written = self.live
        self.written.content += data
        self.disk.write(data)

    def _line(self) -> bytes:
        self.count += 1
        return b"line %d of the log\n" % self.count

    @rule(lines=st.integers(1, 12))
    def write(self, lines: int) -> None:
        for _ in range(lines):
            self._append(self._line())

    @rule(at=st.integers(1, 10))
    def write_half_a_line(self, at: int) -> None:
        self._append(self._line()[:at])

    @rule()
    def reopen(self) -> None:
        self.disk.reopen()
        self.written = None

    # -- the rotator -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.live is not None)
    @rule(create=st.booleans())
    def rename(self, create: bool) -> None:
        assert self.live is not None
        self.disk.rename(create=create)
        self.copies.insert(0, self.live)
        self.live = None
        if create:
            self.live = Generation()
            self.generations.append(self.live)

    @precondition(lambda self: self.live is not None)
    @rule()
    def copytruncate(self) -> None:
        assert self.live is not None
        self.disk.copytruncate()
        self.copies.insert(0, self.live)
        new = Generation()
        self.generations.append(new)
        if self.written is self.live:
            self.written = new
        self.live = new

    @precondition(lambda self: self.live is not None and self.written is not self.live)
    @rule()
    def delete_live(self) -> None:
        assert self.live is not None
        self.disk.live.unlink()
        self.live.gone = True
        self.live = None

    @rule(number=st.integers(1, 4))
    def pack(self, number: int) -> None:
        path = self.disk.copies().get(number)
        if path is not None and path.suffix != ".gz" and path != self.disk.writes_to:
            self.disk.pack(number)

    @rule()
    def delete_oldest(self) -> None:
        copies = self.disk.copies()
        if copies and copies[max(copies)] != self.disk.writes_to:
            copies[max(copies)].unlink()
            self.copies.pop().gone = True

    # -- us --------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.25, 1.0, 11.0, 70.0]))
    def poll(self, seconds: float) -> None:
        self.reading.poll(seconds)

    @rule(steps=st.integers(1, 4))
    def step(self, steps: int) -> None:
        self.reading.now += 0.05
        for _ in range(steps):
            self.reading.step()

    @rule()
    def commit(self) -> None:
        self.reading.commit()

    @rule()
    def crash(self) -> None:
        self.reading.crash()

    @rule()
    def restart(self) -> None:
        self.reading.restart()

    # -- the law ---------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_repeated(self) -> None:
        again = [line for line, times in Counter(self._given()).items() if times > 1 and b"log" in line]
        assert not again

    def settle(self) -> None:
        """Let everything come to rest, then compare."""
        self.disk.reopen()
        self._finish_half_line()
        for _ in range(5):
            self.reading.poll(12.0)
        given = self._given()
        places = {line: place for place, line in enumerate(given)}
        for generation in self.generations:
            lines = [line for line in bytes(generation.content).split(b"\n") if b"log" in line]
            if not generation.gone:
                assert [line for line in lines if line not in places] == [], "lost"
            order = [places[line] for line in lines if line in places]
            assert order == sorted(order), "out of order"
        whole = {line for line in given if b"log" in line}
        assert whole <= {line for g in self.generations for line in bytes(g.content).split(b"\n")}, "made up"

    def _finish_half_line(self) -> None:
        self.written = None
        self._append(b"\n" + self._line())

    def _given(self) -> list[bytes]:
        return self.reading.text.split(b"\n")[:-1]


TestRotation = pytest.mark.timeout(900)(Rotation.TestCase)
TestRotation.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
