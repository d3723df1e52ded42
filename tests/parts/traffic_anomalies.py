"""What is planted into a week of a household: one thing of each kind, and which rules should tell of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.parts.traffic_habits import MB, stranger
from tests.parts.traffic_house import (
    ASSISTANT,
    CLOUD,
    GRAFANA,
    KUMA,
    NETDATA,
    PHOTOS,
    PLEX,
    PORTAINER,
    SEERR,
    SONARR,
    VAULT,
    Household,
    steady,
)
from tests.parts.traffic_requests import Hit, refused, shape

from nightporter.model import HOUR, MINUTE, SECOND, Key, Stamp

FIRST: Final = 15
"""The first of the days on which something is planted: the Tuesday of the third week, when spikes know two
weeks of each hour. Saturday is the last, so that what takes long has ended by Sunday."""
LAST: Final = 19

SLOWLY: Final = ("traffic-errors-slow", "traffic-spike-errors")
"""Rules that see a failure over an hour, after those that see it over minutes."""


@dataclass(frozen=True)
class Anomaly:
    """One thing that is planted, and what should tell of it."""

    kind: str
    hits: list[Hit]
    rules: dict[str, Key]
    """Rules that must tell, each with the key it should tell of."""
    besides: tuple[str, ...] = ()
    """Rules that may tell of it too, rightly."""

    @property
    def begin(self) -> Stamp:
        return self.hits[0].time

    @property
    def end(self) -> Stamp:
        return self.hits[-1].time


Plan = Callable[[Household, random.Random, Stamp], Anomaly]


def planted(house: Household) -> list[Anomaly]:
    """One of each kind, at any time of day and night."""
    found = []
    for plan in PLANS:
        dice = random.Random(f"{house.seed}:{plan.__name__}")
        begin = house.days[dice.randint(FIRST, LAST)].at(dice.uniform(0, 24))
        found.append(plan(house, dice, begin))
    return found


def theft(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """5 GB of files leave Nextcloud within 40 minutes."""
    client = stranger(dice)
    moments = list(steady(dice, begin, begin + 40 * MINUTE, 12 * SECOND, 0.5))
    size = 5_000 * MB // len(moments)
    hits = [
        Hit(at, shape(client, CLOUD, f"/remote.php/dav/files/home/{n}.zip", agent="rclone/1.68"), size)
        for n, at in enumerate(moments)
    ]
    rules: dict[str, Key] = {"traffic-spike-bytes": (CLOUD.name,), "traffic-download": (client,)}
    return Anomaly("theft of 5 GB", hits, rules)


def library(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """A friend's account copies the films: 350 GB in 22 hours."""
    client = house.friends[0]
    moments = list(steady(dice, begin, begin + 22 * HOUR, 20 * SECOND, 0.3))
    size = 350_000 * MB // len(moments)
    hits = [
        Hit(at, shape(client, PLEX, f"/library/parts/{n // 40}/file.mkv", 206), size)
        for n, at in enumerate(moments)
    ]
    return Anomaly("copy of the films", hits, {"traffic-download-media": (client,)}, ("traffic-spike",))


