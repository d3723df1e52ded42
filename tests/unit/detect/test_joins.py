"""A login that a service logged with its proxy's address gets the visitor's, or nobody's."""

from __future__ import annotations

import pytest
from tests.parts.engines import NOON, rules

from nightporter import origins
from nightporter.detect.engine import Engine
from nightporter.detect.joins import HELD_CAP, WAIT
from nightporter.model import SECOND, Episode, Event, Fields, Origin, Untrusted

RULES = """
lists:
  login_paths: [/login, /api/auth]
rules:
  failed:
    title: t
    from: any
    when: {event: login, outcome: failure}
    by: [service, client_ip]
    quiet: 0s
    message: m
"""
GATEWAY = "172.18.0.1"
APP = Origin(
    source="docker",
    kind="docker",
    stream="app",
    format="auto",
    services=("app",),
    gateways=(GATEWAY, "172.18.0.2"),
)
PROXY = origins.named("traefik")


class House:
    """An engine that hears a proxy and a service behind it; times are seconds after NOON."""

    def __init__(self, *, proxy: bool = True) -> None:
        self.engine = Engine(rules(RULES))
        self._number = 0
        self._proxy = self.engine.plan(PROXY, ("traefik",)) if proxy else None
        self._app = self.engine.plan(APP, ("text",))

    def login(self, second: float, *, ip: str = GATEWAY, user: str = "mario", service: str = "app") -> None:
        fields: Fields = {
            "event": "login",
            "outcome": "failure",
            "service": service,
            "user": user,
            "client_ip": ip,
        }
        self.engine.judge(self._event(APP, "text", second, second, fields), self._app)

    def request(
        self,
        client: str,
        began: float,
        ended: float,
        *,
        path: str = "/login",
        router: str = "app",
        raw: str = "{json}",
    ) -> None:
        fields: Fields = {
            "client_ip": client,
            "path": path,
            "router": router,
            "started": NOON + round(began * SECOND),
        }
        assert self._proxy is not None
        event = self._event(PROXY, "traefik", ended, ended, fields)
        event.raw = Untrusted(raw)
        self.engine.judge(event, self._proxy)

    def _event(self, origin: Origin, form: str, second: float, arrived: float, fields: Fields) -> Event:
        self._number += 1
        time = NOON + round(second * SECOND)
        return Event(
            fields={**fields, "time": time},
            time=time,
            arrived=NOON + round(arrived * SECOND),
            origin=origin,
            format=form,
            position=f"p{self._number}",
            raw=Untrusted("line"),
        )

    def blamed(self, at: float = 60.0) -> list[object]:
        """Whom the failures are put down to, once every wait is over."""
        self.engine.advance(NOON + round(at * SECOND))
        episodes: list[Episode] = self.engine.take_changes().episodes
        return [episode.key["client_ip"] for episode in episodes if episode.crossed < NOON + 50 * SECOND]


def test_the_proxys_line_names_the_visitor() -> None:
    house = House()
    house.login(10.02)
    house.request("203.0.113.9", 10.0, 10.05)
    assert house.blamed() == ["203.0.113.9"]


def test_the_proxys_line_may_come_first() -> None:
    house = House()
    house.request("203.0.113.9", 10.0, 10.05)
    house.login(10.02)
    assert house.blamed() == ["203.0.113.9"]


def test_it_is_judged_after_two_seconds_and_not_before() -> None:
    house = House()
    house.login(10.02)
    assert house.blamed(10.02 + WAIT / SECOND - 0.01) == []
    assert house.blamed(10.02 + WAIT / SECOND) == ["mario"]


def test_two_visitors_at_once_are_not_mixed_up() -> None:
    house = House()
    house.request("203.0.113.9", 10.00, 10.10)
    house.login(10.02, user="luigi")
    house.request("198.51.100.7", 10.30, 10.40)
    house.login(10.32, user="mario")
    assert house.blamed() == ["203.0.113.9", "198.51.100.7"]


