"""Secrets in XML and in launchd's property lists: what of a line's elements may be shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from nightporter.safetext import MASK

_KEY: Final = re.compile(r"<key>(?P<name>[^<]{0,200})</key>\s*(?:<!--[^<>]*-->\s*)?")
"""A property list's key; its value is the next element."""
_ELEMENT: Final = re.compile(r"<(?P<tag>[A-Za-z][\w.-]{0,100})(?P<more>\s[^<>]*)?>")
_TEXT: Final = re.compile(r">[^<]+<")
ENVIRONMENT: Final = "EnvironmentVariables"


class Elements:
    """Goes through the lines of such a file. `is_secret`: whether the value of a name may be a secret."""

    def __init__(self, is_secret: Callable[[str], bool]) -> None:
        self._is_secret = is_secret
        self._expects = False
        """The next element is a secret's value."""
        self._until = ""
        """What closes the secret value that lines are inside of."""

    def line(self, line: str) -> str | None:
        """What may be shown of a line that a secret's value stands in; None: this knows nothing of it."""
        if self._until:
            return self._inside(line, 0)
        begin = 0
        if self._expects:
            if not line.lstrip().startswith("<") or line.lstrip().startswith("<!--"):
                return MASK
            self._expects = False
            return self._value(line, len(line) - len(line.lstrip()))
        while True:
            key = _KEY.search(line, begin)
            named = self._named(line, begin)
            if named is not None and (key is None or named.start() < key.start()):
                self._until = f"</{named['tag']}>"
                return self._inside(line, named.end())
            if key is None:
                return None
            if self._is_secret(key["name"]) or key["name"] == ENVIRONMENT:
                if key.end() == len(line.rstrip()):
                    self._expects = True
                    return line
                return self._value(line, key.end())
            begin = key.end()

    def _named(self, line: str, begin: int) -> re.Match[str] | None:
        """The first element whose own name is a secret's: `<ApiKey>`."""
        found = _ELEMENT.finditer(line, begin)
        return next((m for m in found if m["tag"] != "key" and self._is_secret(m["tag"])), None)

    def _value(self, line: str, begin: int) -> str:
        """A line in which a secret's value begins with the element at `begin`."""
        opens = _ELEMENT.match(line, begin)
        if opens is None or (opens["more"] or "").endswith("/"):
            return line if line[begin : begin + 1] == "<" and line.rstrip().endswith("/>") else MASK
        self._until = f"</{opens['tag']}>"
        return self._inside(line, opens.end())

    def _inside(self, line: str, begin: int) -> str:
        """A line that from `begin` on is within a secret's value: of it the tags and the keys are shown."""
        end = line.find(self._until, begin)
        value, rest = (line[begin:], "") if end < 0 else (line[begin:end], line[end:])
        shown = line[:begin] + _hidden(value)
        if end < 0:
            return shown
        closes, self._until = self._until, ""
        behind = rest[len(closes) :]
        more = self.line(behind)
        return shown + closes + (behind if more is None else more)


def _hidden(value: str) -> str:
    """A value with its texts masked; what is in no element is one. Names of variables are shown."""
    pieces = re.split(r"(<key>[^<]*</key>|</?[A-Za-z][^<>]*>)", value)
    return "".join(piece if at % 2 or not piece.strip() else MASK for at, piece in enumerate(pieces))
