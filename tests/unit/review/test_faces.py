"""The page's faces: hostile text stays text, and the same turn is the same message."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.discord import problems_of
from tests.parts.reviewing import NOW, PERIOD, well
from tests.parts.telling import EVIL

from nightporter.history import Account
from nightporter.model import DAY, Telling
from nightporter.notify.channels.discord import embed_payload
from nightporter.notify.channels.mail import html_body
from nightporter.notify.plan import Reason, Send
from nightporter.notify.render import Message, render
from nightporter.review import faces
from nightporter.review.facts import Certificate, Facts
from nightporter.review.page import page
from nightporter.store.outbox import OutboxRow


def hostile(name: str, many: int = 1) -> Facts:
    first = PERIOD.since + 5 * DAY
    accounts = tuple(
        Account(service=f"{name}{n}", user=name, first=first, last=first, successes=1, client=name)
        for n in range(many)
    )
    certificate = Certificate(name=name, issuer=name, days_left=3.0, is_late=True)
    return well(
        accounts=accounts,
        certificates=(certificate,) * many,
        unaccepted={f"{name}{n}": name for n in range(many)},
        refused=((name, 3),) * min(many, 20),
    )


def telling(facts: Facts) -> Telling:
    return faces.message(page(facts), "monthly", "2026-12-01", ("phone",), NOW, b"png")


def rendered(facts: Facts) -> Message:
    told = telling(facts)
    row = OutboxRow(id=told.id, destination="phone", telling=told)
    return render(Send(rows=(row,), shape="single", reason=Reason.review), None, NOW)


@given(st.text(max_size=200))
def test_no_name_reaches_a_terminal_as_more_than_text(name: str) -> None:
    shown = faces.terminal(page(hostile(name)))
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in shown.replace("\n", ""))
    assert all(len(line) <= faces.WIDTH for line in shown.splitlines())


@pytest.mark.parametrize("many", [1, 300])
def test_discord_would_take_it_and_nothing_in_it_lives(many: int) -> None:
    payload = embed_payload(rendered(hostile(EVIL + "x" * 500, many)), {})
    assert problems_of(payload) == []
    said = json.dumps(payload, ensure_ascii=False)
    assert "@everyone" not in said
    assert "<@1" not in said
    assert payload["embeds"][0]["image"] == {"url": "attachment://review.png"}


def test_every_section_gets_to_discord_in_a_usual_month() -> None:
    embed = embed_payload(rendered(well()), {})["embeds"][0]
    assert [field["name"] for field in embed["fields"]] == [
        "Allow-list: fine",
        "Certificates: fine",
        "Accounts: fine",
        "At the door: fine",
        "What was found: fine",
        "Changed files: fine",
        "Outages: fine",
        "Backups and disks: fine",
        "What was watched: fine",
        "What only you can know",
    ]


def test_a_mail_shows_the_picture_and_no_script() -> None:
    body = html_body(rendered(hostile("<script>alert(1)</script>")))
    assert "<script" not in body
    assert 'src="cid:review.png"' in body


def test_the_same_turn_is_the_same_message() -> None:
    one, other = telling(well()), faces.message(page(hostile("x")), "monthly", "2026-12-01", (), NOW + DAY)
    assert one.id == other.id
    assert one.id != faces.message(page(well()), "monthly", "2027-01-01", (), NOW).id
    assert one.id != faces.one_line("Quiet week", "2026-12-01", (), NOW).id


def test_json_has_the_page_and_the_numbers_and_no_secret() -> None:
    facts = hostile("https://discord.com/api/webhooks/123/secretsecretsecret")
    said = json.dumps(faces.as_object(page(facts), facts))
    assert "secretsecret" not in said
    found = json.loads(said)
    assert found["days"][0] == {"day": "2026-11-01", "lines": 1000, "refused": 0, "watched_s": 86400}
    assert len(found["sections"]) == 10
