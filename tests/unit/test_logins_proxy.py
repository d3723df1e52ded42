"""Logins that the proxy's access log shows: what counts once though two logs tell of it, what a visitor
cannot feign, and what the table of known services says of the answers."""

from __future__ import annotations

import pytest
from tests.parts.scene import ROOT, Scene, shipped

from nightporter.services import KNOWN

ATTACKER = "203.0.113.9"
AT_HOME = "198.51.100.3"
IN = "login-after-failures"


def access(
    second: int,
    request: str,
    status: int,
    *,
    router: str,
    ip: str = ATTACKER,
    user: str = "-",
    upstream: str = "http://172.18.0.9:80",
    size: int = 60,
) -> str:
    """A line of Traefik's access log, so many seconds after ten o'clock."""
    clock = f"{10 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return (
        f'{ip} - {user} [24/Nov/2026:{clock} +0000] "{request} HTTP/2.0" {status} {size} "-" "-" {second} '
        f'"{router}@docker" "{upstream}" 5ms'
    )


def asked(second: int, *, user: str = "-", ip: str = ATTACKER, router: str = "auth") -> str:
    """Traefik asks for its password, or did not like the one it got."""
    return access(second, "GET /", 401, router=router, ip=ip, user=user, upstream="-", size=17)


def through(second: int, *, user: str = "mario", ip: str = ATTACKER, router: str = "auth") -> str:
    """A request that reached its service."""
    return access(second, "GET /", 200, router=router, ip=ip, user=user)


def fired(scene: Scene) -> set[str]:
    return {episode.rule for episode in scene.episodes()}


# --- Traefik's own password question ------------------------------------------------------------------------


def test_of_a_morning_of_requests_the_first_is_the_login() -> None:
    scene = Scene()
    scene.line("traefik", asked(0))
    lines = [through(second) for second in range(1, 3600, 7)]
    events = [scene.line("traefik", line).get("event") for line in lines]
    assert events == ["login", *[None] * (len(lines) - 1)]


def test_the_next_user_of_an_address_and_the_next_address_of_a_user_are_logins_of_their_own() -> None:
    scene = Scene()
    scene.line("traefik", asked(0))
    seen = [
        scene.line("traefik", through(second, user=user, ip=ip)).get("event")
        for second, user, ip in (
            (1, "mario", AT_HOME),
            (2, "luigi", AT_HOME),
            (3, "mario", ATTACKER),
            (4, "mario", AT_HOME),
        )
    ]
    assert seen == ["login", "login", "login", None]


@pytest.mark.parametrize("before", [4, 5])
def test_five_wrong_passwords_and_a_right_one_are_critical_four_are_not(before: int) -> None:
    scene = Scene()
    for second in range(before):
        scene.line("traefik", asked(second * 9, user="mario"))
    scene.line("traefik", through(60))
    assert (IN in fired(scene)) == (before == 5)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(through(60, router="open", user="bob"), id="a router that asks for no password"),
        pytest.param(
            access(60, "GET /", 403, router="auth", user="bob", upstream="-"), id="an allow-list before it"
        ),
        pytest.param(
            access(60, "GET /", 301, router="auth", user="bob", upstream="-"), id="a redirection before it"
        ),
        pytest.param(
            access(60, "OPTIONS /", 200, router="auth", user="bob", upstream="-"), id="a preflight's answer"
        ),
        pytest.param(through(60, user="-"), id="nobody's name"),
    ],
)
def test_a_name_before_the_host_lets_nobody_in(line: str) -> None:
    """`GET http://bob@host/` puts bob in the log where Traefik did not ask. Whoever could feign a login would
    be taken for somebody of the house."""
    scene = Scene()
    scene.line("traefik", asked(0, ip=AT_HOME))
    assert "event" not in scene.line("traefik", line)
    for second in range(5):
        scene.line("traefik", asked(70 + second, user="mario"))
    assert {"login-bruteforce"} == fired(scene)


# --- two logs of one attempt --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3, 4, 5])
def test_a_wrong_password_in_both_logs_is_one(wrong: int) -> None:
    """Ombi's file says it and the proxy does; the first of a week may count by both."""
    scene = Scene()
    for n in range(wrong):
        second = 9 * n
        scene.line("traefik", access(second, "POST /api/v1/token", 401, router="ombi"))
        stamp = f"2026-11-24 10:00:{second:02d}.003 +00:00"
        scene.line("service:ombi", f"{stamp} [WRN] Failed login attempt by IP: {ATTACKER}")
    scene.line("traefik", access(60, "POST /api/v1/token", 200, router="ombi"))
    assert IN not in fired(scene), "so far it may be the beginning of a sign-in through Plex"
    scene.line("traefik", access(61, "GET /api/v1/Identity", 200, router="ombi"))
    assert (IN in fired(scene)) == (wrong >= 4)
    assert "http-401-failures" not in fired(scene)


