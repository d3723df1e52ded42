"""What the people and programs of a healthy house ask of their Traefik, day by day.

About eight thousand lines a day: film nights, a nightly run of the *arr family, a monitor that asks 15
services, sync clients, apps with old passwords, backups, updates, guests, and the noise of the Internet.
The rates follow DEFAULTS ("what a healthy home server sounds like"): a film night moves 9 GB an hour, behind
an allow-list 403 is the normal sound of the door, most of what strangers ask for finds no router.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from heapq import merge
from itertools import chain
from typing import Final

from tests.parts.traffic_house import (
    ASSISTANT,
    CLOSED,
    CLOUD,
    GRAFANA,
    KUMA,
    NETDATA,
    OPEN,
    PHOTOS,
    PLEX,
    PORTAINER,
    RADARR,
    SEERR,
    SONARR,
    VAULT,
    Day,
    Household,
    at_random,
    evening,
    steady,
    times,
)
from tests.parts.traffic_requests import NOWHERE, Hit, Service, refused, shape
from tests.parts.traffic_turns import TURNS

from nightporter.model import HOUR, MINUTE, SECOND, Stamp

MB: Final = 10**6
ARR: Final = "172.18.0.20"
"""The container that runs the nightly searches."""
MONITOR: Final = "172.18.0.5"
BACKUP: Final = "192.168.1.10"
SCANNERS: Final = ("", "Mozilla/5.0 zgrab/0.x", "curl/8.7.1", "python-requests/2.32.3", "Go-http-client/1.1")
SCANNED: Final = (
    *("/", "/robots.txt", "/login", "/admin", "/api", "/index.php", "/favicon.ico", "/sitemap.xml", "/.env"),
    *("/.git/config", "/wp-login.php", "/xmlrpc.php", "/vendor/phpunit/eval-stdin.php", "/solr/", "/HNAP1/"),
)

Habit = Callable[[Household, Day], Iterator[Hit]]


def traffic(
    house: Household, days: range | None = None, planted: Iterator[Hit] | None = None
) -> Iterator[Hit]:
    """All requests in the order of their ends, with those that were planted among them."""
    usual = chain.from_iterable(hits_of(house, house.days[n]) for n in days or range(len(house.days)))
    return merge(usual, planted or iter(()), key=lambda hit: hit.time)


def hits_of(house: Household, day: Day) -> list[Hit]:
    """The requests of one day. A service that is being updated answers none of them."""
    down, since, until = _update(day)
    found = []
    for habit in (*HABITS, *TURNS):
        for hit in habit(house, day):
            if not day.midnight <= hit.time < day.end:
                continue
            if hit.shape.service is down and since <= hit.time < until + 3 * MINUTE:
                hit = _updated(hit, until)
            found.append(hit)
    found.sort(key=lambda hit: hit.time)
    return found


def _update(day: Day) -> tuple[Service | None, Stamp, Stamp]:
    """Twice a week a service gets a new image: it is away for about a minute."""
    dice = day.dice("update")
    if dice.random() > 2 / 7:
        return None, 0, 0
    begin = day.at(dice.choice((4.2, dice.uniform(9, 22))))
    return dice.choice((*OPEN, GRAFANA)), begin, begin + round(dice.uniform(30, 80) * SECOND)


def _updated(hit: Hit, until: Stamp) -> Hit:
    """What Traefik answers until the new container takes over; and how old that is then. Docker has told
    that the old one was stopped, before it died."""
    if hit.time >= until:
        return hit._replace(container_age=(hit.time - until) / SECOND)
    was = hit.shape
    failed = shape(was.client, was.service, was.target, 502, was.method, was.agent)
    return hit._replace(shape=failed, size=11, stopped_by_hand=True)


def page(
    dice: random.Random,
    at: Stamp,
    client: str,
    service: Service,
    targets: list[str],
    agent: str,
    user: str = "",
) -> Iterator[Hit]:
    """One page: its document and what it loads, within a few seconds."""
    for target in targets:
        at += round(dice.expovariate(8) * SECOND)
        size = round(dice.lognormvariate(9, 1.2))
        yield Hit(
            at,
            shape(client, service, target, agent=agent, user=user),
            size,
            round(dice.uniform(0.002, 0.2) * SECOND),
        )


# --- programs ----------------------------------------------------------------------------------------------


def monitor(house: Household, day: Day) -> Iterator[Hit]:
    """15 checks, each every ten minutes, of all services and three pages more."""
    pages = [(service, "/") for service in (*OPEN, *CLOSED)] + [
        (CLOUD, "/status.php"),
        (PLEX, "/identity"),
        (VAULT, "/alive"),
    ]
    for number, (service, target) in enumerate(pages):
        dice = day.dice(("monitor", number))
        status = 401 if (service, target) == (PLEX, "/") else 200
        asked = shape(MONITOR, service, target, status, agent="Uptime-Kuma/1.23.13")
        for at in steady(dice, day.midnight, day.end, 10 * MINUTE, 0.003):
            yield Hit(at, asked, 700)


def refused_monitor(house: Household, day: Day) -> Iterator[Hit]:
    """Somebody's free uptime service, which the allow-list does not know."""
    asked = refused("69.162.124.230", GRAFANA, "/", "Mozilla/5.0+(compatible; UptimeRobot/2.0)")
    for at in steady(day.dice("refused"), day.midnight, day.end, 5 * MINUTE, 0.01):
        yield Hit(at, asked, 9, 100_000)


