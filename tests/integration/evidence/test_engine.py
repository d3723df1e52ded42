"""Evidence from a real engine: what containers wrote, what became of them, and files in their volumes."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import ExitStack

import pytest
from tests.integration.evidence.conftest import gathered, texts
from tests.parts.docker import DockerEngine
from tests.parts.patience import PATIENCE_S

from nightporter.clock import SystemClock
from nightporter.config import ContainerFileSource, DockerSource
from nightporter.evidence.span import Span
from nightporter.model import MINUTE, SECOND

pytestmark = pytest.mark.real


def now() -> int:
    return SystemClock().now()


def source(
    engine: DockerEngine, containers: tuple[str, ...] = ("*",), exclude: tuple[str, ...] = ()
) -> DockerSource:
    return DockerSource(name="docker", host=engine.host, containers=containers, exclude=exclude)


async def say(engine: DockerEngine, name: str, *words: str) -> None:
    """A container that says these lines to both of its channels, and ends."""
    script = "; ".join(f"echo '{word}'; echo 'err {word}' >&2" for word in words)
    container = await asyncio.to_thread(engine.run, script, name=name)
    await asyncio.to_thread(container.wait)


async def test_containers_that_run_or_ended_give_the_lines_of_the_span(engine: DockerEngine) -> None:
    await say(engine, "before", "too early")
    start = now()
    await say(engine, "ombi", "failed login token=SECRET", "second")
    end = now()
    await say(engine, "after", "too late")
    with ExitStack() as stack:
        bag = await gathered(source(engine), Span(start, end), stack)
        found = texts(bag)
        assert bag.troubles == []
        assert found.keys() == {"docker-events", "ombi"}
        lines = [line.split(" ", 1) for line in found["ombi"].splitlines()]
        assert sorted(text for _, text in lines) == [
            "err failed login token=***",
            "err second",
            "failed login token=***",
            "second",
        ]
        assert all(stamp.endswith("Z") and len(stamp) == 30 for stamp, _ in lines)


async def test_the_original_is_what_docker_logs_shows(engine: DockerEngine) -> None:
    """By the command that the manifest names, where everything went to one channel."""
    start = now()
    count = "i=0; while [ $i -lt 200 ]; do echo line $i password=SECRET; i=$((i+1)); done"
    script = f"{count}; head -c 40000 /dev/zero"
    container = await asyncio.to_thread(engine.run, script, name="chatty")
    await asyncio.to_thread(container.wait)
    with ExitStack() as stack:
        bag = await gathered(source(engine, containers=("chatty",)), Span(start, now()), stack)
        part = next(part for part in bag.parts if part.name == "chatty")
        raw = container.logs(timestamps=True).split(b"\n", 200)
        assert part.lines == 201
        expected = b"\n".join(raw[:200]) + b"\n"
        # The engine cuts the long line into pieces, each with the stamp; here it is whole again.
        stamp = raw[200][:31]
        expected += stamp + b"\0" * 40_000 + b"\n"
        assert part.original.sha256 == hashlib.sha256(expected).hexdigest()
        assert str(part.original.where["command"]).startswith("docker logs --timestamps --since 20")
        assert "SECRET" not in texts(bag)["chatty"]


async def test_the_engine_tells_what_became_of_containers(engine: DockerEngine) -> None:
    start = now()
    container = await asyncio.to_thread(engine.run, "sleep 60", name="plex")
    await asyncio.to_thread(container.kill)
    while not await asyncio.to_thread(_died, engine, start):
        await asyncio.sleep(0.05)
    with ExitStack() as stack:
        # The span ends in an hour: an engine asked for events until then would wait for them.
        async with asyncio.timeout(PATIENCE_S):
            bag = await gathered(source(engine), Span(start, now() + 60 * MINUTE), stack)
        events = texts(bag)["docker-events"]
        assert '"Action":"kill"' in events
        assert '"Action":"die"' in events
        assert "plex" in events


def _died(engine: DockerEngine, since: int) -> bool:
    """Whether the engine tells of an end: it does so a moment after it lets those go who waited for it."""
    until = now() // SECOND + 1
    asked = engine.client.events(since=since // SECOND, until=until, filters={"event": "die"}, decode=True)
    return any(asked)


async def test_only_chosen_containers_are_asked(engine: DockerEngine) -> None:
    start = now()
    await say(engine, "mine", "hello")
    await say(engine, "other", "hello")
    with ExitStack() as stack:
        bag = await gathered(source(engine, exclude=("other",)), Span(start, now()), stack)
        assert texts(bag).keys() == {"docker-events", "mine"}


async def test_a_flood_is_cut_where_there_is_no_more_room(engine: DockerEngine) -> None:
    start = now()
    container = await asyncio.to_thread(engine.run, "yes flood | head -n 20000", name="flood")
    await asyncio.to_thread(container.wait)
    with ExitStack() as stack:
        bag = await gathered(source(engine), Span(start, now()), stack, room=100_000)
        assert bag.used <= 100_000
        assert bag.is_full
        assert any("is left out" in note for note in bag.notes)


async def test_a_driver_that_keeps_nothing_and_no_engine_are_said(engine: DockerEngine) -> None:
    await asyncio.to_thread(engine.run, "echo gone", name="mute", log_config={"Type": "none"})
    with ExitStack() as stack:
        bag = await gathered(source(engine), Span(now() - MINUTE, now()), stack)
        assert any(trouble.startswith("mute: the engine refuses: ") for trouble in bag.troubles)
        away = DockerSource(name="docker", host="unix:///nowhere.sock")
        bag = await gathered(away, Span(0, 1), stack)
        assert any("does not answer" in trouble for trouble in bag.troubles)


async def test_files_in_a_volume_are_read_with_their_copies(engine: DockerEngine) -> None:
    script = """
    mkdir -p /config/logs /config/logs/sub
    echo '2026-11-24 01:05:00 +00:00 live password: SECRET' > /config/logs/app.txt
    echo '2026-11-24 01:04:00 +00:00 copy' > /config/logs/app.1.txt
    echo '2026-11-24 01:03:00 +00:00 packed' | gzip > /config/logs/app.2.txt.gz
    echo '2026-11-24 01:02:00 +00:00 below' > /config/logs/sub/app.txt
    echo '2026-11-24 01:01:00 +00:00 another' > /config/logs/other.md
    echo '2026-11-20 00:00:00 +00:00 old' > '/config/logs/app-old.txt'
    sleep 60
    """
    await asyncio.to_thread(engine.run, script, name="ombi")
    container = engine.client.containers.get("ombi")
    async with asyncio.timeout(PATIENCE_S):
        while container.exec_run(["/bin/sh", "-c", "ls /config/logs/app-old.txt"]).exit_code != 0:
            await asyncio.sleep(0.05)
    night = 1_795_482_000 * SECOND  # 2026-11-24T01:00:00Z
    span = Span(night, night + 10 * MINUTE)
    many = ContainerFileSource(name="ombi", container="ombi", path="/config/logs/app*.txt", host=engine.host)
    one = ContainerFileSource(name="ombi", container="ombi", path="/config/logs/app.txt", host=engine.host)
    none = ContainerFileSource(name="ombi", container="ombi", path="/config/no.txt", host=engine.host)
    with ExitStack() as stack:
        bag = await gathered(many, span, stack)
        found = texts(bag)
        assert found == {
            "app.txt": "2026-11-24 01:05:00 +00:00 live password: ***\n",
            "app.1.txt": "2026-11-24 01:04:00 +00:00 copy\n",
            "app.2.txt.gz": "2026-11-24 01:03:00 +00:00 packed\n",
        }
        part = next(part for part in bag.parts if part.name == "app.txt")
        text = b"2026-11-24 01:05:00 +00:00 live password: SECRET\n"
        assert part.original.sha256 == hashlib.sha256(text).hexdigest()
        assert part.original.where["path"] == "ombi:/config/logs/app.txt"
        assert texts(await gathered(one, span, stack)).keys() == {"app.txt"}
        assert "the engine does not give it" in (await gathered(none, span, stack)).troubles[0]
