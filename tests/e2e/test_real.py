"""Real programs at both ends: a line that Traefik, MariaDB or a web app writes becomes a message on Discord
and a mail."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.parts.daemon import Daemon
from tests.parts.discord import DiscordReceiver, Received
from tests.parts.discord_markdown import alive_in_payload
from tests.parts.docker import DockerEngine
from tests.parts.mariadb import MariaDb
from tests.parts.smtp import SmtpReceiver
from tests.parts.traefik import Traefik
from tests.parts.webapp import Radicale

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SCANNER = "203.0.113.7"


def on(
    folder: Path,
    discord: DiscordReceiver,
    source: Mapping[str, Any],
    smtp: SmtpReceiver | None = None,
    **config: Any,
) -> Daemon:
    """A daemon on one source that tells Discord (and a mailbox)."""
    destinations = [{"name": "phone", "kind": "apprise", "url": discord.url}]
    if smtp is not None:
        destinations.append(
            {"name": "post", "kind": "apprise", "url": smtp.url("porter@home.example", "owner@home.example")}
        )
    routes = [{"to": destination["name"], "min_severity": "medium"} for destination in destinations]
    return Daemon(
        folder, sources=[source], destinations=destinations, routes=routes, env=discord.env, **config
    )


def traefik_source(traefik: Traefik) -> dict[str, Any]:
    return {
        "name": "traefik",
        "kind": "file",
        "format": "traefik",
        "paths": [str(traefik.access_log)],
        "trusted_proxies": ["127.0.0.1/32"],
        "start": "beginning",
    }


def titles(messages: list[Received]) -> list[str]:
    return [message.payload["embeds"][0]["title"] for message in messages]


@pytest.mark.parametrize("access_format", ["json", "common"])
def test_a_scan_of_a_real_traefik_is_one_message_and_one_mail(
    tmp_path: Path, discord: DiscordReceiver, smtp: SmtpReceiver, access_format: str
) -> None:
    (tmp_path / "traefik").mkdir()
    with (
        Traefik(tmp_path / "traefik", access_format=access_format) as traefik,  # type: ignore[arg-type]  # parametrized
        on(tmp_path, discord, traefik_source(traefik), smtp) as daemon,
    ):
        connection = traefik.client()
        for n in range(25):
            traefik.get(f"/nothing/here-{chr(97 + n)}", client=SCANNER, connection=connection)
            traefik.get("/ok", client="198.51.100.3", connection=connection)
        connection.close()
        (message,) = discord.wait_for(1)
        (mail,) = smtp.wait_for(1)
        daemon.stop()
    assert titles(discord.messages) == ["Many different missing pages from one address"]
    assert SCANNER in message.text
    assert "198.51.100.3" not in message.text
    assert "missing pages" in mail.subject
    assert SCANNER in mail.part("plain")
    assert SCANNER in mail.part("html")
    assert len(smtp.mails) == 1


def test_six_wrong_passwords_at_a_real_mariadb_in_a_real_container_are_one_message(
    tmp_path: Path, discord: DiscordReceiver, docker_engine: DockerEngine, mariadb: MariaDb
) -> None:
    source = {"name": "docker", "kind": "docker", "host": docker_engine.host}
    with on(tmp_path, discord, source) as daemon:
        daemon.wait_until(lambda: daemon.last_chunk("docker"), "the container is followed")
        mariadb.denied(6)
        (message,) = discord.wait_for(1)
        daemon.stop()
    assert titles([message]) == ["A database refuses a login"]
    assert "root" in message.text


def test_a_line_end_in_a_user_name_hides_no_failure_at_a_real_mariadb(
    tmp_path: Path, discord: DiscordReceiver, docker_engine: DockerEngine, mariadb: MariaDb
) -> None:
    source = {"name": "docker", "kind": "docker", "host": docker_engine.host}
    with on(tmp_path, discord, source) as daemon:
        daemon.wait_until(lambda: daemon.last_chunk("docker"), "the container is followed")
        mariadb.denied(6, "x\ny")
        messages = discord.wait_for(2)
        daemon.stop()
    assert sorted(titles(messages)) == ["A user name with a line end in it", "Failed logins"]


RADICALE = r"""
events:
  radicale-login-failed:
    from: service:radicale
    when:
      message|re: 'login attempt from \S+ \(forwarded for ''(?P<client_ip>[^'']+)''\): ''(?P<user>.*)'' \('
    set: {event: login, outcome: failure, service: radicale}
