"""`init` on a machine with a real Traefik, a real engine, and services that log to files only."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.discord import WEBHOOK_TOKEN, DiscordReceiver
from tests.parts.docker import DockerEngine, docker_engine, wait_for
from tests.parts.household import ATTACKER, GUESSER, VOLUME_GUESSER, House, household

from nightporter import configfile
from nightporter.config import (
    CanaryProbe,
    ContainerFileSource,
    ContainerProbe,
    DiskPath,
    DiskSource,
    DockerSource,
    FileSource,
    HttpProbe,
    IntegritySource,
    ProbeSource,
)
from nightporter.configfile import World

__all__ = ["docker_engine"]

pytestmark = pytest.mark.real


@pytest.fixture
def discord(tmp_path: Path) -> Iterator[DiscordReceiver]:
    with DiscordReceiver(tmp_path) as receiver:
        yield receiver


@pytest.fixture
def house(tmp_path: Path, docker_engine: DockerEngine, discord: DiscordReceiver) -> Iterator[House]:
    with household(tmp_path / "machine", docker_engine, discord.env) as found:
        yield found


def test_ten_minutes_of_an_owner(house: House, discord: DiscordReceiver) -> None:
    house.scan()
    house.guess()
    done = house.init("--to", discord.url)
    assert done.returncode == 0, done.stdout + done.stderr

    loaded = configfile.read(house.config, World(home=house.home))
    assert loaded.problems == ()
    sources = {source.name: source for source in loaded.config.sources}
    access, service = str(house.traefik.access_log), str(house.traefik.service_log)
    assert sources["traefik"] == FileSource(
        name="traefik", paths=(access, service), format="traefik", trusted_proxies=("127.0.0.1",)
    )
    assert sources["docker"] == DockerSource(name="docker", host=house.engine.host)
    logs = house.ombi_log.parent
    assert sources["ombi"] == FileSource(name="ombi", service="ombi", paths=(f"{logs}/log-*.txt",))
    assert sources["nextcloud"] == ContainerFileSource(
        name="nextcloud",
        container="nextcloud",
        path="/var/www/html/data/nextcloud.log",
        host=house.engine.host,
        service="nextcloud",
    )
    watched = sources["watched"]
    assert isinstance(watched, IntegritySource)
    assert watched.usual
    _is_asked(house, sources["services"])
    assert sources["disks"] == DiskSource(
        name="disks", paths=(DiskPath(path="/"),), volumes=True, host=house.engine.host
    )
    assert loaded.config.depends_on == {"mysql": ("docker",)}
    assert house.run("check").returncode == 0

    (message,) = discord.wait_for(1)
    text = message.text.replace("\\", "")  # as Discord shows it
    assert text.startswith("On duty\nWatching: Traefik (JSON, 26 lines), 4 containers, ")
    assert "nextcloud's log, ombi's log, whether 2 services answer, disks, changes of config files." in text
    assert "Blind: user agents (Traefik drops headers), MySQL (needs --log-error-verbosity=3)." in text

    assert "In the last hour these rules would have sent 2 messages:" in done.stdout
    assert ATTACKER in done.stdout
    assert GUESSER in done.stdout
    assert "YOUR.REMOTE.IP" in done.stdout
    assert "10.0.0.0/8" in done.stdout


def _is_asked(house: House, source: object) -> None:
    """Traefik, its log, and MySQL by way of Docker; none of the others has a port of this machine's."""
    assert isinstance(source, ProbeSource)
    traefik, canary, mysql = source.probes
    assert isinstance(traefik, HttpProbe)
    assert (traefik.host, traefik.port, traefik.redirects) == ("127.0.0.1", house.traefik.port, False)
    assert isinstance(canary, CanaryProbe)
    assert canary.url.reveal() == f"http://127.0.0.1:{house.traefik.port}/"
    assert mysql == ContainerProbe(name="mysql", container="mysql", host=house.engine.host)


def test_the_secret_is_in_a_file_of_its_own_and_shown_nowhere(house: House, discord: DiscordReceiver) -> None:
    done = house.init("--to", discord.url, "--no-send", "--min-severity", "high")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = house.config.parent
    assert (folder / "discord-url").read_text() == f"{discord.url}\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()} == {0o600}
    assert WEBHOOK_TOKEN not in house.config.read_text() + done.stdout + done.stderr
    assert "min_severity: high" in house.config.read_text()
    assert discord.requests == []


def test_a_config_that_is_there_stays(house: House) -> None:
    house.config.parent.mkdir(parents=True)
    house.config.write_text("sources: []  # mine\n")
    done = house.init()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stays as it is" in done.stdout
    assert house.config.read_text() == "sources: []  # mine\n"
    assert [path.name for path in house.config.parent.iterdir()] == ["config.yaml"]


def test_print_changes_nothing(house: House, discord: DiscordReceiver) -> None:
    before = sorted(house.home.rglob("*"))
    done = house.init("--print", "--to", discord.url)
    assert done.returncode == 0
    assert 'url: "file:discord-url"' in done.stdout
    assert done.stdout.startswith("# Nightporter's config")
    assert WEBHOOK_TOKEN not in done.stdout
    assert sorted(house.home.rglob("*")) == before


def test_a_message_that_does_not_arrive_is_told_by_the_exit_code(
    house: House, discord: DiscordReceiver
) -> None:
    discord.go_away()
    done = house.init("--to", discord.url)
    assert done.returncode == 1
    assert "The first message, to discord: not sent" in done.stdout
    assert house.config.exists()


def test_a_person_is_asked_and_what_they_paste_is_not_shown(house: House, discord: DiscordReceiver) -> None:
    done = house.ask(("URL: ", discord.url), ("[medium]: ", "critical"))
    assert "Who is to be told?" in done
    assert "The first message, to discord: sent" in done
    assert WEBHOOK_TOKEN not in done
    assert "{to: discord, min_severity: critical}" in house.config.read_text()


def test_an_attack_after_init_arrives_from_within_a_volume(house: House, discord: DiscordReceiver) -> None:
    """The written config runs: someone guesses passwords at Nextcloud, whose log only the engine reaches."""
    assert house.init("--to", discord.url).returncode == 0
    with house.daemon():
        wait_for("the volume is read", lambda: house.state_of("nextcloud") == "following")
        house.guess_in_volume()
        wait_for("the guesses are told", lambda: any(VOLUME_GUESSER in m.text for m in discord.messages))