def nightly(house: Household, day: Day) -> Iterator[Hit]:
    """The *arr family's run: some hundred requests at each within a quarter of an hour."""
    dice = day.dice("nightly")
    for service in (SONARR, RADARR):
        at = day.at(3) + round(dice.uniform(0, 300) * SECOND)
        for number in range(dice.randrange(300, 700)):
            at += round(dice.expovariate(0.7) * SECOND)
            target = dice.choice(("/api/v3/episode/{}", "/api/v3/release?id={}", "/MediaCover/{}/poster.jpg"))
            asked = shape(ARR, service, target.format(number % 40), agent="Bazarr/1.4")
            yield Hit(at, asked, round(dice.lognormvariate(8.5, 1)))


def queues(house: Household, day: Day) -> Iterator[Hit]:
    """Overseerr asks the *arr family every few minutes; another program still has last year's key."""
    for service in (SONARR, RADARR):
        for at in steady(day.dice(service.name), day.midnight, day.end, 10 * MINUTE):
            yield Hit(at, shape("172.18.0.9", service, "/api/v3/queue", agent="axios/1.7"), 4_000)
    old = shape("192.168.1.44", RADARR, "/api/v3/calendar", 401, agent="LunaSea/11")
    for at in steady(day.dice("old key"), day.midnight, day.end, 6 * MINUTE):
        yield Hit(at, old, 40)


def sync(house: Household, day: Day) -> Iterator[Hit]:
    """Four laptops' sync clients while they are open, with bursts of files; a tablet with an old password."""
    for person in house.people[:4]:
        dice = day.dice(("sync", person.laptop))
        agent = "Mozilla/5.0 (Linux) mirall/3.14"
        asked = partial(shape, person.laptop, CLOUD, agent=agent, user="")
        begin, end = day.at(dice.uniform(7, 9)), day.at(dice.uniform(21, 24))
        for at in steady(dice, begin, end, 5 * MINUTE, 0.05):
            yield Hit(at, asked("/remote.php/dav/files/home/", 207, "PROPFIND"), 900)
        for at in at_random(dice, begin, end, 5 * HOUR):
            for number in range(dice.randrange(3, 60)):
                at += round(dice.expovariate(2) * SECOND)
                put = dice.random() < 0.6
                file = asked(
                    f"/remote.php/dav/files/home/{number}.jpg", 201 if put else 200, "PUT" if put else "GET"
                )
                yield Hit(at, file, 0 if put else round(dice.lognormvariate(13.5, 1.3)))
    tablet = shape("192.168.1.45", CLOUD, "/remote.php/dav/calendars/kid/", 401, "PROPFIND", "DAVx5/4.4")
    for at in steady(day.dice("tablet"), day.midnight, day.end, 15 * MINUTE):
        yield Hit(at, tablet, 300)


