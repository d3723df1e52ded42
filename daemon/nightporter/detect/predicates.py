"""Conditions as closures: what `when` and `unless` say, ready to be asked of an event's fields (RULES §1).

    condition tree ──compile_condition──▶ predicate(fields, out) → bool

A predicate never raises, whatever the values, and costs nothing that it need not: the parts of an AND are
asked cheapest first. `matchers` knows the operators, `patterns` the regexes; here is the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from nightporter.detect.folding import as_text, fold
from nightporter.detect.matchers import ConditionError, Matcher, Shared
from nightporter.detect.patterns import MATCH_CHARS, Budgets, Pattern, PatternError, compile_pattern
from nightporter.model import Fields, Stamp, Value
from nightporter.rule import All, AnyOf, Condition, ListRef, Op, Test

Predicate = Callable[[Fields, Fields | None], bool]
"""Whether an event's fields fit. The named groups of a `|re` that fits are added to the second argument, and
only where the answer is True."""


class Members(Protocol):
    """A learned list, alive: what it holds depends on the moment."""

    def contains(self, value: str, now: Stamp) -> bool:
        """Whether the value was seen within the list's `keep` before `now` (event time)."""
        ...


ListValues = tuple[Value, ...] | Members
"""A list as conditions use it: the values that files wrote, or a learned list."""

_MEMBER_OPS: Final = frozenset({Op.EQUALS, Op.CIDR, Op.GLOB})
"""What a plain `$list` becomes, by the field's type; of a learned list all three ask for membership."""

_COST: Final[Mapping[Op, int]] = {
    Op.EXISTS: 0,
    Op.STATUS: 1,
    Op.EQUALS: 1,
    Op.LT: 1,
    Op.LTE: 1,
    Op.GT: 1,
    Op.GTE: 1,
    Op.STARTSWITH: 2,
    Op.ENDSWITH: 2,
    Op.CIDR: 3,
    Op.GLOB: 4,
    Op.HOUR: 5,
    Op.WEEKDAY: 5,
    Op.CONTAINS: 6,
    Op.RE: 8,
}
_LEARNED_COST: Final = 7


@dataclass(frozen=True, slots=True)
class _Part:
    """One compiled part. `cost` is a rank; `captures` whether it may write named groups."""

    ask: Predicate
    cost: int
    captures: bool = False


def compile_condition(
    condition: Condition,
    lists: Mapping[str, ListValues],
    *,
    timezone: str,
    budgets: Budgets | None = None,
    shared: Shared | None = None,
) -> Predicate:
    """The condition as a closure over its lists.

    `timezone` (an IANA name or `local`) is where HOUR and WEEKDAY are told. `budgets` is the rule's own: it
    counts overruns and cuts, by the event's `source`, and pauses slow patterns; a rule's conditions share
    one. A slow match that ran out of time or was paused makes its test false, under `negated` too. `shared`
    holds what this condition has in common with others that the same thread asks.
    Raises ConditionError or PatternError for operands that the loader should have refused, and KeyError for
    a list that does not exist.
    """
    return _Compiler(lists, timezone, budgets or Budgets(), shared or Shared()).part(condition).ask


def captures(condition: Condition) -> frozenset[str]:
    """The named groups that the condition may write: of its own regexes, not those in lists."""
    match condition:
        case All(parts=parts) | AnyOf(parts=parts):
            return frozenset().union(*(captures(part) for part in parts))
        case Test(op=Op.RE, negated=False, values=values):
            patterns = (compile_pattern(as_text(v)) for v in values if not isinstance(v, ListRef))
            return frozenset(name for pattern in patterns for name in pattern.groups)
        case _:
            return frozenset()


def resolve_values(test: Test, lists: Mapping[str, ListValues]) -> tuple[Value, ...] | None:
    """The test's values with its lists' in their place; None where one is learned, so that they change."""
    values, members = _operands(test, lists)
    return None if members else values


def _operands(test: Test, lists: Mapping[str, ListValues]) -> tuple[tuple[Value, ...], tuple[Members, ...]]:
    values: list[Value] = []
    members: list[Members] = []
    for operand in test.values:
        entry = lists[operand.name] if isinstance(operand, ListRef) else (operand,)
        if isinstance(entry, tuple):
            values.extend(entry)
        else:
            members.append(entry)
    return tuple(values), tuple(members)


