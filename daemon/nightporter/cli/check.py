"""`nightporter check`: look over config and rules; name every mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from nightporter import configfile, rulefiles, ruletest
from nightporter.allowlist.given import with_lists
from nightporter.cli._rules import config_option, places_of
from nightporter.detect import lacking
from nightporter.errors import BadFiles
from nightporter.rule import Rule
from nightporter.ruleset import read
from nightporter.sources.allowlist.reading import at_once


@click.command(epilog="Example: nightporter check ~/.config/nightporter/rules/mine.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@config_option
def command(files: tuple[Path, ...], config_file: Path | None) -> int:
    """Look over the config, all rule files and their inline tests, and name every mistake with its place.

    With FILES, only these rule files (or folders) are looked over, next to the config and the shipped rules.
    Changes nothing. The exit code is 2 if there is a mistake.
    """
    read_config = configfile.read(config_file)
    if not read_config.ok:
        raise BadFiles(read_config.problems)
    config = read_config.config
    sources, unread = rulefiles.texts(config)
    if files:
        extra = read(files)
        sources = rulefiles.joined([source for source in sources if source.shipped], extra.texts)
        unread = (*unread, *extra.problems)
    loaded = rulefiles.judged(sources, config)
    problems = [*read_config.problems, *unread, *loaded.problems]
    for problem in sorted(problems, key=lambda p: p.place):
        click.echo(str(problem), err=True)
    if any(not problem.warning for problem in problems):
        return 2
    rules = loaded.ruleset.rules
    off = sum(not rule.enabled for rule in rules)
    click.echo(
        f"{len(rules)} rules ({off} off), {len(loaded.ruleset.enrichers)} events, "
        f"{len(ruletest.all_tests(loaded.ruleset))} inline tests: all is well."
    )
    whole = with_lists(loaded.ruleset, at_once(config.allow_list))
    for rule_off, what in (
        (lacking.off(whole), "allow_list"),
        (lacking.off_for_places(replace(whole, places=places_of(config).fields)), "geo database"),
    ):
        if rule_off:
            click.echo(f"Off, since the config names no {what} that can be read: {_listed(rule_off)}.")
    return 0


def _listed(rules: Sequence[Rule]) -> str:
    return ", ".join(rule.id for rule in rules)
