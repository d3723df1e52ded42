"""A rule's window, in its short form (`count: 15 in 1m`) and as a map (`{threshold: 15, within: 1m}`).

The short form is read as the map it stands for, and a tune's keys are read as a map laid over the window that
the rule has: there is one reader a kind of window.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from nightporter.detect.spike import DISTINCT_CAP, SLOTS
from nightporter.model import DAY, Nanos, Value
from nightporter.rule import (
    Absence,
    Count,
    Distinct,
    FirstSeen,
    KeyPart,
    Ratio,
    Sequence,
    Spike,
    Step,
    Sum,
    WindowSpec,
)
from nightporter.ruleset import values
from nightporter.ruleset.conditions import ConditionReader, number
from nightporter.ruleset.forms import FORMS, kind_of
from nightporter.ruleset.keys import read_key
from nightporter.ruleset.values import NotA
from nightporter.yamltext.page import Items, Node, Page, Scalar, Table, describe

T = TypeVar("T")
Measure = Literal["events", "sum", "distinct"]

MAX_THRESHOLD: Final = 100_000
"""A window keeps up to four times its threshold in memory, for each key."""
MAX_SUM: Final = 10**15
"""1000TB; far below where a float would lose whole numbers."""
MAX_WITHIN: Final[Nanos] = 90 * DAY
MAX_FACTOR: Final = 1_000
MAX_BASELINE: Final[Nanos] = 60 * DAY
LEAST_LENGTHS: Final = 6
"""Earlier lengths of `within` that a spike's usual is made of, at least; a median of fewer says little."""
MAX_LENGTHS: Final = 5_000
"""And at most: each key remembers one number a length."""
LEAST_DAYS: Final = 7
"""Days that `same_hour` compares with, at least: a week holds every weekday once."""
LEAST_BYTES: Final = 1_000_000
"""A floor of fewer bytes keeps nothing quiet: it is one picture."""
MAX_LEARN: Final[Nanos] = 90 * DAY
MAX_REMEMBER: Final[Nanos] = 400 * DAY
MAX_FIELDS: Final = 8
LEARN: Final[Nanos] = 7 * DAY
REMEMBER: Final[Nanos] = 90 * DAY
STEPS: Final = (2, 8)
MAX_TIMES: Final = 1_000

_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%\Z")


def read_duration(
    page: Page, node: Node, *, least: Nanos = 1, most: Nanos = values.MAX_DURATION
) -> Nanos | None:
    """A duration within bounds."""
    text = page.text(node, values.DURATION)
    if text is None:
        return None
    try:
        length = values.duration(text)
    except NotA as err:
        fix = f"write its unit: {text}s, {text}m, {text}h or {text}d" if text.isdigit() else ""
        page.tell(node, f"'{text}'", expected=err.expected, fix=fix)
        return None
    if least <= length <= most:
        return length
    bound = "more than 0s" if length < least else f"at most {values.duration_text(most)}"
    page.tell(node, f"'{text}'", expected=f"{bound}")
    return None


def read_window(page: Page, kind: str, node: Node, reader: ConditionReader) -> WindowSpec | None:
    """A window of this kind, in either form; what is wrong is told."""
    form = FORMS[kind]
    if isinstance(node, Table):
        table = page.keyed(node, f"a map of {', '.join(form.keys)}", form.keys) or {}
        for key in [key for key in form.keys if key not in form.optional and key not in table]:
            page.tell(node, f"'{kind}' without '{key}'", fix=f"add '{key}:'")
    elif form.short is None:
        page.wrong(node, f"a map, such as {form.example}")
        return None
    else:
        text = page.text(node, f"'{form.example}'")
        match = form.short.match(text) if text is not None else None
        if match is None:
            if text is not None:
                page.wrong(node, f"'{kind}: {form.example}', or a map")
            return None
        table = {key: _part(node, part) for key, part in match.groupdict().items()}
    return _Reader(page, node, table, reader).window(kind, None)


