"""Which byte strings a line must hold for any rule of a lane to care about it.

A promise, never a guess: the scanner skips every line without one of these, so a set that is too small
switches rules off in silence. Where no promise can be made the answer is None, and every line is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nightporter.detect.ages import LEARNED
from nightporter.detect.compiled import CompiledEnricher, Plan
from nightporter.detect.predicates import ListValues, captures, compile_condition, resolve_values
from nightporter.formats.base import Format
from nightporter.model import ACCEPTED, Fields, Origin
from nightporter.rule import All, AnyOf, Condition, Op, Test

SETTLED: Final = Test(field="action", op=Op.EQUALS, values=(ACCEPTED,))
"""The record that ends what rules tell of a watched file: no scanner may skip it."""

Literals = frozenset[bytes] | None
"""None: no promise. Empty: no line can fit."""


def literals(
    plan: Plan, origin: Origin, form: Format, lists: Mapping[str, ListValues], timezone: str
) -> Literals:
    """The literals of which one at least stands in every line of the lane that any rule or learned list of
    the plan could count."""
    planner = _Planner(plan, origin, form, lists, timezone)
    wanted = [rule.rule.when for rule, _ in plan.rules] + [entry.when for entry in plan.learned_lists]
    wanted += [rule.rule.resolve for rule, _ in plan.rules if rule.rule.resolve is not None]
    if origin.kind == "docker_events":
        wanted.append(LEARNED)
    if origin.kind == "integrity":
        wanted.append(SETTLED)
    if plan.login_request_when is not None:
        wanted.append(plan.login_request_when)
    return _union([planner.of(condition) for condition in wanted])


class _Planner:
    def __init__(
        self, plan: Plan, origin: Origin, form: Format, lists: Mapping[str, ListValues], timezone: str
    ) -> None:
        self._form = form
        self._lists = lists
        self._timezone = timezone
        self._fixed: Fields = {**dict(origin.fields), "source": origin.source}
        self._enrichers = [(enricher, self._sets(enricher)) for enricher, _ in plan.enrichers]

    @staticmethod
    def _sets(enricher: CompiledEnricher) -> Fields:
        """What an enricher may set; a text with a `{field}` or a named group may become anything: ``{``."""
        made: Fields = dict.fromkeys(captures(enricher.enricher.when), "{")
        return {**made, **dict(enricher.sets)}

    def of(self, condition: Condition, *, enriched: bool = True) -> Literals:
        """The literals of one condition. `enriched` False: as the bare line, before any `events:`."""
        match condition:
            case All(parts=parts):
                known = [
                    (_cost(part, found), found)
                    for part in parts
                    if (found := self.of(part, enriched=enriched)) is not None
                ]
                return min(known, key=lambda each: each[0])[1] if known else None
            case AnyOf(parts=parts):
                return _union([self.of(part, enriched=enriched) for part in parts])
            case Test():
                return self._of_test(condition, enriched)

    def _of_test(self, test: Test, enriched: bool) -> Literals:
        values = resolve_values(test, self._lists)
        if values is None:
            return None
        ways = [self._as_written(test, values)]
        if enriched:
            for enricher, sets in self._enrichers:
                if test.field in sets and self._could_pass(test, sets):
                    ways.append(self.of(enricher.enricher.when, enriched=False))
        return _union(ways)

    def _as_written(self, test: Test, values: tuple[str | int | float | bool, ...]) -> Literals:
        if test.field in self._fixed and self._passes(test, self._fixed):
            return None
        return self._form.literals(test, values)

    def _could_pass(self, test: Test, sets: Fields) -> bool:
        value = sets[test.field]
        return (isinstance(value, str) and "{" in value) or self._passes(test, sets)

    def _passes(self, test: Test, fields: Fields) -> bool:
        return compile_condition(test, self._lists, timezone=self._timezone)(fields, None)


def _union(parts: list[Literals]) -> Literals:
    found: set[bytes] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return frozenset(found)


def _cost(part: Condition, found: frozenset[bytes]) -> tuple[bool, bool, int, int]:
    """The best of several promises first: that nothing can fit; then an error's status, since errors are
    rarer than requests for any path; then the longest shortest literal; then the fewest."""
    errors = isinstance(part, Test) and part.field == "status" and all(_is_error(v) for v in part.values)
    return bool(found), not errors, -min((len(one) for one in found), default=0), len(found)


def _is_error(value: object) -> bool:
    return str(value)[:1] in ("4", "5")
