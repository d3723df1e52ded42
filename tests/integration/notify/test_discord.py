"""The outbox through apprise's own plugin to a receiver that enforces Discord's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from apprise.plugins.discord import NotifyDiscord
from tests.parts.clock import ManualClock
from tests.parts.discord import CLOSE, HANG, Answer, DiscordReceiver
from tests.parts.patience import PATIENCE_S
from tests.parts.telling import EVIL, MIDDAY, House, Witness, config_for, telling

from nightporter.config import AppriseDestination, Secret
from nightporter.errors import UserError
from nightporter.model import SECOND, Severity
from nightporter.notify.channels.discord import DiscordChannel
from nightporter.notify.outcome import Delivered, Retry, Uncertain
from nightporter.notify.trial import send_now

PATIENT = f"?rto={PATIENCE_S}&cto={PATIENCE_S}"
SHORT = "?rto=3&cto=3"
"""For an answer that never comes."""


@pytest.fixture
def discord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordReceiver]:
    with DiscordReceiver(tmp_path) as receiver:
        for name, value in receiver.env.items():
            monkeypatch.setenv(name, value)
        yield receiver


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def witness(discord: DiscordReceiver, clock: ManualClock, *, options: str = PATIENT) -> Witness:
    url = Secret(discord.url + options)
    mention = {Severity.critical: "<@42>"}
    return Witness(DiscordChannel(AppriseDestination(name="phone", url=url, mention=mention)), clock)


def house(tmp_path: Path, phone: Witness) -> House:
    return House(tmp_path, config_for(tmp_path), {"phone": phone}, phone.clock)


async def test_an_alert_arrives_as_one_embed_within_the_limits(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        await home.tell(telling(1))
        (received,) = discord.messages
        embed = received.payload["embeds"][0]
        assert embed["title"] == "Many different missing pages from one address"
        assert [f["name"] for f in embed["fields"]] == [
            "Who",
            "How many",
            "When",
            "Top paths",
            "What to do",
            "Lines",
            "To ignore this, in tune.yaml",
        ]
        assert received.payload["allowed_mentions"] == {"parse": []}
        assert "content" not in received.payload
        assert received.query == {"wait": "true"}
        assert home.box.status()["phone"]["sent"] == 1


async def test_the_configured_mention_is_the_only_one_that_lives(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        await home.tell(telling(1, severity=Severity.critical, message=EVIL))
        (received,) = discord.messages
        assert received.payload["content"] == "<@42>"
        assert received.payload["allowed_mentions"] == {"parse": [], "users": ["42"]}


async def test_300_addresses_within_a_minute_are_at_most_3_messages(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        for second in range(60):
            numbers = range(second * 5, second * 5 + 5)
            await home.tell(*(telling(n, at=clock.now(), count=25 + n) for n in numbers))
            await home.pass_time(1.0, step=1.0)
        await home.pass_time(10 * 60)
        assert len(discord.messages) <= 3
        assert home.box.status()["phone"]["sent"] == 300
        text = "\n".join(m.text for m in discord.messages)
        assert "more addresses" in text
        assert "203.0.114.43 ×324" in text  # the busiest


async def test_the_receiver_away_for_ten_minutes_costs_nothing(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    phone = witness(discord, clock)
    async with house(tmp_path, phone) as home:
        discord.go_away()
        for n in range(4):
            await home.tell(telling(n, rule=f"rule-{n}", severity=Severity.high, at=clock.now()))
            await home.pass_time(150)
        assert discord.messages == []
        assert home.box.status()["phone"]["failures"] > 3
        discord.come_back()
        await home.pass_time(30 * 60)
        told = "\n".join(m.text for m in discord.messages)
        assert all(f"rule-{n}" in told for n in range(4))
        status = home.box.status()["phone"]
        assert (status["pending"], status["sent"], status["possible_repeats"]) == (0, 4, 0)
        assert len(discord.requests) == len(discord.messages)


async def test_a_backlog_after_an_outage_is_a_digest_and_its_criticals(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        discord.go_away()
        now = clock.now()
        await home.tell(
            *(telling(n, rule=f"rule-{n}", at=now) for n in range(20)),
            telling(99, rule="intruder", severity=Severity.critical, at=now),
        )
        await home.pass_time(40 * 60)
        discord.come_back()
        await home.pass_time(35 * 60)
        critical, digest = discord.messages
        assert "intruder" in critical.text
        assert digest.payload["embeds"][0]["title"].startswith("Digest: 20 things")
        assert all(f"rule-{n}" in digest.text for n in range(20))


async def test_retry_after_is_obeyed_to_the_letter(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    phone = witness(discord, clock)
    async with house(tmp_path, phone) as home:
        discord.script(Answer.rate_limited(417.3))
        await home.tell(telling(1))
        refused_at = phone.sends[0][0]
        await home.pass_time(5 * 60)
        await home.tell(telling(2, rule="another", severity=Severity.critical, at=clock.now()))
        await home.pass_time(117 - (clock.now() - refused_at) / SECOND + 300, step=1.0)
        assert len(discord.requests) == 1, "nothing goes before its time, not even a critical"
        await home.pass_time(3, step=0.5)
        assert len(discord.messages) == 2
        assert all(at - refused_at >= 417.3 * SECOND for at, _, _ in phone.sends[1:])
        assert home.box.status()["phone"]["possible_repeats"] == 0


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_is_tried_again_without_repeat(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path, status: int
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        discord.script(Answer(status=status), Answer(status=status))
        await home.tell(telling(1))
        await home.pass_time(2 * 60, step=1.0)
        assert [r.status for r in discord.requests] == [status, status, 200]
        assert home.box.status()["phone"]["possible_repeats"] == 0


@pytest.mark.parametrize("fate", [HANG, CLOSE], ids=["hangs", "closes after the body"])
async def test_only_a_sending_without_an_answer_is_repeated_and_counted(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path, fate: Answer
) -> None:
    phone = witness(discord, clock, options=SHORT)
    async with house(tmp_path, phone) as home:
        discord.script(fate)
        await home.tell(telling(1))
        assert isinstance(phone.sends[0][2], Uncertain)
        await home.pass_time(60, step=1.0)
        assert [r.status for r in discord.requests] == [0, 200]
        assert home.box.status()["phone"]["possible_repeats"] == 1


async def test_a_refused_embed_is_said_plainly(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        discord.script(Answer(status=400))
        await home.tell(telling(1, message=EVIL))
        (received,) = discord.messages
        assert "embeds" not in received.payload
        assert received.payload["content"].startswith("medium: Many different missing pages")
        assert "@everyone" not in received.payload["content"]


async def test_a_poisoned_message_is_parked_and_blocks_no_other(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        discord.script(Answer(status=400), Answer(status=400))
        now = clock.now()
        poisoned = telling(1, rule="poison", severity=Severity.critical, at=now)
        await home.tell(poisoned, telling(2, rule="fine", at=now))
        assert [m.payload["embeds"][0]["footer"]["text"].split(" · ")[1] for m in discord.messages] == [
            "fine"
        ]
        status = home.box.status()["phone"]
        assert (status["pending"], status["sent"], status["parked"]) == (0, 1, 1)
        assert "400" in status["last_error"] or status["last_error"] == ""


async def test_a_deleted_webhook_is_broken_and_asked_rarely(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        discord.script(*[Answer(status=404, body={"message": "Unknown Webhook"})] * 2)
        await home.tell(telling(1))
        status = home.box.status()["phone"]
        assert status["broken"]
        assert "404" in status["last_error"]
        await home.pass_time(50 * 60)
        assert 2 <= len(discord.requests) <= 3
        await home.pass_time(40 * 60)
        assert len(discord.messages) == 1, "a webhook that was made anew is found again"
        assert not home.box.status()["phone"]["broken"]


async def test_no_error_text_shows_the_webhook(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    phone = witness(discord, clock)
    async with house(tmp_path, phone) as home:
        discord.go_away()
        await home.tell(telling(1))
        await home.pass_time(60)
        shown = repr(home.box.status()) + repr([outcome for _, _, outcome in phone.sends])
        assert "abcdefTOKEN" not in shown
        assert "1234567890" not in shown


async def test_what_was_sent_is_not_sent_again_after_a_restart_and_what_was_not_is(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        await home.tell(telling(1, rule="one"))
        discord.script(Answer.rate_limited(600))
        await home.tell(telling(2, rule="two"), telling(3, rule="three"))
        assert len(discord.requests) == 2
        await home.restart()
        await home.pass_time(5 * 60)
        assert len(discord.requests) == 2, "the wait outlives the process"
        await home.pass_time(6 * 60)
        footers = [m.payload["embeds"][0]["footer"]["text"] for m in discord.messages]
        assert sorted(f.split(" · ")[1] for f in footers) == ["one", "three", "two"]


async def test_a_kill_while_sending_repeats_once_and_is_counted(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    phone = witness(discord, clock, options=SHORT)
    async with house(tmp_path, phone) as home:
        discord.script(HANG)
        now = clock.now()
        await home.database.call(lambda connection: home.box.keep(connection, [telling(1)], now))
        home.box.wake()
        await home.clock.settle()
        async with asyncio.timeout(PATIENCE_S):
            while not discord.requests:
                await home.clock.advance(0.01)
        await home.restart()
        assert [r.status for r in discord.requests] == [0, 200]
        assert home.box.status()["phone"]["possible_repeats"] == 1
        async with asyncio.timeout(PATIENCE_S):
            while len(phone.sends) < 2:
                await home.clock.advance(0.01)  # the hung thread ends by its own timeout


async def test_discord_is_given_the_pause_it_asks_for(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    phone = witness(discord, clock)
    async with house(tmp_path, phone) as home:
        discord.script(Answer(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "7.5"}))
        now = clock.now()
        await home.tell(telling(1, rule="one", at=now), telling(2, rule="two", at=now))
        await home.pass_time(10, step=0.5)
        assert len(discord.messages) == 2
        assert phone.sends[1][0] - phone.sends[0][0] >= 7.5 * SECOND


async def test_caps_fold_the_rest_into_one_digest(
    discord: DiscordReceiver, clock: ManualClock, tmp_path: Path
) -> None:
    async with house(tmp_path, witness(discord, clock)) as home:
        for n in range(12):
            await home.tell(telling(n, rule=f"rule-{n}", at=clock.now()))
            await home.pass_time(60, step=20.0)
        assert len(discord.messages) == 4
        for number, severity in enumerate((Severity.high, Severity.critical), start=50):
            await home.tell(telling(number, rule=f"urgent-{number}", severity=severity, at=clock.now()))
            assert f"urgent-{number}" in discord.messages[-1].text
        await home.pass_time(60 * 60)
        assert len(discord.messages) == 7
        assert discord.messages[-1].payload["embeds"][0]["title"] == "Digest: 8 things to know"


@pytest.mark.parametrize("trouble", ["refused", "no name", "unknown authority", "proxy says no"])
def test_a_connection_that_never_stood_is_no_doubt(
    discord: DiscordReceiver, trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = DiscordChannel(AppriseDestination(name="phone", url=Secret(discord.url)))
    match trouble:
        case "refused":
            discord.go_away()
        case "no name":
            monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:1")
            monkeypatch.setenv("https_proxy", "http://proxy.invalid:1")
        case "unknown authority":
            monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        case _:
            monkeypatch.setattr(NotifyDiscord, "notify_url", "https://elsewhere.invalid/api")
    outcome = send_now(channel, telling(1), None, MIDDAY)
    assert isinstance(outcome, Retry)
    assert outcome.unreached
    assert discord.requests == []


def test_a_url_that_is_no_webhook_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="phone"):
        DiscordChannel(AppriseDestination(name="phone", url=Secret("discord://")))


def test_the_webhooks_own_address_is_understood(discord: DiscordReceiver) -> None:
    url = Secret("https://discord.com/api/webhooks/1234567890/abcdefTOKEN")
    outcome = send_now(DiscordChannel(AppriseDestination(name="phone", url=url)), telling(1), None, MIDDAY)
    assert outcome == Delivered(remote="99000001")
