"""The week in one line. Pure."""

from __future__ import annotations

from nightporter.model import Severity
from nightporter.review.facts import Facts
from nightporter.review.page import figures
from nightporter.review.sections import is_stale, some


def line(facts: Facts) -> str:
    """`Quiet week: 41,200 lines, 0 incidents, all sources fresh.`"""
    is_quiet = not facts.outages and all(i.severity < Severity.high for i in facts.told)
    bad = [source.name for source in facts.sources if source.blind or is_stale(source, facts)]
    fresh = f"nothing new from {some(bad)}" if bad else "all sources fresh"
    word = "Quiet week" if is_quiet and not bad else "This week"
    return f"{word}: {figures(facts)}, {fresh}."
