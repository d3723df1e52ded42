"""The rule files that a config names: read, loaded, and judged by their own tests."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from nightporter import bundled, ruletest
from nightporter.config import Config
from nightporter.configfile import surroundings
from nightporter.errors import Place, Problem
from nightporter.ruleset import Loaded, SourceText, load, read


def texts(
    config: Config, in_use: Collection[Path] = ()
) -> tuple[tuple[SourceText, ...], tuple[Problem, ...]]:
    """The shipped rule files and the person's, in the config's order. What the config names must be there;
    the folder that it would look into by itself need not, unless rules of it are `in_use`. A shipped file
    that lies in a folder of the person's as well, as in a checkout, is read once."""
    shipped = read([bundled.rules()], shipped=True) if config.shipped_rules else read([])
    there = [path for path in config.rule_dirs if config.rule_dirs_named or os.path.lexists(path)]
    own = read(there)
    gone = tuple(_gone(path) for path in config.rule_dirs if path in in_use and path not in there)
    return joined(shipped.texts, own.texts), shipped.problems + own.problems + gone


def joined(shipped: Sequence[SourceText], own: Sequence[SourceText]) -> tuple[SourceText, ...]:
    """Both, without those of the person's that say just what a shipped one says: no second rule of each id.
    One that was changed stays, and its rules are told as second ones."""
    known = {text.text for text in shipped}
    return (*shipped, *(text for text in own if text.text not in known))


def _gone(folder: Path) -> Problem:
    return Problem(
        place=Place(str(folder)),
        found="cannot be read: the folder is gone, and rules of it are in force",
        fix="put it back; if you want no rules of your own, make it anew and leave it empty",
    )


def judged(sources: Sequence[SourceText], config: Config) -> Loaded:
    """Load the texts and run every inline test; a failing test is a mistake like any other."""
    loaded = load(sources, surroundings(config))
    ours = {source.name for source in sources if source.shipped}
    # A warning about a shipped file is for us, not for the person who runs it.
    problems = tuple(p for p in loaded.problems if not (p.warning and p.place.file in ours))
    failures = tuple(ruletest.failures(loaded.ruleset)) if loaded.ok else ()
    return Loaded(loaded.ruleset, problems + failures)
