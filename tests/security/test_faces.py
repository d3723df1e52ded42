"""Promise 4: hostile text is inert, whatever its characters, in every face."""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from email import message_from_bytes, policy
from email.mime.text import MIMEText
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from tests.parts.discord import problems_of
from tests.parts.discord_markdown import alive_in_code, alive_in_payload, alive_in_text
from tests.parts.telling import EVIL, MIDDAY, telling

from nightporter.model import Severity, Telling
from nightporter.notify.channels.discord import embed_payload, plain_payload
from nightporter.notify.channels.file import record
from nightporter.notify.channels.mail import html_body, subject
from nightporter.notify.channels.terminal import block
from nightporter.notify.ignoring import ignore_entry
from nightporter.notify.plan import Reason, Send
from nightporter.notify.render import render
from nightporter.safetext import for_discord, for_discord_code, for_html, for_plain, for_terminal
from nightporter.store.outbox import OutboxRow, Shape

_BITS = [
    "@everyone", "@here", "@silent", "<@123456>", "<@!1>", "<@&2>", "<#3>", "</cmd:4>", "<:e:5>", "<a:e:6>",
    "<t:7:R>", "<id:home>", "<https://e.example>", "<mailto:a@b.example>", "<a@b.example>", "https://e.example",
    "[x](https://e.example)", "[x]: y", "](", "discord.gg/x", "www.", "```", "`", "**",
    "__", "~~", "||", "# ",
    "\n# ", "\n- ", "\n> ", "\n>>> ", "\n1. ", "-# ", "\\", "\\\\", ":smile:", "\x1b[31m", "\x07", "\x9b",
    "\x1b]8;;", "\u202e", "\u2066", "\u200b", "\u2060", "\ufeff", "\u00ad", "\U000e0041", "\ufe0f", "\r",
    "\n",
    "\r\n", "\x00", "\x85", "\u2028", "<script>", "'\"><img src=x>", "&lt;", "\udc80", "\U0001f600", "ﷺ", "a",
    " ", "|", "*", "_", "{", "}", ": ", "#", "$trusted", "*?", "://", "Bcc: x@e.example\n\n", "=?utf-8?q?x?=",
]  # fmt: skip
HOSTILE = st.lists(st.one_of(st.sampled_from(_BITS), st.text(max_size=3)), max_size=12).map("".join)
"""Text built from what comes alive somewhere, in any order, with anything between."""
LIMITS = st.integers(0, 300)


@given(HOSTILE, LIMITS, st.booleans())
@example(EVIL, 300, False)
def test_discord_text_is_inert(text: str, limit: int, lines: bool) -> None:
    made = for_discord(text, limit, lines=lines)
    assert len(made.encode("utf-16-le")) // 2 <= limit
    assert alive_in_text(made) == []
    assert lines or "\n" not in made


@given(HOSTILE, LIMITS)
@example(EVIL, 300)
def test_discord_code_is_inert(text: str, limit: int) -> None:
    made = for_discord_code(text, limit)
    assert len(made.encode("utf-16-le")) // 2 <= limit
    assert alive_in_code(made) == []


@given(HOSTILE, LIMITS)
def test_a_terminal_gets_no_control(text: str, limit: int) -> None:
    for made in (for_terminal(text, limit), for_plain(text, limit, lines=False)):
        assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in made)
        assert not re.search(r"[a-z]://", made)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


