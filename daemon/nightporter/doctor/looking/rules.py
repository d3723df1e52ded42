"""Reads the rule files and runs their inline tests, as a start and every reload do."""

from __future__ import annotations

from dataclasses import dataclass

from nightporter import rulefiles
from nightporter.config import Config
from nightporter.errors import Problem
from nightporter.rule import Ruleset


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRules:
    """The rules as the files have them."""

    ruleset: Ruleset
    problems: tuple[Problem, ...]
    shipped: frozenset[str]


def look(config: Config) -> LoadedRules:
    """Blocking, about two seconds with the shipped rules."""
    sources, unread = rulefiles.texts(config)
    loaded = rulefiles.judged(sources, config)
    return LoadedRules(
        ruleset=loaded.ruleset,
        problems=(*unread, *loaded.problems),
        shipped=frozenset(source.name for source in sources if source.shipped),
    )
