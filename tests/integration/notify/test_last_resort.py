"""When nothing gets out the Mac speaks: what is said, when, how often; and with which words to osascript."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.parts.clock import NOON, ManualClock
from tests.parts.telling import EVIL, telling

from nightporter.model import MINUTE, Severity, Telling, Untrusted
from nightporter.notify.channels import own_voice
from nightporter.notify.channels.macos import SCRIPT, MacChannel
from nightporter.notify.lastresort import LOOK_EVERY_S, LastResort
from nightporter.notify.outcome import Delivered, Outcome, Retry
from nightporter.notify.render import Message
from nightporter.store import outbox as store
from nightporter.store import state
from nightporter.store.database import Database
from nightporter.store.outbox import DestinationState, OutboxRow, SentMessage


class Ears:
    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.deaf = False

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        if self.deaf:
            return Retry("deaf")
        self.heard.append(message)
        return Delivered()


class Trouble:
    """A store in which `phone` has been failing for a while, and somebody who listens at the Mac."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.ears = Ears()
        self.last = self.restarted()

    def restarted(self) -> LastResort:
        return LastResort(
            self.ears,
            ["phone", "post"],
            database=self.database,
            clock=self.clock,
            log=structlog.get_logger(),
        )

    async def waits(self, *tellings: Telling, at: str = "phone") -> None:
        rows = [OutboxRow(id=t.id, destination=at, telling=t) for t in tellings]
        await self.database.call(lambda c: store.insert(c, rows))

    async def fails(self, since: int, name: str = "phone") -> None:
        fares = DestinationState(failures=3, failing_since=since)
        await self.database.call(lambda c: store.save_state(c, name, fares))

    async def heard(self) -> list[str]:
        await self.last.look()
        return [message.title for message in self.ears.heard]


@pytest.fixture
async def trouble(tmp_path: Path) -> AsyncIterator[Trouble]:
    database = await Database.open(tmp_path / "state.db", [state.SCHEMA, store.SCHEMA])
    yield Trouble(database)
    await database.close()


def high(number: int = 1, **changes: Any) -> Telling:  # Any: whatever a Telling has
    return telling(number, **({"severity": Severity.high, "title": f"Trouble {number}"} | changes))


async def test_what_waits_for_a_receiver_that_is_long_dead_is_said_here_once(trouble: Trouble) -> None:
    await trouble.waits(high())
    await trouble.fails(NOON - 10 * MINUTE)
    assert await trouble.heard() == ["Trouble 1"]
    assert "could not be sent" in trouble.ears.heard[0].text
    assert await trouble.heard() == ["Trouble 1"]
    trouble.last = trouble.restarted()
    assert await trouble.heard() == ["Trouble 1"]
    await trouble.waits(high(2), high(3, severity=Severity.critical))
    assert await trouble.heard() == ["Trouble 1", "Trouble 3 (and 1 more)"]


@pytest.mark.parametrize("since", [0, NOON - 10 * MINUTE + 1], ids=["fares well", "short trouble"])
async def test_a_short_trouble_is_waited_for(trouble: Trouble, since: int) -> None:
    await trouble.waits(high())
    await trouble.fails(since)
    assert await trouble.heard() == []


async def test_what_is_not_high_waits(trouble: Trouble) -> None:
    await trouble.waits(high(severity=Severity.medium))
    await trouble.fails(NOON - 20 * MINUTE)
    assert await trouble.heard() == []


@pytest.mark.parametrize(("name", "said"), [("post", []), ("everything", ["Trouble 1"])])
async def test_another_way_out_is_enough_but_a_file_is_none(
    trouble: Trouble, name: str, said: list[str]
) -> None:
    await trouble.waits(high())
    await trouble.waits(high(), at=name)
    sent = SentMessage(at=NOON, shape="single")
    await trouble.database.call(lambda c: store.mark_sent(c, name, [high().id], sent))
    await trouble.fails(NOON - 20 * MINUTE)
    assert await trouble.heard() == said


async def test_a_voice_that_fails_is_tried_again(trouble: Trouble) -> None:
    await trouble.waits(high())
    await trouble.fails(NOON - 20 * MINUTE)
    trouble.ears.deaf = True
    assert await trouble.heard() == []
    trouble.ears.deaf = False
    assert await trouble.heard() == ["Trouble 1"]


async def test_it_looks_once_a_minute(trouble: Trouble) -> None:
    await trouble.waits(high())
    await trouble.fails(NOON - 20 * MINUTE)
    running = asyncio.create_task(trouble.last.run())
    await trouble.clock.until_asleep()
    assert trouble.ears.heard == []
    await trouble.clock.advance(LOOK_EVERY_S)
    await trouble.clock.until_asleep()
    assert len(trouble.ears.heard) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


# --- osascript


@pytest.fixture
def osascript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `osascript` on PATH that writes its arguments down, ended by NUL each."""
    program = tmp_path / "bin" / "osascript"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" >> {tmp_path}/asked\n[ ! -e {tmp_path}/broken ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path


def said(title: str, text: str) -> Message:
    values: Mapping[str, Any] = {"tellings": (), "parts": (), "footer": Untrusted(""), "id": "m", "at": NOON}
    return Message(
        kind="notice", severity=Severity.high, title=Untrusted(title), text=Untrusted(text), **values
    )


HOSTILE = '-e do shell script "touch /tmp/owned"\n"\x1b]0;x\x07\u202e'


def test_the_text_is_an_argument_and_no_script(osascript: Path) -> None:
    assert MacChannel().send(said(HOSTILE, f"{EVIL}\n{HOSTILE}")) == Delivered()
    words = (osascript / "asked").read_text().split("\0")[:-1]
    script = [word for line in SCRIPT for word in ("-e", line)]
    assert words[: len(script)] == script
    title, subtitle, body = words[len(script) :]
    assert title == "Nightporter: high"
    assert subtitle.startswith('-e do shell script "touch')  # behind the first argument no word is an option
    assert "\n" not in body
    assert not {"\x1b", "\x07", "\u202e"} & set(subtitle + body)


def test_the_least_it_can_say(osascript: Path) -> None:
    MacChannel().send(said("", ""), plain=True)
    assert (osascript / "asked").read_text().split("\0")[-4:] == ["Nightporter: high", "-", "-", ""]


def test_without_a_session_it_did_not_work(osascript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (osascript / "broken").touch()
    assert MacChannel().send(said("a", "b")) == Retry("osascript: CalledProcessError", unreached=True)
    monkeypatch.setenv("PATH", "/nowhere")
    assert MacChannel().send(said("a", "b")) == Retry("osascript: FileNotFoundError", unreached=True)


def test_only_a_mac_has_such_a_voice() -> None:
    assert isinstance(own_voice("darwin"), MacChannel)
    assert own_voice("linux") is None
