"""Text made safe: what each face shows of what an attacker wrote."""

from __future__ import annotations

import pytest
from tests.parts.telling import EVIL

from nightporter.safetext import (
    for_discord,
    for_discord_code,
    for_html,
    for_plain,
    for_subject,
    for_terminal,
    mask_secrets,
    utf16_length,
)

DISCORD = [
    ("@everyone and @here", "＠everyone and ＠here"),
    ("bob@example.org", "bob@example.org"),
    ("<@123> <@&4> <#5> </x:6> <a:b:7> <t:8:R>", "‹@123> ‹@&4> ‹#5> ‹/x:6> ‹a\\:b:7> ‹t\\:8:R>"),
    ("[x](https://evil.example)", "\\[x\\]\\(https[:]//evil.example\\)"),
    ("HTTPS://evil.example", "HTTPS[:]//evil.example"),
    ("discord.gg/abc", "discord[.]gg/abc"),
    ("www.evil.example", "www[.]evil.example"),
    ("**b** __u__ ~~s~~ ||p|| `c` ```d```", None),
    ("# big", "\\# big"),
    ("1. one", "1\\. one"),
    ("203.0.113.9 is an address", "203.0.113.9 is an address"),
    ("2001:db8:100::1", "2001\\:db8\\:100::1"),
    ("a\\*b", "a\\\\\\*b"),
    ("two\r\nlines\u2028three", "two lines three"),
]


@pytest.mark.parametrize(("text", "shown"), DISCORD, ids=[text for text, _ in DISCORD])
def test_discord_shows_it_and_nothing_lives(text: str, shown: str | None) -> None:
    made = for_discord(text, 500)
    assert shown is None or made == shown


MARKS = [
    ("\x1b[31mred", "␛[31mred"),
    ("ding\x07", "ding␇"),
    ("\x1b]8;;https://evil.example\x1b\\x", "␛]8;;https[:]//evil.example␛\\x"),
    ("\x9b31m", "\N{REPLACEMENT CHARACTER}31m"),
    ("\u202eevil", "\N{REPLACEMENT CHARACTER}evil"),
    ("zero\u200bwidth", "zero\N{REPLACEMENT CHARACTER}width"),
    ("\udc80", "\N{REPLACEMENT CHARACTER}"),
    ("tab\tnbsp\xa0", "tab nbsp "),
    ("z" + "\u0301" * 50, "z\u0301\u0301"),
    ("back\x08\x7f", "back␈\N{REPLACEMENT CHARACTER}"),
]


@pytest.mark.parametrize(("text", "shown"), MARKS, ids=[ascii(text) for text, _ in MARKS])
def test_what_cannot_be_seen_is_seen(text: str, shown: str) -> None:
    assert for_terminal(text, 500) == shown
    assert for_plain(text, 500) == shown


def test_the_evil_line_everywhere() -> None:
    assert for_discord(EVIL, 200) == "GET /?q=＠everyone ‹@123456> \\[x\\]\\(https[:]//evil.example\\) ˋˋˋ …"
    assert for_discord_code(EVIL, 200) == "GET /?q=＠everyone ‹@123456> [x](https[:]//evil.example) ˋˋˋ …"
    assert "&lt;@123456&gt;" in for_html(EVIL, 200)


def test_html_escapes_all_that_html_knows() -> None:
    assert for_html("<script>\"'&", 100) == "&lt;script&gt;&quot;&#x27;&amp;"


def test_a_subject_is_one_line() -> None:
    assert for_subject("a\r\nBcc: x@evil.example\n\nbody\x00", 100) == "a Bcc: x@evil.example body␀"


