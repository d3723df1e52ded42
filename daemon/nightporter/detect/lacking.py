"""What is off because the config does not give a list that it speaks of (`allow_list:`).

A rule that names such a list is off; a learned list whose condition names one learns nothing, and what names
that one is off too.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace

from nightporter.rule import (
    GIVEN_LISTS,
    All,
    AnyOf,
    Condition,
    LearnedList,
    ListRef,
    Ratio,
    Rule,
    Ruleset,
    Sequence,
    Test,
)


def usable(ruleset: Ruleset) -> Ruleset:
    """The set without all that lacks a list; the very same set where nothing does."""
    lacked = lacking(ruleset)
    if not lacked:
        return ruleset
    return replace(
        ruleset,
        rules=tuple(rule for rule in ruleset.rules if not names_of(rule) & lacked),
        enrichers=tuple(
            e for e in ruleset.enrichers if not {*lists_of(e.when), *lists_of(e.unless)} & lacked
        ),
        lists={name: entry for name, entry in ruleset.lists.items() if name not in lacked},
        ignores=tuple(ignore for ignore in ruleset.ignores if not {*lists_of(ignore.when)} & lacked),
    )


def off(ruleset: Ruleset) -> tuple[Rule, ...]:
    """The rules that would be in force, were their lists there."""
    lacked = lacking(ruleset)
    return tuple(rule for rule in ruleset.rules if rule.enabled and names_of(rule) & lacked)


def lacking(ruleset: Ruleset) -> Set[str]:
    """The names of all lists that are not there, or cannot be filled for want of another."""
    lacked = {name for name in GIVEN_LISTS if name not in ruleset.lists}
    while True:
        more = {
            name
            for name, entry in ruleset.lists.items()
            if isinstance(entry, LearnedList) and name not in lacked and lacked & {*lists_of(entry.when)}
        }
        if not more:
            return lacked
        lacked |= more


def names_of(rule: Rule) -> Set[str]:
    """The lists that any condition of a rule names."""
    return {name for condition in _conditions(rule) for name in lists_of(condition)}


def lists_of(condition: Condition) -> Iterator[str]:
    """The lists that a condition names."""
    match condition:
        case Test(values=values):
            yield from (value.name for value in values if isinstance(value, ListRef))
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from lists_of(part)


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
