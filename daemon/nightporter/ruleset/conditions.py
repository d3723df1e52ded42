"""`when:` and `unless:` → conditions; plain values by the type of their field, and every modifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from nightporter.detect.patterns import PatternError, compile_pattern
from nightporter.formats import FieldType, levels
from nightporter.model import SECOND, Value
from nightporter.rule import All, AnyOf, Condition, ListRef, Op, Operand, Test
from nightporter.ruleset import values
from nightporter.ruleset.names import EVERYWHERE, ListValue, Names, Scope
from nightporter.ruleset.values import NotA
from nightporter.yamltext.page import Items, Node, Page, Scalar, Table, describe

OPS: Final = {
    "contains": Op.CONTAINS,
    "startswith": Op.STARTSWITH,
    "endswith": Op.ENDSWITH,
    "glob": Op.GLOB,
    "exact": Op.EQUALS,
    "re": Op.RE,
    "cidr": Op.CIDR,
    "exists": Op.EXISTS,
    "lt": Op.LT,
    "lte": Op.LTE,
    "gt": Op.GT,
    "gte": Op.GTE,
    "hour": Op.HOUR,
    "weekday": Op.WEEKDAY,
}
FLAGS: Final = frozenset({"all", "cased", "neq"})
ORDERED: Final = frozenset({Op.LT, Op.LTE, Op.GT, Op.GTE})
TEXTUAL: Final = frozenset({Op.CONTAINS, Op.STARTSWITH, Op.ENDSWITH, Op.GLOB})
_LIST: Final = re.compile(r"\$[A-Za-z_][\w-]*\Z")


@dataclass(slots=True)
class ConditionReader:
    """Reads the conditions of one rule (or entry). `groups` gathers the named groups of its regexes."""

    page: Page
    names: Names
    scope: Scope
    groups: set[str] = field(default_factory=set)
    _note: str = ""
    """What is to be said of the regex that was compiled last."""

    def read(self, node: Node, key: str) -> Condition:
        """A map (AND) or a list of maps (OR); what is wrong is told, the rest is read."""
        match node:
            case Table():
                return self.all_of(node.entries)
            case Items(items=items) if items:
                return AnyOf(tuple(self.read_map(item, key) for item in items))
        self.page.wrong(node, f"conditions for '{key}': a map, or a list of maps")
        return All()

    def read_map(self, node: Node, key: str) -> Condition:
        if isinstance(node, Table):
            return self.all_of(node.entries)
        self.page.wrong(node, f"a map of conditions for '{key}'")
        return All()

    def all_of(self, entries: Iterable[tuple[Scalar, Node]]) -> Condition:
        """The AND of `field|modifier: value` entries."""
        tests = [test for key, value in entries if (test := self._test(key, value)) is not None]
        return tests[0] if len(tests) == 1 else All(tuple(tests))

    def _test(self, key: Scalar, value: Node) -> Test | None:
        name, *modifiers = key.text.split("|")
        if key.trap or not name:
            self.page.tell(key, key.trap or "a condition without a field", fix="put quotes around this")
            return None
        ops = [OPS[m] for m in modifiers if m in OPS]
        for modifier in modifiers:
            if modifier not in OPS and modifier not in FLAGS:
                self.page.unknown(key, "modifier", modifier, {*OPS, *FLAGS})
        if len(ops) > 1:
            self.page.tell(key, f"two comparisons in '{key.text}'", expected="one of " + ", ".join(OPS))
        if ops[:1] != [Op.EXISTS] or not self.scope.open:  # `exists` asks, so it need not be warned of
            self.scope.check(self.page, key, name)
        kind = self.scope.type_of(name)
        if not self._fits(key, name, kind, ops[:1]):
            return None
        return self._compare(key, name, kind, ops[0] if ops else None, set(modifiers) & FLAGS, value)

    def _fits(self, key: Scalar, name: str, kind: FieldType, ops: list[Op]) -> bool:
        """Tell of comparisons that the field's type cannot have."""
        op = ops[0] if ops else None
        known = name in self.scope.known
        if op in (Op.HOUR, Op.WEEKDAY) and kind != "time":
            self.page.tell(key, f"'{name}' is not a time", expected=f"time|{op.value}")
            return False
        if op in ORDERED and known and kind not in ("number", "status", "text"):
            self.page.tell(key, f"'{name}' is no number that could be compared by '{op.value}'")
            return False
        return True

    def _compare(
        self, key: Scalar, name: str, kind: FieldType, op: Op | None, flags: set[str], value: Node
    ) -> Test | None:
        if op is Op.EXISTS:
            wanted = self.page.flag(value)
            return None if wanted is None else Test(field=name, op=op, values=(wanted != ("neq" in flags),))
        items = self.page.items(value)
        if not items:
            self.page.tell(value, "an empty list", expected="at least one value")
            return None
        op = op or default_op(kind, items)
        convert = self._converter(name, kind, op)
        operands = [o for item in items if (o := self._operand(item, name, convert)) is not None]
        if not operands:
            return None
        return Test(
            field=name,
            op=op,
            values=tuple(dict.fromkeys(operands)),
            cased="cased" in flags or op is Op.RE,
            every="all" in flags,
            negated="neq" in flags,
        )

    def _operand(self, node: Node, name: str, convert: Callable[[str, Value], Value]) -> Operand | None:
        value = self.page.value(node, f"a value for '{name}'")
        if value is None or not isinstance(node, Scalar):
            return None
        if is_list_ref(node):
            return self._list(node, name, convert)
        if node.text == "":
            self.page.tell(node, "an empty text", fix=f"write '{name}|exists: false' for a missing field")
            return None
        try:
            operand = convert(node.text, value)
        except NotA as err:
            self._told_wrong(node, name, err)
            return None
        if self._note:
            self.page.tell(node, f"this regex {self._note}", fix="it gets 20 ms a line", warning=True)
            self._note = ""
        return operand

    def _list(self, node: Scalar, name: str, convert: Callable[[str, Value], Value]) -> Operand | None:
        """A reference to a list; each of its values must fit the comparison as well."""
        wanted = node.text[1:]
        if not self.names.is_list(wanted):
            self.page.unknown(node, "list", node.text, [f"${n}" for n in self.names.list_names()])
            return None
        self.names.used.add(wanted)
        entry: ListValue
        for entry in self.names.values.get(wanted, ()):
            try:
                convert(entry.text, entry.value)
            except NotA as err:
                fix = f"it is compared with '{name}' at {self.page.place(node)}"
                entry.page.tell(entry.node, err.found or describe(entry.node), expected=err.expected, fix=fix)
        return ListRef(wanted)

    def _told_wrong(self, node: Scalar, name: str, err: NotA) -> None:
        found = err.found or f"{describe(node)} for '{name}'"
        if self.names.is_list(node.text):
            self.page.tell(node, found, fix=f"there is a list of that name: write '${node.text}'")
        else:
            self.page.tell(node, found, expected=err.expected)

    def _converter(self, name: str, kind: FieldType, op: Op) -> Callable[[str, Value], Value]:
        """Text and value as written → operand; raises NotA."""
        match op:
            case Op.CIDR:
                return lambda text, _: values.network(text)
            case Op.STATUS:
                return lambda text, _: values.status(text)
            case Op.HOUR:
                return lambda text, _: values.hours(text)
            case Op.WEEKDAY:
                return lambda text, _: values.weekdays(text)
            case Op.RE:
                return self._pattern
            case Op.LT | Op.LTE | Op.GT | Op.GTE:
                return lambda text, value: number(text, value, self.scope.unit_of(name))
        if name == "level" and op is Op.EQUALS:
            return lambda text, _: levels.canonical(text)  # `WARN`, `wrn` and `warning` are one
        if op in TEXTUAL or kind in ("name", "path", "message"):
            return textual
        if kind in ("number", "status"):
            return lambda text, value: number(text, value, self.scope.unit_of(name))
        if kind == "flag":
            return truth
        return textual if name in self.scope.specs and kind == "text" else lambda _, value: value

    def _pattern(self, text: str, _: Value) -> Value:
        try:
            pattern = compile_pattern(text)
        except PatternError as err:
            found = f"this regex does not compile: {err.message} at its character {err.position + 1}"
            raise NotA("", found) from err
        if own := sorted(set(pattern.groups) & set(EVERYWHERE)):
            raise NotA("another name", f"a group of this regex is called '{own[0]}', which is the line's own")
        self._note = pattern.note
        self.groups.update(pattern.groups)
        self.scope.known.update(pattern.groups)
        return text


