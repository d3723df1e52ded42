"""A machine that slept is told from one that is quiet."""

from __future__ import annotations

import pytest

from nightporter.sources.docker.pulse import SLEPT_S, Pulse


class HandClock:
    """Two clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall_s = 1_800_000_000.0
        self.mono_s = 50.0

    def now(self) -> int:
        return int(self.wall_s * 10**9)

    def monotonic(self) -> float:
        return self.mono_s

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.wall_s += seconds
        self.mono_s += seconds


@pytest.mark.parametrize(
    ("jump_s", "slept"),
    [(0, False), (SLEPT_S - 1, False), (SLEPT_S + 1, True), (8 * 3600, True), (-3600, False)],
    ids=["no jump", "a small one", "asleep", "a night", "set back"],
)
def test_a_jump_of_the_wall_clock_alone_is_a_sleep(jump_s: float, slept: bool) -> None:
    clock = HandClock()
    pulse = Pulse(clock)
    clock.pass_by(5)
    assert not pulse.has_slept()
    clock.wall_s += jump_s
    clock.pass_by(5)
    assert pulse.has_slept() is slept
    clock.pass_by(5)
    assert not pulse.has_slept()  # told once


def test_quiet_counts_from_the_last_beat_and_running_from_the_first() -> None:
    clock = HandClock()
    pulse = Pulse(clock)
    clock.pass_by(10)
    pulse.beat()
    clock.pass_by(3)
    assert (pulse.running_s(), pulse.quiet_s()) == (13, 3)
