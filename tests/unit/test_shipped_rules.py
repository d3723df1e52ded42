"""The shipped rules: they load, pass their own tests, and hold what their comments promise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest
import yaml
from tests.parts.scene import NOON, ROOT, RULES, Scene, judged, shipped

from nightporter import origins, ruletest
from nightporter.formats import fields as tables
from nightporter.lane import Arrival, Lane
from nightporter.model import MINUTE, Chunk, Position
from nightporter.rule import Count, Distinct, Enricher, LineTest, Rule, within_of
from nightporter.ruleset import SourceText, load, read

DOCS: Final = ROOT / "docs"


def rows(name: str) -> list[dict[str, str | None]]:
    """A file of tests/data with one JSON object a line."""
    return [json.loads(line) for line in (ROOT / "tests/data" / name).read_text().splitlines()]


LINES: Final = rows("logins.jsonl")
"""Lines of services and what they say: `service line outcome client_ip user` (null: no login; none)."""


def login_of(service: str, line: str) -> tuple[Any, Any, Any]:
    """Outcome, address and user of the login that a line tells of; three times None for none."""
    fields = judged(service, line)
    if fields.get("event") != "login":
        return None, None, None
    return fields.get("outcome"), fields.get("client_ip"), fields.get("user")


# --- the files --------------------------------------------------------------------------------------------


def test_every_inline_test_holds() -> None:
    failures = [str(problem) for problem in ruletest.failures(shipped())]
    assert not failures, "\n".join(failures)
    rules, events = shipped().rules, shipped().enrichers
    assert sum(len(rule.tests) for rule in rules) + sum(len(event.tests) for event in events) > 150


def expressions(node: object) -> Iterator[str]:
    """The regular expressions of a rule file."""
    if isinstance(node, list):
        for item in node:
            yield from expressions(item)
    if isinstance(node, dict):
        for key, value in node.items():
            if str(key).endswith("|re"):
                yield from [value] if isinstance(value, str) else value
            else:
                yield from expressions(value)


def test_no_condition_runs_on_the_slower_engine() -> None:
    patterns = [e for p in RULES.glob("*.yaml") for e in expressions(yaml.safe_load(p.read_text()))]
    assert len(patterns) > 100
    re2 = pytest.importorskip("re2", reason="google-re2 is not installed: nothing to ask")
    for pattern in patterns:
        re2.compile(pattern)


@pytest.mark.parametrize("rule", shipped().rules, ids=lambda rule: rule.id)
def test_a_rule_says_who_what_and_what_to_do(rule: Rule) -> None:
    assert rule.title != rule.id
    assert rule.title[0].isupper()
    assert not rule.title.endswith(".")
    assert "{" in rule.message
    assert rule.fix or rule.severity[0].severity.name == "info"
    assert "{" not in re.sub(r"\{\{.*?\}\}", "", rule.fix), "fix is shown as it stands"
    assert rule.enabled
    assert rule.mode == "alert"


@pytest.mark.parametrize("rule", shipped().rules, ids=lambda rule: rule.id)
def test_a_rule_has_tests_on_both_sides_of_its_edge(rule: Rule) -> None:
    """At least one test that fires, one that does not, and one repetition just short of the threshold."""
    assert any(test.fires for test in rule.tests)
    assert any(test.fires == 0 for test in rule.tests)
    if isinstance(rule.window, Count):
        repeats = {item.repeat for test in rule.tests for item in test.items}
        assert {rule.window.threshold, rule.window.threshold - 1} <= repeats


@pytest.mark.parametrize(
    "rule",
    [rule for rule in shipped().rules if isinstance(rule.window, Count | Distinct)],
    ids=lambda r: r.id,
)
def test_a_threshold_is_the_smallest_that_its_own_tests_allow(rule: Rule) -> None:
    """A rule that fired one event later or earlier would fail its own tests: they do hold the number."""
    assert isinstance(rule.window, Count | Distinct)
    for change in (-1, 1):
        window = replace(rule.window, threshold=rule.window.threshold + change)
        moved = replace(rule, window=window)
        assert any(ruletest.run(moved, None, test, shipped()) for test in rule.tests), change


@pytest.mark.parametrize("enricher", shipped().enrichers, ids=lambda enricher: enricher.id)
def test_an_event_has_tests_with_an_outcome(enricher: Enricher) -> None:
    assert enricher.tests
    sets = dict(enricher.sets)
    match sets["event"]:
        case "login":
            assert sets["outcome"] in ("failure", "success")
        case "login_refused":
            assert sets["outcome"] == "failure"
            assert enricher.sources == ("traefik",)
        case "account":
            assert sets["account"] in ("created", "role_changed")
        case other:
            assert other == "lockout"
    assert "service" in sets


@pytest.mark.parametrize("enricher", shipped().enrichers, ids=lambda enricher: enricher.id)
def test_an_events_own_lines_need_it(enricher: Enricher) -> None:
    """Without the entry its tests fail: none of them is passed by another entry."""
    rest = replace(shipped(), enrichers=tuple(e for e in shipped().enrichers if e.id != enricher.id))

    def fails(test: LineTest) -> bool:
        return bool(ruletest.run(None, enricher, test, rest))

    assert any(fails(test) for test in enricher.tests)


# --- logins -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", LINES, ids=lambda row: f"{row['service']}-{row['line'][:60]}")
def test_known_lines_are_understood(row: dict[str, str | None]) -> None:
    service, line = str(row["service"]), str(row["line"])
    assert login_of(service, line) == (row["outcome"], row.get("client_ip"), row.get("user"))


# --- what healthy homes do --------------------------------------------------------------------------------


def access(
    path: str, status: int, *, method: str = "GET", ip: str = "203.0.113.9", router: str = "app"
) -> str:
    """A line of Traefik's access log, answered by a service."""
    return (
        f'{ip} - - [24/Nov/2026:10:24:25 +0000] "{method} {path} HTTP/2.0" {status} 27 "-" "-" 4 '
        f'"{router}@docker" "http://172.18.0.9:5055" 5ms'
    )


