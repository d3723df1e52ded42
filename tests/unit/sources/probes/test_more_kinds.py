"""Containers, jobs and the canary: what each answer means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.parts.clock import ManualClock
from tests.parts.managers import PRINT, fake_program

from nightporter.config import CanaryProbe, HttpProbe, JobProbe, Secret
from nightporter.sources.docker.container import Container
from nightporter.sources.probes import canary
from nightporter.sources.probes.ask import Door
from nightporter.sources.probes.containers import judged
from nightporter.sources.probes.jobs import ask_job, of_launchd, of_systemd, question
from nightporter.sources.probes.state import Known, Outcome, Watched

START = 1_800_000_000_000_000_000
OMBI = Container(id="a" * 64, name="ombi", image="ombi:4", labels={}, running=True)


# Containers


@pytest.mark.parametrize(
    ("container", "up", "unknown", "why"),
    [
        (OMBI, True, False, ""),
        (replace(OMBI, health="healthy"), True, False, ""),
        (replace(OMBI, health="unhealthy"), False, False, "fails its health check"),
        (replace(OMBI, health="starting"), False, True, "not said anything yet"),
        (replace(OMBI, running=False, exit_code=137), False, False, "exit code 137"),
        (None, False, False, "no container or compose service called ombi"),
    ],
)
def test_a_container_is_up_when_it_runs_and_is_well(
    container: Container | None, up: bool, unknown: bool, why: str
) -> None:
    outcome = judged(container, "ombi")
    assert (outcome.up, outcome.unknown, outcome.blocked) == (up, unknown, False)
    assert why in outcome.why


def test_what_says_nothing_changes_nothing() -> None:
    watched = Watched({"name": "ombi"}, Known(), retries=2)
    unknown = Outcome(up=False, unknown=True)
    down = Outcome(up=False, why="gone")
    assert [r["action"] for r in watched.take(Outcome(up=True), START, settled=True)] == ["first"]
    assert watched.take(unknown, START, settled=True) == []
    assert watched.take(down, START, settled=True) == []
    assert watched.take(unknown, START, settled=True) == []
    assert [r["action"] for r in watched.take(down, START, settled=True)] == ["down"]
    assert watched.take(unknown, START, settled=True) == []
    assert [r["action"] for r in watched.take(Outcome(up=True), START, settled=True)] == ["up"]


# Jobs

NEVER = PRINT.replace("last exit code = 78: EX_CONFIG", "last exit code = (never exited)")
KILLED = PRINT.replace("last exit code = 78: EX_CONFIG", "last terminating signal = Killed: 9")


def waiting(text: str) -> str:
    return text.replace("state = running", "state = not running").replace("\tpid = 4711\n", "")


@pytest.mark.parametrize(
    ("said", "expect", "up", "why"),
    [
        (PRINT, "running", True, ""),
        (waiting(PRINT), "running", False, "it does not run; it ended with exit code 78"),
        (waiting(NEVER), "running", False, "it does not run"),
        (waiting(PRINT), "ok", False, "its last run ended with exit code 78"),
        (waiting(PRINT.replace("78: EX_CONFIG", "0")), "ok", True, ""),
        (waiting(NEVER), "ok", True, ""),
        (waiting(KILLED), "ok", False, "its last run ended with Killed: 9"),
        (PRINT, "ok", True, ""),
        ("", "running", False, "it does not run"),
    ],
)
def test_what_launchd_says(said: str, expect: str, up: bool, why: str) -> None:
    outcome = of_launchd(said, expect)
    assert (outcome.up, outcome.why) == (up, why)


def show(load: str, active: str, result: str, status: int) -> str:
    return f"LoadState={load}\nActiveState={active}\nResult={result}\nExecMainStatus={status}\n"


@pytest.mark.parametrize(
    ("said", "expect", "up", "why"),
    [
        (show("loaded", "active", "success", 0), "running", True, ""),
        (show("loaded", "reloading", "success", 0), "running", True, ""),
        (show("loaded", "activating", "exit-code", 1), "running", False, "not run: activating, exit-code"),
        (show("loaded", "inactive", "success", 0), "running", False, "it does not run: inactive, success"),
        (show("loaded", "inactive", "success", 0), "ok", True, ""),
        (show("loaded", "failed", "exit-code", 3), "ok", False, "last run failed: exit-code, exit code 3"),
        (show("loaded", "failed", "oom-kill", 9), "running", False, "it does not run: failed, oom-kill"),
        (show("not-found", "inactive", "success", 0), "ok", False, "systemd has no unit called x.service"),
    ],
)
def test_what_systemd_says(said: str, expect: Any, up: bool, why: str) -> None:
    outcome = of_systemd(said, JobProbe(name="x", job="x.service", expect=expect))
    assert (outcome.up, why in outcome.why) == (up, True)


@pytest.mark.parametrize(
    ("platform", "system", "argv"),
    [
        ("darwin", False, "launchctl print gui/501/x"),
        ("darwin", True, "launchctl print system/x"),
        ("linux", False, "systemctl --user show"),
        ("linux", True, "systemctl --system show"),
    ],
)
def test_the_users_manager_is_asked_or_the_systems(platform: str, system: bool, argv: str) -> None:
    assert " ".join(question(JobProbe(name="x", job="x", system=system), platform, 501)).startswith(argv)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


JOB = JobProbe(name="traefik", job="com.traefik.startup", timeout_s=10)


def test_a_job_that_launchd_runs(path: Path) -> None:
    fake = fake_program(path, "launchctl", PRINT)
    assert ask_job(JOB, "darwin") == Outcome(up=True, facts={"exit_code": 78})
    [call] = fake.calls()
    assert call.startswith("print gui/")
    assert call.endswith("/com.traefik.startup")


def test_a_job_that_launchd_does_not_have_is_down(path: Path) -> None:
    fake_program(path, "launchctl", code=113)
    assert ask_job(JOB, "darwin") == Outcome(up=False, why="launchd has no job called com.traefik.startup")


@pytest.mark.parametrize(("platform", "program"), [("darwin", "launchctl"), ("linux", "systemctl")])
def test_a_manager_that_does_not_answer_says_nothing(path: Path, platform: str, program: str) -> None:
    fake_program(path, program, code=1)
    outcome = ask_job(JOB, platform)
    assert (outcome.blocked, outcome.why) == (True, f"{program} does not say: exit code 1")


def test_a_machine_without_the_manager(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(path))
    outcome = ask_job(JOB, "darwin")
    assert (outcome.blocked, outcome.why) == (True, "there is no launchctl on this machine")


# The canary

CANARY = CanaryProbe(name="log", url=Secret("http://x.example/"), host="x.example", port=80)


async def sent(
    monkeypatch: pytest.MonkeyPatch, answer: Outcome, own_seen: Callable[[ManualClock], int]
) -> tuple[Outcome, float]:
    """What came of it, and how long it took; time passes while it waits."""
    clock = ManualClock()

    async def ask_http(_door: object, probe: HttpProbe, _clock: object, _platform: str) -> Outcome:
        assert (probe.status, probe.redirects) == (("100-599",), False)
        return answer

    async def sleep(seconds: float) -> None:
        await clock.advance(seconds)

    monkeypatch.setattr(canary, "ask_http", ask_http)
    monkeypatch.setattr(clock, "sleep", sleep)
    begun = clock.monotonic()
    door: Door = None  # type: ignore[assignment]  # it is not gone through
    outcome = await canary.send_canary(CANARY, door, lambda _: own_seen(clock), clock, "linux")
    return outcome, clock.monotonic() - begun


async def test_a_request_that_appears_in_the_log_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter([7, 7, 7, 8])
    outcome, waited = await sent(monkeypatch, Outcome(up=True, facts={"status": 404}), lambda _: next(lines))
    assert (outcome.up, outcome.facts, waited) == (True, {"status": 404}, 0.5)


async def test_one_that_does_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, waited = await sent(monkeypatch, Outcome(up=True), lambda _: 7)
    assert not outcome.up
    assert outcome.why == "Traefik answered, but the request is not in its log after 30 s"
    assert waited == pytest.approx(30, abs=0.5)


async def test_a_traefik_that_does_not_answer_is_not_the_logs_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Outcome(up=False, why="connection refused")
    outcome, waited = await sent(monkeypatch, refused, lambda _: 7)
    assert (outcome.up, outcome.unknown, waited) == (False, True, 0)
    assert "connection refused" in outcome.why