def backup(house: Household, day: Day) -> Iterator[Hit]:
    """At night all that is new goes up; on Sundays a sample is read back."""
    dice = day.dice("backup")
    at = day.at(2.2) + round(dice.uniform(0, 600) * SECOND)
    for number in range(dice.randrange(80, 400)):
        at += round(dice.expovariate(0.5) * SECOND)
        yield Hit(
            at,
            shape(BACKUP, CLOUD, f"/remote.php/dav/files/backup/{number % 50}", 201, "PUT", "restic/0.17"),
            0,
        )
    if day.number % 7 == 6:
        for number in range(40):
            at += round(dice.expovariate(0.1) * SECOND)
            read = shape(BACKUP, CLOUD, f"/remote.php/dav/files/backup/{number}", 200, "GET", "restic/0.17")
            yield Hit(at, read, 16 * MB, 3 * SECOND)


def assistant(house: Household, day: Day) -> Iterator[Hit]:
    """Phones tell where they are; a tablet in the hall keeps a websocket open."""
    for person in house.people:
        dice = day.dice(("assistant", person.phone))
        for at in at_random(dice, day.at(6), day.end, 12 * MINUTE):
            client = house.phone(person, day, at)
            told = shape(
                client, ASSISTANT, "/api/webhook/0123456789abcdef0123", 200, "POST", "Home Assistant/2026.10"
            )
            yield Hit(at, told, 300)
    socket = shape("192.168.1.46", ASSISTANT, "/api/websocket", 101, agent="Home Assistant Wall")
    for at in at_random(day.dice("wall"), day.midnight, day.end, 2 * HOUR):
        yield Hit(at, socket, 4 * MB, HOUR)


def stray_errors(house: Household, day: Day) -> Iterator[Hit]:
    """One page of Home Assistant fails whenever it is asked for, some times a day; most services stumble once
    in a while."""
    broken = shape("192.168.1.46", ASSISTANT, "/api/camera_proxy/garden", 500, agent="Home Assistant Wall")
    for at in at_random(day.dice("camera"), day.midnight, day.end, 3 * HOUR):
        yield Hit(at, broken, 55)
    for service, target in ((CLOUD, "/core/preview"), (SEERR, "/api/v1/movie/603"), (PHOTOS, "/api/search")):
        stumble = shape(house.people[1].laptop, service, target, 500)
        for at in at_random(day.dice(("stumble", target)), day.at(7), day.at(23), 18 * HOUR):
            yield Hit(at, stumble, 120)


def photos_upload(house: Household, day: Day) -> Iterator[Hit]:
    """Phones send what was taken, when they are home."""
    for person in house.people:
        dice = day.dice(("photos", person.phone))
        at = day.at(dice.uniform(18, 22))
        for _ in range(times(dice, 25 if day.weekend else 8)):
            at += round(dice.expovariate(0.4) * SECOND)
            yield Hit(
                at, shape(person.phone, PHOTOS, "/api/assets", 201, "POST", "immich-android/1.118"), 120
            )


# --- people ------------------------------------------------------------------------------------------------


def films(house: Household, day: Day) -> Iterator[Hit]:
    """One or two watch for an hour on most evenings, a long film night comes at the weekend; friends too.

    Ranges of 25 MB: 9 GB an hour for a film, 3 GB for an episode.
    """
    dice = day.dice("films")
    viewers = [person.laptop for person in house.people]
    for _ in range(times(dice, 1.6)):
        yield from _film(
            dice, dice.choice(viewers), day.at(dice.uniform(18.5, 22)), dice.uniform(0.4, 1.2), 3_000
        )
    if day.number % 7 in (4, 5) or dice.random() < 0.1:
        begin = day.at(dice.uniform(19, 20.5))
        for client in dice.sample([*viewers, *house.friends], dice.choice((1, 1, 2))):
            yield from _film(dice, client, begin, dice.uniform(1.8, 3.2), 9_000)
    for friend in house.friends:
        if dice.random() < 0.4:
            yield from _film(dice, friend, day.at(evening(dice)), dice.uniform(0.4, 2), 4_000)


