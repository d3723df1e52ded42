"""How an incident with parts and its end look: one message, and what each face makes of it."""

from __future__ import annotations

import json
from datetime import UTC

from tests.parts.telling import EVIL, MIDDAY, telling

from nightporter.model import MINUTE, SECOND, IncidentPart, Severity, Telling
from nightporter.notify.channels.discord import RESOLVED, embed_payload
from nightporter.notify.channels.file import record
from nightporter.notify.channels.mail import html_body, subject
from nightporter.notify.channels.terminal import block
from nightporter.notify.plan import Reason, Send
from nightporter.notify.render import Message, render
from nightporter.store.outbox import OutboxRow


def part(number: int, title: str, *, count: int = 1, going_on: bool = False) -> IncidentPart:
    return IncidentPart(
        rule=f"rule-{number}",
        title=title,
        key={"service": "plex"},
        severity=Severity.critical,
        first=MIDDAY + number * SECOND,
        last=MIDDAY + number * SECOND,
        count=count,
        message="token=hunter2hunter2",
        open=going_on,
        state=True,
        episode=f"e{number}",
        crossed=MIDDAY,
        episode_count=count,
    )


PARTS = [part(2, "502 at Traefik", count=14, going_on=True), part(1, "Its container died"), part(3, EVIL)]


def recovery(**changes: object) -> Telling:
    values = {
        "kind": "resolved",
        "severity": Severity.critical,
        "title": "plex is back after 14 min",
        "message": "It was: plex does not answer",
        "key": {"service": "plex"},
        "subject": "plex",
        "parts": PARTS,
        "lasted": 14 * MINUTE,
        "covers": [f"service-{n}" for n in range(12)],
        "top": {},
    }
    return telling(1, **(values | changes))


def message(told: Telling) -> Message:
    row = OutboxRow(id=told.id, destination="phone", telling=told)
    return render(Send(rows=(row,), shape="single", reason=Reason.first), UTC, MIDDAY)


def texts(told: Telling) -> dict[str, str]:
    return {part.name: part.text for part in message(told).parts}


def test_a_recovery_says_in_its_title_that_it_is_one() -> None:
    assert message(recovery()).title == "plex is back after 14 min"
    assert message(recovery(incident="")).title == "Over: plex is back after 14 min", (
        "a notice's end is no one's"
    )


def test_the_title_of_a_state_names_its_subject_once() -> None:
    assert message(recovery(kind="alert", title="It does not answer")).title == "It does not answer: plex"
    assert message(recovery(kind="alert", title="Plex is down")).title == "Plex is down"
    assert message(recovery(kind="alert", title="A scan", parts=[])).title == "A scan"


def test_what_has_become_something_worse_says_so() -> None:
    again = recovery(kind="again", title="A login", parts=[], told_rules=["http-404-scan"])
    assert message(again).title == "Still going on: A login"
    assert (
        message(recovery(kind="again", title="A login", parts=[], told_rules=["scan"])).title
        == "Worse: A login"
    )


def test_its_parts_stand_in_the_order_in_which_they_began() -> None:
    lines = texts(recovery())["What tells of it"].splitlines()
    assert [line[9:] for line in lines] == [
        "Its container died, over",
        "502 at Traefik ×14",
        f"{EVIL}, over",
    ]
    assert texts(recovery())["How long"] == "14 min"


def test_one_part_alone_is_the_message_itself() -> None:
    assert "What tells of it" not in texts(recovery(parts=PARTS[:1]))


def test_many_parts_are_counted() -> None:
    crowd = [part(n, f"part {n}") for n in range(20)]
    lines = texts(recovery(parts=crowd, unlisted=3))["What tells of it"].splitlines()
    assert (len(lines), lines[-1]) == (9, "and 15 more")


def test_what_it_covers_is_counted_and_named_up_to_eight() -> None:
    names = ", ".join(f"service-{n}" for n in range(8))
    assert texts(recovery())["Covers"] == f"12: {names}, …"
    assert texts(recovery(covers=["ombi", "sonarr"]))["Covers"] == "2: ombi, sonarr"


def test_an_end_has_nothing_to_do_or_to_ignore() -> None:
    assert not {"What to do", "Lines", "To ignore this, in tune.yaml"} & set(texts(recovery()))


def test_discord_shows_it_green_without_a_mention_and_inert() -> None:
    payload = embed_payload(message(recovery()), {Severity.critical: "<@123>"})
    (embed,) = payload["embeds"]
    assert embed["color"] == RESOLVED
    assert "content" not in payload
    assert "@everyone" not in json.dumps(embed["fields"])


def test_a_mail_says_over_in_its_subject_and_names_the_subject_once() -> None:
    assert subject(message(recovery())) == "[over] plex is back after 14 min"
    assert "502 at Traefik ×14" in html_body(message(recovery()))


def test_the_terminal_says_over() -> None:
    text = block(message(recovery()), UTC, colours=False)
    assert text.splitlines()[0].endswith("over plex is back after 14 min")
    assert "  Covers: 12: service-0" in text


def test_the_file_has_its_parts_how_long_it_lasted_and_no_secret() -> None:
    found = record(recovery())
    assert (found["lasted_s"], found["subject"], len(found["covers"])) == (840.0, "plex", 12)
    assert [(p["rule"], p["count"], p["open"]) for p in found["parts"]] == [
        ("rule-2", 14, True),
        ("rule-1", 1, False),
        ("rule-3", 1, False),
    ]
    assert "hunter2" not in json.dumps(found)
    assert record(telling(1))["lasted_s"] is None


# --- when several come together


def folded(*tellings: Telling) -> Message:
    rows = tuple(OutboxRow(id=f"{n}", destination="phone", telling=t) for n, t in enumerate(tellings))
    return render(Send(rows=rows, shape="folded", reason=Reason.gathered), UTC, MIDDAY)


def alert(name: str, at: int = MIDDAY) -> Telling:
    return recovery(kind="alert", title=f"{name} is down", key={"service": name}, incident=name, at=at)


def end(name: str, at: int = MIDDAY + MINUTE) -> Telling:
    return recovery(title=f"{name} is back after 1 min", key={"service": name}, incident=name, at=at)


def test_an_outage_that_was_over_before_it_could_be_sent_is_its_end_alone() -> None:
    both = folded(alert("plex"), end("plex"))
    assert (both.kind, both.title) == ("resolved", "plex is back after 1 min")
    assert [t.kind for t in both.tellings] == ["alert", "resolved"]


def test_one_that_went_down_again_is_no_end() -> None:
    assert folded(end("plex"), alert("plex", MIDDAY + 2 * MINUTE)).kind == "folded"


def test_ends_that_come_together_are_good_news_without_a_mention() -> None:
    ends = folded(end("plex"), end("ombi"))
    assert (ends.kind, ends.title) == ("resolved", "Over: 2 services")
    assert ends.text == "plex is back after 1 min\nombi is back after 1 min"
    assert "content" not in embed_payload(ends, {Severity.critical: "<@123>"})


def test_what_goes_on_gives_a_fold_its_name() -> None:
    mixed = folded(end("plex"), alert("ombi"))
    assert (mixed.kind, mixed.title) == ("folded", "2 more services: ombi is down")
    assert mixed.text.startswith("2 services, 25 events; 1 over.")
