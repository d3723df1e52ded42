"""YAML with positions: text → nodes that know their line and column (see page.py for those).

PyYAML's own constructors are not used: they keep the last of two equal keys in silence, and they turn
`22:30` into 1350 and `no` into false without a word. So the C parser's events are composed here, and a
scalar keeps both its text and what YAML made of it; a value that YAML read otherwise than a person would
is a *trap*, and is told when somebody asks for its value.

Anchors, aliases, merge keys and tags are refused: no rule or config needs them, and aliases allow files
whose unpacked size is exponential ("billion laughs"). Caps: `MAX_BYTES` a file, `MAX_DEPTH` levels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import yaml

from nightporter.yamltext.page import Items, Node, Page, Scalar, Table, describe
from nightporter.yamltext.traps import QUOTES, Mends, explain, repaired, trap_of

MAX_BYTES: Final = 4 * 1024 * 1024
"""The largest file that is read; a thousand rules with their tests are about 1 MB."""
MAX_DEPTH: Final = 40
"""Levels of nesting; the deepest valid rule has about ten. Also keeps the composer's recursion bounded."""
MAX_REREAD: Final = 32 * 1024 * 1024
"""Characters that are parsed anew to find further syntax errors: a second's work."""
_LINE_END: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # YAML 1.1's line breaks, as libyaml counts


def parse(file: str, content: str | bytes, *, hide_urls: bool = False) -> Page:
    """Compose one file. An empty file has no root. Never raises: what is wrong is in the page's problems."""
    page = Page(file=file, hide_urls=hide_urls)
    text = _decoded(page, content)
    if text is None:
        return page
    page.lines = tuple(_LINE_END.split(text))
    mends = Mends()
    tried: set[tuple[int, int]] = set()
    while True:
        try:
            page.root = _Composer(page, text, mends).document()
        except yaml.YAMLError as err:
            page.root = None
            at, found, fix = explain(err, _LINE_END.split(text))
            line, column = at[0], mends.original(*at)
            if (line, column) in tried or len(tried) * len(text) > MAX_REREAD:
                return page
            tried.add((line, column))
            page.tell(Scalar(line=line, column=column, text="", value=None, plain=True), found, fix=fix)
            # Go on as if quotes stood there, to find the other mistakes as well.
            mended = repaired(text, at, mends)
            if mended is None:
                return page
            text = mended
        else:
            return page


def _decoded(page: Page, content: str | bytes) -> str | None:
    top = Scalar(line=1, column=1, text="", value=None, plain=True)
    size = len(content)
    if size > MAX_BYTES:
        page.tell(
            top, f"a file of more than {MAX_BYTES // 1024 // 1024} MiB", fix="split it into several files"
        )
        return None
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        start = content.rfind(b"\n", 0, err.start) + 1
        column = len(content[start : err.start].decode("utf-8", "replace")) + 1
        spot = Scalar(line=line, column=column, text="", value=None, plain=True)
        page.tell(spot, f"byte 0x{content[err.start]:02x} is not UTF-8", fix="save the file as UTF-8")
        return None


class _Composer:
    """Events → nodes; mistakes that do not stop the parser are told to the page."""

    def __init__(self, page: Page, text: str, mends: Mends) -> None:
        self._page = page
        self._mends = mends
        self._loader = yaml.CSafeLoader(text)

    def document(self) -> Node | None:
        try:
            root: Node | None = None
            documents = 0
            while True:
                event = self._loader.get_event()
                if event is None or isinstance(event, yaml.StreamEndEvent):
                    return root
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents == 2:
                        self._page.tell(
                            self._at(event), "a second document ('---')", fix="keep one document a file"
                        )
                elif isinstance(event, yaml.NodeEvent):
                    node = self._node(event, 0)
                    if documents == 1 and not (isinstance(node, Scalar) and node.value is None):
                        root = node
        finally:
            self._loader.dispose()

    def _next(self) -> yaml.Event:
        event = self._loader.get_event()
        assert event is not None, "the parser ends a stream by an event of its own"
        return event

    def _node(self, event: yaml.Event, depth: int) -> Node:
        at = self._at(event)
        assert isinstance(event, yaml.NodeEvent)
        if isinstance(event, yaml.AliasEvent):
            found = f"'*{event.anchor}' is a YAML alias, which is not used here"
            self._page.tell(at, found, fix=QUOTES)
            return replace(at, text=f"*{event.anchor}", value="", trap=found)
        if event.anchor is not None:
            self._page.tell(at, f"'&{event.anchor}' is a YAML anchor, which is not used here", fix=QUOTES)
        if depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)  # type: ignore[arg-type]  # the stubs know only the pure parser's marks
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        self._refuse_tag(event, at)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(line=at.line, column=at.column, items=tuple(self._items(depth)))
        return Table(line=at.line, column=at.column, entries=tuple(self._entries(depth)))

    def _items(self, depth: int) -> Iterable[Node]:
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterable[tuple[Scalar, Node]]:
        first: dict[str, int] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(self._next(), depth + 1)
            if not isinstance(key, Scalar):
                self._page.tell(key, f"{describe(key)} as a key", expected="a name", fix=QUOTES)
            elif key.plain and key.text == "<<":
                self._page.tell(
                    key, "'<<' is a YAML merge key, which is not used here", fix="write the keys out"
                )
            elif key.text in first:
                self._page.tell(
                    key,
                    f"the key '{key.text}' stands here twice (first in line {first[key.text]})",
                    fix="keep one of the two",
                )
            else:
                first[key.text] = key.line
                yield key, value

    def _scalar(self, event: yaml.ScalarEvent, at: Scalar) -> Scalar:
        self._refuse_tag(event, at)
        plain = not event.style
        text = event.value
        tag = self._resolve(text) if plain else "str"
        value, trap = trap_of(tag.rpartition(":")[2], text)
        cut = self._cut(event) if plain and value is text else ""
        if cut and not cut[1].isspace() and not trap:
            trap = f"YAML takes '{cut[:40]}' for a comment and cuts the text before it"
        return Scalar(line=at.line, column=at.column, text=text, value=value, plain=plain, trap=trap, cut=cut)

    def _resolve(self, text: str) -> str:
        """The tag that YAML 1.1 gives to a plain scalar."""
        resolve: Callable[[type, str, tuple[bool, bool]], str] = self._loader.resolve
        return resolve(yaml.ScalarNode, text, (True, False))

    def _refuse_tag(self, event: yaml.NodeEvent, at: Scalar) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._page.tell(at, f"'{tag}' is a YAML tag, which is not used here", fix=QUOTES)

    def _cut(self, event: yaml.ScalarEvent) -> str:
        """The comment that a single blank parts from a plain text: it may be meant as a part of it.

        A `#` after two blanks or more, or after a closing quote, is a comment and nothing else.
        """
        line, column = _mark(event.end_mark)
        column = self._mends.original(line, column) - 1
        rest = self._page.lines[line - 1][column:] if line <= len(self._page.lines) else ""
        apart = event.value and rest.startswith(" #") and rest[2:3] not in ("", "#")
        return rest[1:].rstrip() if apart else ""

    def _at(self, event: yaml.Event) -> Scalar:
        line, column = _mark(event.start_mark)
        column = self._mends.original(line, column)
        return Scalar(line=line, column=column, text="", value=None, plain=True)


def _mark(mark: object) -> tuple[int, int]:
    """1-based line and column; libyaml sets every mark, though the stubs allow for none."""
    return getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1
