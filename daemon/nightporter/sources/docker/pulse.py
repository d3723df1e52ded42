"""Whether a stream is quiet, and whether the machine slept while it was open. Pure but for the clock."""

from __future__ import annotations

from typing import Final

from nightporter.clock import Clock
from nightporter.model import SECOND

SLEPT_S: Final = 30.0
"""The wall clock ran so much further than the monotonic one: this machine was asleep."""


class Pulse:
    """Tells how long a stream has run and been quiet, and whether the machine slept meanwhile: asleep, the
    wall clock runs on while the monotonic one stands still (macOS, Linux). A wall clock that is set forward
    looks the same, and does no harm."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opened = self._beat = clock.monotonic()
        self._lag = self._now_lag()

    def _now_lag(self) -> float:
        return self._clock.now() / SECOND - self._clock.monotonic()

    def beat(self) -> None:
        self._beat = self._clock.monotonic()

    def running_s(self) -> float:
        return self._clock.monotonic() - self._opened

    def quiet_s(self) -> float:
        return self._clock.monotonic() - self._beat

    def has_slept(self) -> bool:
        before, self._lag = self._lag, self._now_lag()
        return self._lag - before >= SLEPT_S
