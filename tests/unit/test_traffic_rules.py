"""What the rules about a proxy's traffic say over days: habits, pollers, and one's own files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from tests.parts.scene import Scene

BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""Before the scene's noon: no stamp lies ahead of its arrival."""
ERRORS: Final = ("traffic-errors", "traffic-errors-slow", "traffic-spike-errors", "http-5xx-burst")


def asked(
    at: datetime, status: int, path: str = "/a", *, client: str = "192.168.1.20", door: str = ""
) -> str:
    """A line of Traefik's access log. `door`: the router that refused; else Nextcloud answered."""
    router, upstream = (f'"{door}"', '"-"') if door else ('"nextcloud@docker"', '"http://172.18.0.9:80"')
    request = f'{client} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" {status} 9 "-" "-"'
    return f"{request} 5 {router} {upstream} 1ms"


def moments(begin: datetime, every: timedelta, number: int) -> Iterator[datetime]:
    return (begin + n * every for n in range(number))


def evenings(scene: Scene, days: range) -> None:
    """From eight to nine one of three requests fails, and all others are answered."""
    for day in days:
        begin = BEGIN + timedelta(days=day, hours=20)
        for number, at in enumerate(moments(begin, timedelta(seconds=20), 180)):
            scene.line("traefik", asked(at, 200 if number % 3 else 502))


def told(scene: Scene, rule: str) -> list[str]:
    return [episode.severity.name for episode in scene.episodes() if episode.rule == rule]


def test_a_service_that_fails_each_evening_is_high_once_and_then_a_habit() -> None:
    scene = Scene(*ERRORS)
    evenings(scene, range(5))
    assert told(scene, "traffic-errors") == ["high", "medium", "low", "low", "low"]


def test_a_failure_after_calm_days_is_high_again() -> None:
    scene = Scene(*ERRORS)
    evenings(scene, range(3))
    evenings(scene, range(7, 8))
    assert told(scene, "traffic-errors") == ["high", "medium", "low", "high"]


def test_a_habit_of_one_service_is_no_habit_of_another() -> None:
    scene = Scene("traffic-errors")
    evenings(scene, range(3))
    for at in moments(BEGIN + timedelta(days=3), timedelta(seconds=10), 90):
        scene.line("traefik", asked(at, 500).replace("nextcloud@docker", "photos@docker"))
    assert told(scene, "traffic-errors") == ["high", "medium", "low", "high"]


def test_a_habit_that_grows_is_told_though_it_is_one() -> None:
    """Two weeks of 20 errors an evening, then 120 within the hour."""
    scene = Scene("traffic-spike-errors", "traffic-errors-slow")
    for day in range(16):
        for at in moments(BEGIN + timedelta(days=day, hours=20), timedelta(minutes=3), 20):
            scene.line("traefik", asked(at, 500))
    assert told(scene, "traffic-spike-errors") == []
    for at in moments(BEGIN + timedelta(days=16, hours=20), timedelta(seconds=25), 120):
        scene.line("traefik", asked(at, 500))
    assert told(scene, "traffic-spike-errors") == ["medium"]


def test_a_service_that_fails_each_time_is_told_however_seldom_it_is_asked() -> None:
    scene = Scene(*ERRORS)
    for number, at in enumerate(moments(BEGIN, timedelta(minutes=1), 600)):
        scene.line("traefik", asked(at, 200 if number < 300 else 500))
    assert told(scene, "traffic-errors-slow") == ["medium"]


def refusals(scene: Scene, begin: datetime, every: timedelta, number: int) -> None:
    for at in moments(begin, every, number):
        scene.line("traefik", asked(at, 403, "/", client="203.0.113.9", door="media@docker"))


def test_a_monitor_that_is_refused_is_told_once_and_then_left_out() -> None:
    scene = Scene("http-403-burst")
    refusals(scene, BEGIN, timedelta(seconds=2), 4 * 1800)
    assert told(scene, "http-403-burst") == ["low"]
    assert scene.engine.counts["pollers:http-403-burst"] == pytest.approx(3600, abs=5)


def test_who_hides_behind_a_monitors_beat_is_counted_as_soon_as_he_leaves_it() -> None:
    scene = Scene("http-403-burst")
    refusals(scene, BEGIN, timedelta(minutes=1), 180)
    assert told(scene, "http-403-burst") == []
    refusals(scene, BEGIN + timedelta(hours=3), timedelta(seconds=2), 250)
    assert told(scene, "http-403-burst") == ["low"]


@pytest.mark.parametrize("rule", ["http-404-scan", "http-scanner-paths", "http-401-failures", "http-401-api"])
def test_guessing_and_scanning_at_an_even_beat_is_never_left_out(rule: str) -> None:
    assert not next(r for r in Scene(rule).engine.rules.ruleset.rules if r.id == rule).skip_pollers