def fired(scene: Scene) -> set[str]:
    return {episode.rule for episode in scene.episodes()}


@pytest.mark.parametrize(
    "path",
    [
        "/:/websockets/notifications",
        "/photo/:/transcode?width=300",
        "/library/metadata/1234/thumb/1690000000",
        "/video/:/transcode/universal/session/0123456789abcdef/0/1.m4s",
        "/web/config.json",
        "/System/Info/Public",
        "/Users/AuthenticateByName",
        "/socket.io/?EIO=4&transport=polling",
        "/api/v3/system/status",
        "/initialize.json",
        "/MediaCover/17/poster-250.jpg",
        "/signalr/messages?access_token=x",
        "/api/v1/settings/public",
        "/_next/static/chunks/main.js",
        "/imageproxy/t/p/w300/x.jpg",
        "/api/auth",
        "/api/endpoints/2/docker/containers/json?all=1",
        "/public/build/app.js",
        "/api/live/ws",
        "/identity/connect/token",
        "/notifications/hub",
        "/remote.php/dav/files/mum/",
        "/status.php",
        "/.well-known/caldav",
        "/.well-known/acme-challenge/x",
        "/ocs/v2.php/apps/user_status/api/v1/user_status",
        "/admin/login.php",
        "/apple-touch-icon-precomposed.png",
        "/favicon.ico",
        "/robots.txt",
        "/sw.js",
        "/manifest.json",
    ],
)
def test_no_service_of_a_home_asks_for_a_scanners_page(path: str) -> None:
    """Three different ones would be told, so each of these three times under another prefix must not be."""
    scene = Scene("http-scanner-paths")
    for status in (200, 404, 403):
        scene.line("traefik", access(path, status))
        scene.line("traefik", access(path + ("&" if "?" in path else "?") + "x=1", status))
    assert scene.engine.counts["admitted:http-scanner-paths"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/.env",
        "/app/.env.production",
        "/.git/config",
        "/backup/.git/HEAD",
        "/.aws/credentials",
        "/.ssh/id_rsa",
        "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
        "/actuator/health",
        "/HNAP1/",
        "/boaform/admin/formLogin",
        "/server-status",
        "/owa/auth/logon.aspx",
        "/manager/html",
        "/phpinfo.php",
        "/.DS_Store",
        "/db.sql",
        "/solr/admin/info/system",
        "/static/..%2f..%2fetc/passwd",
        "/etc/passwd",
        "/_ignition/execute-solution",
        "/wp-login.php",
        "/blog/wp-login.php",
        "/phpmyadmin/index.php",
        "/cgi-bin/luci/;stok=/locale",
        "/xmlrpc.php",
    ],
)
def test_a_scanners_page_is_known(path: str) -> None:
    scene = Scene("http-scanner-paths")
    scene.line("traefik", access(path, 404))
    assert scene.engine.counts["admitted:http-scanner-paths"] == 1


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            [access("/api/v1/auth/me", 401), access("/api/v1/service/radarr", 403)] * 150,
            id="a page of Overseerr",
        ),
        pytest.param([access("/", 401, router="plex")] * 300, id="Plex says hello"),
        pytest.param([access("/manifest.json", 401)] * 100, id="manifests without credentials"),
        pytest.param(
            [access(f"/MediaCover/{n}/poster.jpg", 404) for n in range(300)], id="a library without posters"
        ),
        pytest.param(
            [access(f"/library/metadata/{n}/thumb/17{n}", 404) for n in range(300)], id="Plex without thumbs"
        ),
        pytest.param([access("/photo/:/transcode", 499)] * 300, id="impatient clients"),
        pytest.param(
            [access(f"/video/{n}.m4s", status) for n in range(300) for status in (206, 304)],
            id="a film night",
        ),
        pytest.param([access("/api/v2/auth/login", 200, method="POST")] * 100, id="logins that are let in"),
    ],
)
def test_the_noise_of_a_healthy_evening_is_not_told(lines: Iterable[str]) -> None:
    scene = Scene()
    for line in lines:
        scene.line("traefik", line)
    assert fired(scene) == set()