def test_who_was_only_near_is_not_blamed() -> None:
    """The attacker's own request may be at a path that is in no list."""
    house = House()
    house.request("203.0.113.9", 8.9, 9.0)
    house.request("198.51.100.7", 10.2, 10.3)
    house.login(10.05)
    assert house.blamed() == ["mario"]


def test_all_words_of_a_service_must_fit() -> None:
    house = House()
    house.request("203.0.113.9", 10.0, 10.1, router="sonarr-home")
    house.login(10.05, service="home-assistant")
    assert house.blamed() == ["mario"]


def test_a_login_from_a_clock_that_was_ahead_holds_nobody_up() -> None:
    house = House()
    house.login(1800.0)
    house.login(10.0)
    assert house.blamed(12.0) == ["mario"]
    assert not house.engine.waiting


def test_where_two_visitors_fit_equally_nobody_is_named() -> None:
    house = House()
    house.request("203.0.113.9", 10.00, 10.10)
    house.request("198.51.100.7", 10.01, 10.12)
    house.login(10.05)
    assert house.blamed() == ["mario"]


def test_one_visitor_who_tries_twice_is_named() -> None:
    house = House()
    house.request("203.0.113.9", 10.00, 10.10)
    house.request("203.0.113.9", 10.01, 10.12)
    house.login(10.05)
    assert house.blamed() == ["203.0.113.9"]


@pytest.mark.parametrize(
    ("client", "began", "ended", "changes"),
    [
        pytest.param("203.0.113.9", 10.0, 10.1, {"path": "/pictures"}, id="not a login"),
        pytest.param("203.0.113.9", 10.0, 10.1, {"router": "grafana"}, id="another service"),
        pytest.param("203.0.113.9", 13.0, 13.1, {}, id="three seconds later"),
        pytest.param("203.0.113.9", 7.0, 7.1, {}, id="three seconds earlier"),
        pytest.param(GATEWAY, 10.0, 10.1, {"path": "/x"}, id="the gateway itself"),
    ],
)
def test_what_does_not_fit_names_nobody(
    client: str, began: float, ended: float, changes: dict[str, str]
) -> None:
    house = House()
    house.login(10.05)
    house.request(client, began, ended, **changes)
    assert house.blamed() == ["mario"]


def test_without_the_proxys_log_nobody_is_named_and_nothing_waits() -> None:
    house = House(proxy=False)
    house.login(10.0)
    assert not house.engine.waiting
    assert house.blamed(10.0) == ["mario"]


def test_an_address_of_its_own_needs_no_request() -> None:
    house = House()
    house.login(10.0, ip="203.0.113.9")
    assert house.blamed(10.0) == ["203.0.113.9"]


def test_in_whole_seconds_the_request_of_that_second_fits() -> None:
    house = House()
    house.login(10.7)
    house.request("203.0.113.9", 10.0, 10.004, raw="clf")
    assert house.blamed() == ["203.0.113.9"]


def test_in_whole_seconds_two_visitors_of_one_second_are_not_told_apart() -> None:
    house = House()
    house.login(10.7)
    house.request("203.0.113.9", 10.0, 10.004, raw="clf")
    house.request("198.51.100.7", 10.0, 10.004, raw="clf")
    assert house.blamed() == ["mario"]


def test_a_kill_between_the_two_lines_loses_no_failure() -> None:
    before = House()
    before.login(10.02)
    rows = before.engine.take_changes().windows
    after = House()
    assert after.engine.load(rows, []) == []
    after.request("203.0.113.9", 10.0, 10.05)
    assert after.blamed() == ["203.0.113.9"]
    assert [row.blob for row in after.engine.take_changes().windows if row.rule == "~joins"] == []


def test_a_flood_of_failures_is_judged_without_waiting() -> None:
    house = House()
    for n in range(HELD_CAP + 5):
        house.login(10.0, user=f"user{n}")
    assert len(house.blamed(10.0)) == 5


def test_the_gateway_in_an_access_log_stays_the_key() -> None:
    house = House()
    house.login(1.0)
    house.request(GATEWAY, 1.0, 1.1)
    assert house.blamed() == [GATEWAY]