def _film(dice: random.Random, client: str, begin: Stamp, hours: float, mb_an_hour: int) -> Iterator[Hit]:
    part = shape(client, PLEX, f"/library/parts/{dice.randrange(900)}/file.mkv", 206, agent="PlexPlayer/4")
    poster = [f"/library/metadata/{dice.randrange(900)}/thumb/17" for _ in range(dice.randrange(15, 60))]
    yield from page(dice, begin - MINUTE, client, PLEX, poster, "PlexPlayer/4")
    end = begin + round(hours * HOUR)
    for at in steady(dice, begin, end, round(25 / mb_an_hour * HOUR), 0.4):
        yield Hit(at, part, round(25 * MB * dice.uniform(0.7, 1.3)), 2 * SECOND)


def wishes(house: Household, day: Day) -> Iterator[Hit]:
    """Browsing Overseerr: posters, and the refusals that it gives to everyone who is no administrator."""
    dice = day.dice("wishes")
    for _ in range(times(dice, 3 if day.weekend else 2)):
        person = dice.choice(house.people)
        at = day.at(evening(dice))
        client, agent = house.phone(person, day, at), house.phone_browser(day)
        for _ in range(dice.randrange(3, 12)):
            at += round(dice.expovariate(1 / 25) * SECOND)
            posters = [f"/imageproxy/tmdb/{dice.randrange(5000)}.jpg" for _ in range(dice.randrange(5, 20))]
            yield from page(
                dice, at, client, SEERR, ["/discover", "/api/v1/settings/public", *posters], agent
            )
            yield Hit(at, shape(client, SEERR, "/api/v1/service/radarr", 403, agent=agent), 50)


def cloud_web(house: Household, day: Day) -> Iterator[Hit]:
    """Files and photos by browser: who looks through a gallery loads hundreds of thumbnails, sometimes a
    thousand; now and then someone fetches a video, mostly of some hundred MB, seldom of more than 2 GB."""
    dice = day.dice("cloud")
    for service, folder in ((CLOUD, "/core/preview?fileId={}"), (PHOTOS, "/api/assets/{}/thumbnail")):
        for _ in range(times(dice, 0.9)):
            person = dice.choice(house.people)
            at, agent = day.at(evening(dice)), house.browser(person, day)
            for _ in range(round(dice.lognormvariate(1.2, 0.8))):
                at += round(dice.expovariate(1 / 30) * SECOND)
                thumbs = [folder.format(dice.randrange(9_000)) for _ in range(dice.randrange(10, 120))]
                yield from page(dice, at, person.laptop, service, ["/apps/files", *thumbs], agent)
            if dice.random() < 0.25:
                video = shape(person.laptop, service, "/remote.php/dav/files/home/video.mp4", agent=agent)
                yield Hit(at, video, round(dice.lognormvariate(5.7, 1) * MB), 90 * SECOND)


