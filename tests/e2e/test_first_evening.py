"""The owner's first evening: init, the first message, doctor, a drill, an attack, and all of it taken away.

Real Traefik, a real engine with containers and a MariaDB, services that log to files only, and a receiver
with Discord's limits.
With `TRANSCRIPT=docs/first-evening.md` in the environment the evening is written down.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.discord import DiscordReceiver
from tests.parts.docker import DockerEngine
from tests.parts.household import ATTACKER, GUESSER, PROGRAM, House, household
from tests.parts.managers import install_fake
from tests.parts.mariadb import running_mariadb
from tests.parts.patience import PATIENCE_S
from tests.parts.traefik import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


PAGE = """\
# The first evening

Made by `tests/e2e/test_first_evening.py` (`TRANSCRIPT=docs/first-evening.md`), on Linux: a real Traefik,
a real Docker engine with MariaDB and containers of the usual services, one service that logs to a mounted
folder and one to a named volume, and a receiver with Discord's limits. systemd is a stand-in that answers
as the real one does.

~~~~
{story}
~~~~

Nothing was left behind: the test compares the home folder before and after.
"""


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
        said = f"{what}\n{text.rstrip()}\n"
        for here, there in (
            (str(self._house.home), "~"),
            (os.environ["HOME"], "~"),
            (str(self._house.engine.socket), "/var/run/docker.sock"),
            (PROGRAM, "~/.local/bin/nightporter"),
        ):
            said = said.replace(here, there)
        self._parts.append(re.sub(r"discord://[\w/]+", "discord://ID/TOKEN", said))

    def save(self) -> None:
        """Write the page of the docs, where asked for."""
        if target := os.environ.get("TRANSCRIPT"):
            story = "\n".join(self._parts)
            Path(target).write_text(PAGE.format(story=story))


def everything(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_the_first_evening(house: House, discord: DiscordReceiver) -> None:
    story = Transcript(house)
    for folder in (".config", ".local/state", ".local/share"):  # as every home has them
        (house.home / folder).mkdir(parents=True)
    before = everything(house.home)
    with running_mariadb(house.engine, "mariadb") as database:
        done = story.run("init", "--yes", "--root", str(house.folder / "root"), "--to", discord.url)
        assert done.returncode == 0, done.stdout + done.stderr
        (hello,) = discord.wait_for(1)
        assert hello.text.startswith("On duty")
        story.add("On the phone:", hello.text.replace("\\", ""))

        assert story.run("install").returncode == 0
        log = (house.home / "daemon.out").open("wb")
        daemon = subprocess.Popen([PROGRAM, "run"], env=house.environ(), stdout=log, stderr=log)
        try:
            status = house.home / ".local" / "state" / "nightporter" / "status.json"
            wait_until(lambda: status.exists() and '"up":true' in status.read_text(), "the daemon runs")
            doctor = story.run("doctor")
            assert "Traceback" not in doctor.stdout + doctor.stderr
            assert "--log-error-verbosity=3" in doctor.stdout
            assert "YOUR.REMOTE.IP" in doctor.stdout

            drill = story.run("drill", "http-404-scan")
            assert drill.returncode == 0, drill.stdout + drill.stderr
            # The household's allow-list has two faults, which the daemon finds for itself.
            texts = [message.text for message in discord.wait_for(4)[1:]]
            assert sum("DRILL" in text for text in texts) == 1
            assert sum("allow-list" in text for text in texts) == 2
            for text in texts:
                story.add("On the phone:", text.replace("\\", ""))

            house.scan()
            house.guess()
            database.denied(6)
            messages = [message.text for message in discord.wait_for(7, timeout=PATIENCE_S)[4:]]
            assert sum(ATTACKER in text and "missing pages" in text for text in messages) == 1
            assert sum(GUESSER in text and "Failed logins" in text for text in messages) == 1
            assert sum("A database refuses a login" in text for text in messages) == 1
            for text in messages:
                story.add("On the phone:", text.replace("\\", ""))
            assert story.run("alerts").returncode == 0
        finally:
            daemon.terminate()
            assert daemon.wait(timeout=PATIENCE_S) == 0
            log.close()
            (house.home / "daemon.out").unlink()
        assert story.run("uninstall", "--purge", "--yes").returncode == 0
    assert len(discord.messages) == 7
    grown = {Path("docker/ombi/Logs") / house.ombi_log.name}
    assert everything(house.home) - before - grown == set(), "nothing is left behind"
    story.save()
