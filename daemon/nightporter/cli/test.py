"""`nightporter test`: judge the rules by their own tests."""

from __future__ import annotations

from pathlib import Path

import click

from nightporter import ruletest
from nightporter.cli._rules import config_of, config_option
from nightporter.configfile import surroundings
from nightporter.errors import BadFiles
from nightporter.rulefiles import texts
from nightporter.ruleset import load, read


@click.command(epilog="Example: nightporter test rules/traefik.yaml")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True))
@config_option
def command(files: tuple[Path, ...], config_file: Path | None) -> int:
    """Run the inline tests of all rules, or of those in FILES, and show each that fails.

    Lists and events of the shipped rules are at hand for FILES too. The exit code is 1 if a test fails, 2 if
    a file has a mistake.
    """
    config = config_of(config_file)
    sources, unread = texts(config)
    wanted = {source.name for source in sources}
    if files:
        extra = read(files)
        wanted = {source.name for source in extra.texts}
        named = {source.text for source in extra.texts}
        sources = (*(source for source in sources if source.text not in named), *extra.texts)
        unread = (*unread, *extra.problems)
    loaded = load(sources, surroundings(config))
    problems = [p for p in (*unread, *loaded.problems) if not p.warning]
    if problems:
        raise BadFiles(problems)
    failed = [p for p in ruletest.failures(loaded.ruleset) if p.place.file in wanted]
    ran = sum(test.place.file in wanted for test in ruletest.all_tests(loaded.ruleset))
    for problem in failed:
        click.echo(str(problem))
    click.echo(f"{ran - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0
