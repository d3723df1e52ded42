"""The owner's first evening: init, the first message, doctor, a drill, an attack, and all of it taken away.

Real Traefik, a real engine with containers and a MariaDB, services that log to files only, and a receiver
with Discord's limits.
With `TRANSCRIPT=FILE` in the environment the evening is written down as docs/first-evening.md shows it.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.discord import DiscordReceiver
from tests.parts.docker import DockerEngine
from tests.parts.household import ATTACKER, GUESSER, PROGRAM, House, household
from tests.parts.managers import install_fake
from tests.parts.mariadb import running_mariadb
from tests.parts.traefik import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture
def house(tmp_path: Path, docker_engine: DockerEngine, discord: DiscordReceiver) -> Iterator[House]:
    with household(tmp_path / "machine", docker_engine, discord.env) as found:
        install_fake(found.folder / "bin", "systemctl")
        yield found


class Transcript:
    """What a person would have seen on the terminal and on the phone, without this machine's own paths."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._parts: list[str] = []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self._house.run(*arguments)
        # Where the test's house begins and ends is no part of the story.
        shown = [a for a in arguments if a != "--root" and not a.startswith(str(self._house.folder / "root"))]
        self.add("$ nightporter " + " ".join(shown), done.stdout + done.stderr)
        return done

    def add(self, what: str, text: str) -> None:
        text = text.replace(str(self._house.home), "~").replace(str(self._house.folder), "")
        text = re.sub(r"discord://\S+", "discord://ID/TOKEN", text)
        self._parts.append(f"{what}\n{text.rstrip()}\n")

    def save(self) -> None:
        if target := os.environ.get("TRANSCRIPT"):
            Path(target).write_text("\n".join(self._parts))


def everything(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_the_first_evening(house: House, discord: DiscordReceiver) -> None:
    story = Transcript(house)
    for folder in (".config", ".local/state", ".local/share"):  # as every home has them
        (house.home / folder).mkdir(parents=True)
    before = everything(house.home)
    with running_mariadb(house.engine, "mariadb") as database:
        begun = time.monotonic()
        done = story.run("init", "--yes", "--root", str(house.folder / "root"), "--to", discord.url)
        assert done.returncode == 0, done.stdout + done.stderr
        (hello,) = discord.wait_for(1)
        assert hello.text.startswith("On duty")
        assert time.monotonic() - begun < 60, "ten minutes is the promise; this is what the machine takes"
        story.add("On the phone:", hello.text.replace("\\", ""))

        assert story.run("install").returncode == 0
        log = (house.home / "daemon.out").open("wb")
        daemon = subprocess.Popen([PROGRAM, "run"], env=house.environ(), stdout=log, stderr=log)
        try:
            status = house.home / ".local" / "state" / "nightporter" / "status.json"
            wait_until(lambda: status.exists() and '"up":true' in status.read_text(), "the daemon runs", 60)
            doctor = story.run("doctor")
            assert "Traceback" not in doctor.stdout + doctor.stderr
            assert "--log-error-verbosity=3" in doctor.stdout
            assert "YOUR.REMOTE.IP" in doctor.stdout

            drill = story.run("drill", "http-404-scan")
            assert drill.returncode == 0, drill.stdout + drill.stderr
            drilled = discord.wait_for(2)[-1]
            assert "DRILL" in drilled.text

            house.scan()
            house.guess()
            database.denied(6)
            messages = [message.text for message in discord.wait_for(5, timeout=30)[2:]]
            assert sum(ATTACKER in text and "missing pages" in text for text in messages) == 1
            assert sum(GUESSER in text and "Failed logins" in text for text in messages) == 1
            assert sum("A database refuses a login" in text for text in messages) == 1
            for text in messages:
                story.add("On the phone:", text.replace("\\", ""))
            assert story.run("alerts").returncode == 0
        finally:
            daemon.terminate()
            assert daemon.wait(timeout=10) == 0
            log.close()
            (house.home / "daemon.out").unlink()
        assert story.run("uninstall", "--purge", "--yes").returncode == 0
    assert len(discord.messages) == 5
    grown = {Path("docker/ombi/Logs") / house.ombi_log.name}
    assert everything(house.home) - before - grown == set(), "nothing is left behind"
    story.save()
