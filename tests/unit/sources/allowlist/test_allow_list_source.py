"""The allow-list as a source: files that change, names that resolve or do not, and what is published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.parts.clock import ManualClock

from nightporter.allowlist.given import Given
from nightporter.config import AllowList
from nightporter.model import Chunk, Stamp
from nightporter.sources.allowlist.reading import at_once, read
from nightporter.sources.allowlist.source import AGAIN_S, ASK_S, LOOK_S, RESOLVE_S, AllowListSource


class Bench:
    """A source on a clock of the test's, with a name server of the test's."""

    def __init__(self, config: AllowList) -> None:
        self.clock = ManualClock()
        self.answers: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.published: list[Given | None] = []
        self.chunks: list[Chunk] = []
        self.seen: list[tuple[str, Stamp]] = []
        self.source = AllowListSource(
            config, self.clock, self.published.append, lambda: self.seen, self.resolve
        )

    async def resolve(self, name: str) -> Iterable[str]:
        self.asked.append(name)
        if name not in self.answers:
            raise OSError("no such name")
        return self.answers[name]

    async def sink(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)

    @property
    def records(self) -> list[dict[str, object]]:
        return [msgspec.json.decode(line) for chunk in self.chunks for line in chunk.data.splitlines()]

    @property
    def mark(self) -> bytes:
        return self.chunks[-1].end.mark if self.chunks else b""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        marks = {"allow_list": self.mark}
        self.source.begin(marks)
        task = asyncio.create_task(self.source.run(marks, self.sink))
        try:
            await self.clock.until_asleep()
            yield
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def look(self, seconds: float = LOOK_S) -> None:
        await self.clock.advance(seconds)
        await self.clock.until_asleep()


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("IP_ALLOW_LIST=192.168.1.0/24,203.0.113.7\n")
    return path


async def test_a_change_of_the_file_is_published_once(env: Path) -> None:
    bench = Bench(AllowList(env=env))
    begun = bench.source.begin({})
    assert begun is not None
    assert begun.networks == ("192.168.1.0/24", "203.0.113.7/32")
    async with bench.running():
        assert bench.published == [], "what is in force from the start is no news"
        env.write_text("IP_ALLOW_LIST=192.168.1.0/24,203.0.113.7,198.51.100.4\n")
        await bench.look()
        await bench.look()
        (state,) = bench.published
        assert state is not None
        assert "198.51.100.4/32" in state.networks
        assert bench.source.status()["networks"] == 3


async def test_a_file_that_is_gone_or_empty_for_a_moment_changes_nothing(env: Path) -> None:
    bench = Bench(AllowList(env=env))
    async with bench.running():
        for harm in (env.unlink, lambda: env.write_text(""), lambda: env.write_text("IP_ALLOW_LIST=\n")):
            harm()
            await bench.look()
            assert bench.source.status()["blind"]
        assert bench.published == []
        assert bench.source.given is not None
        env.write_text("IP_ALLOW_LIST=192.168.1.0/24,203.0.113.7\n")
        await bench.look()
        assert bench.source.status()["blind"] == []


async def test_names_are_resolved_every_five_minutes_and_sooner_where_they_fail(env: Path) -> None:
    env.write_text("IP_ALLOW_LIST=192.168.1.0/24,ada.dyn.test\n")
    bench = Bench(AllowList(env=env))
    assert bench.source.begin({}) is None
    async with bench.running():
        assert bench.published == []
        assert bench.source.status()["state"] == "waiting"
        bench.answers["ada.dyn.test"] = ["203.0.113.7", "2001:db8::7"]
        await bench.look(AGAIN_S)
        (state,) = bench.published
        assert state is not None
        assert {"203.0.113.7/32", "2001:db8::7/128"} <= set(state.networks)
        asked = len(bench.asked)
        await bench.look(RESOLVE_S - 10)
        assert len(bench.asked) == asked
        await bench.look(10 + LOOK_S)
        assert len(bench.asked) == asked + 1
    again = Bench(AllowList(env=env))
    again.chunks = bench.chunks
    begun = again.source.begin({"allow_list": again.mark})
    assert begun is not None, "what a name resolved to is known over a restart"


async def test_a_name_that_is_gone_is_told_after_three_tries(env: Path) -> None:
    env.write_text("IP_ALLOW_LIST=ada.dyn.test\n")
    bench = Bench(AllowList(env=env))
    async with bench.running():
        await bench.look(AGAIN_S)
        assert bench.records == []
        await bench.look(AGAIN_S)
        assert [record["action"] for record in bench.records] == ["unresolved"]
        bench.answers["ada.dyn.test"] = ["203.0.113.7"]
        await bench.look(AGAIN_S)
        assert [record["action"] for record in bench.records] == ["unresolved", "right"]


async def test_a_new_name_is_resolved_at_once(env: Path) -> None:
    bench = Bench(AllowList(env=env))
    bench.answers["ada.dyn.test"] = ["203.0.113.8"]
    async with bench.running():
        env.write_text("IP_ALLOW_LIST=192.168.1.0/24,203.0.113.7,ada.dyn.test\n")
        await bench.look()
        assert bench.asked == ["ada.dyn.test"]


async def test_what_was_told_is_not_told_after_a_restart(env: Path) -> None:
    env.write_text("IP_ALLOW_LIST=10.0.0.0/8,YOUR.REMOTE.IP/32\n")
    bench = Bench(AllowList(env=env))
    async with bench.running():
        assert {record["action"] for record in bench.records} == {"too_wide", "placeholder"}
    again = Bench(AllowList(env=env))
    again.chunks = list(bench.chunks)
    async with again.running():
        await again.look()
        assert again.records == bench.records


def test_the_middlewares_of_a_dynamic_config(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(
        "http:\n  middlewares:\n    a: {ipAllowList: {sourceRange: [10.0.0.1]}}\n"
        "    b: {ipAllowList: {sourceRange: [10.0.0.2]}}\n"
        "  routers:\n    plex: {middlewares: [a]}\n    blog: {middlewares: [b]}\n"
    )
    both = read(AllowList(file=file))
    assert both.listed is not None
    assert both.listed.networks == ("10.0.0.1/32", "10.0.0.2/32")
    assert both.routers == ("plex", "blog")
    one = read(AllowList(file=file, middleware="B"))
    assert one.listed is not None
    assert (one.listed.networks, one.routers) == (("10.0.0.2/32",), ("blog",))
    none = read(AllowList(file=file, middleware="c"))
    assert (none.listed, none.troubles) == (None, (f"{file} has no middleware c",))


def test_a_dynamic_config_beside_an_env_file_names_the_routers(tmp_path: Path, env: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(
        "http:\n  middlewares:\n    a: {ipAllowList: {sourceRange: ['{{ env \"IP_ALLOW_LIST\" }}']}}\n"
        "  routers:\n    plex: {middlewares: [a]}\n"
    )
    looked = read(AllowList(env=env, file=file))
    assert looked.listed is not None
    assert looked.listed.name == "IP_ALLOW_LIST"
    assert looked.routers == ("plex",)
    file.write_text("sourceRange: {{ broken")
    assert read(AllowList(env=env, file=file)).troubles == (f"{file} cannot be read: ParserError",)


def test_verbs_that_judge_old_lines_take_the_file_as_it_is(env: Path) -> None:
    state = at_once(AllowList(env=env))
    assert state is not None
    assert state.line == "IP_ALLOW_LIST=192.168.1.0/24,203.0.113.7,{client_ip}"
    assert at_once(None) is None
    assert at_once(AllowList(values=("ada.dyn.test",))) is None
    assert at_once(AllowList(env=env.with_name("nothing"))) is None


async def test_who_came_in_is_asked_once_a_day_and_kept(env: Path) -> None:
    bench = Bench(AllowList(env=env))
    async with bench.running():
        for _ in range(61):
            bench.seen = [("198.51.100.9", bench.clock.now())]
            await bench.look(ASK_S)
            await bench.look()
        assert [(record["action"], record["entry"]) for record in bench.records] == [
            ("unused", "203.0.113.7")
        ]
        assert len(bench.chunks) <= 63
        bench.seen = [("203.0.113.7", bench.clock.now())]
        await bench.look(ASK_S + LOOK_S)
        assert bench.records[-1]["action"] == "right"


async def test_a_start_while_the_file_is_away(env: Path) -> None:
    bench = Bench(AllowList(env=env))
    async with bench.running():
        pass
    env.unlink()
    again = Bench(AllowList(env=env))
    begun = again.source.begin({"allow_list": bench.mark})
    assert begun == bench.source.given
    assert again.source.status()["blind"] == [f"{env} is not there"]
