"""The rule files that a config names: read, loaded, and judged by their own tests."""

from __future__ import annotations

import os
from collections.abc import Sequence

from nightporter import bundled, ruletest
from nightporter.config import Config
from nightporter.configfile import surroundings
from nightporter.errors import Problem
from nightporter.ruleset import Loaded, SourceText, load, read


def texts(config: Config) -> tuple[tuple[SourceText, ...], tuple[Problem, ...]]:
    """The shipped rule files and the person's, in the config's order. What the config names must be there;
    the folder that it would look into by itself need not."""
    shipped = read([bundled.rules()], shipped=True) if config.shipped_rules else read([])
    own = read([path for path in config.rule_dirs if config.rule_dirs_named or os.path.lexists(path)])
    return shipped.texts + own.texts, shipped.problems + own.problems


def judged(sources: Sequence[SourceText], config: Config) -> Loaded:
    """Load the texts and run every inline test; a failing test is a mistake like any other."""
    loaded = load(sources, surroundings(config))
    ours = {source.name for source in sources if source.shipped}
    # A warning about a shipped file is for us, not for the person who runs it.
    problems = tuple(p for p in loaded.problems if not (p.warning and p.place.file in ours))
    failures = tuple(ruletest.failures(loaded.ruleset)) if loaded.ok else ()
    return Loaded(loaded.ruleset, problems + failures)
