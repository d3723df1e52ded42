"""A strict reader of Discord's markdown: what in a text would come alive.

It leans to the suspicious side: where clients and servers differ in what a backslash guards, it believes the
one that sees life. Rules as described at https://support.discord.com/hc/articles/210298617 and
https://docs.discord.com/developers/reference#message-formatting (2026-11).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from tests.parts.discord import visible_texts

# Mentions, emoji, timestamps, commands, guild navigation, mail and phone autolinks: no backslash helps.
_ANGLE: Final = re.compile(r"<(?:[@#/:!&+]|a:|t:|id:|https?:|mailto:|tel:|[^\s<>]+@[^\s<>]+>)", re.IGNORECASE)
_PING: Final = re.compile(r"@(?:everyone|here)", re.IGNORECASE)
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S", re.IGNORECASE)
_INVITE: Final = re.compile(r"\bdiscord(?:app)?\.(?:gg|com|me|io|gift|new)\b", re.IGNORECASE)
_FENCE: Final = re.compile(r"\A```(?:[a-z]+)?\n((?s:.*))\n```\Z")
_INLINE: Final = {
    "bold or italic": re.compile(r"(?<!\\)(?:\\\\)*[*_]"),
    "strike": re.compile(r"(?<!\\)(?:\\\\)*~"),
    "spoiler": re.compile(r"(?<!\\)(?:\\\\)*\|"),
    "code": re.compile(r"`"),
    "link": re.compile(r"(?<!\\)\](?=\s*\()"),
    "emoji": re.compile(r"(?<!\\):[\w+~-]+:"),
    "block": re.compile(r"^[ \t]*(?:#{1,3}[ \t]|-#[ \t]|>|[-*+][ \t]|\d+[.)][ \t])", re.MULTILINE),
}
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def alive_in_text(text: str) -> list[str]:
    """What would live in a title, a description or content."""
    found = alive_anywhere(text)
    return found + [name for name, pattern in _INLINE.items() if pattern.search(text)]


def alive_in_code(text: str) -> list[str]:
    """What would live in the inside of a code block."""
    return alive_anywhere(text) + (["fence"] if "`" in text else [])


def alive_anywhere(text: str) -> list[str]:
    """What lives in any place, for a reader that knows no markdown."""
    checks = {"mention": _ANGLE, "ping": _PING, "url": _URL, "invite": _INVITE}
    found = [name for name, pattern in checks.items() if pattern.search(text) and name != "invite"]
    if any(unicodedata.category(char) in _HIDDEN and char != "\n" for char in text):
        found.append("hidden character")
    return found


def alive_in_payload(payload: dict[str, Any]) -> list[str]:
    """What would come alive of a whole webhook message, its one allowed mention aside."""
    allowed = payload.get("allowed_mentions")
    found = [] if allowed is not None and allowed.get("parse") == [] else ["mentions are not shut off"]
    users = (allowed or {}).get("users", [])
    for text in visible_texts(payload):
        if users and text == f"<@{users[0]}>":
            continue
        fence = _FENCE.match(text)
        found += alive_in_code(fence[1]) if fence else alive_in_text(text)
        if not fence and _INVITE.search(text):
            found.append("invite")
    return found
