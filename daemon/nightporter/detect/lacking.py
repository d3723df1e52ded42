"""What is off because something is not there that it speaks of: a list that only the config gives
(`allow_list:`), or a field that only a database gives (`geo:`).

A rule that names such a list, or needs such a field, is off; a learned list that does learns nothing, and
what names that one is off too.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from nightporter.rule import (
    GIVEN_LISTS,
    PLACE_FIELDS,
    All,
    AnyOf,
    Condition,
    Distinct,
    FirstSeen,
    LearnedList,
    ListRef,
    Ratio,
    Rule,
    Ruleset,
    Sequence,
    Spike,
    Sum,
    Test,
)


def usable(ruleset: Ruleset) -> Ruleset:
    """The set without all that lacks something; the very same set where nothing does."""
    lacked = _Lacked(lacking(ruleset), PLACE_FIELDS - ruleset.places)
    rules = tuple(rule for rule in ruleset.rules if not lacked.by_rule(rule))
    enrichers = tuple(e for e in ruleset.enrichers if not lacked.by_any(e.when, e.unless))
    lists = {name: entry for name, entry in ruleset.lists.items() if name not in lacked.lists}
    ignores = tuple(ignore for ignore in ruleset.ignores if not lacked.by_any(ignore.when))
    if (rules, enrichers, ignores) == (ruleset.rules, ruleset.enrichers, ruleset.ignores) and len(
        lists
    ) == len(ruleset.lists):
        return ruleset
    return replace(ruleset, rules=rules, enrichers=enrichers, lists=lists, ignores=ignores)


def off(ruleset: Ruleset) -> tuple[Rule, ...]:
    """The rules that would be in force, were their lists there."""
    return _off(replace(ruleset, places=PLACE_FIELDS))


def off_for_places(ruleset: Ruleset) -> tuple[Rule, ...]:
    """The rules that would be in force, were there databases of the fields that they need."""
    for_lists = off(ruleset)
    return tuple(rule for rule in _off(ruleset) if rule not in for_lists)


def _off(ruleset: Ruleset) -> tuple[Rule, ...]:
    lacked = _Lacked(lacking(ruleset), PLACE_FIELDS - ruleset.places)
    return tuple(rule for rule in ruleset.rules if rule.enabled and lacked.by_rule(rule))


def lacking(ruleset: Ruleset) -> Set[str]:
    """The names of all lists that are not there, or cannot be filled for want of another or of a field."""
    fields = PLACE_FIELDS - ruleset.places
    lacked = {name for name in GIVEN_LISTS if name not in ruleset.lists}
    while True:
        without = _Lacked(lacked, fields)
        more = {
            name
            for name, entry in ruleset.lists.items()
            if isinstance(entry, LearnedList)
            and name not in lacked
            and (entry.field in fields or without.by_any(entry.when))
        }
        if not more:
            return lacked
        lacked |= more


@dataclass(frozen=True, slots=True)
class _Lacked:
    """The lists and the fields that are not there."""

    lists: Set[str]
    fields: Set[str]

    def by_rule(self, rule: Rule) -> bool:
        return bool(names_of(rule) & self.lists or needs_of(rule) & self.fields)

    def by_any(self, *conditions: Condition) -> bool:
        tests = [test for condition in conditions for test in tests_of(condition)]
        return any(test.field in self.fields or self.lists & {*_lists(test)} for test in tests)


def names_of(rule: Rule) -> Set[str]:
    """The lists that any condition of a rule names."""
    return {name for test in _tests(rule) for name in _lists(test)}


def needs_of(rule: Rule) -> Set[str]:
    """The fields without which a rule judges otherwise than it says: those of its conditions, its key and its
    window. What its message asks for may be missing."""
    asked = {test.field for test in _tests(rule)} | {part.field for part in rule.by}
    match rule.window:
        case Distinct(field=field) | Sum(field=field) | Spike(field=field):
            return asked | {field}
        case FirstSeen(fields=parts):
            return asked | {part.field for part in parts}
    return asked


def tests_of(condition: Condition) -> Iterator[Test]:
    """Every test in a condition."""
    match condition:
        case Test():
            yield condition
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from tests_of(part)


def _lists(test: Test) -> Iterator[str]:
    yield from (value.name for value in test.values if isinstance(value, ListRef))


def _tests(rule: Rule) -> Iterator[Test]:
    for condition in _conditions(rule):
        yield from tests_of(condition)


def _conditions(rule: Rule) -> Iterator[Condition]:
    yield rule.when
    yield rule.unless
    if rule.resolve is not None:
        yield rule.resolve
    yield from (step.when for step in rule.severity)
    match rule.window:
        case Ratio(of=of):
            yield of
        case Sequence(steps=steps):
            yield from (step.when for step in steps)