class _Compiler:
    def __init__(
        self, lists: Mapping[str, ListValues], timezone: str, budgets: Budgets, shared: Shared
    ) -> None:
        self._lists = lists
        self._timezone = timezone
        self._budgets = budgets
        self._shared = shared

    def part(self, condition: Condition) -> _Part:
        match condition:
            case Test():
                return self._test(condition)
            case All():
                return _all_of([self.part(part) for part in _flattened(condition)])
            case AnyOf(parts=parts):
                return _any_of([self.part(part) for part in parts])

    def _test(self, test: Test) -> _Part:
        values, members = _operands(test, self._lists)
        cost = _COST[test.op]
        if test.op is Op.EXISTS:
            return _Part(_exists(test.field, _wanted(values) != test.negated), cost)
        if members:
            return _Part(self._learned(test, values, members), _LEARNED_COST)
        if test.op is Op.RE:
            return self._regex(test, values)
        return _Part(_fitting(test.field, self._matcher(test, values), not test.negated), cost)

    def _matcher(self, test: Test, values: tuple[Value, ...]) -> Matcher:
        def of(some: tuple[Value, ...]) -> Matcher:
            return self._shared.matcher(test.op, some, cased=test.cased, zone=self._timezone)

        if not test.every or len(values) == 1:
            return of(values)
        each = tuple(of((value,)) for value in values)
        return lambda value: bool(each) and all(fits(value) for fits in each)

    def _learned(self, test: Test, values: tuple[Value, ...], members: tuple[Members, ...]) -> Predicate:
        if test.op not in _MEMBER_OPS:
            raise ConditionError(f"'{test.field}|{test.op.value}' cannot be compared with a learned list")
        fixed = self._matcher(test, values) if values else None
        combine = all if test.every else any
        name, wanted = test.field, not test.negated

        def is_member(fields: Fields, _out: Fields | None) -> bool:
            value = fields.get(name)
            if value is None:
                return False
            text, now = as_text(value), _stamp(fields, "time")
            folded = fold(text)
            answers = (m.contains(text, now) or (folded != text and m.contains(folded, now)) for m in members)
            if fixed is None:
                return combine(answers) is wanted
            return combine((fixed(value), combine(answers))) is wanted

        return is_member

    def _regex(self, test: Test, values: tuple[Value, ...]) -> _Part:
        patterns = tuple(compile_pattern(as_text(value)) for value in values)
        named = not test.negated and any(pattern.groups for pattern in patterns)
        if len(patterns) == 1 and not test.negated and patterns[0].engine == "re2":
            ask = _linear(test.field, patterns[0], self._budgets)
        else:
            ask = _searching(test, patterns, self._budgets)
        return _Part(ask, _COST[Op.RE], named)


def _flattened(condition: All) -> Iterable[Condition]:
    for part in condition.parts:
        if isinstance(part, All):
            yield from _flattened(part)
        else:
            yield part


def _all_of(parts: list[_Part]) -> _Part:
    """AND, cheapest first; those that write groups come last, in the order of the file."""
    ordered = sorted(parts, key=lambda part: (part.cost, part.captures))
    cost = max((part.cost for part in parts), default=0)
    writers = sum(part.captures for part in parts)
    asks = tuple(part.ask for part in ordered)
    if writers > 1:
        return _Part(_all_writing(asks), cost, captures=True)
    return _Part(_all(asks), cost, captures=writers > 0)


def _all(asks: tuple[Predicate, ...]) -> Predicate:
    if len(asks) == 1:
        return asks[0]
    if len(asks) == 2:
        first, second = asks
        return lambda fields, out: first(fields, out) and second(fields, out)

    def all_hold(fields: Fields, out: Fields | None) -> bool:
        for ask in asks:  # noqa: SIM110 - all() over a generator costs twice as much
            if not ask(fields, out):
                return False
        return True

    return all_hold


def _all_writing(asks: tuple[Predicate, ...]) -> Predicate:
    """AND where an early part's groups must not be kept if a later part fails."""
    holds = _all(asks)

    def all_hold(fields: Fields, out: Fields | None) -> bool:
        found: Fields = {}
        if not holds(fields, found):
            return False
        if out is not None:
            out.update(found)
        return True

    return all_hold