SECRETS = [
    ('"request_Authorization":"Basic dXNlcjpwYXNz","x":1', '"request_Authorization":"***","x":1'),
    ('"request_Cookie":"a=b; c=\\"d\\"","x":1', '"request_Cookie":"***","x":1'),
    ("Authorization: Bearer abcdefgh", "Authorization: Bearer ***"),
    ("GET /x Basic dXNlcjpwYXNz", "GET /x Basic ***"),
    ("/library?X-Plex-Token=abc123&b=1", "/library?X-Plex-Token=***&b=1"),
    ("/api?apikey=1&api_key=2&token=3", "/api?apikey=***&api_key=***&token=***"),
    ("/cb?access_token=a.b.c#x", "/cb?access_token=***"),
    ("/?password=hunter2 HTTP/1.1", "/?password=*** HTTP/1.1"),
    ('{"password":"hun\\"ter2","a":1}', '{"password":"***","a":1}'),
    ("password: hunter2", "password: ***"),
    ("https://discord.com/api/webhooks/123/abc-DEF", "https://discord.com/api/webhooks/123/***"),
    ("discord://123/abcDEF/?x", "discord://123/***/?x"),
    ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/services/***"),
    ("/bot123456:AAEAAEAAEAAEAAEAAEAAEAAE/send", "/bot***/send"),
    ("mailtos://me:pw123@mail.example/", "mailtos://me:***@mail.example/"),
    ("/?q=token%3Dabc", "/?q=token%3D***"),
    ("/x?apiToken=abc123&b=1", "/x?apiToken=***&b=1"),
    ("newPassword=abc&x=1", "newPassword=***&x=1"),
    ("dbPassword: hunter2", "dbPassword: ***"),
    ("/s?jwt=abc.def.ghi HTTP/1.1", "/s?jwt=*** HTTP/1.1"),
    ('login password="hun ter2" x', 'login password="***" x'),
    ("login password='hun ter2' x", "login password='***' x"),
    ('Device="x", Token="abc \\"d"', 'Device="x", Token="***"'),
    ('"newPassword" : "a b"', '"newPassword" : "***"'),
    ("{'password': 'hunter2'}", "{'password': '***'}"),
    ('"Cookie":["a=b; c=d"]', '"Cookie":["***"]'),
    (r"{\"password\":\"hun\\\"ter 2\",\"a\":1}", r"{\"password\":\"***\",\"a\":1}"),
    (r"Token=\"abc\" x", r"Token=\"***\" x"),
    ("/?q={%22password%22:%22a-b%22,%22c%22:1}", "/?q={%22password%22:%22***%22,%22c%22:1}"),
    ('"request_X-Emby-Authorization":"MediaBrowser Token=\\"abc\\""', '"request_X-Emby-Authorization":"***"'),
    ('"request_X-Forwarded-Access-Token":"abc"', '"request_X-Forwarded-Access-Token":"***"'),
    ('"request_Cf-Access-Jwt-Assertion":"abc"', '"request_Cf-Access-Jwt-Assertion":"***"'),
    ('X-Emby-Authorization: MediaBrowser Token="abc"', 'X-Emby-Authorization: MediaBrowser ***"***"'),
    ("got eyJhbGciOiJI.eyJzdWIi.SflKxw-R_S end", "got eyJ*** end"),
]


@pytest.mark.parametrize(("text", "masked"), SECRETS, ids=[text[:40] for text, _ in SECRETS])
def test_a_secret_is_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Access denied for user 'root'@'172.18.0.1' (using password: YES)",
        "basic authentication failed for user bob",
        "GET /tokens/list HTTP/1.1",
        "max_tokens=300 design=blue secretary=bob",
        "Token validation failed for eyJ.x",
        "Invalid token. IP=203.0.113.9",
        "time=12:30:00 level=error",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 7, 8, 9, 20])
def test_a_cut_never_parts_an_escape(limit: int) -> None:
    made = for_discord("*" * 30, limit)
    assert utf16_length(made) <= limit
    assert made.removesuffix("…").replace("\\*", "") == ""
    assert for_html("<" * 30, limit).removesuffix("…").replace("&lt;", "") == ""


@pytest.mark.parametrize(
    "piece",
    [
        "://a:",
        "token:",
        '"cookie":"\\',
        "\n ",
        "authorization: ",
        "basic ",
        "[(",
        " ",
        "password=",
        "/bot1",
        "password",
        '"token":"\\\\',
        'token="',
        'token=\\"',
        "jwt%22",
        "eyJaaaaaaa.",
        "-eyJ",
        "secret\\" * 3,
    ],
)
def test_a_long_hostile_text_costs_little(piece: str) -> None:
    made = for_discord(piece * (200_000 // len(piece)), 2000, lines=True)
    assert utf16_length(made) <= 2000
