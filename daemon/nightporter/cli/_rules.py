"""What the verbs that need rules and config share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from nightporter import configfile, rulefiles
from nightporter.allowlist.given import with_lists
from nightporter.config import Config
from nightporter.errors import BadFiles
from nightporter.places import Databases, places_for
from nightporter.rule import Ruleset
from nightporter.ruleset import load, read
from nightporter.safetext import for_terminal
from nightporter.sources.allowlist.reading import at_once

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The config file; by default ~/.config/nightporter/config.yaml.",
)


def config_of(path: Path | None) -> Config:
    """The config of this file, or of the default place, where a missing file means the defaults.

    Raises BadFiles with every mistake in it.
    """
    loaded = configfile.read(path)
    if not loaded.ok:
        raise BadFiles(loaded.problems)
    return loaded.config


def places_of(config: Config) -> Databases:
    """The config's databases of places; what is wrong with one is said on standard error."""
    databases = places_for(config.geo)
    for trouble in databases.troubles:
        click.echo(f"geo: {for_terminal(trouble, 500)}", err=True)
    return databases


def ruleset_of(config: Config, only: Sequence[Path] = (), *, places: frozenset[str] = frozenset()) -> Ruleset:
    """The rules of the config, or those of these files and folders alone; their inline tests are left to
    `check` and `test`, with the allow-list as its file has it now. `places`: the fields that databases give;
    rules that need others are off. Raises BadFiles."""
    if only:
        found = read(only)
        sources, unread = found.texts, found.problems
    else:
        sources, unread = rulefiles.texts(config)
    loaded = load(sources, configfile.surroundings(config))
    problems = [p for p in (*unread, *loaded.problems) if not p.warning]
    if problems:
        raise BadFiles(problems)
    return replace(with_lists(loaded.ruleset, at_once(config.allow_list)), places=places)
