"""Containers' lines from a real engine: every one once, whatever happens to the container."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.integration.docker.conftest import Gathered, following
from tests.parts.docker import DockerEngine
from tests.parts.mariadb import MariaDb
from tests.parts.patience import PATIENCE_S

from nightporter.sources.docker import watch

pytestmark = pytest.mark.real

COUNT = 'i=0; while [ $i -lt {n} ]; do echo "line $i"; i=$((i+1)); {pause} done'
FOREVER = 'i=0; while :; do echo "line $i"; i=$((i+1)); sleep 0.02; done'


def numbers(lines: list[bytes]) -> list[int]:
    return [int(line.split()[-1]) for line in lines]


async def test_a_started_container_is_followed_long_before_the_next_look(engine: DockerEngine) -> None:
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.create, "echo here; sleep 60", name="quick")
        await asyncio.to_thread(container.start)
        assert watch._LOOK_AGAIN_S > PATIENCE_S
        await got.until("the first line", lambda: got.lines("quick") == [b"here"])
        assert got.status["following"] == ["quick"]


async def test_lines_of_every_length_come_whole(engine: DockerEngine) -> None:
    sizes = [0, 1, 2, 16383, 16384, 16385, 20000, 32768, 32769, 40960, 3]
    script = "; ".join(f"head -c {n} /dev/zero | tr '\\0' a; echo" for n in sizes)
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="sizes")
        await got.until("all lines", lambda: len(got.lines("sizes")) >= len(sizes))
        assert [len(line) for line in got.lines("sizes")] == sizes
        assert set(b"".join(got.lines("sizes"))) == {ord("a")}


async def test_a_line_over_a_mebibyte_is_cut_and_counted(engine: DockerEngine) -> None:
    script = "head -c 1500000 /dev/zero | tr '\\0' b; echo; echo after"
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="huge")
        await got.until("both lines", lambda: len(got.lines("huge")) == 2)
        assert [len(line) for line in got.lines("huge")] == [(1 << 20) - 1, 5]
        await got.until("the cut is counted", lambda: got.status["counters"]["cut"] == 1)


async def test_stdout_and_stderr_are_told_apart(engine: DockerEngine) -> None:
    script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; printf 'no newline'"
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="both")
        await got.until("all lines", lambda: len(got.lines("both")) == 11)
        assert got.channel("both", 1) == [b"out %d" % i for i in range(1, 6)] + [b"no newline"]
        assert got.channel("both", 2) == [b"err %d" % i for i in range(1, 6)]


async def test_a_terminal_gives_plain_lines(engine: DockerEngine) -> None:
    script = "echo one; echo two >&2; head -c 40960 /dev/zero | tr '\\0' c; echo; sleep 60"
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="tty", tty=True)
        await got.until("three lines", lambda: len(got.lines("tty")) == 3)
        assert sorted(got.lines("tty"), key=len)[:2] == [b"one", b"two"]
        assert max(got.lines("tty"), key=len) == b"c" * 40960


async def test_origin_names_what_rules_may_call_it(engine: DockerEngine) -> None:
    labels = {"com.docker.compose.service": "Ombi", "nice": "yes"}
    async with following(engine, containers=("label:nice=yes",), trusted_proxies=("10.0.0.0/8",)) as got:
        await asyncio.to_thread(engine.run, "echo a", name="not-chosen")
        await asyncio.to_thread(engine.run, "echo b", name="media-ombi-1", labels=labels)
        await got.until("its line", lambda: got.lines("media-ombi-1") == [b"b"])
        origin = next(c.origin for c in got.chunks if c.origin.stream == "media-ombi-1")
        assert origin.services == ("media-ombi-1", "ombi", "busybox")
        assert dict(origin.fields) == {
            "container": "media-ombi-1",
            "image": "busybox:local",
            "service": "Ombi",
        }
        assert (origin.kind, origin.format, origin.trusted_proxies) == ("docker", "auto", ("10.0.0.0/8",))
        assert got.lines("not-chosen") == []
        assert got.events("not-chosen") == []


async def test_history_before_the_first_sight_is_not_read(engine: DockerEngine) -> None:
    script = "echo old; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo new; sleep 600"
    container = await asyncio.to_thread(engine.run, script, name="history")
    while not await asyncio.to_thread(container.logs):
        await asyncio.sleep(0.02)
    async with following(engine) as got:
        await got.until("it is followed", lambda: got.status["following"] == ["history"])
        await asyncio.to_thread(container.exec_run, "touch /tmp/go")
        await got.until("the new line", lambda: bool(got.lines("history")))
        assert got.lines("history") == [b"new"]


async def test_restart_and_rename_lose_and_repeat_nothing(engine: DockerEngine) -> None:
    async with following(engine) as got:
        container = await asyncio.to_thread(engine.run, FOREVER, name="before")
        await got.until("some lines", lambda: len(got.lines("before")) > 20)
        await asyncio.to_thread(container.rename, "after")
        await got.until("lines under the new name", lambda: len(got.lines("after")) > 20)
        first = numbers(got.lines("before") + got.lines("after"))
        assert first == list(range(len(first)))
        await asyncio.to_thread(container.restart, timeout=0)
        await got.until("lines of the second run", lambda: 20 in again_of(got))
        every = numbers(got.lines("before") + got.lines("after"))
        again = every.index(0, 1)
        assert every == [*range(again), *range(len(every) - again)]
        assert {s.partition("@")[0] for s in got.marks if s != "events"} == {"before", "after"}


def again_of(got: Gathered) -> list[int]:
    """What the second run of `after` has said."""
    after = numbers(got.lines("after"))
    return after[after.index(0) :] if 0 in after else []


async def test_a_recreated_container_is_another(engine: DockerEngine) -> None:
    async with following(engine) as got:
        first = await asyncio.to_thread(engine.run, "echo first; sleep 60", name="same")
        await got.until("the first", lambda: got.lines("same") == [b"first"])
        await asyncio.to_thread(first.remove, force=True)
        second = await asyncio.to_thread(engine.run, "echo second; sleep 60", name="same")
        await got.until("the second", lambda: got.lines("same") == [b"first", b"second"])
        await got.until("the first is let go", lambda: got.status["following"] == ["same"])
        assert {f"same@{str(c.id)[:12]}" for c in (first, second)} <= got.marks.keys()


@pytest.mark.parametrize("driver", ["json-file", "local"])
async def test_a_daemon_that_dies_goes_on_from_its_marks(engine: DockerEngine, driver: str) -> None:
    script = COUNT.format(n=1500, pause="[ $((i % 50)) -eq 0 ] && sleep 0.1;")
    lines: list[bytes] = []
    marks: dict[str, bytes] = {}
    await asyncio.to_thread(engine.create, script, name="counted", log_config={"type": driver})
    async with following(engine) as got:
        marks = got.marks
        await asyncio.to_thread(engine.client.containers.get("counted").start)
        await got.until("a hundred lines", lambda: len(got.lines("counted")) > 100)
        lines += got.lines("counted")
        marks = dict(got.marks)
    for _ in range(3):
        marks = await read_on(engine, marks, lines, min(1500, len(lines) + 300))
    await read_on(engine, marks, lines, 1500)
    assert numbers(lines) == list(range(1500))


async def read_on(
    engine: DockerEngine, marks: dict[str, bytes], lines: list[bytes], wanted: int
) -> dict[str, bytes]:
    """One more life of the daemon, until `wanted` lines are there; the marks it leaves."""
    async with following(engine, marks) as got:
        await got.until("more lines", lambda: len(lines) + len(got.lines("counted")) >= wanted)
        lines += got.lines("counted")
        return dict(got.marks)


async def test_a_quiet_container_loses_no_line_while_the_daemon_is_away(engine: DockerEngine) -> None:
    script = "while [ ! -e /tmp/go ]; do sleep 0.05; done; echo spoke; sleep 60"
    container = await asyncio.to_thread(engine.run, script, name="quiet")
    async with following(engine) as got:
        await got.until("the first sight is kept", lambda: "events" in got.marks)
        marks = dict(got.marks)
    await asyncio.to_thread(container.exec_run, "touch /tmp/go")
    while not await asyncio.to_thread(container.logs):
        await asyncio.sleep(0.02)
    async with following(engine, marks) as got:
        await got.until("the line", lambda: got.lines("quiet") == [b"spoke"])


async def test_an_unreadable_driver_is_blind_and_not_retried(engine: DockerEngine) -> None:
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, "echo x; sleep 60", name="mute", log_config={"type": "none"})
        await asyncio.to_thread(engine.run, "echo x; sleep 60", name="loud", log_config={"type": "local"})
        await got.until("the blind one is named", lambda: bool(got.status["blind"]))
        await got.until("the other is read", lambda: got.lines("loud") == [b"x"])
        assert "'none' cannot be read" in got.status["blind"]["mute"]
        assert got.status["counters"]["reconnects"] == 0


async def test_rotation_loses_nothing_and_repeats_are_dropped(engine: DockerEngine) -> None:
    # Some files are kept: what was rotated away before the engine itself read it on is nobody's any more.
    options = {"type": "json-file", "config": {"max-size": "20k", "max-file": "5"}}
    script = COUNT.format(n=1500, pause="[ $((i % 20)) -eq 0 ] && sleep 0.1;")
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="rotated", log_config=options)
        await got.until("all lines", lambda: len(set(got.lines("rotated"))) >= 1500)
        assert numbers(got.lines("rotated")) == list(range(1500))
        print("rotation:", got.status["counters"])


async def test_a_stream_that_the_engine_drops_at_a_rotation_is_read_on(engine: DockerEngine) -> None:
    """20.10 with `local`: the stream falls silent at a rotation; newer engines go on."""
    options = {"type": "local", "config": {"max-size": "20k", "max-file": "5"}}
    script = COUNT.format(n=2000, pause="[ $((i % 50)) -eq 0 ] && sleep 0.02;") + "; echo end 2000"
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, script, name="dropped", log_config=options)
        await got.until("the last line", lambda: got.lines("dropped")[-1:] == [b"end 2000"])
        told = numbers(got.lines("dropped"))
        assert told == sorted(set(told))


async def test_our_own_container_is_left_out(engine: DockerEngine) -> None:
    async with following(engine) as got:
        await asyncio.to_thread(engine.run, "echo me", name="me", labels={"nightporter.self": "1"})
        await asyncio.to_thread(engine.run, "echo other", name="other", labels={"x": "y"})
        await asyncio.to_thread(engine.run, "echo left", name="left-out")
        await got.until("the others", lambda: got.lines("other") == [b"other"])
        assert got.lines("me") == []
        assert got.events("me") == []


async def test_mariadb_denials_come_as_lines(engine: DockerEngine, mariadb: MariaDb) -> None:
    async with following(engine, containers=("service:mariadb",)) as got:
        await asyncio.to_thread(mariadb.denied, 6)
        wanted = b"Access denied for user 'root'@'localhost' (using password: YES)"
        await got.until("six lines", lambda: sum(wanted in x for x in got.lines("mariadb")) >= 6)
        assert sum(wanted in line for line in got.channel("mariadb", 2)) == 6
        assert json.dumps(got.status)
