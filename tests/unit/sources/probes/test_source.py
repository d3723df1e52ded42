"""The source over time: grace, sleep, restarts, and a system that does not answer."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock
from tests.parts.patience import PATIENCE_S
from tests.parts.ports import free_port

from nightporter.config import AcmeProbe, HttpProbe, Probe, Secret, TcpProbe
from nightporter.config import ProbeSource as ProbeConfig
from nightporter.model import Chunk, Fields
from nightporter.sources.probes import ProbeSource, ask
from nightporter.sources.probes.state import Outcome


class Life:
    """One run of a source on a clock that is moved by hand; what it brought."""

    def __init__(self, clock: ManualClock, source: ProbeSource) -> None:
        self.clock = clock
        self.source = source
        self.chunks: list[Chunk] = []

    async def sink(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)

    @property
    def records(self) -> list[Fields]:
        return [json.loads(line) for chunk in self.chunks for line in chunk.data.splitlines()]

    @property
    def actions(self) -> list[object]:
        return [record["action"] for record in self.records]

    @property
    def marks(self) -> dict[str, bytes]:
        return {chunk.end.stream: chunk.end.mark for chunk in self.chunks}

    async def pass_(self, seconds: float) -> None:
        """Let time pass, and the asking that it brings be done."""
        await self.clock.advance(seconds)
        await self.clock.until_asleep()


@asynccontextmanager
async def life(
    *probes: Probe, grace_s: float = 0.0, marks: Mapping[str, bytes] | None = None
) -> AsyncIterator[Life]:
    clock = ManualClock()
    config = ProbeConfig(name="outside", probes=probes, grace_s=grace_s)
    living = Life(clock, ProbeSource(config, clock, dice=lambda: 0.0))
    task = asyncio.create_task(living.source.run(marks or {}, living.sink))
    try:
        await clock.until_asleep()
        yield living
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def closed() -> TcpProbe:
    """A port where nobody listens."""
    return TcpProbe(
        name="db", host="127.0.0.1", port=free_port(), service="mysql", interval_s=300.0, retries=3
    )


async def test_failures_are_counted_in_the_grace_and_told_after_it(closed: TcpProbe) -> None:
    async with life(closed, grace_s=300.0) as living:
        for _ in range(4):
            await living.pass_(60)
        assert living.actions == []
        await living.pass_(60)
        assert living.actions == ["down"]
        [chunk] = living.chunks
        assert (chunk.origin.kind, chunk.origin.format, chunk.origin.stream) == (
            "probe",
            "record",
            "db",
        )
        assert living.records[0]["service"] == "mysql"
        assert living.source.status()["down"] == {"db": "connection refused"}


async def test_a_doubtful_one_is_asked_again_soon_and_a_known_one_in_its_own_time(closed: TcpProbe) -> None:
    async with life(closed) as living:
        await living.pass_(60)
        await living.pass_(60)
        assert living.actions == ["down"]
        await living.pass_(299)
        assert living.source.status()["counters"] == {"asked": 3, "failed": 3, "records": 1}
        await living.pass_(1)
        assert living.source.status()["counters"] == {"asked": 4, "failed": 4, "records": 1}


async def test_a_sleep_of_the_machine_starts_the_counting_anew(closed: TcpProbe) -> None:
    async with life(closed) as living:
        await living.pass_(60)
        living.clock.jump(8 * 3600)
        await living.pass_(60)
        await living.pass_(60)
        assert living.actions == []
        await living.pass_(60)
        assert living.actions == ["down"]


async def test_a_restart_goes_on_where_the_marks_say(closed: TcpProbe) -> None:
    async with life(closed) as first:
        await first.pass_(60)
        await first.pass_(60)
    async with life(closed, marks=first.marks) as second:
        for _ in range(2):
            await second.pass_(300)
        assert second.actions == []
        with socket.create_server(("127.0.0.1", closed.port)):
            await second.pass_(300)
        assert second.actions == ["up"]


async def test_a_probe_that_was_renamed_while_it_was_down_is_let_go(closed: TcpProbe) -> None:
    renamed = dataclasses.replace(closed, name="database")
    async with life(closed) as first:
        await first.pass_(60)
        await first.pass_(60)
    foreign = {"a-file": b'{"offset": 7}'}
    async with life(renamed, grace_s=300.0, marks=first.marks | foreign) as second:
        assert [(r["name"], r["action"]) for r in second.records] == [("db", "removed")]
        assert second.marks == {"db": b""}, "forgotten, and what is not a probe's is left alone"
    async with life(renamed, grace_s=300.0, marks=second.marks) as third:
        assert third.chunks == []


async def test_a_system_that_does_not_answer_is_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead mount holds its thread for ever: one is enough."""
    release, calls = threading.Event(), []

    def hang(probe: AcmeProbe) -> Outcome:
        calls.append(probe.name)
        release.wait(PATIENCE_S)
        return Outcome(up=True)

    monkeypatch.setattr(ask, "ask_acme", hang)
    probe = AcmeProbe(name="traefik", path=Path("/mnt/dead"), timeout_s=0.01, retries=1, interval_s=60)
    try:
        async with life(probe) as living:
            assert [r["reason"] for r in living.records] == ["no answer in time"]
            await living.pass_(60)
            assert calls == ["traefik"]
            release.set()
            while "up" not in living.actions:
                await living.pass_(60)
            assert set(living.actions[:-1]) == {"down"}
    finally:
        release.set()


async def test_stopping_does_not_wait_for_a_thread_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    release, begun = threading.Event(), threading.Event()

    def hang(probe: AcmeProbe) -> Outcome:
        begun.set()
        release.wait(PATIENCE_S)
        return Outcome(up=True)

    monkeypatch.setattr(ask, "ask_acme", hang)
    config = ProbeConfig(name="outside", probes=(AcmeProbe(name="x", path=Path("/mnt/dead")),))
    source = ProbeSource(config, ManualClock(), dice=lambda: 0.0)

    async def sink(chunk: Chunk) -> None:
        raise AssertionError(chunk)

    task = asyncio.create_task(source.run({}, sink))
    try:
        while not begun.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE_S)
        assert not release.is_set()
    finally:
        release.set()


async def test_a_root_file_that_is_gone_is_said(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    url = Secret("https://user:topsecret@127.0.0.1:1/")
    probe = HttpProbe(name="x", url=url, host="127.0.0.1", port=1, ca=str(root), retries=1)
    async with life(probe) as living:
        [record] = living.records
    assert record["reason"] == f"{root}: no such file or directory"
    assert "topsecret" not in living.chunks[0].data.decode() + living.marks["x"].decode()
