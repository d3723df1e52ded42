"""Untrusted text, and the only ways to make it safe for a face.

Every byte of a log is an attacker's. Each function here takes any text and gives the text of one face, of its
own type, so that a channel cannot be handed the wrong one: `SafeDiscord`, `SafeCode` (inside a Discord code
block), `SafeTerminal`, `SafeHtml`, `SafePlain` (mail's text and subject, and any other service).

What holds for all of them: no control, bidi, zero-width or other invisible character comes through (each
shows as a mark, so that it is seen and joins nothing); secrets are masked; no `scheme://` is left for clients
to make links of (`https[:]//`, as security people write it); nothing is longer than `limit`, and a cut shows
as `…` and never parts an escape. Time is linear in the text, of which `MAX_INPUT` characters are read.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, NewType

from nightporter import arguments

SafeDiscord = NewType("SafeDiscord", str)
SafeCode = NewType("SafeCode", str)
SafeTerminal = NewType("SafeTerminal", str)
SafeHtml = NewType("SafeHtml", str)
SafePlain = NewType("SafePlain", str)

MAX_INPUT: Final = 16_384
"""How much of one text is looked at; no face shows as much."""
ELLIPSIS: Final = "…"
MASK: Final = arguments.MASK
_MARK: Final = "\N{REPLACEMENT CHARACTER}"
_MARKS_IN_A_ROW: Final = 2
"""Combining marks that one letter may carry; piles of them paint over the lines above and below."""

# --- secrets

# What a name that holds a secret ends in, whatever stands before it: apiToken, newPassword, dbPassword
_ENDS: Final = r"token|secret|password|passwd|passphrase|api[_-]?key|jwt"
_NAMES: Final = rf"{_ENDS}|(?<![a-z0-9])(?:pwd|sig|signature|session[_-]?id)"
# Headers too, whatever keeps them: "request_Authorization", "request_Cf-Access-Jwt-Assertion"
_QUOTED_NAMES: Final = rf"{_NAMES}|authorization|cookie|assertion"
# Between such a name and its quoted value: `"name":"…"`, `name="…"`, `'name': '…'`, `"Name":["…"]`
_IS: Final = r"[\"']?\s{0,4}[:=]\s{0,4}\[?"
_BY_NAME: Final = (
    # "name":"value" and name="value"; the same with ', inside a JSON text (\"name\":\"value\") and in a query
    # as Traefik writes it. They stand first: the rest takes a value as far as its first blank or quote.
    re.compile(rf'((?:{_QUOTED_NAMES}){_IS}")((?:[^"\\]|\\.){{1,4096}})', re.IGNORECASE | re.DOTALL),
    re.compile(rf"((?:{_QUOTED_NAMES}){_IS}')((?:[^'\\]|\\.){{1,4096}})", re.IGNORECASE | re.DOTALL),
    re.compile(
        rf'((?:{_QUOTED_NAMES})(?:\\{{1,8}}")?\s{{0,4}}[:=]\s{{0,4}}\\{{1,8}}")((?:[^"\\]|\\\\\\"|\\[^"]){{1,4096}})',
        re.IGNORECASE,
    ),
    re.compile(
        rf"((?:{_QUOTED_NAMES})(?:%22)?(?::|=|%3a|%3d)%22)((?:(?!%22)[^\s\"]){{1,4096}})", re.IGNORECASE
    ),
    # name=value in a query, `name: value` in a text; MySQL's `using password: YES` is no secret
    re.compile(
        rf"((?:{_NAMES})(?:=|%3d)(?!\\{{0,8}}[\"']|%22))([^\s&\"'<>;,)\]}}]{{1,4096}})", re.IGNORECASE
    ),
    re.compile(
        rf"((?:{_ENDS}):\s{{0,4}})(?!\\{{0,8}}[\"']|(?:yes|no|true|false|null|none|invalid|expired)\b)([^\s\"',;)]{{1,4096}})",
        re.IGNORECASE,
    ),
)
_HINTS: Final = (
    *("token", "secret", "passw", "passphrase", "key", "jwt", "pwd", "sig", "session"),
    *("authorization", "cookie", "assertion"),
)
"""Of these one stands in every text that has such a name: most have none, and need no further look."""
_BY_SHAPE: Final = (
    # A JSON Web Token, wherever it stands
    re.compile(r"((?<![\w-])eyJ)([\w-]{6,4096}\.[\w-]{4,4096}(?:\.[\w-]{0,4096}){0,3})"),
    # Headers as a text shows them
    re.compile(r"(\bauthorization[:=]\s{0,4}(?:[a-z]{1,20}\s{1,4})?)([^\s\"',;]{1,4096})", re.IGNORECASE),
    re.compile(r"(\b(?:set-)?cookie:\s{0,4})([^\r\n\"]{1,4096})", re.IGNORECASE),
    # A word in small letters alone after these is no token: "basic authentication"
    re.compile(
        r"(\b(?:[Bb]asic|BASIC|[Bb]earer|BEARER)\s{1,4})(?=[a-z]{0,64}[A-Z0-9=._-])([\w+/=.~-]{8,4096})"
    ),
    # Discord, Slack and Telegram: who knows the address may write there
    re.compile(r"(\bapi/webhooks/\d{1,32}/)([\w-]{1,256})", re.IGNORECASE),
    re.compile(r"(\bdiscord://(?:[^\s/@]{1,256}@)?\d{1,32}/)([\w-]{1,256})", re.IGNORECASE),
    re.compile(r"(\bhooks\.slack\.com/services/)([\w/-]{1,256})", re.IGNORECASE),
    re.compile(r"(/bot)(\d{4,20}:[\w-]{20,64})", re.IGNORECASE),
    # user:password@ in an address
    re.compile(r"(://[^\s/:@\"']{0,256}:)([^\s/\"']{1,256})(?=@)"),
)


def mask_secrets(text: str) -> str:
    """`text` with what opens doors replaced by `***`: passwords, tokens, cookies, webhook addresses.

    It knows names and shapes, so it is a net and no proof: a secret without either passes.
    """
    folded = text.casefold()
    if any(hint in folded for hint in _HINTS):
        for pattern in _BY_NAME:
            text = pattern.sub(_masked, text)
    for pattern in _BY_SHAPE:
        text = pattern.sub(_masked, text)
    return arguments.known_hidden(text)


def _masked(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}"


# --- what no face may show

_SPACES: Final = frozenset(
    "\t\x0b\x0c\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
)
_SPACES_TOO: Final = frozenset("\u200a\u202f\u205f\u3000\u2800")
_BREAKS: Final = frozenset("\n\r\x85\u2028\u2029")
# Letters and marks that draw nothing: category says letter, the eye says empty.
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_VARIATION: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f]")
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def cleaned(text: str, *, lines: bool = False) -> str:
    """`text` masked, with every character visible and in its place; with `lines`, its line breaks are kept
    (as `\\n`), else each becomes a space."""
    text = mask_secrets(text[:MAX_INPUT].replace("\r\n", "\n"))
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(_VARIATION.sub("", text), "\n" if lines else " "))


def _visible(text: str, line_break: str) -> Iterator[str]:
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if char in _BREAKS:
            yield line_break
        elif char in _SPACES or char in _SPACES_TOO:
            yield " "
        elif char < " ":
            yield chr(0x2400 + ord(char))  # the control pictures: ␛ for an escape, ␇ for a bell
        elif category in _HIDDEN_CATEGORIES or char in _INVISIBLE:
            yield _MARK
        elif marks <= _MARKS_IN_A_ROW:
            yield char


def _cut(pieces: Iterable[str], limit: int) -> str:
    """The pieces joined, whole pieces only, at most `limit` UTF-16 units (the strictest way to count)."""
    taken: list[str] = []
    used: list[int] = []
    total = 0
    for piece in pieces:
        size = len(piece) + sum(char > "\uffff" for char in piece)
        if total + size > limit:
            while taken and total + 1 > limit:
                taken.pop()
                total -= used.pop()
            return "".join(taken).rstrip() + ELLIPSIS if limit > 0 else ""
        taken.append(piece)
        used.append(size)
        total += size
    return "".join(taken)


def utf16_length(text: str) -> int:
    """Length as JavaScript counts it: characters beyond U+FFFF are two."""
    return len(text) + sum(char > "\uffff" for char in text)


# --- Discord

# A token of Discord's markdown, longest first. What is a mention, a link or a fence is broken for good by a
# look-alike and not by a backslash, since servers and clients do not agree on what a backslash guards.
_DISCORD: Final = re.compile(
    r"(?P<everyone>@(?=everyone|here|silent))"
    r"|(?P<scheme>://)"
    r"|(?P<www>(?<![a-z0-9])www\.)"
    r"|(?P<invite>discord(?:app)?\.(?=gg|com|me|io|gift|new|media|net))"
    r"|(?P<angle><)"
    r"|(?P<tick>`)"
    r"|(?P<emoji>:(?=[\w+~-]+:))"
    r"|(?P<start>(?m:^) *(?:[#>+-]|\d{1,20}[.)](?=\s)))"
    r"|(?P<punctuation>[\\*_~|\[\]()])"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)


def for_discord(text: str, limit: int, *, lines: bool = False) -> SafeDiscord:
    """Text for a title, description, field or content: shown as written, and nothing in it lives.

    No mention, custom emoji, timestamp, command, link, invite, heading, list, quote, spoiler or code.
    Discord's markdown: https://support.discord.com/hc/articles/210298617 (2026-11).
    """
    return SafeDiscord(_cut((_inert(m) for m in _DISCORD.finditer(cleaned(text, lines=lines))), limit))


def _inert(found: re.Match[str]) -> str:
    text = found[0]
    match found.lastgroup:
        case "everyone":
            return "＠"
        case "scheme":
            return "[:]//"
        case "www" | "invite":
            return text[:-1] + "[.]"
        case "angle":
            return "‹"
        case "tick":
            return "ˋ"
        case "start":
            return text[:-1] + "\\" + text[-1]
        case "emoji" | "punctuation":
            return "\\" + text
        case _:
            return text


_CODE: Final = re.compile(
    r"(?P<everyone>@(?=everyone|here|silent))|(?P<scheme>://)|(?P<angle><)|(?P<tick>`)"
    r"|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)


def for_discord_code(text: str, limit: int) -> SafeCode:
    """Text for the inside of a code block, where only a fence could end it; the fence is the caller's.

    Mentions and links are broken all the same: what reads a message's text before its markdown, such as a
    phone's preview, may not know of code.
    """
    return SafeCode(_cut((_inert(m) for m in _CODE.finditer(cleaned(text, lines=True))), limit))


# --- terminal, HTML, mail


def for_terminal(text: str, limit: int, *, lines: bool = False) -> SafeTerminal:
    """Text for a terminal or a log a person reads there: no escape sequence, bell, or C1 control."""
    return SafeTerminal(_cut(_plain_pieces(cleaned(text, lines=lines)), limit))


def for_html(text: str, limit: int) -> SafeHtml:
    """Text for between tags or inside a quoted attribute; line breaks are kept as they are."""
    return SafeHtml(
        _cut((html.escape(p, quote=True) for p in _plain_pieces(cleaned(text, lines=True))), limit)
    )


def for_plain(text: str, limit: int, *, lines: bool = True) -> SafePlain:
    """Text for a mail's text part or a service that shows text as it is."""
    return SafePlain(_cut(_plain_pieces(cleaned(text, lines=lines)), limit))


def for_subject(text: str, limit: int) -> SafePlain:
    """Text for a header: one line, without the means to begin another."""
    return for_plain(" ".join(cleaned(text).split()), limit, lines=False)


_LINK: Final = re.compile(
    r"(?P<scheme>://)|(?P<www>(?<![a-z0-9])www\.)|(?P<other>.)", re.IGNORECASE | re.DOTALL
)


def _plain_pieces(text: str) -> Iterator[str]:
    """Characters, with what a client would make a link of broken."""
    return (_inert(found) for found in _LINK.finditer(text))
