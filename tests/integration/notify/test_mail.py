"""Mail through apprise's own plugin to a real SMTP server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.parts.smtp import SmtpReceiver
from tests.parts.telling import EVIL, MIDDAY, telling

from nightporter.config import AppriseDestination, Secret
from nightporter.errors import UserError
from nightporter.model import Severity, Telling
from nightporter.notify.channels.mail import MailChannel
from nightporter.notify.outcome import Delivered, Outcome, Refused, Retry, Uncertain
from nightporter.notify.trial import send_now, trial_telling


@pytest.fixture
def post() -> Iterator[SmtpReceiver]:
    with SmtpReceiver() as receiver:
        yield receiver


def channel(post: SmtpReceiver, *recipients: str) -> MailChannel:
    url = post.url("porter@home.example", *(recipients or ("owner@home.example",)))
    return MailChannel(AppriseDestination(name="post", url=Secret(url)))


def say(mail: MailChannel, told: Telling) -> Outcome:
    return send_now(mail, told, None, MIDDAY)


def test_a_mail_has_a_subject_a_text_and_a_page(post: SmtpReceiver) -> None:
    assert say(channel(post), telling(1, severity=Severity.high)) == Delivered()
    (mail,) = post.mails
    assert mail.recipients == ("owner@home.example",)
    assert mail.subject == "[high] Many different missing pages from one address: 203.0.113.1"
    for part in ("plain", "html"):
        assert "drop it at the router" in mail.part(part)
        assert "ignore:" in mail.part(part)
    assert "\n  - {rule: http-404-scan, client_ip: 203.0.113.1}" in mail.part("plain")


def test_no_header_and_no_page_of_theirs(post: SmtpReceiver) -> None:
    evil = f"x\r\nBcc: victim@evil.example\r\n\r\n<script>alert(1)</script> {EVIL}"
    assert say(channel(post), telling(1, title=evil, message=evil, key={"user": evil})) == Delivered()
    (mail,) = post.mails
    assert mail.message["Bcc"] is None
    assert mail.recipients == ("owner@home.example",)
    assert sum(line.startswith(b"Subject:") for line in mail.raw.splitlines()) == 1
    assert "<script" not in mail.part("html")
    assert "https://evil" not in mail.part("html") + mail.part("plain")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("451 4.3.0 later", Retry),
        ("421 4.3.2 closing", Retry),
        ("550 5.7.1 no", Refused),
        ("close", Uncertain),
    ],
)
def test_what_an_answer_means(post: SmtpReceiver, answer: str, kind: type[Outcome]) -> None:
    post.script(answer)
    assert isinstance(say(channel(post), telling(1)), kind)


def test_a_server_that_is_away_is_tried_again() -> None:
    with SmtpReceiver() as gone:
        mail = channel(gone)
    outcome = say(mail, telling(1))
    assert isinstance(outcome, Retry)
    assert outcome.unreached


def test_who_has_it_gets_it_once(post: SmtpReceiver) -> None:
    mail = channel(post, "one@home.example", "two@home.example")
    post.script("250 OK", "451 4.3.0 later")
    assert isinstance(say(mail, telling(1)), Retry)
    assert say(mail, telling(1)) == Delivered()
    assert [m.recipients[0] for m in post.mails] == ["one@home.example", "two@home.example"]


def test_a_test_message_says_that_it_is_one(post: SmtpReceiver) -> None:
    assert say(channel(post), trial_telling("post", MIDDAY)) == Delivered()
    assert post.mails[0].subject.startswith("[info] Test: Nightporter can reach you")


@pytest.mark.parametrize("url", ["mailto://", "mailtos://nobody"])
def test_a_url_that_is_no_account_is_a_users_mistake(url: str) -> None:
    with pytest.raises(UserError, match="post"):
        MailChannel(AppriseDestination(name="post", url=Secret(url)))
