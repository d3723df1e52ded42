"""The page for a terminal, for the notifier, and for programs. Here untrusted text is made safe, or left to
the channel, which does."""

from __future__ import annotations

import textwrap
from typing import Any, Final

from nightporter.history.rows import Day
from nightporter.model import SECOND, Severity, Stamp, Telling, short_id
from nightporter.model import Section as Piece
from nightporter.notify.localtime import wall
from nightporter.review import outages
from nightporter.review.facts import Facts
from nightporter.review.page import Page
from nightporter.review.periods import Kind
from nightporter.review.sections import Section
from nightporter.safetext import for_terminal, mask_secrets

WIDTH: Final = 100
LINE: Final = 300
"""Characters of one line, from whatever log it came."""
PIECE: Final = 440
LINE_IN_PIECE: Final = 140
VERDICTS: Final = {"fine": "fine", "look": "look at this", "unknown": "not known"}


def terminal(page: Page) -> str:
    """The page as lines of text, ending in a newline."""
    lines = [page.title, "", *_wrapped(page.headline, ""), *_wrapped(page.figures, "")]
    for section in page.sections:
        lines += ["", heading(section)]
        for line in section.lines:
            lines += _wrapped(line, "  [ ] " if section.ticks else "  ")
    return "\n".join(lines) + "\n"


def heading(section: Section) -> str:
    """`Certificates: fine`."""
    return section.name if section.ticks else f"{section.name}: {VERDICTS[section.verdict]}"


def _wrapped(text: str, indent: str) -> list[str]:
    safe = for_terminal(text, LINE)
    return textwrap.wrap(
        safe, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False
    ) or [indent.rstrip()]


def message(
    page: Page, kind: Kind, turn: Day, to: tuple[str, ...], at: Stamp, picture: bytes = b""
) -> Telling:
    """The page as a telling for these destinations; the same for the same turn, however often it is made."""
    return Telling(
        id=short_id("review", kind, turn),
        kind="review",
        severity=Severity.info,
        title=page.title,
        message=f"{page.headline}\n{page.figures}",
        at=at,
        notify=list(to),
        sections=[_piece(section) for section in sorted(page.sections, key=_order)],
        picture=picture,
    )


def one_line(line: str, turn: Day, to: tuple[str, ...], at: Stamp) -> Telling:
    """The week's line as a telling."""
    return Telling(
        id=short_id("review", "weekly", turn),
        kind="review",
        severity=Severity.info,
        title=line,
        message="`nightporter review` says more.",
        at=at,
        notify=list(to),
    )


def _order(section: Section) -> tuple[bool, int]:
    """In a message what is to be looked at comes first, and what is to be ticked off last."""
    return section.ticks, ("look", "unknown", "fine").index(section.verdict)


def _piece(section: Section) -> Piece:
    """Whole lines as far as there is room: ten pieces of this size are what a Discord message holds."""
    bullet = "☐ " if section.ticks else ""
    lines, room = [], PIECE
    for line in section.lines:
        shown = bullet + (line if len(line) <= LINE_IN_PIECE else line[: LINE_IN_PIECE - 1] + "…")
        room -= len(shown) + 1
        if room < 0:
            lines.append("…")
            break
        lines.append(shown)
    return Piece(name=heading(section), text="\n".join(lines))


def as_object(page: Page, facts: Facts) -> dict[str, Any]:
    """For programs: the page, and the numbers behind it; times are ISO 8601. `Any`: JSON."""
    return {name: _masked(value) for name, value in _object(page, facts).items()}


def _masked(value: Any) -> Any:
    """JSON with the secrets in its texts masked; whatever else it is stays. `Any`: JSON."""
    match value:
        case str():
            return mask_secrets(value)
        case list():
            return [_masked(item) for item in value]
        case dict():
            return {name: _masked(item) for name, item in value.items()}
        case _:
            return value


def _object(page: Page, facts: Facts) -> dict[str, Any]:
    period = facts.period
    return {
        "title": page.title,
        "headline": page.headline,
        "figures": page.figures,
        "since": wall(period.since, facts.zone).isoformat(),
        "until": wall(period.until, facts.zone).isoformat(),
        "as_of": wall(facts.as_of, facts.zone).isoformat() if facts.as_of else None,
        "sections": [{"name": s.name, "verdict": s.verdict, "lines": list(s.lines)} for s in page.sections],
        "days": [
            {"day": day, "lines": lines, "refused": refused, "watched_s": watched}
            for day, lines, refused, watched in zip(
                period.days, *(facts.by_day(w) for w in ("lines", "refused", "watched_s")), strict=True
            )
        ],
        "accounts": [
            {
                "service": a.service,
                "user": a.user,
                "first": wall(a.first, facts.zone).isoformat(),
                "last": wall(a.last, facts.zone).isoformat(),
                "successes": a.successes,
                "failures": a.failures,
                "client": a.client,
            }
            for a in facts.accounts
        ],
        "certificates": [
            {"name": c.name, "issuer": c.issuer, "days_left": round(c.days_left, 1)}
            for c in facts.certificates
        ],
        "outages": [
            {
                "service": service,
                "start": wall(outage.start, facts.zone).isoformat(),
                "end": wall(outage.end, facts.zone).isoformat(),
                "watched_s": round(outages.length([outage], facts.unwatched) / SECOND),
            }
            for service, each in facts.outages.items()
            for outage in each
        ],
        "not_watched": [
            {
                "start": wall(gap.start, facts.zone).isoformat(),
                "end": wall(gap.end, facts.zone).isoformat(),
            }
            for gap in facts.unwatched
        ],
    }
