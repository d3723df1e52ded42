"""The page: a title, one sentence that says how things stand, and the sections. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from nightporter.model import Severity
from nightporter.review import outages, sections
from nightporter.review.facts import Facts
from nightporter.review.sections import Section, minutes
from nightporter.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What an owner reads in two minutes. Its texts hold untrusted ones."""

    title: str
    headline: str
    figures: str
    """The period in numbers, one line."""
    sections: tuple[Section, ...]


def page(facts: Facts) -> Page:
    """The review of these facts."""
    every = tuple(sections.all_of(facts))
    return Page(
        title=f"Review: {facts.period.title}",
        headline=_headline(every),
        figures=figures(facts),
        sections=every,
    )


def _headline(every: tuple[Section, ...]) -> str:
    looks = [section.name for section in every if section.verdict == "look"]
    unknown = [section.name for section in every if section.verdict == "unknown" and not section.ticks]
    said = [f"Look at: {', '.join(looks)}." if looks else "Nothing needs you."]
    if unknown:
        said.append(f"Not known: {', '.join(unknown)}.")
    return " ".join(said)


def figures(facts: Facts) -> str:
    """`41,200 lines, 2 incidents (1 high), 14 min of outages`."""
    told = facts.told
    by_severity = [(s, sum(i.severity == s for i in told)) for s in (Severity.critical, Severity.high)]
    worst = ", ".join(f"{n} {s.name}" for s, n in by_severity if n)
    said = [
        counted(facts.total("lines"), "line"),
        counted(len(told), "incident") + (f" ({worst})" if worst else ""),
    ]
    if down := sum(outages.length(each, facts.unwatched) for each in facts.outages.values()):
        said.append(f"{minutes(down)} of outages")
    return ", ".join(said)
