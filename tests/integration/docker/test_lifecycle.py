"""What happens to containers, as a real engine tells it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from tests.integration.docker.conftest import Gathered, following
from tests.parts.docker import DockerEngine
from tests.parts.patience import PATIENCE_S

from nightporter.model import SECOND

pytestmark = pytest.mark.real

OBEDIENT = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


async def die_of(got: Gathered, container: str) -> dict[str, object]:
    await got.until("the die", lambda: "die" in got.actions(container))
    return next(r for r in got.events(container) if r["action"] == "die")


@pytest.mark.parametrize(
    ("script", "code"),
    [("sleep 0.3; exit 3", 3), ("sleep 0.3; exit 0", 0)],
    ids=["exit 3", "exit 0"],
)
async def test_an_end_that_nobody_asked_for_is_not_by_hand(
    engine: DockerEngine, script: str, code: int
) -> None:
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="own-end")
        die = await die_of(got, "own-end")
        assert (die["exit_code"], die["by_hand"]) == (code, False)
        assert got.actions("own-end") == ["create", "start", "die"]
        assert isinstance(die["time"], int)


async def test_a_process_killed_behind_the_engines_back_crashed(engine: DockerEngine) -> None:
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.run, "sleep 60", name="victim")
        await asyncio.to_thread(container.reload)
        os.kill(container.attrs["State"]["Pid"], signal.SIGKILL)
        die = await die_of(got, "victim")
        assert (die["exit_code"], die["by_hand"]) == (137, False)


@pytest.mark.parametrize("how", ["stop", "stop that must kill", "kill", "restart", "remove"])
async def test_an_end_that_was_asked_for_is_by_hand(engine: DockerEngine, how: str) -> None:
    script = "sleep 600" if how == "stop that must kill" else OBEDIENT
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.run, script, name="asked", stop_signal="SIGTERM")
        await got.until("the start", lambda: "start" in got.actions("asked"))
        act = {
            "stop": lambda: container.stop(timeout=10),
            "stop that must kill": lambda: container.stop(timeout=1),
            "kill": container.kill,
            "restart": lambda: container.restart(timeout=5),
            "remove": lambda: container.remove(force=True),
        }[how]
        await asyncio.to_thread(act)
        die = await die_of(got, "asked")
        assert die["by_hand"] is True
        assert die["service"] == "asked"


async def test_a_signal_to_reload_does_not_excuse_a_crash(engine: DockerEngine) -> None:
    script = "trap 'sleep 0.2; exit 4' HUP; echo set; while :; do sleep 0.05; done"
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.run, script, name="reload")
        await got.until("its trap", lambda: got.lines("reload") == [b"set"])
        await asyncio.to_thread(container.kill, "SIGHUP")
        die = await die_of(got, "reload")
        assert (die["exit_code"], die["by_hand"]) == (4, False)


async def test_running_out_of_memory_is_told_once(engine: DockerEngine) -> None:
    script = "x=a; while :; do x=$x$x; done"
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="hungry", mem_limit="16m", memswap_limit="16m")
        die = await die_of(got, "hungry")
        assert (die["exit_code"], die["by_hand"]) == (137, False)
        await got.until("that it had no memory", lambda: "oom" in got.actions("hungry"))
        assert got.actions("hungry").count("oom") == 1


async def test_health_is_told_and_checks_are_not(engine: DockerEngine) -> None:
    check = {
        "test": ["CMD", "test", "-f", "/tmp/well"],
        "interval": 200_000_000,
        "retries": 1,
        "start_period": PATIENCE_S * SECOND,  # until it was well once it is not called ill
    }
    async with following(engine) as got:
        script = "touch /tmp/well; sleep 600"
        patient = await asyncio.to_thread(engine.run, script, name="patient", healthcheck=check)
        await got.until("it is well", lambda: "health_status" in got.actions("patient"))
        await asyncio.to_thread(patient.exec_run, "rm /tmp/well")
        await got.until("it falls ill", lambda: got.actions("patient").count("health_status") == 2)
        told = [(r["action"], r.get("health")) for r in got.events("patient") if r["action"] != "running"]
        assert told == [
            ("create", None),
            ("start", None),
            ("health_status", "healthy"),
            ("health_status", "unhealthy"),
        ]


async def test_rename_and_destroy_are_told(engine: DockerEngine) -> None:
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.run, "sleep 60", name="old")
        await asyncio.to_thread(container.rename, "new")
        await asyncio.to_thread(container.remove, force=True)
        await got.until("the end", lambda: "destroy" in got.actions("new"))
        assert next(r for r in got.events("new") if r["action"] == "rename")["old_name"] == "old"
        await got.until("it is let go", lambda: got.status["following"] == [])


async def test_a_restart_policy_gives_a_die_each(engine: DockerEngine) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 3}
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, "echo up; exit 5", name="loop", restart_policy=policy)
        await got.until("four ends", lambda: got.actions("loop").count("die") == 4)
        dies = [r for r in got.events("loop") if r["action"] == "die"]
        assert {(r["exit_code"], r["by_hand"]) for r in dies} == {(5, False)}
        await got.until("each run's line", lambda: got.lines("loop") == [b"up"] * 4)


async def test_events_go_on_from_the_marks(engine: DockerEngine) -> None:
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, "exit 1", name="first")
        await got.until("the die", lambda: "die" in got.actions("first"))
        marks = dict(got.marks)
        offset = sum(len(c.data) for c in got.chunks if c.origin.kind == "docker_events")
    await asyncio.to_thread(engine.run, "exit 2", name="meanwhile")
    async with following(engine, marks) as got:
        await got.until("what happened meanwhile", lambda: "die" in got.actions("meanwhile"))
        assert got.actions("meanwhile") == ["create", "start", "die"]
        assert got.events("first") == []
        assert got.events() == []  # the engine was there all the time
        assert next(c.start for c in got.chunks if c.origin.kind == "docker_events") == offset


async def test_an_end_that_the_engine_forgot_is_seen_late(engine: DockerEngine) -> None:
    async with following(engine) as got:
        script = "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 7"
        lost = await asyncio.to_thread(engine.run, script, name="lost")
        await got.until("the start", lambda: "start" in got.actions("lost"))
        marks = dict(got.marks)
    await asyncio.to_thread(lost.exec_run, "touch /tmp/go")
    await asyncio.to_thread(lost.wait)
    churn = await asyncio.to_thread(engine.create, "true", name="churn")
    for i in range(270):  # the engine remembers 256 events
        await asyncio.to_thread(churn.rename, f"churn-{i}")
    async with following(engine, marks) as got:
        die = await die_of(got, "lost")
        assert (die["exit_code"], die["by_hand"], die["seen_late"]) == (7, False, True)
