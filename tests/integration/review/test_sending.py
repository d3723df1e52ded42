"""A review with its picture through the outbox and apprise's own plugins, to receivers that are strict."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from tests.parts.clock import ManualClock
from tests.parts.discord import Answer, DiscordReceiver
from tests.parts.reviewing import NOW, well
from tests.parts.smtp import SmtpReceiver
from tests.parts.telling import EVIL, House, Witness, config_for

from nightporter.config import AppriseDestination, Secret
from nightporter.model import Telling
from nightporter.notify.channels.discord import DiscordChannel
from nightporter.notify.channels.mail import MailChannel
from nightporter.notify.outcome import Delivered
from nightporter.notify.trial import send_now
from nightporter.review import chart, faces
from nightporter.review.page import page


@pytest.fixture
def discord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordReceiver]:
    with DiscordReceiver(tmp_path) as receiver:
        for name, value in receiver.env.items():
            monkeypatch.setenv(name, value)
        yield receiver


def review(**changes: object) -> Telling:
    facts = well(**changes)
    return faces.message(page(facts), "monthly", "2026-12-01", ("phone",), NOW, chart.png(facts))


async def test_discord_gets_one_message_with_page_and_picture(
    discord: DiscordReceiver, tmp_path: Path
) -> None:
    clock = ManualClock(NOW)
    channel = DiscordChannel(AppriseDestination(name="phone", url=Secret(discord.url)))
    phone = Witness(channel, clock)
    told = review(unaccepted={EVIL: EVIL})
    async with House(tmp_path, config_for(tmp_path), {"phone": phone}, clock) as home:
        await home.tell(told)
    (received,) = discord.messages
    assert received.files == {"review.png": told.picture}
    embed = received.payload["embeds"][0]
    assert embed["title"] == "Review: November 2026"
    assert embed["image"] == {"url": "attachment://review.png"}
    assert len(embed["fields"]) == 10
    assert received.payload["allowed_mentions"] == {"parse": []}
    assert "@everyone" not in received.text


def test_discord_refuses_the_picture_and_gets_the_text(discord: DiscordReceiver) -> None:
    channel = DiscordChannel(AppriseDestination(name="phone", url=Secret(discord.url)))
    discord.script(Answer(status=413))
    assert not isinstance(send_now(channel, review(), None, NOW), Delivered)
    (refused,) = discord.requests
    assert refused.files


def test_a_mail_holds_the_page_and_the_picture_in_it() -> None:
    with SmtpReceiver() as post:
        url = post.url("porter@home.example", "owner@home.example")
        channel = MailChannel(AppriseDestination(name="post", url=Secret(url)))
        told = review()
        assert send_now(channel, told, None, NOW) == Delivered()
        (mail,) = post.mails
    assert mail.subject == "Review: November 2026"
    parts = list(email.message_from_bytes(mail.raw).walk())
    (picture,) = [part for part in parts if part.get_filename() == "review.png"]
    assert picture.get_content_type() == "image/png"
    assert picture.get_payload(decode=True) == told.picture
    assert picture["Content-ID"] == "<review.png>"
    assert "cid:review.png" in _page(parts)
    assert "Certificates: fine" in _page(parts)


def _page(parts: list[Message]) -> str:
    (page,) = [part for part in parts if part.get_content_type() == "text/html"]
    content = page.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()
