"""The house whose traffic is simulated: its services, people and days. What they do is in `traffic_habits`.

Times are those of Berlin; the second week ends with the change to winter time, so that all habits of the
third are an hour later in UTC.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from tests.parts.traffic_requests import Service

from nightporter.model import HOUR, SECOND, Nanos, Stamp

ZONE: Final = ZoneInfo("Europe/Berlin")
FIRST_DAY: Final = date(2026, 10, 12)
"""A Monday; summer time ends on Sunday, 25 October."""
DAYS: Final = 21


def _service(name: str, address: str) -> Service:
    return Service(name, name, f"{name}.home.example", f"http://{address}")


PLEX: Final = _service("plex", "192.168.1.20:32400")
SEERR: Final = _service("overseerr", "172.18.0.9:5055")
SONARR: Final = _service("sonarr", "172.18.0.7:8989")
RADARR: Final = _service("radarr", "172.18.0.8:7878")
GRAFANA: Final = _service("grafana", "172.18.0.10:3000")
PORTAINER: Final = _service("portainer", "172.18.0.11:9000")
KUMA: Final = _service("uptime-kuma", "172.18.0.12:3001")
CLOUD: Final = _service("nextcloud", "172.18.0.13:80")
ASSISTANT: Final = _service("homeassistant", "192.168.1.21:8123")
VAULT: Final = _service("vaultwarden", "172.18.0.14:80")
PHOTOS: Final = _service("immich", "172.18.0.15:2283")
NETDATA: Final = _service("netdata", "192.168.1.20:19999")
"""Behind basicAuth: the log names the user."""
OPEN: Final = (PLEX, SEERR, CLOUD, ASSISTANT, VAULT, PHOTOS)
"""Reached from everywhere."""
CLOSED: Final = (SONARR, RADARR, GRAFANA, PORTAINER, KUMA, NETDATA)
"""Behind the allow-list."""

_BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{v}.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
)
_PHONES: Final = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 "
    "Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/{v}.1 Mobile/15E148 Safari/604.1",
)


@dataclass(frozen=True)
class Person:
    """One of the house, with a laptop and a phone."""

    laptop: str
    phone: str
    """Its address at home."""
    browser: str
    works_away: bool


@dataclass(frozen=True)
class Day:
    """One day of the house. Each habit has dice of its own: what one draws changes nothing for the others."""

    seed: int
    number: int
    """0 to 20; the first is a Monday."""
    midnight: Stamp
    end: Stamp

    @property
    def weekend(self) -> bool:
        return self.number % 7 >= 5

    def dice(self, who: object) -> random.Random:
        return random.Random(f"{self.seed}:{self.number}:{who}")

    def at(self, hour: float) -> Stamp:
        """A moment so many hours after midnight."""
        return self.midnight + round(hour * HOUR)


class Household:
    """A house from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.people = [
            Person(f"192.168.1.{30 + i}", f"192.168.1.{60 + i}", _BROWSERS[i % 3], works_away=i < 4)
            for i in range(6)
        ]
        dice = random.Random(f"friends:{seed}")
        self.friends = [f"93.184.{dice.randrange(256)}.{dice.randrange(1, 255)}" for _ in range(2)]
        """Where those live who may watch, too."""
        self.new_phones = dice.randrange(3, DAYS) if dice.random() < 0.25 else DAYS
        """The day from which they have other phones."""

    @property
    def owner(self) -> Person:
        return self.people[0]

    @cached_property
    def days(self) -> list[Day]:
        begins = [_midnight(FIRST_DAY + timedelta(days=number)) for number in range(DAYS + 1)]
        return [Day(self.seed, number, begins[number], begins[number + 1]) for number in range(DAYS)]

    def browser(self, person: Person, day: Day) -> str:
        """Browsers are updated every other week."""
        return person.browser.format(v=140 + (day.number + self.seed) // 14)

    def phone_browser(self, day: Day) -> str:
        return _PHONES[day.number >= self.new_phones].format(v=141 + (day.number + self.seed) // 14)

    def phone(self, person: Person, day: Day, at: Stamp) -> str:
        """The address of a phone: at home, or one that the carrier's NAT gives for some hours."""
        hour = (at - day.midnight) / HOUR
        if not person.works_away or day.weekend or not 8.5 < hour < 17.5:
            return person.phone
        dice = day.dice((person.phone, int(hour / 4)))
        return f"109.43.{dice.randrange(112, 116)}.{dice.randrange(1, 255)}"


def _midnight(day: date) -> Stamp:
    return round(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()) * SECOND


def steady(
    dice: random.Random, begin: Stamp, end: Stamp, every: Nanos, jitter: float = 0.02
) -> Iterator[Stamp]:
    """Moments a steady interval apart, give or take."""
    at = begin + round(dice.random() * every)
    while at < end:
        yield at
        at += round(every * dice.uniform(1 - jitter, 1 + jitter))


def at_random(dice: random.Random, begin: Stamp, end: Stamp, every: Nanos) -> Iterator[Stamp]:
    """Moments that know nothing of each other, so far apart on average (a Poisson process)."""
    at = begin + round(dice.expovariate(1 / every))
    while at < end:
        yield at
        at += round(dice.expovariate(1 / every))


def times(dice: random.Random, mean: float) -> int:
    """How often something happens that happens so often on average (a Poisson number)."""
    return sum(1 for _ in at_random(dice, 0, round(mean * SECOND), SECOND))


def evening(dice: random.Random) -> float:
    """An hour of the day at which people sit down: mostly in the evening, seldom in the morning."""
    return dice.triangular(17, 23.2, 20.3) if dice.random() < 0.75 else dice.uniform(8, 17)