def test_a_refusal_at_one_service_counts_though_another_told_of_its_own() -> None:
    scene = Scene()
    scene.line("service:ombi", f"2026-11-24 10:00:00.003 +00:00 [WRN] Failed login attempt by IP: {AT_HOME}")
    for n in range(5):
        scene.line("traefik", access(9 * n, "POST /login", 401, router="grafana"))
    scene.line("traefik", access(60, "POST /login", 200, router="grafana"))
    assert IN in fired(scene)


def test_the_proxy_makes_a_client_known_where_the_service_says_nothing() -> None:
    scene = Scene()
    scene.line("traefik", access(0, "POST /api/v1/auth/local", 200, router="overseerr"))
    for n in range(9):
        scene.line("traefik", access(10 + n, "POST /api/v1/auth/local", 403, router="overseerr"))
    assert fired(scene) == set()


# --- the answers --------------------------------------------------------------------------------------------

NAMED = sorted(
    {
        service.name
        for service in KNOWN.values()
        for login in service.logins
        if login.telling and login.method == "POST"
    }
)


@pytest.mark.parametrize("name", NAMED)
def test_no_answer_is_taken_for_its_opposite(name: str) -> None:
    """What the table says is refused never makes a login, and what it says is let in no refusal."""
    scene = Scene()
    for login in KNOWN[name].logins:
        for path in (path.replace("/*/", f"/{name}/").rstrip("*") for path in login.paths):
            for status in login.failure:
                seen = scene.line("traefik", access(1, f"POST {path}", status, router=name))
                assert seen.get("outcome") in (None, "failure"), (path, status)
            for status in login.success:
                seen = scene.line("traefik", access(2, f"POST {path}", status, router=name))
                assert seen.get("outcome") in (None, "success"), (path, status)


@pytest.mark.parametrize("name", NAMED)
def test_a_service_of_another_name_is_not_believed(name: str) -> None:
    scene = Scene()
    for login in KNOWN[name].logins:
        for path in (path.replace("/*/", f"/{name}/").rstrip("*") for path in login.paths):
            for status in login.success:
                seen = scene.line("traefik", access(1, f"POST {path}", status, router="blog"))
                assert seen.get("event") is None, (path, status)


def seen_getting_in() -> set[str]:
    """The services of whose logins some line names the address, by the inline tests of the shipped events."""
    sets = (
        (dict(entry.sets), dict(test.sets))
        for entry in shipped().enrichers
        for test in entry.tests
        if entry.sets
    )
    return {
        str(found.get("service", made["service"]))
        for made, found in sets
        if (made["event"], made.get("outcome")) == ("login", "success") and found.get("client_ip")
    }


def test_the_page_says_of_each_service_whether_the_two_rules_can_fire() -> None:
    page = (ROOT / "docs/services.md").read_text()
    table = page[page.index("### Guessed, and then got in") : page.index("Where it says access log:")]
    names = {service.title: service.name for service in KNOWN.values()} | {"Forgejo": "gitea", "sshd": "sshd"}
    said = {
        names[title]: cells[-1] != "cannot fire"
        for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
        if len(cells) == 4
        for title in cells[0].replace(" (basicAuth, digestAuth)", "").split(", ")
        if title in names
    }
    assert said.keys() == KNOWN.keys() - {"watchtower"}
    siblings = {"jellyseerr", "radarr", "prowlarr", "lidarr", "readarr", "whisparr", "emby"}
    works = {name for name, can in said.items() if can}
    assert works - siblings == seen_getting_in() & said.keys() - siblings


def test_a_page_for_members_is_a_login_only_behind_the_login_page() -> None:
    """Sonarr's page that loads without a login page before it is somebody who has been in for long."""
    scene = Scene()
    lines = ["POST /login", "GET /", "GET /initialize.json"]
    statuses = [302, 200, 200]
    seen = [
        scene.line("traefik", access(second, request, status, router="sonarr")).get("event")
        for second, (request, status) in enumerate(zip(lines, statuses, strict=True))
    ]
    assert seen == [None, "login", None]
    other = [scene.line("traefik", access(9, r, 200, router="sonarr", ip=AT_HOME)) for r in lines[1:]]
    assert [fields.get("event") for fields in other] == [None, None]
