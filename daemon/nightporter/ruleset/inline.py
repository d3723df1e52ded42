"""`tests:` of a rule or an `events:` entry → what `ruletest` runs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from nightporter.detect import template
from nightporter.model import DAY, Nanos, Value
from nightporter.rule import LineTest, TestItem
from nightporter.ruleset.names import Names, Scope
from nightporter.ruleset.windows import read_duration
from nightporter.yamltext.page import Items, Node, Page, Scalar, Table

MAX_REPEAT: Final = 100_000
"""Repetitions of one item; keeps a check of all rules within seconds."""
MAX_STEP: Final[Nanos] = 400 * DAY
_TEST_KEYS: Final = ("name", "events", "lines", "from", "fires", "sets", "repeat", "every", "wait")
_VERDICTS: Final = {
    "fires": "'fires: N', the number of episodes",
    "sets": "'sets: {…}', the fields it must make",
}
_STEP_KEYS: Final = ("repeat", "every", "wait")


def read_tests(
    page: Page, node: Node, names: Names, scope: Scope, *, tuned: bool = False, of_event: bool = False
) -> tuple[LineTest, ...]:
    """All tests of a rule, or of an `events:` entry; one that is wrong is told and left out."""
    if not isinstance(node, Items):
        page.wrong(node, "a list of tests")
        return ()
    reader = _Reader(page, names, scope, "sets" if of_event else "fires")
    read = (reader.test(item, number, tuned) for number, item in enumerate(node.items, 1))
    return tuple(test for test in read if test is not None)


class _Reader:
    def __init__(self, page: Page, names: Names, scope: Scope, verdict: str) -> None:
        self._verdict = verdict
        self._page = page
        self._names = names
        self._scope = scope

    def test(self, node: Node, number: int, tuned: bool) -> LineTest | None:
        page = self._page
        table = page.keyed(node, "a test: a map with events or lines, and fires or sets", _TEST_KEYS)
        if table is None:
            return None
        told = len(page.problems)
        given = [key for key in ("events", "lines") if key in table]
        if len(given) != 1:
            found = "a test with both events and lines" if given else "a test without events or lines"
            page.tell(node, found, expected="one of the two")
        if self._verdict not in table:
            page.tell(node, f"a test without '{self._verdict}'", expected=_VERDICTS[self._verdict])
        if self._verdict == "sets" and "fires" in table:
            page.tell(
                page.key(node, "fires"),
                "'fires' in a test of an event",
                fix="an event fires nothing: use sets",
            )
        sources = self._names.read_from(page, table["from"]) if "from" in table else ()
        if len(sources) > 1:
            page.tell(table["from"], "several sources", expected="one: the lines are parsed as its own")
        steps = self._steps(table)
        items = [i for key in given for item in page.items(table[key]) if (i := self._item(key, item, steps))]
        if "wait" in table:
            items.append(TestItem(wait=steps.wait))
        fires = page.whole(table["fires"], "a number of episodes", 0, 1_000_000) if "fires" in table else None
        sets = self._sets(table["sets"]) if "sets" in table else ()
        name = page.text(table["name"]) if "name" in table else f"test {number}"
        if any(not problem.warning for problem in page.problems[told:]):
            return None
        return LineTest(
            name=name or f"test {number}",
            items=tuple(items),
            source=sources[0] if sources else "",
            fires=fires,
            sets=sets,
            tuned=tuned,
            place=page.place(node),
        )

    def _sets(self, node: Node) -> tuple[tuple[str, Value | None], ...]:
        """Fields and the values they must have; null for one that must be missing (a look-alike line)."""
        sets: list[tuple[str, Value | None]] = []
        for key, item in self._page.entries(node, "fields and values, or null for none"):
            self._scope.check(self._page, key, key.text)
            missing = isinstance(item, Scalar) and item.value is None
            value = None if missing else self._page.value(item, "a value, or null")
            if missing or value is not None:
                sets.append((key.text, value))
        return tuple(sets)

    def _steps(self, table: dict[str, Node], default: TestItem | None = None) -> TestItem:
        """`repeat`, `every` and `wait` of a test or of one item of it; an item's own go first."""
        page = self._page
        default = default or TestItem()
        repeat = page.whole(table["repeat"], "repetitions", 1, MAX_REPEAT) if "repeat" in table else None
        every = read_duration(page, table["every"], least=0, most=MAX_STEP) if "every" in table else None
        wait = read_duration(page, table["wait"], most=MAX_STEP) if "wait" in table else None
        return TestItem(
            repeat=default.repeat if repeat is None else repeat,
            every=default.every if every is None else every,
            wait=wait or 0,
        )

    def _item(self, key: str, node: Node, steps: TestItem) -> TestItem | None:
        if isinstance(node, Scalar) and key == "lines":
            line = self._line(node)
            return None if line is None else TestItem(line=line, repeat=steps.repeat, every=steps.every)
        if not isinstance(node, Table):
            expected = "a line, or a map with line" if key == "lines" else "an event: a map of fields"
            self._page.wrong(node, expected)
            return None
        wrapper = {k.text: v for k, v in node.entries}
        if key == "events" and not isinstance(wrapper.get("event"), Table) and set(wrapper) != {"wait"}:
            fields = read_fields(self._page, node, self._scope, "an event: a map of fields")
            return TestItem(event=fields, repeat=steps.repeat, every=steps.every)
        return self._wrapped("line" if key == "lines" else "event", node, steps)

    def _wrapped(self, key: str, node: Table, steps: TestItem) -> TestItem | None:
        table = self._page.keyed(node, "an item of a test", (key, *_STEP_KEYS))
        if table is None:
            return None
        if set(table) == {"wait"}:
            return TestItem(wait=self._steps(table).wait)
        own = self._steps(table, steps)
        if "wait" in table:
            self._page.tell(
                self._page.key(node, "wait"), f"'wait' beside '{key}'", fix="make it an item: {wait: …}"
            )
        if key not in table:
            self._page.tell(node, f"an item without '{key}'", expected=f"'{key}', or 'wait' alone")
            return None
        if key == "line":
            line = self._line(table[key])
            return None if line is None else TestItem(line=line, repeat=own.repeat, every=own.every)
        fields = read_fields(self._page, table[key], self._scope, "an event: a map of fields")
        return TestItem(event=fields, repeat=own.repeat, every=own.every)

    def _line(self, node: Node) -> str | None:
        if isinstance(node, Scalar) and not node.trap and node.text:
            return node.text.rstrip("\r\n")
        value = self._page.value(node, "a line, in quotes")
        return None if value is None else str(value)


def read_filled(
    page: Page, node: Node, scope: Scope, also: Collection[str] = ()
) -> tuple[tuple[str, Value], ...]:
    """The fields that `set:` or `emit:` makes; texts may hold `{field}` of the event, or a name of `also`."""
    fields = read_fields(page, node, None, "fields and values")
    for key, item in node.entries if isinstance(node, Table) else ():
        text = dict(fields).get(key.text)
        for name in template.names(text) if isinstance(text, str) else ():
            if name not in also:
                scope.check(page, item, name.removeprefix("top.") if also else name)
    return fields


def read_fields(page: Page, node: Node, scope: Scope | None, what: str) -> tuple[tuple[str, Value], ...]:
    """Fields and their values, as an event of a test, `set:` or `emit:` has them."""
    fields = []
    for key, item in page.entries(node, what):
        if scope is not None:
            scope.check(page, key, key.text)
        value = page.value(item, f"a value for '{key.text}'")
        if value is not None:
            fields.append((key.text, value))
    return tuple(fields)
