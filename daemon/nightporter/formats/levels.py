"""How bad a line says it is: one name for the many spellings that services use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "trace": ("trace", "trc", "verbose", "vrb", "silly"),
    "debug": ("debug", "dbg", "dbug"),
    "info": ("info", "inf", "information", "informational", "note", "notice", "http", "system", "log"),
    "warning": ("warning", "warn", "wrn"),
    "error": ("error", "err", "eror", "failure"),
    "critical": ("critical", "crit", "fatal", "ftl", "panic", "pnc", "emerg", "emergency", "alert"),
}
"""Level → its words, lower case. `note` and `system` are MySQL's, `eror` is Grafana's before version 9."""
LETTERS: Final[Mapping[str, str]] = {
    "t": "trace",
    "v": "trace",
    "d": "debug",
    "n": "info",
    "i": "info",
    "w": "warning",
    "e": "error",
    "c": "critical",
    "f": "critical",
}
"""Single letters: Gitea's `[E]`, Jupyter's `[E 2026-…`, qBittorrent's `(W)`."""
NUMBERS: Final[Mapping[int, str]] = {
    10: "trace",
    20: "debug",
    30: "info",
    40: "warning",
    50: "error",
    60: "critical",
}
"""Pino's and Bunyan's numbers, in JSON (`"level":50`, at most a blank before the number)."""

_BY_WORD: Final = {word: level for level, words in SPELLINGS.items() for word in words}
HEAD_CHARS: Final = 160
"""How far into a line its level is looked for: behind a stamp, a thread and a logger's name."""
_WORD: Final = re.compile(
    r"(?<![\w./@-])(?:(?P<letter>[\[(][A-Za-z](?=[\]) ]))|(?P<word>"
    + "|".join(sorted(_BY_WORD, key=len, reverse=True))
    + r")(?=[\s\]:|,)>]|$))",
    re.IGNORECASE | re.ASCII,
)
_SHOUTED: Final = re.compile(r"[A-Z]{3,}|[A-Z][a-z]+")
"""Levels in free text are written `ERROR`, `Error` or, in brackets only, `error`."""


def canonical(word: str) -> str:
    """The name of a level that a line spells out (`WRN` → `warning`); another word as it is, lower case."""
    word = word.strip().lower()
    return _BY_WORD.get(word, word)


def sniff(text: str) -> str | None:
    """The level that a line of free text names near its start, or None."""
    head = text[:HEAD_CHARS]
    for found in _WORD.finditer(head):
        word = found["word"]
        if word is None:
            letter = LETTERS.get(found["letter"][1].lower())
            if letter is not None and found["letter"][1].isupper():
                return letter
        elif _stands_out(word, head[found.start() - 1 : found.start()], head[found.end() : found.end() + 1]):
            return _BY_WORD[word.lower()]
    return None


def _stands_out(word: str, before: str, after: str) -> bool:
    """Whether a word is a level and not a part of a sentence (`log`, `Error while …` are often that)."""
    if before and before in "[|(<" and after and after in "]|)>: ":
        return True
    if word.isupper():
        return True
    return bool(_SHOUTED.fullmatch(word)) and before in (" ", "|", "") and after in (" ", "|", ":", "")