def flood(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """One client asks Overseerr 22 times a second for five minutes."""
    client = stranger(dice)
    asked = shape(client, SEERR, "/api/v1/search?query=a", agent="python-requests/2.32.3")
    hits = [Hit(at, asked, 800) for at in steady(dice, begin, begin + 5 * MINUTE, SECOND // 22, 0.5)]
    return Anomaly("flood by one client", hits, {"traffic-flood": (client,), "traffic-spike": (SEERR.name,)})


def gadget(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """Five devices of the house ask Home Assistant in a loop, each two or three times a second."""
    hits = []
    for number in range(5):
        asked = shape(f"192.168.1.{100 + number}", ASSISTANT, "/api/states", agent="esp/1.2")
        hits += [Hit(at, asked, 900) for at in steady(dice, begin, begin + 15 * MINUTE, SECOND // 2, 0.5)]
    hits.sort(key=lambda hit: hit.time)
    return Anomaly("gadgets in a loop", hits, {"traffic-spike": (ASSISTANT.name,)})


def crowd(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """150 addresses ask the photos for a page or two within ten minutes."""
    clients = [stranger(dice) for _ in range(150)]
    hits = [
        Hit(begin + round(dice.uniform(0, 10) * MINUTE), shape(client, PHOTOS, "/share/abc"), 4_000)
        for client in clients
        for _ in range(dice.randint(1, 2))
    ]
    hits.sort(key=lambda hit: hit.time)
    return Anomaly("a crowd of clients", hits, {"traffic-spike-clients": (PHOTOS.name,)})


def broken(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """Two of five requests to the vault fail for 20 minutes, some dozen a minute."""
    hits = []
    for at in steady(dice, begin, begin + 20 * MINUTE, 5 * SECOND, 0.5):
        status = 500 if dice.random() < 0.4 else 200
        person = dice.choice(house.people)
        hits.append(
            Hit(at, shape(person.laptop, VAULT, "/api/sync", status, agent="Bitwarden_Mobile/2026.9"))
        )
    return Anomaly("a failing service", hits, {"traffic-errors": (VAULT.name,)}, ("http-5xx-burst", *SLOWLY))


def ailing(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """Home Assistant, which fails some times a day, fails once a minute for an hour and a half."""
    asked = shape(
        house.people[1].phone, ASSISTANT, "/api/history/period", 500, agent="Home Assistant/2026.10"
    )
    moments = steady(dice, begin, begin + 90 * MINUTE, MINUTE, 0.5)
    rules: dict[str, Key] = {
        "traffic-spike-errors": (ASSISTANT.name,),
        "traffic-errors-slow": (ASSISTANT.name,),
    }
    return Anomaly("a service that ails", [Hit(at, asked, 55) for at in moments], rules, ("traffic-errors",))


def network(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """The owner's own session, from a network where he never was."""
    agent = house.browser(house.owner, house.days[14])
    client = stranger(dice)
    hits = [Hit(begin + n * SECOND, shape(client, PORTAINER, f"/api/v1/{n}", agent=agent)) for n in range(4)]
    return Anomaly("a new network", hits, {"admin-new-network": ()})


def script(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """A script on the owner's own machine."""
    agent = dice.choice(("curl/8.7.1", "python-requests/2.32.3", "Go-http-client/1.1"))
    asked = shape(house.owner.laptop, SONARR, "/api/v3/config/host", agent=agent)
    hits = [Hit(begin + n * SECOND, asked) for n in range(3)]
    return Anomaly("a new program", hits, {"admin-new-agent": ()})


def backdoor(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """A user of Netdata that was not there before."""
    agent = house.browser(house.owner, house.days[14])
    hits = [Hit(begin, shape(house.owner.laptop, NETDATA, "/v3/", agent=agent, user="root2"))]
    return Anomaly("a new user", hits, {"admin-new-user": ()})


def stranger_in(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """Somebody with a password of the house, from his own network and with his own program."""
    asked = shape(stranger(dice), SONARR, "/api/v3/system/backup", agent=f"{word(dice)}/1.0")
    hits = [Hit(begin + n * SECOND, asked) for n in range(3)]
    return Anomaly("a stranger who is let in", hits, {"admin-new-network": (), "admin-new-agent": ()})


def hoard(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """A laptop of the house, which obeys somebody else, takes all photos there are: 120 GB over ten hours."""
    client = house.people[2].laptop
    moments = list(steady(dice, begin, begin + 10 * HOUR, 20 * SECOND, 0.5))
    size = 120_000 * MB // len(moments)
    hits = [Hit(at, shape(client, PHOTOS, f"/api/assets/{n}/original"), size) for n, at in enumerate(moments)]
    rules: dict[str, Key] = {"traffic-download-home": (client,)}
    return Anomaly("all photos of the house", hits, rules, ("traffic-spike-bytes",))


def search(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """A patient scan: another page every four to eight minutes, for ten hours."""
    client = stranger(dice)
    moments = steady(dice, begin, begin + 10 * HOUR, 6 * MINUTE, 0.3)
    hits = [Hit(at, shape(client, SEERR, f"/{word(dice)}", 404), 300) for at in moments]
    return Anomaly("a slow scan", hits, {"traffic-slow-scan": (client,)})


def scan(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """A scan as they come: 60 pages in two minutes, some of them well-known holes."""
    client = stranger(dice)
    holes = ("/.env", "/.git/config", "/wp-login.php", "/HNAP1/", "/actuator/health", "/solr/")
    targets = [*holes, *(f"/{word(dice)}" for _ in range(54))]
    dice.shuffle(targets)
    moments = steady(dice, begin, begin + 2 * MINUTE, 2 * SECOND, 0.3)
    hits = [
        Hit(at, shape(client, CLOUD, target, 404), 300) for at, target in zip(moments, targets, strict=False)
    ]
    rules: dict[str, Key] = {"http-404-scan": (client,), "http-scanner-paths": (client,)}
    return Anomaly("a fast scan", hits, rules, ("traffic-slow-scan",))


def guessing(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """Somebody who is refused asks Grafana for one page 300 times in five minutes."""
    client = stranger(dice)
    asked = refused(client, GRAFANA, "/login")
    hits = [Hit(at, asked, 9) for at in steady(dice, begin, begin + 5 * MINUTE, SECOND, 0.5)]
    return Anomaly("knocking at a closed door", hits, {"http-403-burst": (client, GRAFANA.router)})


def closed_door(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """Somebody who is refused looks for another way in: 20 pages of Uptime Kuma in half an hour."""
    client = stranger(dice)
    moments = steady(dice, begin, begin + 30 * MINUTE, 90 * SECOND, 0.5)
    hits = [Hit(at, refused(client, KUMA, f"/{word(dice)}"), 9) for at in moments]
    return Anomaly("a search at a closed door", hits, {"http-403-known-host": (client,)})


def gone(house: Household, dice: random.Random, begin: Stamp) -> Anomaly:
    """The vault crashes: for eight minutes Traefik reaches nobody there, and its apps ask again and again."""
    hits = [
        Hit(at, shape(dice.choice(house.people).phone, VAULT, "/api/sync", 502), 11)
        for at in steady(dice, begin, begin + 8 * MINUTE, 15 * SECOND, 0.5)
    ]
    return Anomaly(
        "a service that is gone", hits, {"http-5xx-burst": (VAULT.name,)}, ("traffic-errors", *SLOWLY)
    )


def word(dice: random.Random) -> str:
    """A name that no page has."""
    return "".join(dice.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(8))


PLANS: Final[tuple[Plan, ...]] = (
    *(theft, library, flood, gadget, crowd, broken, gone, ailing),
    *(network, script, backdoor, stranger_in, hoard),
    *(search, scan, guessing, closed_door),
)