def tags(page: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    parser = _Tags()
    parser.feed(page)
    parser.close()
    return parser.tags


@given(HOSTILE, LIMITS)
def test_html_has_no_tag_and_breaks_out_of_no_attribute(text: str, limit: int) -> None:
    made = for_html(text, limit)
    assert tags(f"<p>{made}</p>") == [("p", [])]
    (tag,) = tags(f'<p title="{made}">')
    assert len(tag[1]) == 1


# --- whole messages


def hostile_telling(number: int, kind: str, severity: int, texts: list[str]) -> Telling:
    """A telling whose every text is one of these, in turn."""
    text = itertools.cycle(texts)
    return telling(
        number,
        kind=kind,
        severity=Severity(severity),
        title=next(text),
        message=next(text),
        rule=next(text),
        fix=next(text),
        key={"client_ip": next(text), "path": next(text)},
        top={"path": [(next(text), 3), (next(text), 1)], "user": [(next(text), 1)]},
        samples=[next(text), next(text)],
        references=[next(text)],
    )


TELLINGS = st.builds(
    hostile_telling,
    st.integers(0, 999),
    st.sampled_from(["alert", "again", "resolved", "notice", "test"]),
    st.integers(0, 4),
    st.lists(HOSTILE, min_size=1, max_size=3),
)
SHAPES: st.SearchStrategy[Shape] = st.sampled_from(["single", "folded", "digest"])


def message_of(tellings: list[Telling], shape: Shape) -> Send:
    rows = [OutboxRow(id=f"{n}", destination="phone", telling=t) for n, t in enumerate(tellings)]
    reason = {"single": Reason.first, "folded": Reason.gathered}.get(shape, Reason.no_room)
    return Send(rows=tuple(rows[:1] if shape == "single" else rows), shape=shape, reason=reason)


SENDS = st.builds(message_of, st.lists(TELLINGS, min_size=1, max_size=3), SHAPES)


@given(SENDS)
def test_a_discord_message_is_inert_and_within_the_limits(send: Send) -> None:
    message = render(send, None, MIDDAY)
    for payload in (embed_payload(message, {}), plain_payload(message)):
        json.dumps(payload).encode("ascii")
        assert problems_of(payload) == []
        assert alive_in_payload(payload) == []


@given(SENDS)
def test_a_mail_has_no_header_and_no_tag_of_theirs(send: Send) -> None:
    message = render(send, None, MIDDAY)
    mime = MIMEText("x")
    mime["Subject"] = subject(message)
    parsed = message_from_bytes(mime.as_bytes(), policy=policy.default)
    assert set(parsed.keys()) == {"Content-Type", "MIME-Version", "Content-Transfer-Encoding", "Subject"}
    assert not set(subject(message)) & set("\r\n\x00")
    for tag, attributes in tags(html_body(message)):
        assert tag in {"html", "body", "h3", "p", "b", "br", "pre", "small"}
        assert attributes == []


@given(SENDS)
def test_a_terminal_block_is_lines_of_visible_text(send: Send) -> None:
    text = block(render(send, None, MIDDAY), None, colours=False)
    assert text.endswith("\n\n")
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in text)


@given(TELLINGS)
def test_a_json_line_is_one_line_of_ascii(told: Telling) -> None:
    line = json.dumps(record(told))
    line.encode("ascii")
    assert "\n" not in line
    assert json.loads(line)["id"] == told.id


@given(TELLINGS)
def test_the_ignore_entry_says_exactly_the_key_and_nothing_more(told: Telling) -> None:
    entry = ignore_entry(told)
    if not entry:
        return
    (found,) = yaml.safe_load(entry)["ignore"]
    plain = {name.removesuffix("|exact"): value for name, value in found.items()}
    assert plain == {"rule": told.rule} | told.key
    assert for_discord_code(entry, 1000) == entry


@pytest.mark.parametrize("shape", ["single", "folded", "digest"])
def test_a_giant_fits(shape: Shape) -> None:
    giants = [
        telling(
            n, rule=f"r{n}", title="\U0001f600*" * 5000, message="_" * 50_000, fix="~" * 9000,
            samples=["|" * 9000] * 9, top={f"f{k}": [("<" * 5000, 1)] * 9 for k in range(40)},
            key={"user": "@everyone" * 900},
        )
        for n in range(100)
    ]  # fmt: skip
    payload = embed_payload(render(message_of(giants, shape), None, MIDDAY), {Severity.medium: "<@1>"})
    assert problems_of(payload) == []
    assert alive_in_payload(payload) == []
