"""What lies near the numbers of the rules: things only just large enough to be told.

What is planted far beyond a rule's number says little of the rule. Here one thing for each rule is so many
times its number (of a spike: its `min`; of a share: `above`), spread over four fifths of its window. A spike
wants five times the usual besides, so at a busy hour even twice its `min` may be too little.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final

from tests.parts.scene import rule_named
from tests.parts.traffic_anomalies import FIRST, LAST, Anomaly, word
from tests.parts.traffic_habits import stranger
from tests.parts.traffic_house import (
    ASSISTANT,
    CLOUD,
    GRAFANA,
    KUMA,
    PHOTOS,
    PLEX,
    SEERR,
    VAULT,
    Household,
    steady,
)
from tests.parts.traffic_requests import Hit, refused, shape

from nightporter.model import MINUTE, SECOND, Key, Nanos, Stamp
from nightporter.rule import Count, Distinct, Ratio, Spike, Sum

SIZES: Final = (1.2, 1.5, 2.0)
PARTS: Final = 200
"""Requests in which bytes are fetched."""
HOLES: Final = (
    *(
        "/.env",
        "/.git/config",
        "/HNAP1/",
        "/actuator/health",
        "/solr/",
        "/owa/",
        "/id_rsa",
        "/.aws/credentials",
    ),
)

Moments = list[Stamp]
Edge = Callable[[random.Random, Moments, int], tuple[list[Hit], Key]]
"""From when it happens (a moment for each unit, PARTS of them for bytes) and how much it is in all: the
requests, and the key that is to be told of."""


def near(house: Household, times: float) -> list[Anomaly]:
    """One thing for each rule that has a number, so many times as large as that, at any time of the day."""
    found = []
    for rule_id, edge in EDGES.items():
        dice = random.Random(f"{house.seed}:{rule_id}:{times}")
        begin = house.days[dice.randint(FIRST, LAST)].at(dice.uniform(0, 24))
        number, within = _number(rule_id)
        amount = math.ceil(number * times)
        units = min(amount, PARTS) if rule_id in IN_BYTES else amount
        hits, key = edge(dice, _spread(dice, begin, within * 4 // 5, units), amount)
        found.append(Anomaly(f"{times:g} times the number", hits, {rule_id: key}))
    dice = random.Random(f"{house.seed}:traffic-errors:{times}")
    begin = house.days[dice.randint(FIRST, LAST)].at(dice.uniform(0, 24))
    found.append(failing(house, dice, begin, times))
    return found


def _number(rule_id: str) -> tuple[int, Nanos]:
    """The number that the shipped rule asks for, and within what time."""
    match rule_named(rule_id).window:
        case Count() | Distinct() | Sum() as window:
            return window.threshold, window.within
        case Spike() as window:
            return window.least, window.within
        case other:
            raise TypeError(f"{rule_id} has no number: {other}")


def _spread(dice: random.Random, begin: Stamp, span: Nanos, units: int) -> Moments:
    return [begin + round((n + dice.random()) * span / units) for n in range(units)]


def spike(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    asked = [shape(f"192.168.1.{100 + n}", ASSISTANT, "/api/states", agent="esp/1.2") for n in range(5)]
    return [Hit(at, dice.choice(asked), 900) for at in moments], (ASSISTANT.name,)


def spike_bytes(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    """By three clients, so that only their sum is much."""
    clients = [stranger(dice) for _ in range(3)]
    hits = [
        Hit(at, shape(clients[n % 3], CLOUD, f"/remote.php/dav/files/home/{n}.zip"), amount // len(moments))
        for n, at in enumerate(moments)
    ]
    return hits, (CLOUD.name,)


def spike_clients(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    return [Hit(at, shape(stranger(dice), PHOTOS, "/share/abc"), 4_000) for at in moments], (PHOTOS.name,)


def flood(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client = stranger(dice)
    return [Hit(at, shape(client, SEERR, "/api/v1/search?query=a"), 800) for at in moments], (client,)


def download(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client, size = stranger(dice), amount // len(moments)
    return [Hit(at, shape(client, PHOTOS, f"/api/assets/{n}"), size) for n, at in enumerate(moments)], (
        client,
    )


def download_home(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client, size = "192.168.1.38", amount // len(moments)
    return [Hit(at, shape(client, VAULT, f"/attachments/{n}"), size) for n, at in enumerate(moments)], (
        client,
    )


def download_media(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client, size = stranger(dice), amount // len(moments)
    hits = [Hit(at, shape(client, PLEX, f"/library/parts/{n}/x", 206), size) for n, at in enumerate(moments)]
    return hits, (client,)


def slow_scan(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client = stranger(dice)
    return [Hit(at, shape(client, SEERR, f"/{word(dice)}", 404), 300) for at in moments], (client,)


def scan(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client = stranger(dice)
    return [Hit(at, shape(client, CLOUD, f"/{word(dice)}", 404), 300) for at in moments], (client,)


def holes(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client, asked = stranger(dice), dice.sample(HOLES, len(moments))
    return [Hit(at, shape(client, CLOUD, hole, 404), 300) for at, hole in zip(moments, asked, strict=True)], (
        client,
    )


def knocking(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client = stranger(dice)
    return [Hit(at, refused(client, GRAFANA, "/login"), 9) for at in moments], (client, GRAFANA.router)


def searching(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    client = stranger(dice)
    return [Hit(at, refused(client, KUMA, f"/{word(dice)}"), 9) for at in moments], (client,)


def gone(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    return [Hit(at, shape("192.168.1.31", VAULT, "/api/sync", 502), 11) for at in moments], (VAULT.name,)


def ailing(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    asked = shape("192.168.1.31", ASSISTANT, "/api/history/period", 500)
    return [Hit(at, asked, 55) for at in moments], (ASSISTANT.name,)


def slowly(dice: random.Random, moments: Moments, amount: int) -> tuple[list[Hit], Key]:
    """At another service: beside the errors of `ailing` it would be one failure with them."""
    asked = shape("192.168.1.31", CLOUD, "/apps/calendar", 500)
    return [Hit(at, asked, 55) for at in moments], (CLOUD.name,)


def failing(house: Household, dice: random.Random, begin: Stamp, times: float) -> Anomaly:
    """So many times the share that `traffic-errors` allows, for 20 minutes of 12 requests each."""
    window = rule_named("traffic-errors").window
    assert isinstance(window, Ratio)
    share = window.above * times
    hits = [
        Hit(at, shape(house.people[1].laptop, PHOTOS, "/api/timeline", 500 if dice.random() < share else 200))
        for at in steady(dice, begin, begin + 20 * MINUTE, 5 * SECOND, 0.5)
    ]
    return Anomaly(f"{times:g} times the share", hits, {"traffic-errors": (PHOTOS.name,)})


EDGES: Final[dict[str, Edge]] = {
    "traffic-spike": spike,
    "traffic-spike-bytes": spike_bytes,
    "traffic-spike-clients": spike_clients,
    "traffic-spike-errors": ailing,
    "traffic-errors-slow": slowly,
    "traffic-flood": flood,
    "traffic-download": download,
    "traffic-download-home": download_home,
    "traffic-download-media": download_media,
    "traffic-slow-scan": slow_scan,
    "http-404-scan": scan,
    "http-scanner-paths": holes,
    "http-403-burst": knocking,
    "http-403-known-host": searching,
    "http-5xx-burst": gone,
}
IN_BYTES: Final = frozenset(
    {"traffic-spike-bytes", "traffic-download", "traffic-download-home", "traffic-download-media"}
)
