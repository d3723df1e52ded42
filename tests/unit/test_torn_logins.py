"""User names with line ends, or of thousands of blanks, in logs that write them as they are.

Whether each program lets such a name through is not checked here (none of them runs here): the rules must
hold if it does.
"""

from __future__ import annotations

import functools

import pytest

from nightporter import bundled, origins
from nightporter.detect.engine import Engine
from nightporter.lane import Arrival, Lane
from nightporter.model import SECOND, Chunk, Episode, Position
from nightporter.rule import Ruleset
from nightporter.ruleset import load, read

NOW = 1_795_521_600 * SECOND  # 2026-11-24T12:00:00Z
ATTACKER = "203.0.113.66"
STAMP = "2026-11-24 11:59:{second:02d}.123"

FAILURES = {
    "uptime-kuma": "2026-11-24T11:59:{second:02d}Z [AUTH] WARN: Incorrect username or password for user "
    "{user}. IP=203.0.113.66",
    "vaultwarden": f"[{STAMP}][vaultwarden::api::identity][ERROR] Username or password is incorrect. "
    "Try again. IP: 203.0.113.66. Username: {user}.",
    "sonarr": "2026-11-24 11:59:{second:02d}.1|Warn|Auth|Auth-Failure ip 203.0.113.66 username '{user}'",
    "whisparr": "[Warn] Auth: Auth-Failure ip 203.0.113.66 username '{user}' ",
    "jellyfin": f"[{STAMP} +00:00] [INF] [57] Jellyfin.Server.Implementations.Users.UserManager: "
    'Authentication request for "{user}" has been denied (IP: "203.0.113.66").',
    "tautulli": "2026-11-24 11:59:{second:02d} - DEBUG :: CP Server Thread-7 : Tautulli WebAuth :: "
    "Invalid user login attempt from '{user}'.",
    "bazarr": "2026-11-24 11:59:{second:02d}|INFO    |root                            |"
    "Failed authentication from 203.0.113.66 for user {user}|",
}
DATABASES = {
    "mysql": "2026-11-24T11:59:{second:02d}.123456Z 7 [Note] [MY-010926] [Server] Access denied for user "
    "'{user}'@'203.0.113.66' (using password: YES)",
    "mariadb": "2026-11-24 11:59:{second:02d} 7 [Warning] Access denied for user "
    "'{user}'@'203.0.113.66' (using password: YES)",
    "postgres": "2026-11-24 11:59:{second:02d}.123 UTC [7] 203.0.113.66 FATAL:  password authentication "
    'failed for user "{user}"',
}
SUCCESSES = {
    "uptime-kuma": "2026-11-24T11:5{minute}:00Z [AUTH] INFO: Successfully logged in user a. IP=203.0.113.66",
    "vaultwarden": "[2026-11-24 11:5{minute}:00.123][vaultwarden::api::identity][INFO] User a logged in "
    "successfully. IP: 203.0.113.66",
    "sonarr": "2026-11-24 11:5{minute}:00.1|Info|Auth|Auth-Success ip 203.0.113.66 username 'a'",
}


@functools.cache
def shipped() -> Ruleset:
    return load(read([bundled.rules()], shipped=True).texts).ruleset


def episodes(service: str, lines: list[str]) -> list[Episode]:
    """What the rules make of a service's lines."""
    engine = Engine(shipped())
    lane = Lane(origins.named(f"service:{service}"), engine, Arrival())
    end = Position(source="test", stream="test", mark=b"")
    data = "".join(f"{line}\n" for line in lines).encode()
    lane.judge(Chunk(data=data, origin=lane.origin, identity="x", start=0, end=end, arrived=NOW))
    return list(engine.take_changes().episodes)


def found(service: str, lines: list[str]) -> set[str]:
    """The rules that fire on a service's lines."""
    return {episode.rule for episode in episodes(service, lines)}


def clients(service: str, lines: list[str]) -> set[str]:
    """The addresses that are named."""
    return {str(episode.key.get("client_ip", "")) for episode in episodes(service, lines)}


def failed(service: str, user: str, times: int) -> list[str]:
    return [FAILURES[service].format(user=user, second=second) for second in range(times)]


@pytest.mark.parametrize("user", ["admin", "admin\n", "admin\n\nx", "admin" + " " * 9_000])
@pytest.mark.parametrize("service", FAILURES)
def test_no_user_name_hides_the_guesses(service: str, user: str) -> None:
    assert "login-bruteforce" in found(service, failed(service, user, 9))


@pytest.mark.parametrize("user", ["admin\n", "admin\n\nx", "admin" + " " * 9_000])
@pytest.mark.parametrize("service", DATABASES)
def test_no_user_name_hides_the_guesses_at_a_database(service: str, user: str) -> None:
    lines = [DATABASES[service].format(user=user, second=second) for second in range(9)]
    assert {"login-bruteforce", "login-forged"} <= found(service, lines)


@pytest.mark.parametrize("service", FAILURES)
def test_a_name_that_tears_its_line_is_told_of(service: str) -> None:
    assert "login-forged" in found(service, failed(service, "x\ny", 1))
    assert "login-forged" not in found(service, failed(service, "x", 9))


def test_jellyfins_file_cannot_be_made_to_blame_another_address() -> None:
    """In the file each quote in a name has a backslash before it."""
    whole = 'x" has been denied (IP: "192.0.2.1").'
    line = FAILURES["jellyfin"].format(user="y", second=0)
    for user in (whole, f"{whole}\ny", f"x\n{line}\nz", "x\n" + line.replace('"', "") + "\nz"):
        lines = failed("jellyfin", user.replace('"', '\\"').replace(ATTACKER, "192.0.2.1"), 9)
        assert "192.0.2.1" not in clients("jellyfin", lines)


@pytest.mark.parametrize("minute", [0, 8, 9])
@pytest.mark.parametrize("service", SUCCESSES)
def test_nobody_writes_himself_a_login(service: str, minute: int) -> None:
    """With a forged success the attacker would be somebody known, who may fail nine times unheard."""
    forged = failed(service, "x\n" + SUCCESSES[service].format(minute=minute), 1)
    assert "login-bruteforce" in found(service, forged + failed(service, "admin", 9))


@pytest.mark.parametrize("service", SUCCESSES)
def test_a_true_login_still_makes_somebody_known(service: str) -> None:
    true = [*failed(service, "a", 1), SUCCESSES[service].format(minute=8)]
    assert "login-bruteforce" not in found(service, true + failed(service, "admin", 9))