def is_list_ref(node: Scalar) -> bool:
    """`$name` as the whole of a value."""
    return bool(_LIST.match(node.text))


def default_op(kind: FieldType, items: Iterable[Node]) -> Op:
    """What a plain value means on a field of this type."""
    match kind:
        case "address":
            return Op.CIDR
        case "message":
            return Op.CONTAINS
        case "status":
            return Op.STATUS
        case "path" | "name":
            wild = any(isinstance(i, Scalar) and (is_list_ref(i) or {"*", "?"} & set(i.text)) for i in items)
            return Op.GLOB if wild else Op.EQUALS
        case _:
            return Op.EQUALS


def textual(text: str, value: Value) -> Value:
    """The text as written; `true` and `false` were likely not meant as text."""
    if isinstance(value, bool):
        raise NotA("text (put quotes around this)")
    return text


def truth(_: str, value: Value) -> Value:
    if isinstance(value, bool):
        return value
    raise NotA("true or false")


def number(text: str, value: Value, unit: str) -> Value:
    """A number; for a field in bytes a size, for one in seconds or milliseconds a duration will do."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        if unit == "bytes":
            return values.size(text)
        if unit in _PER_UNIT:
            return values.duration(text) / _PER_UNIT[unit]
    except NotA as err:
        raise NotA(f"a number of {unit}, or {err.expected}") from None
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise NotA("a number") from None


_PER_UNIT: Final = {"s": SECOND, "seconds": SECOND, "ms": SECOND // 1000, "ns": 1}
