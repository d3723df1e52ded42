"""`allow-list-new-address` on four weeks at a home's door: whom it takes for one of the house, and whom not.

Every outsider is refused, which is the door's normal sound: scanners with scripts' names and with browsers',
a search engine, a monitor somebody forgot, strangers who know a host from its certificate, and some who guess
what the house uses. Planted are the events that the rule is for: a phone on the train, a box at the holiday
flat, a provider's new number; and apps that were updated on the way.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from nightporter import bundled
from nightporter.allowlist.entries import Listed, entry_of
from nightporter.allowlist.given import given as given_of
from nightporter.allowlist.given import with_lists
from nightporter.detect.engine import Engine
from nightporter.formats.access import put_agent, put_target
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Event, Fields, Origin, Stamp, Untrusted
from nightporter.rule import Ruleset
from nightporter.ruleset import load, read

BEGIN: Stamp = 1_795_500_000 * SECOND
DAYS = 28
ORIGIN = Origin(source="traefik", kind="file", stream="x", format="traefik")
ROUTERS = ("plex", "seerr", "cloud")
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile",
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
)
SCRIPTS = (
    "Mozilla/5.0 zgrab/0.x", "python-requests/2.32.3", "curl/8.9.1", "Go-http-client/1.1", "okhttp/4.12.0",
    "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)", "", "Mozilla/5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "axios/1.7.7",
)  # fmt: skip
APPS = (
    "PlexForIOS/8.{v} (iPhone; iOS 18.{v})", "Plex/1.4{v}.2 (Roku)", "Infuse-Direct/8.{v}",
    "Mozilla/5.0 (iOS) Nextcloud-iOS/6.{v}", "Sonarr/4.0.{v}.2544 (alpine 3.20.3)", "nzb360/2{v}",
)  # fmt: skip
VERSION, NEWER, OTHER = "4", "5", "3"
"""Of the house's apps: what they are, what an update on the way makes them, what a stranger guesses."""
GUESSES = ("Jellyfin-Kodi/1.0", "Ombi/4.43", "Overseerr/1.33")
TOOLS = ("curl/8.9.1", "python-requests/2.31.0", "Go-http-client/2.0", "axios/1.6.2", *BROWSERS)
"""What the house itself uses besides, too: scripts on the sofa."""
PROBES = (
    "/.env",
    "/.git/config",
    "/wp-login.php",
    "/vendor/phpunit/x.php",
    "/actuator/health",
    "/owa/",
    "/old/x",
)
PAGES = ("/", "/favicon.ico", "/robots.txt", "/login", "/web/index.html", "/identity", "/sitemap.xml")
"""What anybody asks for."""
APP_PAGES = ("/hubs/home/recent", "/library/sections/1/all", "/api/v3/queue", "/ocs/v2.php/core/navigation")
"""What an app asks for that is signed in."""
HOOK = "/api/webhook/6f1c0a9e4b7d4e1f8a2c3d5e6f708192"


@dataclass(frozen=True, slots=True)
class Month:
    """Events in order, and the clients of which something is to be told."""

    events: list[tuple[Stamp, Fields]]
    planted: frozenset[str]
    """The house's own with a new address: the line to paste."""
    likely: frozenset[str]
    """Updated apps of the house, and strangers who know the name of one: no line."""


def request(client: str, agent: str, path: str, router: str, *, inside: bool) -> Fields:
    fields: Fields = {"client_ip": client, "router": router, "method": "GET"}
    put_target(fields, path)
    put_agent(fields, agent)
    if inside:
        return {**fields, "status": 200, "bytes": 5120, "upstream": "http://10.0.0.5:80"}
    return {**fields, "status": 403, "bytes": 9}


def outside(dice: random.Random) -> str:
    first = dice.choice((45, 80, 91, 104, 139, 167, 185))
    return ".".join(map(str, (first, dice.randrange(256), dice.randrange(256), dice.randrange(1, 255))))


