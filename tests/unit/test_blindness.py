"""A source that stays unreadable is told once, and once more when it is back."""

from __future__ import annotations

import pytest

from nightporter.blindness import PATIENCE, Blindness, why_blind
from nightporter.model import MINUTE

Statuses = dict[str, dict[str, object]]
SEES: Statuses = {"files": {"kind": "file", "blind": []}, "docker": {"up": True, "blind": {}}}
REFUSED: Statuses = {"files": {"kind": "file", "blind": ["/var/log/x: permission denied"]}}
AWAY: Statuses = {"docker": {"up": False, "away_why": "connection refused", "blind": {}}}


@pytest.mark.parametrize("blind", [REFUSED, AWAY])
def test_it_is_told_once_after_ten_minutes(blind: Statuses) -> None:
    eyes = Blindness()
    told = [(minute, t) for minute in range(60) for t in eyes.look(blind, minute * MINUTE)]
    assert [minute for minute, _ in told] == [PATIENCE // MINUTE]
    assert told[0][1].kind == "notice"


def test_what_heals_in_time_is_no_news() -> None:
    eyes = Blindness()
    for minute in range(120):
        assert eyes.look(AWAY if minute % 9 else SEES, minute * MINUTE) == []


def test_that_it_is_back_is_told_once() -> None:
    eyes = Blindness()
    eyes.look(AWAY, 0)
    eyes.look(AWAY, PATIENCE)
    (back,) = eyes.look(SEES, PATIENCE + MINUTE)
    assert (back.kind, back.key) == ("resolved", {"source": "docker"})
    assert eyes.look(SEES, PATIENCE + 2 * MINUTE) == []


def test_a_clock_set_back_starts_the_patience_anew() -> None:
    eyes = Blindness()
    eyes.look(AWAY, 100 * MINUTE)
    assert eyes.look(AWAY, 0) == []
    assert len(eyes.look(AWAY, PATIENCE)) == 1


def test_one_container_without_a_readable_log_does_not_make_a_source_blind() -> None:
    assert why_blind({"up": True, "blind": {"quiet": "the log driver none cannot be read"}}) == ""