def read_changed(
    page: Page, node: Node, table: Mapping[str, Node], window: WindowSpec, reader: ConditionReader
) -> WindowSpec | None:
    """`window` with what a tune's keys, all of them keys of its kind, say instead."""
    return _Reader(page, node, table, reader).window(kind_of(window), window)


def _part(node: Node, text: str) -> Scalar:
    """A word of a short form, as if it stood there alone."""
    value = int(text) if text.isdecimal() else text
    return Scalar(line=node.line, column=node.column, text=text, value=value, plain=True)


@dataclass(frozen=True, slots=True)
class _Reader:
    """The keys of one window. A part that is wrong is told, and makes the window None."""

    page: Page
    node: Node
    table: Mapping[str, Node]
    conditions: ConditionReader

    def window(self, kind: str, base: WindowSpec | None) -> WindowSpec | None:
        """The window of these keys; `base`, of the same kind, has those that are not given."""
        match kind, base:
            case "count", Count() | None:
                return self._count(base)
            case "distinct", Distinct() | None:
                return self._distinct(base)
            case "sum", Sum() | None:
                return self._sum(base)
            case "absence", Absence() | None:
                within = self._got("within", self._within, base.within if base else None)
                return None if within is None else Absence(within)
            case "ratio", Ratio() | None:
                return self._ratio(base)
            case "spike", Spike() | None:
                return self._spike(base)
            case "first_seen", FirstSeen() | None:
                return self._first_seen(base)
            case "sequence", Sequence() | None:
                return self._sequence(base)
        raise ValueError(f"no window is called '{kind}'")

    def _got(self, key: str, read: Callable[[Node], T | None], otherwise: T | None) -> T | None:
        return read(self.table[key]) if key in self.table else otherwise

    # The kinds

    def _count(self, base: Count | None) -> Count | None:
        threshold = self._got("threshold", self._threshold, base.threshold if base else None)
        within = self._got("within", self._within, base.within if base else None)
        return None if threshold is None or within is None else Count(threshold, within)

    def _distinct(self, base: Distinct | None) -> Distinct | None:
        threshold = self._got("threshold", self._threshold, base.threshold if base else None)
        field = self._got("field", self._field, base.field if base else None)
        within = self._got("within", self._within, base.within if base else None)
        if threshold is None or field is None or within is None:
            return None
        return Distinct(threshold, field, within)

    def _sum(self, base: Sum | None) -> Sum | None:
        field = self._got("field", self._number_field, base.field if base else None)
        threshold = self._got(
            "threshold", lambda n: self._amount(n, field or ""), base.threshold if base else None
        )
        within = self._got("within", self._within, base.within if base else None)
        if threshold is None or field is None or within is None:
            return None
        return Sum(threshold, field, within)

    def _ratio(self, base: Ratio | None) -> Ratio | None:
        above = self._got("above", self._share, base.above if base else None)
        of = base.of if base else None
        if "of" in self.table:
            of = self.conditions.read(self.table["of"], "of")
        within = self._got("within", self._within, base.within if base else None)
        least = self._got("min", self._least, base.least if base else None)
        if above is None or of is None or within is None or least is None:
            return None
        return Ratio(above, of, within, least)

    def _spike(self, base: Spike | None) -> Spike | None:
        measure, field = self._measure(base)
        factor = self._got("factor", self._factor, base.factor if base else None)
        within = self._got("within", self._within, base.within if base else None)
        baseline = self._got("baseline", self._baseline, base.baseline if base else None)
        least = self._got("min", lambda n: self._least_of(n, measure, field), base.least if base else None)
        same_hour = self._got("same_hour", self.page.flag, base.same_hour if base else False)
        if factor is None or within is None or baseline is None or least is None or same_hour is None:
            return None
        spike = Spike(factor, within, baseline, least, measure, field, same_hour)
        for found, expected in _unfit_baseline(spike):
            at = self.table.get("baseline") or next(iter(self.table.values()), self.node)
            self.page.tell(at, found, expected=expected)
        return spike

    def _measure(self, base: Spike | None) -> tuple[Measure, str]:
        """What a spike measures, and the field of it."""
        summed = self._got("sum", self._number_field, None)
        different = self._got("distinct", self._field, None)
        if "sum" in self.table and "distinct" in self.table:
            found = "a spike of both 'sum' and 'distinct'"
            self.page.tell(self.page.key(self.node, "distinct"), found, expected="one of the two, or neither")
        measure: Measure = "sum" if summed else "distinct" if different else "events"
        if base and measure == "events":
            return base.measure, base.field
        if base and measure != base.measure and "min" not in self.table:
            found = f"'{measure}' in place of {base.measure}, without a 'min' of it"
            self.page.tell(self.page.key(self.node, measure), found, fix="add 'min:'")
        return measure, summed or different or ""

    def _first_seen(self, base: FirstSeen | None) -> FirstSeen | None:
        fields = self._got("fields", self._fields, base.fields if base else None)
        learn = self._got(
            "learn",
            lambda n: read_duration(self.page, n, least=0, most=MAX_LEARN),
            base.learn if base else LEARN,
        )
        remember = self._got(
            "remember",
            lambda n: read_duration(self.page, n, most=MAX_REMEMBER),
            base.remember if base else REMEMBER,
        )
        if not fields or learn is None or remember is None:
            return None
        if remember < learn:
            at = self.table.get("remember") or self.table.get("learn") or self.node
            found = (
                f"'remember' of {values.duration_text(remember)}, 'learn' of {values.duration_text(learn)}"
            )
            self.page.tell(at, found, expected="to remember at least as long as to learn")
        return FirstSeen(fields, learn, remember)

    def _sequence(self, base: Sequence | None) -> Sequence | None:
        steps = self._got("steps", self._steps, base.steps if base else None)
        within = self._got("within", self._within, base.within if base else None)
        return None if steps is None or within is None else Sequence(steps, within)

    def _steps(self, node: Node) -> tuple[Step, ...] | None:
        least, most = STEPS
        if not isinstance(node, Items) or not least <= len(node.items) <= most:
            expected = f"a list of {least} to {most} steps, such as {{when: {{…}}, times: 5}}"
            if isinstance(node, Items):
                self.page.tell(node, f"a sequence of {len(node.items)}", expected=expected)
            else:
                self.page.wrong(node, expected)
            return None
        steps = [self._step(item) for item in node.items]
        read = tuple(step for step in steps if step is not None)
        return read if len(read) == len(steps) else None

    def _step(self, node: Node) -> Step | None:
        table = self.page.keyed(node, "a step, such as {when: {…}, times: 5}", ("when", "times"))
        if table is None:
            return None
        if "when" not in table:
            self.page.tell(node, "a step without 'when'", fix="add 'when:'")
            return None
        when = self.conditions.read(table["when"], "when")
        times = self.page.whole(table["times"], "how many times", 1, MAX_TIMES) if "times" in table else 1
        return None if times is None else Step(when, times)

    # Parts

    def _threshold(self, node: Node) -> int | None:
        return self.page.whole(node, "a threshold", 1, MAX_THRESHOLD)

    def _least(self, node: Node) -> int | None:
        return self.page.whole(node, "how many events it takes", 1, MAX_THRESHOLD)

    def _least_of(self, node: Node, measure: Measure, field: str) -> int | None:
        match measure:
            case "events":
                return self._least(node)
            case "sum":
                return self._least_sum(node, field)
            case "distinct":
                return self.page.whole(node, "how many values it takes", 1, DISTINCT_CAP * SLOTS)

    def _least_sum(self, node: Node, field: str) -> int | None:
        """The floor of a sum; one of a few bytes was meant as a number of events, and holds nothing."""
        amount = self._amount(node, field)
        is_bytes = self.conditions.scope.unit_of(field) == "bytes"
        if amount is not None and is_bytes and amount < LEAST_BYTES:
            found = f"a floor of {amount:,} bytes, which a page or two make"
            fix = "write its unit, such as 500MB: the sum below which nothing is told"
            self.page.tell(node, found, fix=fix, warning=True)
        return amount

    def _within(self, node: Node) -> Nanos | None:
        return read_duration(self.page, node, most=MAX_WITHIN)

    def _baseline(self, node: Node) -> Nanos | None:
        return read_duration(self.page, node, most=MAX_BASELINE)

    def _field(self, node: Node) -> str | None:
        name = self.page.text(node, "a field's name")
        if name is not None:
            self.conditions.scope.check(self.page, node, name)
        return name

    def _number_field(self, node: Node) -> str | None:
        """A field whose numbers can be added up."""
        name = self._field(node)
        spec = self.conditions.scope.specs.get(name) if name is not None else None
        if spec is not None and spec.type != "number":
            numbers = sorted(n for n, s in self.conditions.scope.specs.items() if s.type == "number")
            expected = "one of " + ", ".join(numbers) if numbers else "a field that is a number"
            self.page.tell(node, f"'{name}' is no number that could be added up", expected=expected)
            return None
        return name

    def _fields(self, node: Node) -> tuple[KeyPart, ...] | None:
        count = len(self.page.items(node))
        if not 1 <= count <= MAX_FIELDS:
            self.page.tell(node, f"{count} fields", expected=f"1 to {MAX_FIELDS}")
            return None
        return read_key(self.page, node, self.conditions.scope) or None

    def _amount(self, node: Node, field: str) -> int | None:
        """A sum: a number, a size, or a duration where the field's unit is one."""
        what = "a number, or a size such as 5GB or 300MiB"
        text = self.page.text(node, what)
        if text is None or not isinstance(node, Scalar) or node.value is None:
            return None
        amount = self._number_or_size(text, node.value, field)
        if isinstance(amount, int | float) and 1 <= amount <= MAX_SUM:
            return round(amount)
        self.page.tell(node, describe(node), expected=f"{what}, from 1 to 1000TB")
        return None

    def _number_or_size(self, text: str, value: Value, field: str) -> Value | None:
        with suppress(NotA):
            return values.size(text)
        with suppress(NotA):
            return number(text, value, self.conditions.scope.unit_of(field))
        return None

    def _share(self, node: Node) -> float | None:
        """`20%` or `0.2`."""
        expected = "a share from 0% to below 100%, such as 20% or 0.2"
        text = self.page.text(node, expected)
        if text is None or not isinstance(node, Scalar):
            return None
        percent = _PERCENT.match(text)
        share = float(percent[1]) / 100 if percent else node.value
        if isinstance(share, int | float) and 0 <= share < 1:
            return float(share)
        bare = isinstance(share, int | float) and not percent and 1 <= share < 100
        self.page.tell(node, describe(node), expected=expected, fix=f"write {text}%" if bare else "")
        return None

    def _factor(self, node: Node) -> float | None:
        value = node.value if isinstance(node, Scalar) and node.plain and not node.trap else None
        if isinstance(value, int | float) and not isinstance(value, bool) and 1 < value <= MAX_FACTOR:
            return float(value)
        self.page.wrong(node, f"how many times the usual: a number above 1, at most {MAX_FACTOR}")
        return None


def _unfit_baseline(spike: Spike) -> Iterator[tuple[str, str]]:
    """What a spike's baseline cannot be, each with what was expected."""
    found = f"a baseline of {values.duration_text(spike.baseline)}"
    if spike.same_hour and (spike.baseline % DAY or spike.baseline < LEAST_DAYS * DAY):
        yield f"{found} with 'same_hour'", f"whole days, at least {LEAST_DAYS}d"
    if spike.same_hour and spike.within > DAY:
        yield f"'within' of {values.duration_text(spike.within)} with 'same_hour'", "at most 1d"
    least = LEAST_LENGTHS * spike.within
    if not spike.same_hour and spike.baseline < least:
        yield found, f"at least {LEAST_LENGTHS} times 'within', {values.duration_text(least)}"
    most = MAX_LENGTHS * spike.within
    if spike.baseline > most:
        yield found, f"at most {MAX_LENGTHS} times 'within', {values.duration_text(most)}"