def month(seed: int) -> Month:
    dice = random.Random(seed)
    events: list[tuple[Stamp, Fields]] = []

    def add(at: Stamp, fields: Fields) -> None:
        events.append((at, fields))

    def knock(client: str, agent: str, paths: Sequence[str]) -> None:
        """Somebody is refused three to eleven times, a minute apart, in the last three weeks."""
        at = BEGIN + dice.randrange(7 * DAY, DAYS * DAY - HOUR)
        for again in range(dice.randrange(3, 12)):
            router = dice.choice(ROUTERS)
            add(at + again * MINUTE, request(client, agent, dice.choice(paths), router, inside=False))

    for day in range(DAYS):
        start = BEGIN + day * DAY
        for _ in range(60):  # the house itself, at home and from the one address outside that is let in
            agent = dice.choice((*APPS, *TOOLS)).replace("{v}", VERSION)
            client = dice.choice(("192.168.1.20", "192.168.1.21", "91.20.30.40"))
            path = dice.choice((*PAGES, *APP_PAGES, HOOK))
            at = start + dice.randrange(DAY)
            add(at, request(client, agent, path, dice.choice(ROUTERS), inside=True))
        for _ in range(40):  # scanners: some go for holes, some just knock, with whatever name
            client, agent = outside(dice), dice.choice((*SCRIPTS, *BROWSERS))
            paths = dice.choice((PROBES, PAGES, PROBES + PAGES))
            at = start + dice.randrange(DAY)
            for number in range(dice.choice((1, 1, 2, 5, 30))):
                add(
                    at + number * SECOND,
                    request(client, agent, dice.choice(paths), dice.choice(ROUTERS), inside=False),
                )
    add(BEGIN, request("104.1.1.1", "UptimeRobot/2.0", "/", "plex", inside=False))
    for number in range(DAYS * 24):  # a monitor of nobody's
        add(BEGIN + number * HOUR, request("104.1.1.1", "UptimeRobot/2.0", "/", "plex", inside=False))
    planted, likely = set(), set()
    for number in range(6):
        near = number % 3 == 2
        client = f"91.20.30.{100 + number}" if near else f"77.{number}.{dice.randrange(256)}.9"
        app = dice.choice(APPS).replace("{v}", VERSION)
        knock(client, dice.choice(BROWSERS) if near else app, PAGES if near else APP_PAGES)
        planted.add(client)
    knock("78.1.2.3", "", [HOOK])  # a sensor that names no program
    planted.add("78.1.2.3")
    for number in range(2):
        updated = f"79.{number}.{dice.randrange(256)}.9"
        knock(updated, dice.choice(APPS).replace("{v}", NEWER), APP_PAGES)
        guesser = f"103.{number}.{dice.randrange(256)}.9"
        knock(guesser, dice.choice(APPS).replace("{v}", OTHER), PAGES)
        likely |= {updated, guesser}
    for number in range(5):  # guessers who try one name after another
        client = f"104.{number}.{dice.randrange(256)}.9"
        at = BEGIN + dice.randrange(7 * DAY, DAYS * DAY - HOUR)
        for again, agent in enumerate((*GUESSES, *APPS)):
            path = dice.choice((*PAGES, *APP_PAGES))
            add(
                at + again * SECOND,
                request(client, agent.replace("{v}", VERSION), path, "plex", inside=False),
            )
    return Month(sorted(events, key=lambda one: one[0]), frozenset(planted), frozenset(likely))


@functools.cache
def shipped() -> Ruleset:
    """The shipped rules about the allow-list, with all lists."""
    ruleset = load(read([bundled.rules()], shipped=True).texts).ruleset
    ours = tuple(rule for rule in ruleset.rules if rule.id.startswith("allow-list"))
    return replace(ruleset, rules=ours, enrichers=())


def found(seen: Month) -> dict[str, list[str]]:
    """Rule → the clients or routers of its episodes."""
    listed = Listed(".env", "IP_ALLOW_LIST", tuple(map(entry_of, ("192.168.1.0/24", "91.20.30.40/32"))))
    engine = Engine(with_lists(shipped(), given_of(listed, (), ())))
    plan = engine.plan(ORIGIN, ("traefik",))
    for number, (at, fields) in enumerate(seen.events):
        stamped: Fields = {**fields, "time": at, "arrived": at, "source": "traefik", "raw": ""}
        engine.judge(
            Event(
                fields=stamped,
                time=at,
                arrived=at,
                origin=ORIGIN,
                format="traefik",
                position=str(number),
                raw=Untrusted(""),
            ),
            plan,
        )
        engine.advance(at)
    engine.finish()
    told: dict[str, list[str]] = {}
    for episode in {episode.id: episode for episode in engine.take_changes().episodes}.values():
        told.setdefault(episode.rule, []).append(str(next(iter(episode.key.values()))))
    return told


@pytest.mark.parametrize("seed", range(8))
def test_a_month_at_the_door(seed: int) -> None:
    seen = month(seed)
    told = found(seen)
    new = told.get("allow-list-new-address", [])
    assert sorted(new) == sorted(seen.planted), "all of the house's, nobody else, each once"
    assert sorted(told.get("allow-list-known-program", [])) == sorted(seen.likely), "updated, or guessed"
    assert "allow-list-open" not in told


def test_the_list_alone_decides_who_may_pass_an_open_door() -> None:
    seen = month(99)
    at = BEGIN + DAYS * DAY
    for client in ("45.9.9.9", "192.168.1.20", "91.20.30.40"):
        seen.events.append((at, request(client, "", "/", "plex", inside=True)))
    assert found(seen)["allow-list-open"] == ["plex"]
