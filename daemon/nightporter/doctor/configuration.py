"""The config: is it there, is it right, and does anything in it come to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.config import AppriseDestination, Config, FileSource
from nightporter.doctor.finding import Finding, Voice
from nightporter.errors import Problem
from nightporter.wording import counted

_SAY: Final = Voice("config")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFacts:
    """The config as it was read. Where it could not be, `config` is what an empty file means."""

    config: Config
    problems: tuple[Problem, ...] = ()
    there: bool = True
    """Whether the file exists."""


def findings(facts: ConfigFacts) -> Iterator[Finding]:
    """All checks."""
    yield from about_problems(facts)
    yield from about_presence(facts)
    yield from about_doubles(facts.config)


def about_problems(facts: ConfigFacts) -> Iterator[Finding]:
    """Every mistake, with its place; a warning is only noted."""
    yield from (of_problem(_SAY, problem) for problem in facts.problems)


def of_problem(say: Voice, problem: Problem) -> Finding:
    """A mistake in a file, of the config or of a rule, as a finding."""
    what = f"{problem.place}: {problem.found}"
    if problem.expected:
        what += f"; expected {problem.expected}"
    mend = problem.fix or (f"did you mean '{problem.nearest}'?" if problem.nearest else "")
    return say.note(what, mend) if problem.warning else say.wrong(what, mend or "nightporter check")


def about_presence(facts: ConfigFacts) -> Iterator[Finding]:
    """Without a file the defaults hold, which tell the terminal alone."""
    config = facts.config
    if not facts.there:
        yield _SAY.note(f"there is no {config.path}; the defaults are in force", "nightporter init")
    elif all(problem.warning for problem in facts.problems):
        phones = sum(isinstance(entry, AppriseDestination) for entry in config.destinations)
        yield _SAY.right(
            f"{config.path} is right: {counted(len(config.sources), 'source')}, "
            f"{counted(len(config.destinations), 'destination')} ({phones} beyond this machine)"
        )
    if not config.sources:
        yield _SAY.wrong("the config names no source: nothing is watched", "nightporter init")


def about_doubles(config: Config) -> Iterator[Finding]:
    """A path that two sources read: each of its lines counts twice."""
    owner: dict[str, str] = {}
    for source in config.sources:
        for path in source.paths if isinstance(source, FileSource) else ():
            if path in owner:
                yield _SAY.wrong(
                    f"{path} is read by two sources, {owner[path]} and {source.name}: its lines count twice",
                    f"take it out of one of them in {config.path}",
                )
            owner.setdefault(path, source.name)