def _any_of(parts: list[_Part]) -> _Part:
    """OR, cheapest first; in the file's order where one writes groups, since the first that fits does."""
    writes = any(part.captures for part in parts)
    ordered = parts if writes else sorted(parts, key=lambda part: part.cost)
    asks = tuple(part.ask for part in ordered)
    cost = max((part.cost for part in parts), default=0)

    def any_holds(fields: Fields, out: Fields | None) -> bool:
        for ask in asks:  # noqa: SIM110 - any() over a generator costs twice as much
            if ask(fields, out):
                return True
        return False

    return _Part(asks[0] if len(asks) == 1 else any_holds, cost, writes)


def _wanted(values: tuple[Value, ...]) -> bool:
    return any(value is True or as_text(value).lower() == "true" for value in values)


def _exists(name: str, wanted: bool) -> Predicate:
    return lambda fields, _out: (fields.get(name) is not None) is wanted


def _fitting(name: str, fits: Matcher, wanted: bool) -> Predicate:
    def holds(fields: Fields, _out: Fields | None) -> bool:
        value = fields.get(name)
        return value is not None and fits(value) is wanted

    return holds


def _stamp(fields: Fields, name: str) -> Stamp:
    value = fields.get(name)
    return value if type(value) is int else 0


def _arrival(fields: Fields) -> Stamp:
    """Budgets run on arrival, which no line can write."""
    return _stamp(fields, "arrived") or _stamp(fields, "time")


def _budget_source(fields: Fields) -> str:
    return as_text(fields.get("source", ""))


def _linear(name: str, pattern: Pattern, budgets: Budgets) -> Predicate:
    """The common case: one pattern on the engine that cannot overrun."""
    search = pattern.search

    def matches(fields: Fields, out: Fields | None) -> bool:
        value = fields.get(name)
        if value is None:
            return False
        text = value if isinstance(value, str) else as_text(value)
        if len(text) > MATCH_CHARS:
            budgets.of(_budget_source(fields)).cut += 1
        found = search(text)
        if found is None:
            return False
        if out is not None and found:
            out.update(found)
        return True

    return matches


def _searching(test: Test, patterns: tuple[Pattern, ...], budgets: Budgets) -> Predicate:
    """Any number of patterns, on either engine. What could not be judged in time is false either way."""
    name, every, wanted = test.field, test.every, not test.negated

    def matches(fields: Fields, out: Fields | None) -> bool:
        value = fields.get(name)
        if value is None:
            return False
        text = as_text(value)
        if len(text) > MATCH_CHARS:
            budgets.of(_budget_source(fields)).cut += 1
        found: Fields = {}
        fits = _fits(patterns, every, found, lambda pattern: _attempt(pattern, text, fields, budgets))
        if fits is not wanted:
            return False
        if out is not None and wanted:
            out.update(found)
        return True

    return matches


def _fits(
    patterns: tuple[Pattern, ...],
    every: bool,
    found: Fields,
    attempt: Callable[[Pattern], Mapping[str, str] | None],
) -> bool | None:
    """Whether any (or every) pattern matches, its groups added to `found`; None where time ran out before
    that was known."""
    unknown = False
    for pattern in patterns:
        try:
            groups = attempt(pattern)
        except TimeoutError:
            unknown = True
            continue
        if groups is not None:
            found.update(groups)
        if (groups is not None) is not every:  # one match decides "any", one miss decides "every"
            return not every
    return None if unknown else every and bool(patterns)


def _attempt(pattern: Pattern, text: str, fields: Fields, budgets: Budgets) -> Mapping[str, str] | None:
    """One match, charged to the budget of the event's source. TimeoutError: there is no answer."""
    if pattern.engine == "re2":
        return pattern.search(text)
    budget, now = budgets.of(_budget_source(fields)), _arrival(fields)
    if not budget.allows(now):
        raise TimeoutError("paused")
    try:
        return pattern.search(text)
    except TimeoutError:
        budget.overran(now)
        raise


__all__ = [
    "ConditionError",
    "ListValues",
    "Members",
    "PatternError",
    "Predicate",
    "captures",
    "compile_condition",
    "resolve_values",
]