def owner(house: Household, day: Day) -> Iterator[Hit]:
    """The owner's rounds: Grafana most evenings, the *arr family every other, Portainer and Netdata now and
    then; at home by laptop, else by phone through a VPN."""
    dice = day.dice("owner")
    rounds = ((GRAFANA, 0.6), (SONARR, 0.45), (RADARR, 0.35), (PORTAINER, 0.3), (NETDATA, 0.3), (KUMA, 0.4))
    for service, chance in rounds:
        if dice.random() > chance:
            continue
        by_phone = dice.random() < 0.25
        client = "10.8.0.2" if by_phone else house.owner.laptop
        agent = house.phone_browser(day) if by_phone else house.browser(house.owner, day)
        user = "admin" if service is NETDATA else ""
        at = day.at(evening(dice))
        if user:  # the browser asks without a password first
            yield Hit(at, refused(client, service, "/", agent, 401), 17)
        for _ in range(dice.randrange(2, 15)):
            at += round(dice.expovariate(1 / 30) * SECOND)
            targets = ["/", *(f"/api/v1/{i}" for i in range(dice.randrange(2, 15)))]
            yield from page(dice, at, client, service, targets, agent, user)
        if service is GRAFANA:
            query = shape(client, GRAFANA, "/api/ds/query", 200, "POST", agent)
            for refresh in steady(dice, at, at + round(dice.uniform(0.1, 1.5) * HOUR), MINUTE):
                for number in range(6):
                    yield Hit(refresh + number * SECOND // 50, query, 8_000)


def passwords(house: Household, day: Day) -> Iterator[Hit]:
    """Browsers' and phones' password manager, from wherever they are."""
    for person in house.people[:3]:
        dice = day.dice(("passwords", person.phone))
        for at in at_random(dice, day.at(7), day.at(23), 2 * HOUR):
            client = house.phone(person, day, at)
            yield from page(dice, at, client, VAULT, ["/api/config", "/api/sync"], "Bitwarden_Mobile/2026.9")


def guests(house: Household, day: Day) -> Iterator[Hit]:
    """A dozen guests one Saturday, with the house's Wi-Fi; a link to photos that relatives open."""
    dice = day.dice("guests")
    if day.number % 7 == 5 and dice.random() < 0.4:
        for guest in range(dice.randrange(6, 14)):
            at = day.at(dice.uniform(17, 22))
            asked = [f"/imageproxy/tmdb/{dice.randrange(5000)}.jpg" for _ in range(20)]
            yield from page(
                dice, at, f"192.168.1.{150 + guest}", SEERR, ["/discover", *asked], house.phone_browser(day)
            )
    if dice.random() < 0.15:
        sent = day.at(dice.uniform(10, 20))
        for relative in range(dice.randrange(5, 15)):
            at = sent + round(dice.expovariate(1 / 3) * HOUR)
            thumbs = [f"/api/assets/{i}/thumbnail" for i in range(dice.randrange(10, 60))]
            client = f"84.{dice.randrange(100, 190)}.{dice.randrange(256)}.{relative + 1}"
            yield from page(dice, at, client, PHOTOS, ["/share/abc", *thumbs], house.phone_browser(day))


# --- the Internet ------------------------------------------------------------------------------------------


def stranger(dice: random.Random) -> str:
    """Somebody's address: none of this machine, a home or a carrier's inside."""
    return ".".join(str(dice.randrange(*bounds)) for bounds in ((20, 100), (1, 254), (1, 254), (1, 254)))


def strangers(house: Household, day: Day) -> Iterator[Hit]:
    """Who scans all addresses: mostly no router, sometimes one of our names, which the allow-list or the
    service refuses."""
    dice = day.dice("strangers")
    for at in at_random(dice, day.midnight, day.end, 30 * MINUTE):
        client = (
            f"{dice.randrange(20, 220)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        )
        agent = dice.choice(SCANNERS)
        for _ in range(min(200, round(dice.lognormvariate(1.2, 1.1)))):
            at += round(dice.expovariate(1) * SECOND)
            yield Hit(at, shape(client, NOWHERE, dice.choice(SCANNED), 404, agent=agent), 19, 50_000)
    for at in at_random(dice, day.midnight, day.end, HOUR):
        client = (
            f"{dice.randrange(20, 220)}.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        )
        agent = dice.choice(SCANNERS)
        service = dice.choice((*OPEN, *CLOSED))
        for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
            at += round(dice.expovariate(0.5) * SECOND)
            target = dice.choice(SCANNED[:8])
            if service in CLOSED:
                yield Hit(at, refused(client, service, target, agent), 9, 100_000)
            else:
                yield Hit(at, shape(client, service, target, 200 if target == "/" else 404, agent=agent), 500)


HABITS: Final[tuple[Habit, ...]] = (
    *(monitor, refused_monitor, nightly, queues, sync, backup, assistant, stray_errors, photos_upload),
    *(films, wishes, cloud_web, owner, passwords, guests, strangers),
)
