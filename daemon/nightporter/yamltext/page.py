"""What a YAML file is made of, with positions, and readers that gather mistakes instead of raising.

Every reader returns None where it has told a mistake, so that the caller can go on and find the next one.
At most `MAX_PROBLEMS` errors and as many warnings a file are told, each with its line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from nightporter.errors import Place, Problem, nearest
from nightporter.model import Value

MAX_PROBLEMS: Final = 200
MAX_SHOWN: Final = 300
"""Characters of a line that a message shows."""

_URL: Final = re.compile(r"(?<=://)[^\s\"']+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Anything in a file; 1-based line and column."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar(Node):
    """One word, number or text. `value` is what YAML made of it (dates stay text, null is None)."""

    text: str
    value: Value | None
    plain: bool
    """Written without quotes."""
    trap: str = ""
    """Why `value` is likely not what the person meant; empty if it is."""
    cut: str = ""
    """The comment that a single blank parts from a plain text; in prose it was likely meant as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Items(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Node):
    """A map; keys are unique."""

    entries: tuple[tuple[Scalar, Node], ...]


@dataclass(slots=True)
class Page:
    """One file while it is read: its lines, its nodes, and the mistakes found so far."""

    file: str
    lines: tuple[str, ...] = ()
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)
    hide_urls: bool = False
    """URLs of this file may be secrets (a webhook's is): shown lines mask what follows `://`."""

    def tell(
        self,
        at: Node,
        found: str,
        *,
        expected: str = "",
        near: str = "",
        fix: str = "",
        warning: bool = False,
    ) -> None:
        """Note a mistake at a node."""
        told = sum(problem.warning == warning for problem in self.problems)
        if told >= MAX_PROBLEMS:  # of each kind: warnings never keep an error from being seen
            return
        if self.hide_urls:
            found = _URL.sub("***", found)
        problem = Problem(
            place=self.place(at),
            found=found,
            expected=expected,
            nearest=near,
            fix=fix,
            shown=self._shown(at),
            warning=warning,
        )
        if problem not in self.problems:
            self.problems.append(problem)

    def place(self, at: Node) -> Place:
        """Where a node stands."""
        return Place(self.file, at.line, at.column)

    def _shown(self, at: Node) -> str:
        line = self.lines[at.line - 1] if 0 < at.line <= len(self.lines) else ""
        if self.hide_urls:
            line = _URL.sub(lambda m: "*" * len(m[0]), line)
        line = "".join(c if c.isprintable() else " " for c in line)
        if at.column > MAX_SHOWN or not line.strip():
            return ""  # the caret below would point past what is shown
        return line if len(line) <= MAX_SHOWN else line[:MAX_SHOWN] + "…"

    def wrong(self, node: Node, expected: str, fix: str = "") -> None:
        """Tell that a node is not what is expected here."""
        if isinstance(node, Scalar) and node.trap:
            self._told_trap(node)
        else:
            self.tell(node, describe(node), expected=expected, fix=fix)

    # Readers: each tells what is wrong and returns None.

    def table(self, node: Node, what: str) -> dict[str, Node] | None:
        """A map whose keys the caller knows nothing about; `what` names it: "a map of rules"."""
        if not isinstance(node, Table):
            self.wrong(node, what)
            return None
        return {key.text: value for key, value in self.entries(node, what)}

    def entries(self, node: Node, what: str) -> tuple[tuple[Scalar, Node], ...]:
        """A map's keys and values, for maps whose keys people choose; empty if it is no map."""
        if not isinstance(node, Table):
            self.wrong(node, what)
            return ()
        for key, _ in node.entries:
            if key.trap:
                self._told_trap(key)
        return node.entries

    def keyed(self, node: Node, what: str, known: Collection[str]) -> dict[str, Node] | None:
        """A map with known keys; unknown ones are told and left out."""
        table = self.table(node, what)
        if table is None or not isinstance(node, Table):
            return None
        for key, _ in node.entries:
            if key.text not in known:
                self.unknown(key, "key", key.text, known)
                del table[key.text]
        return table

    def key(self, node: Node, name: str) -> Node:
        """The key's own node in a map, for a place; the map itself if it is not there."""
        if isinstance(node, Table):
            return next((k for k, _ in node.entries if k.text == name), node)
        return node

    def unknown(self, at: Node, kind: str, word: str, known: Iterable[str], fix: str = "") -> None:
        """Tell of a name that is not among the known ones."""
        names = sorted(known)
        near = nearest(word, names)
        expected = "" if near and len(names) > 12 else ("one of " + ", ".join(names[:30]) if names else "")
        self.tell(at, f"unknown {kind} '{word}'", expected=expected, near=near, fix=fix)

    def items(self, node: Node) -> tuple[Node, ...]:
        """The items of a list; anything else is a list of itself."""
        return node.items if isinstance(node, Items) else (node,)

    def text(self, node: Node, what: str = "text") -> str | None:
        """Non-empty text; numbers are taken as written, traps and true/false are refused."""
        one = self._one(node, what)
        if one is None:
            return None
        if one.value is None or one.text.strip() == "":
            self.tell(one, "nothing", expected=what)
            return None
        if isinstance(one.value, bool):
            self.tell(one, describe(one), expected=what, fix="put quotes around this")
            return None
        return one.text

    def _one(self, node: Node, what: str) -> Scalar | None:
        """What is no list, no map and none of YAML's traps; else it is told."""
        if not isinstance(node, Scalar):
            self.wrong(node, what, "put quotes around this" if self._looks_like_braces(node) else "")
            return None
        if node.trap:
            self._told_trap(node)
            return None
        return node

    def prose(self, node: Node) -> str | None:
        """Text for people, where a `#` may well be meant as one."""
        if isinstance(node, Scalar) and node.cut and not node.trap:
            found = f"YAML takes '{node.cut[:40]}' for a comment and cuts the text before it"
            self.tell(node, found, fix="put quotes around the text, or two blanks before the comment")
            return None
        return self.text(node)

    def texts(self, node: Node, what: str = "text") -> tuple[str, ...]:
        """One text or a list of them; what is wrong is told and left out."""
        read = (self.text(item, what) for item in self.items(node))
        return tuple(text for text in read if text is not None)

    def flag(self, node: Node) -> bool | None:
        """true or false (YAML's yes, no, on and off are fine here: they cannot be meant otherwise)."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.wrong(node, "true or false")
        return None

    def whole(self, node: Node, what: str, low: int, high: int) -> int | None:
        """A whole number within bounds."""
        value = node.value if isinstance(node, Scalar) and node.plain and not node.trap else None
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        digits = isinstance(node, Scalar) and node.text.isdigit() and not node.plain
        fix = "take the quotes away" if digits else ""
        self.wrong(node, f"{what}, a whole number from {low} to {high}", fix)
        return None

    def value(self, node: Node, what: str = "a value") -> Value | None:
        """One value: text, a number, true or false."""
        one = self._one(node, what)
        if one is None:
            return None
        if one.value is None:
            self.tell(one, "nothing", expected=what, fix="put quotes around it if the word itself is meant")
        return one.value

    def _told_trap(self, node: Scalar) -> None:
        self.tell(node, node.trap, fix="put quotes around this")

    def _looks_like_braces(self, node: Node) -> bool:
        """`{count}` without quotes: YAML reads a map of one name with no value."""
        return isinstance(node, Table) and all(
            isinstance(value, Scalar) and value.value is None for _, value in node.entries
        )


def describe(node: Node) -> str:
    """A node in a few words: "'abc'", "the number 5", "a list"."""
    match node:
        case Items():
            return "a list"
        case Table():
            return "a map"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return f"{node.text} (true or false)"
        case Scalar(value=int() | float(), text=text):
            return f"the number {text}"
        case Scalar(text=text):
            return f"'{text if len(text) <= 60 else text[:59] + '…'}'"
    return "something else"
