"""One thing after another, by real programs: Traefik's own password question and a web app that are guessed
into, a scanner that has a password, a container that dies after an update."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.test_real import on, titles, traefik_source
from tests.parts.discord import DiscordReceiver
from tests.parts.docker import DockerEngine
from tests.parts.traefik import Traefik
from tests.parts.webapp import Radicale

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

GUESSER = "203.0.113.7"
NEIGHBOUR = "198.51.100.3"


@pytest.mark.parametrize("access_format", ["json", "common"])
def test_a_password_that_is_guessed_at_traefik_itself_is_critical_once(
    tmp_path: Path, discord: DiscordReceiver, access_format: str
) -> None:
    """By the shipped rules alone. Who knows his password is no news, however often his browser sends it."""
    (tmp_path / "traefik").mkdir()
    with (
        Traefik(tmp_path / "traefik", access_format=access_format) as traefik,  # type: ignore[arg-type]  # parametrized
        on(tmp_path, discord, traefik_source(traefik)) as daemon,
    ):
        assert traefik.get("/auth/ok", client=NEIGHBOUR) == 401
        assert traefik.get("/auth/ok", client=NEIGHBOUR, user=("mario", "test")) == 200
        for n in range(5):
            assert traefik.get("/auth/ok", client=GUESSER, user=("mario", f"wrong{n}")) == 401
        discord.wait_for(1)
        for _ in range(3):
            assert traefik.get("/auth/ok", client=GUESSER, user=("mario", "test")) == 200
            assert traefik.get("/auth/ok", client=NEIGHBOUR, user=("mario", "test")) == 200
        messages = discord.wait_for(2)
        daemon.stop()
    assert titles(discord.messages) == ["Failed logins", "Worse: A login after many failures"]
    assert GUESSER in messages[1].text
    assert "traefik" in messages[1].text
    assert "mario" in messages[1].text
    assert NEIGHBOUR not in messages[1].text


def test_a_scanner_that_has_a_password_is_critical(tmp_path: Path, discord: DiscordReceiver) -> None:
    """By the shipped rules alone."""
    (tmp_path / "traefik").mkdir()
    with (
        Traefik(tmp_path / "traefik") as traefik,
        on(tmp_path, discord, traefik_source(traefik)) as daemon,
    ):
        for path in ("/.env", "/.git/config", "/wp-login.php"):
            assert traefik.get(path, client=GUESSER) == 404
        discord.wait_for(1)
        assert traefik.get("/auth/ok", client=GUESSER) == 401
        assert traefik.get("/auth/ok", client=GUESSER, user=("mario", "test")) == 200
        messages = discord.wait_for(2)
        daemon.stop()
    assert titles(messages)[1:] == ["Worse: A login from an address that had searched for holes"]
    assert GUESSER in messages[1].text
    assert "mario" in messages[1].text


RADICALE = r"""
events:
  radicale-login-failed:
    from: service:radicale
    when:
      message|re: 'login attempt from \S+ \(forwarded for ''[^'']+''\): ''(?P<user>[^'']*)'' \('
    set: {event: login, outcome: failure, service: radicale}
  radicale-login:
    from: service:radicale
    when: {message|re: 'Successful login: ''(?P<user>[^'']*)'' \('}
    set: {event: login, outcome: success, service: radicale}
"""


def test_a_password_that_is_guessed_at_a_real_web_app_is_critical(
    tmp_path: Path, discord: DiscordReceiver
) -> None:
    """The app's line of a success has no address: the user stands for it."""
    with Radicale(tmp_path / "app") as app:
        source = {"name": "radicale", "kind": "file", "service": "radicale", "paths": [str(app.log)]}
        daemon = on(tmp_path, discord, {**source, "start": "beginning"})
        daemon.rule_file("radicale.yaml", RADICALE)
        with daemon:
            assert [app.login("203.0.113.7", "mario", f"wrong{n}") for n in range(5)] == [401] * 5
            discord.wait_for(1)
            assert app.login("203.0.113.7", "mario", "secret") == 207
            messages = discord.wait_for(2)
            daemon.stop()
    assert titles(messages) == ["Failed logins", "A login after many failures"]
    assert "mario" in messages[1].text


def test_a_container_that_dies_right_after_its_update_says_so(
    tmp_path: Path, discord: DiscordReceiver, docker_engine: DockerEngine
) -> None:
    source = {"name": "docker", "kind": "docker", "host": docker_engine.host}
    old = docker_engine.run("echo ready; sleep 600", name="sonarr")
    with on(tmp_path, discord, source) as daemon:
        daemon.wait_until(lambda: daemon.last_chunk("docker"), "the container is followed")
        old.stop(timeout=0)
        old.remove()
        docker_engine.run("echo 'no such column'; exit 3", name="sonarr")
        messages = discord.wait_for(1)
        daemon.stop()
    assert titles(messages) == ["A container died right after an update"]
    assert "exit code 3" in messages[0].text
