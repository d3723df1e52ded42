"""How long a failed destination rests: pure arithmetic."""

from __future__ import annotations

import math
from typing import Final

FIRST_S: Final = 5.0
CAP_S: Final = 1800.0
"""Half an hour: an outage of days costs 50 tries a day, and is noticed to be over within that."""
BROKEN_S: Final = 1800.0
"""A deleted webhook or a wrong password heals only by a person."""
LONGEST_ASKED_S: Final = 86_400.0
"""A Retry-After beyond a day is taken for a day: no service asks that, and a typo must not silence us."""


def wait_s(failures: int, chance: float) -> float:
    """Seconds to wait after this many failures in a row (from 1): doubling from 5 s up to half an hour.

    Up to a quarter less by `chance` (0 to 1), so that several daemons do not come back in step.
    """
    full = min(CAP_S, FIRST_S * 2.0 ** min(max(failures, 1) - 1, 30))
    return full * (1 - 0.25 * chance)


def asked_s(seconds: float | None) -> float | None:
    """What a receiver's Retry-After means: never shorter than it says; None where it says nothing usable."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, LONGEST_ASKED_S)
