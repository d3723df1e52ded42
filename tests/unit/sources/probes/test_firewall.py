"""macOS's firewall, by a fixture: a program that prints what socketfilterfw is said to print."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.parts.managers import fake_program

from nightporter.config import FirewallProbe
from nightporter.model import SECOND
from nightporter.sources.probes.firewall import PROGRAM, ask_firewall, of_answer
from nightporter.sources.probes.state import Known, Outcome, Watched

PROBE = FirewallProbe(name="firewall", timeout_s=5)


@pytest.mark.parametrize(
    ("said", "up"),
    [
        pytest.param("Firewall is enabled. (State = 1) \n", True, id="on"),
        pytest.param(
            "Firewall is blocking all non-essential incoming connections. (State = 2)", True, id="all"
        ),
        pytest.param("Firewall is disabled. (State = 0) \n", False, id="off"),
    ],
)
def test_what_it_prints(said: str, up: bool, tmp_path: Path) -> None:
    fake = fake_program(tmp_path, "socketfilterfw", said)
    assert ask_firewall(PROBE, tmp_path / "socketfilterfw") == Outcome(
        up=up, why="" if up else "it is switched off"
    )
    assert fake.calls() == ["--getglobalstate"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "it says: nothing"),
        ("Not allowed\nand more", "it says: Not allowed"),
        ("State = 0", "it says: State = 0"),
    ],
)
def test_what_it_does_not_say_is_not_off(said: str, why: str) -> None:
    assert of_answer(said) == Outcome(up=False, blocked=True, why=why)


def test_one_that_hangs_or_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert ask_firewall(PROBE, tmp_path / "none").why == "this machine has none of macOS's"
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    outcome = ask_firewall(FirewallProbe(name="firewall", timeout_s=0.2), slow)
    assert (outcome.blocked, outcome.why) == (True, "slow does not answer in time")


def test_the_program_is_the_systems_own() -> None:
    """Not one that stands first in PATH."""
    assert PROGRAM.is_absolute()


def test_what_it_says_in_other_words_is_told_once_as_something_unknown() -> None:
    probe = Watched({"probe": "firewall", "name": "firewall"}, Known(target="firewall"), retries=3)
    looks = [of_answer("Firewall mode 7")] * 5
    [record] = [r for look in looks for r in probe.take(look, 1_800_000_000 * SECOND, settled=True)]
    assert (record["action"], record["reason"]) == ("blocked", "it says: Firewall mode 7")