def test_a_household_that_mistypes_is_only_in_the_digest() -> None:
    scene = Scene()
    for minute in range(10):
        scene.line(
            "service:uptime-kuma",
            f"2026-10-16T05:{minute:02}:00Z [AUTH] INFO: Successfully logged in user mum. IP=203.0.113.130",
        )
    for second in range(10):
        scene.line(
            "service:vaultwarden",
            f"[2026-10-16 06:00:{second:02}.000][vaultwarden::api::identity][ERROR] "
            "Username or password is incorrect. Try again. IP: 203.0.113.130. Username: mum.",
        )
    episodes = scene.episodes()
    assert {episode.rule: episode.severity.name for episode in episodes} == {"login-bruteforce-known": "low"}


def test_one_attack_on_a_database_is_told_once() -> None:
    """Six wrong passwords: the rule for databases alone, not the ones for logins as well."""
    scene = Scene()
    for second in range(6):
        scene.line(
            "service:mariadb",
            f"2026-11-24 10:23:{second:02} 3 [Warning] "
            "Access denied for user 'root'@'localhost' (using password: YES)",
        )
        scene.line(
            "service:mysql",
            f"2026-10-09T21:58:{second:02}.901016Z 48262 [Note] [MY-010926] [Server] "
            "Access denied for user 'app'@'172.18.0.7' (using password: YES)",
        )
    told = [(episode.rule, episode.key["user"], episode.key["client_host"]) for episode in scene.episodes()]
    assert sorted(told) == [("mysql-denied", "app", "172.18.0.7"), ("mysql-denied", "root", "localhost")]


def test_a_service_that_sees_its_proxy_only_is_not_deaf() -> None:
    """Ombi behind a proxy names neither client nor user; its failures are counted for the service."""
    scene = Scene()
    origin = replace(origins.named("service:ombi", tz="UTC"), gateways=("172.18.0.1",))
    lane = Lane(origin, scene.engine, Arrival(replayed=True, latest=NOON))
    data = b"".join(
        b"2026-09-21 07:25:%02d.112 +00:00 [WRN] Failed login attempt by IP: 172.18.0.1\n" % second
        for second in range(10)
    )
    end = Position("ombi", "ombi", b"")
    lane.judge(Chunk(origin=origin, data=data, start=0, identity="ombi", end=end, arrived=2**62))
    assert fired(scene) == {"login-bruteforce-unknown-client"}


# --- the docs ---------------------------------------------------------------------------------------------


def examples() -> list[str]:
    """The rule files that docs/rules.md shows."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (DOCS / "rules.md").read_text(), re.MULTILINE | re.DOTALL)
    return [b for b in blocks if re.match(r"(lists|events|rules|defaults|ignore|tune):", b)]


@pytest.mark.parametrize("example", examples())
def test_the_examples_in_the_docs_load_and_pass_their_tests(example: str) -> None:
    files = read([RULES], shipped=True).texts
    loaded = load([*files, SourceText(name="docs/rules.md", text=example)])
    # A tune's mistake may show in the rule that it tunes.
    told = [p for p in loaded.problems if p.place.file == "docs/rules.md" or not p.warning]
    assert [str(problem) for problem in told] == []
    assert ruletest.failures(loaded.ruleset) == []


def test_the_docs_show_examples() -> None:
    assert len(examples()) >= 5


def test_the_docs_list_every_field_with_its_unit() -> None:
    text = (DOCS / "fields.md").read_text()
    listed = [tables.COMMON, tables.CONTAINER, tables.TRAEFIK, tables.MESSAGE, tables.SYSLOG, tables.LOGIN]
    for table in (*listed, tables.PLACES, tables.LIFECYCLE, tables.PROBE, tables.INTEGRITY, tables.MACOS):
        for field, spec in table.items():
            kind = "true/false" if spec.type == "flag" else spec.type
            assert f"| `{field}` | {kind} | {spec.unit} | {spec.doc} |" in text


def test_the_docs_name_every_service_that_is_understood() -> None:
    text = (DOCS / "services.md").read_text().lower()
    services = {
        s.removeprefix("service:") for e in shipped().enrichers for s in e.sources if s.startswith("service:")
    }
    assert [service for service in services if service not in text] == []


def test_the_docs_name_only_rules_that_exist() -> None:
    ids = {rule.id for rule in shipped().rules}
    for page in ("rules.md", "services.md"):
        named = set(re.findall(r"`((?:http|login|container|mysql)-[a-z0-9-]+)`", (DOCS / page).read_text()))
        assert named <= ids | {"mysql-server"}, named - ids


def test_windows_are_given_in_minutes_that_people_wait() -> None:
    """No shipped window is so short that a slow page load decides."""
    windows = [within for rule in shipped().rules if (within := within_of(rule.window))]
    assert min(windows) >= 5 * MINUTE
