"""`watch: {ombi: [unauthorized, …]}` of the config → one rule a service, to hear of a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightporter.errors import Place
from nightporter.model import MINUTE, Severity
from nightporter.rule import Op, Rule, SeverityStep, Test


def watch_rules(watch: Mapping[str, Sequence[str]], file: str = "config.yaml") -> tuple[Rule, ...]:
    """For each service the rule `watch-SERVICE`: every line of its that contains one of the words, in any
    case, told as one episode that ends after a minute without."""
    return tuple(
        Rule(
            id=f"watch-{service}",
            title=f"{service} wrote a word you watch for",
            sources=(f"service:{service.lower()}",),
            when=Test(field="raw", op=Op.CONTAINS, values=tuple(words)),
            quiet=MINUTE,
            severity=(SeverityStep(Severity.medium),),
            message="{message}",
            fix="The words stand under 'watch:' in config.yaml.",
            place=Place(file),
        )
        for service, words in watch.items()
    )
