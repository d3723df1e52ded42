"""The verb itself: what a person and a program get, a look that hangs, text that is an attacker's, a message
on request, and files that may not be read."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.parts.discord import DiscordReceiver
from tests.parts.house import House
from tests.parts.needs import require
from tests.parts.patience import PATIENCE_S

from nightporter.doctor.examine import examine
from nightporter.doctor.finding import page
from nightporter.doctor.looking.logfiles import look_at
from nightporter.doctor.looking.network import knock
from nightporter.doctor.looking.view import Unseen, apart, looked, told

PROGRAM = Path(sys.executable).parent / "nightporter"
_LOOK_AS_NOBODY = """\
import os, sys
from nightporter.doctor.looking.logfiles import look_at
os.setgid(65534); os.setuid(65534)
print(look_at("traefik", sys.argv[1]))
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    return House(tmp_path / "house", bin_folder)


def run(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "doctor", *argv], cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


def test_a_program_reads_the_findings_and_the_exit_code(house: House) -> None:
    house.status["version"] = "0.0.1"
    house.write()
    done = run("--json", "--config", str(house.config_file), cwd=house.project)
    findings = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert {"subject", "state", "what", "mend"} == set(findings[0])
    (version,) = [f for f in findings if "the running version is 0.0.1" in f["what"]]
    assert version["mend"] == "nightporter restart"


def test_a_person_reads_a_page(house: House) -> None:
    house.write()
    done = run("--config", str(house.config_file), cwd=house.project)
    lines = done.stdout.splitlines()
    assert lines[0] == "config"
    assert any(line.startswith("  ✓ ") for line in lines)
    wrong, blind, notes, right = (int(part.split()[0]) for part in lines[-1].split(", "))
    assert (wrong > 0) == (done.returncode == 1)
    assert right == sum(line.startswith("  ✓ ") for line in lines)
    assert blind + notes == sum(line.startswith(("  ○ ", "  · ")) for line in lines)
    assert "\033" not in done.stdout
    assert done.stderr == ""


async def test_hostile_text_stays_text(house: House) -> None:
    """A path, an error of a receiver's, a file's content: none of it may write on the terminal."""
    evil = "x\x1b[2Jy\u202e@everyone"
    house.phone.update(broken=True, last_error=evil)
    house.status["parts"][evil] = {"state": "waiting", "restarts": 1, "last_error": evil}
    (house.project / ".env").write_text(f"IP_ALLOW_LIST={evil}\n")
    house.write()
    shown = "\n".join(page(await house.doctor()))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "␛[2J" in shown


async def test_a_status_of_another_shape_is_a_finding(house: House) -> None:
    house.write()
    (house.state / "status.json").write_text('{"at": "noon", "parts": []}')
    findings = await house.doctor()
    assert any(f.subject == "daemon" and "is not the status of a daemon" in f.what for f in findings)


async def test_a_look_that_hangs_is_told_and_holds_nobody(house: House) -> None:
    house.says("pmset", "")
    (house.bin / "pmset").write_text("#!/bin/sh\nexec sleep 60\n")
    house.config["rules"]["shipped"] = False  # so that no other look takes long
    house.write()
    findings = await examine(replace(house.view(), look_s=12.0), house.config_file)
    (agent,) = [f for f in findings if f.subject == "agent"]
    assert (agent.state, agent.what) == ("blind", "could not be looked at: no answer within 12 s")
    assert any(f.subject == "storage" and f.state == "right" for f in findings)


async def test_a_mistake_of_ours_in_one_look_is_told_too() -> None:
    async def breaks() -> int:
        return 1 // 0

    assert await looked(breaks(), 1.0) == Unseen("ZeroDivisionError: integer division or modulo by zero")
    assert await looked(apart(lambda: 7, "seven"), PATIENCE_S) == 7


async def test_a_program_that_is_not_there_is_unknown() -> None:
    assert await told("no-such-program-anywhere") is None
    assert await told("false") is None


async def test_a_message_is_sent_only_on_request(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DiscordReceiver(tmp_path) as discord:
        for name, value in discord.env.items():
            monkeypatch.setenv(name, value)
        house.config["destinations"][0]["url"] = discord.url
        house.write()
        await house.doctor()
        assert discord.requests == []
        findings = await house.doctor(send=True)
        await asyncio.to_thread(discord.wait_for, 1)
    assert [f.what for f in findings if "test message" in f.what] == ["phone: a test message was taken"]


async def test_a_receiver_that_refuses_is_told(house: House, tmp_path: Path) -> None:
    """A folder where the destination's file should be: it cannot be written."""
    (tmp_path / "alerts.jsonl").mkdir()
    house.config["destinations"].append(
        {"name": "everything", "kind": "file", "path": str(tmp_path / "alerts.jsonl")}
    )
    house.config["destinations"].pop(0)
    house.write()
    findings = await house.doctor(send=True)
    (trial,) = [f for f in findings if f.what.startswith("everything: ") and f.state == "wrong"]
    assert trial.mend == "nightporter notify test everything"


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """As another user, since root may read everything."""
    require(os.geteuid() == 0, "needs root, to become nobody")
    folder = Path("/var/tmp") / f"nightporter-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        log = folder / "access.log"
        log.write_text("x\n")
        log.chmod(0o600)
        (folder / "closed").mkdir(mode=0o700)

        def as_nobody(path: str) -> str:
            return subprocess.run(
                [sys.executable, "-c", _LOOK_AS_NOBODY, path], check=True, capture_output=True, text=True
            ).stdout

        assert f"refused=(('{log}', 'EACCES'),)" in as_nobody(str(log))
        assert "mode=', root:root 0600'" in as_nobody(str(log))
        assert f"refused=(('{folder}/closed', 'EACCES'),)" in as_nobody(f"{folder}/closed/*.log")
        assert "found=0, refused=(), folder=True" in as_nobody(f"{folder}/other.log")
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def test_a_pipe_is_no_trap(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert look_at("x", str(tmp_path / "pipe")).found == 1


async def test_a_closed_door_is_no_lost_machine(house: House) -> None:
    found = await knock("127.0.0.1", 9, house.clock)
    assert found.error == "ECONNREFUSED"