"""


def test_failed_logins_at_a_real_web_app_taught_by_a_few_lines_are_one_message(
    tmp_path: Path, discord: DiscordReceiver
) -> None:
    with Radicale(tmp_path / "app") as app:
        source = {"name": "radicale", "kind": "file", "service": "radicale", "paths": [str(app.log)]}
        daemon = on(tmp_path, discord, {**source, "start": "beginning"})
        daemon.rule_file("radicale.yaml", RADICALE)
        with daemon:
            assert [app.login(SCANNER, "mario", f"wrong{n}") for n in range(6)] == [401] * 6
            (message,) = discord.wait_for(1)
            daemon.stop()
    assert titles([message]) == ["Failed logins"]
    assert SCANNER in message.text
    assert "mario" in message.text


RULE = """
  quick-{n}:
    title: Quick {n}
    from: traefik
    when: {{path: /quick-{n}, status: 404}}
    by: client_ip
    count: 5 in 1m
    severity: medium
    message: "{{client_ip}}"
"""


def test_from_the_line_to_the_receiver_it_takes_no_pause_of_ours(
    tmp_path: Path, discord: DiscordReceiver
) -> None:
    rounds = 20
    (tmp_path / "traefik").mkdir()
    with Traefik(tmp_path / "traefik") as traefik:
        daemon = on(
            tmp_path,
            discord,
            traefik_source(traefik),
            caps={"per_hour": 1000, "per_day": 1000},
            shipped=False,
        )
        daemon.rule_file("quick.yaml", "rules:" + "".join(RULE.format(n=n) for n in range(rounds)))
        waits = []
        with daemon:
            for n in range(rounds):
                for _ in range(5):
                    traefik.get(f"/quick-{n}", client=SCANNER)
                last_line = time.time()
                waits.append(discord.wait_for(n + 1)[-1].at - last_line)
            daemon.stop()
    median, worst = statistics.median(waits), max(waits)
    print(f"\nfrom the last line to Discord: median {median:.3f} s, worst {worst:.3f} s")
    # Half a second on a machine of its own (`make bench`); what waits for a turn of minutes would show.
    assert median < 10.0


def test_three_hundred_scanners_within_a_minute_are_at_most_three_messages(
    tmp_path: Path, discord: DiscordReceiver
) -> None:
    scanners = [f"198.51.{100 + n // 200}.{n % 200 + 1}" for n in range(300)]
    (tmp_path / "traefik").mkdir()
    with (
        Traefik(tmp_path / "traefik") as traefik,
        on(tmp_path, discord, traefik_source(traefik)) as daemon,
    ):
        connection = traefik.client()
        for page in range(20):  # with the last of them all cross, one right after another
            for scanner in scanners:
                traefik.get(f"/x{chr(97 + page)}", client=scanner, connection=connection)
        connection.close()
        daemon.wait_for_alerts(300, "http-404-scan")
        daemon.wait_until(
            lambda: daemon.status()["outbox"]["phone"]["sent"] == 300, "all were told on Discord", 300
        )
        daemon.stop()
    print("\n" + "\n---\n".join(message.text for message in discord.messages))
    assert 2 <= len(discord.messages) <= 3
    assert "more addresses: Many different missing pages" in discord.messages[-1].text


HOSTILE = "/?q=@everyone%20<@123456>%20[x](https://evil.example)%20```%20**b**%20discord.gg/abc"


def test_nothing_in_a_log_line_comes_alive_at_the_receiver(tmp_path: Path, discord: DiscordReceiver) -> None:
    (tmp_path / "traefik").mkdir()
    with (
        Traefik(tmp_path / "traefik") as traefik,
        on(tmp_path, discord, traefik_source(traefik)) as daemon,
    ):
        agent = "@everyone <@123456> [x](https://evil.example) ``` https://evil.example"
        for n in range(25):
            path = f"/@everyone-{chr(97 + n)}{HOSTILE}"
            traefik.get(path, client=SCANNER, headers={"User-Agent": agent})
        discord.wait_for(1)
        daemon.stop()
    for message in discord.messages:
        assert alive_in_payload(message.payload) == []
        assert "evil.example" in message.text, "the owner still sees what was asked for"
