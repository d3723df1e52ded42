"""What happens in a healthy house once in a while: nothing is wrong, though it never was so before.

Each is rare (a house has one of them in three weeks, more or less), and most of them are told of as if they
were an attack. A house without them would make any rule look good.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

from tests.parts.traffic_house import CLOUD, DAYS, GRAFANA, PHOTOS, RADARR, Day, Household, evening, steady
from tests.parts.traffic_requests import Hit, shape

from nightporter.model import HOUR, MINUTE, SECOND

Turn = Callable[[Household, Day], Iterator[Hit]]


def _once(house: Household, what: str, chance: float) -> int:
    """The day on which it happens in this house; no day of the three weeks, mostly."""
    dice = random.Random(f"{house.seed}:{what}")
    return dice.randrange(DAYS) if dice.random() < chance else DAYS


def new_laptop(house: Household, day: Day) -> Iterator[Hit]:
    """All files are fetched at once: 8 to 15 GB over two hours."""
    if day.number != _once(house, "new laptop", 0.15):
        return
    dice = day.dice("new laptop")
    begin = day.at(evening(dice) - 3)
    size = round(dice.uniform(8, 15) * 10**9 / 900)
    for number, at in enumerate(steady(dice, begin, begin + 2 * HOUR, 8 * SECOND, 0.5)):
        file = shape("192.168.1.39", CLOUD, f"/remote.php/dav/files/home/{number}", agent="mirall/3.15")
        yield Hit(at, file, round(size * dice.expovariate(1)))


def rebuilt_library(house: Household, day: Day) -> Iterator[Hit]:
    """Radarr's whole library is asked for anew, poster by poster: 3,000 requests in a quarter of an hour."""
    if day.number != _once(house, "library", 0.15):
        return
    dice = day.dice("library")
    begin = day.at(evening(dice))
    for number, at in enumerate(steady(dice, begin, begin + 15 * MINUTE, SECOND * 3 // 10, 0.5)):
        target = f"/MediaCover/{number}/poster.jpg" if number % 3 else f"/api/v3/movie/{number}"
        yield Hit(at, shape("172.18.0.20", RADARR, target, agent="axios/1.7"), 20_000)


def from_the_office(house: Household, day: Day) -> Iterator[Hit]:
    """From some day on the owner looks at Grafana from the office, too, whose network is allowed."""
    dice = day.dice("office")
    if day.weekend or day.number < _once(house, "office", 0.2) or dice.random() < 0.5:
        return
    begin = day.at(12.5)
    asked = shape("195.20.30.40", GRAFANA, "/api/ds/query", 200, "POST", house.browser(house.owner, day))
    for at in steady(dice, begin, begin + 10 * MINUTE, 20 * SECOND, 0.5):
        yield Hit(at, asked, 8_000)


def album(house: Household, day: Day) -> Iterator[Hit]:
    """After a feast the photos go round, and some relatives fetch all of them as one archive: mostly some
    hundred MB, seldom more than 2 GB."""
    if day.number != _once(house, "album", 0.3):
        return
    dice = day.dice("album")
    for relative in range(dice.randrange(2, 6)):
        client = f"84.{dice.randrange(100, 190)}.{dice.randrange(256)}.{relative + 1}"
        archive = shape(client, PHOTOS, "/api/download/archive", 200, "POST", house.phone_browser(day))
        yield Hit(day.at(evening(dice)), archive, round(dice.lognormvariate(6.4, 0.8) * 10**6), 5 * MINUTE)


TURNS: Final[tuple[Turn, ...]] = (new_laptop, rebuilt_library, from_the_office, album)
