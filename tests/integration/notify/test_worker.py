"""The loop of one destination, against channels and a store that misbehave."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock
from tests.parts.patience import PATIENCE_S
from tests.parts.telling import House, config_for, telling

from nightporter.config import AppriseDestination, Secret
from nightporter.model import SECOND, Severity
from nightporter.notify import worker
from nightporter.notify.outcome import Delivered, Outcome, Refused, Retry
from nightporter.notify.render import Message
from nightporter.store import outbox as store


@dataclass(slots=True)
class Scripted:
    """A channel that answers by a function of the message."""

    answer: Callable[[Message], Outcome]
    clock: ManualClock
    said: list[tuple[float, str]] = field(default_factory=list)

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        self.said.append((self.clock.monotonic(), message.tellings[0].rule))
        return self.answer(message)


def house(tmp_path: Path, answer: Callable[[Message], Outcome]) -> tuple[House, Scripted]:
    channel = Scripted(answer, ManualClock())
    return House(tmp_path, config_for(tmp_path), {"phone": channel}, channel.clock), channel


async def test_what_always_fails_while_others_get_through_is_parked_in_the_end(tmp_path: Path) -> None:
    def answer(message: Message) -> Outcome:
        return Retry("no") if message.tellings[0].rule == "poison" else Delivered()

    home, channel = house(tmp_path, answer)
    async with home:
        await home.tell(telling(1, rule="poison", severity=Severity.critical))
        for n in range(12):
            await home.tell(telling(n, rule=f"fine-{n}", severity=Severity.critical, at=home.clock.now()))
            await home.pass_time(20 * 60, step=60)
        status = home.box.status()["phone"]
        assert (status["pending"], status["sent"], status["parked"]) == (0, 12, 1)
        assert sum(rule == "poison" for _, rule in channel.said) == worker.LAST_CHANCE


async def test_a_bug_in_a_channel_is_tried_again_and_stops_nothing(tmp_path: Path) -> None:
    calls = iter([KeyError("bug"), None])

    def answer(message: Message) -> Outcome:
        if (error := next(calls)) is not None:
            raise error
        return Delivered()

    home, _ = house(tmp_path, answer)
    async with home:
        await home.tell(telling(1))
        assert home.box.status()["phone"]["last_error"] == "a bug: KeyError"
        await home.pass_time(30, step=1)
        assert home.box.status()["phone"]["sent"] == 1


async def test_a_send_that_never_ends_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SEND_DEADLINE_S", 2.0)
    release = threading.Event()
    first = iter([True])

    def answer(message: Message) -> Outcome:
        if next(first, False):
            release.wait(PATIENCE_S)
        return Delivered()

    home, channel = house(tmp_path, answer)
    async with home:
        await home.tell(telling(1))
        status = home.box.status()["phone"]
        assert (status["pending"], status["possible_repeats"]) == (1, 1)
        await home.pass_time(30, step=1)
        assert home.box.status()["phone"]["sent"] == 1
        assert len(channel.said) == 2
    release.set()


async def test_on_a_full_disk_a_telling_goes_once_and_is_recorded_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")  # as sqlite3 words it

    home, channel = house(tmp_path, lambda message: Delivered())
    async with home:
        now = home.clock.now()
        with monkeypatch.context() as patched:
            patched.setattr(store, "begin", full)
            patched.setattr(store, "mark_sent", full)
            await home.database.call(lambda c: home.box.keep(c, [telling(1)], now))
            home.box.wake()
            async with asyncio.timeout(PATIENCE_S):
                while not channel.said:
                    await home.clock.advance(0.01)
            await home.clock.advance(60)
            assert home.box.status()["phone"]["sent"] == 0
        await home.pass_time(10, step=1)
        assert home.box.status()["phone"]["sent"] == 1
        assert len(channel.said) == 1


async def test_a_clock_set_back_a_year_lengthens_no_wait(tmp_path: Path) -> None:
    answers = iter([Retry("busy", after_s=60.0)])
    home, channel = house(tmp_path, lambda message: next(answers, Delivered()))
    async with home:
        await home.tell(telling(1))
        home.clock.jump(-365 * 86400)
        await home.pass_time(65, step=1)
        (first, _), (second, _) = channel.said
        assert second - first >= 60
        assert home.box.status()["phone"]["sent"] == 1


async def test_a_refused_fold_parks_all_that_it_carried(tmp_path: Path) -> None:
    home, _ = house(tmp_path, lambda message: Refused("400"))
    async with home:
        await home.tell(*(telling(n) for n in range(7)))
        assert home.box.status()["phone"]["parked"] == 7


async def test_more_than_may_wait_are_folded_and_all_are_told(tmp_path: Path) -> None:
    answers = iter([Retry("away", unreached=True)])
    told: list[int] = []

    def answer(message: Message) -> Outcome:
        if (failure := next(answers, None)) is not None:
            return failure
        told.append(message.weight)
        return Delivered()

    home, _ = house(tmp_path, answer)
    async with home:
        await home.tell(*(telling(n) for n in range(3000)))
        assert home.box.status()["phone"]["pending"] == 3000
        rows = await home.database.call(lambda c: len(store.pending(c, "phone", 9999)))
        assert rows <= worker.MOST_WAITING
        await home.pass_time(60, step=5)
        assert told == [3000]


async def test_nothing_waits_and_nothing_turns(tmp_path: Path) -> None:
    home, _ = house(tmp_path, lambda message: Delivered())
    async with home:
        await home.tell(telling(1))
        looked = home.clock.sleeping
        assert looked <= 1, "only the housekeeping sleeps"
        assert home.box.status()["phone"]["last_sent"] / SECOND > 0


# --- after an outage


@dataclass
class Street:
    """Two destinations on one clock; each answers what stands here at the moment."""

    answers: dict[str, Outcome]
    channels: dict[str, Scripted]
    home: House

    def times(self, name: str) -> list[float]:
        return [at for at, _ in self.channels[name].said]


def street(tmp_path: Path, phone: Outcome, post: Outcome) -> Street:
    answers, clock = {"phone": phone, "post": post}, ManualClock()
    channels = {
        name: Scripted(lambda message, name=name: answers[name], clock)  # type: ignore[misc]  # a default binds it
        for name in answers
    }
    destinations = tuple(AppriseDestination(name=name, url=Secret("discord://1/x")) for name in answers)
    config = config_for(tmp_path, destinations=destinations)
    return Street(answers, channels, House(tmp_path, config, channels, clock))


AWAY = Retry("no network", unreached=True)


async def test_when_one_is_reached_again_the_others_are_tried_at_once(tmp_path: Path) -> None:
    here = street(tmp_path, AWAY, Retry("busy", after_s=777.0))  # so that their turns lie apart from then on
    async with here.home as home:
        await home.tell(telling(1))
        await home.pass_time(60, step=10)
        here.answers["post"] = AWAY
        await home.pass_time(10_000, step=60)  # waits have grown to half an hour
        here.answers["phone"] = Delivered()
        tried = len(here.times("post"))
        for _ in range(180):
            await home.pass_time(10, step=10)
            if home.box.status()["phone"]["sent"]:
                break
        back = here.times("phone")[-1]
        await home.pass_time(15, step=1)
        at_once, after = here.times("post")[tried : tried + 2]
        assert 0 <= at_once - back < 2
        assert 3 < after - at_once < 12  # as after a first failure


async def test_a_wait_that_was_asked_for_is_sat_out(tmp_path: Path) -> None:
    here = street(tmp_path, AWAY, Retry("busy", after_s=7200.0))
    async with here.home as home:
        await home.tell(telling(1))
        await home.pass_time(60, step=10)
        here.answers["phone"] = Delivered()
        await home.pass_time(600, step=10)
        assert home.box.status()["phone"]["sent"] == 1
        assert len(here.times("post")) == 1


async def test_one_that_was_never_away_hurries_nobody(tmp_path: Path) -> None:
    here = street(tmp_path, Delivered(), AWAY)
    async with here.home as home:
        await home.tell(telling(1, severity=Severity.critical))
        await home.pass_time(4000, step=60)
        before = here.times("post")
        await home.tell(telling(2, rule="other", severity=Severity.critical, at=home.clock.now()))
        assert home.box.status()["phone"]["sent"] == 2
        assert here.times("post") == before


async def test_after_a_sleep_what_failed_is_tried_at_once(tmp_path: Path) -> None:
    home, channel = house(tmp_path, lambda message: AWAY)
    async with home:
        await home.tell(telling(1))
        await home.pass_time(10_000, step=60)
        tried = len(channel.said)
        home.clock.jump(300)  # asleep: the monotonic clock stood still
        await home.pass_time(worker.GLANCE_S + 1, step=1)
        assert len(channel.said) > tried
        assert channel.said[-1][0] > channel.said[tried - 1][0]
        assert home.box.status()["phone"]["failing_since"] != 0
        assert home.box.status()["phone"]["failures"] < 5
