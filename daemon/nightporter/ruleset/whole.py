"""The frozen rule of a body to which nothing is added any more: what its keys mean together, and defaults."""

from __future__ import annotations

from collections.abc import Iterator

from nightporter.detect.pollers import STEADY_FOR
from nightporter.errors import Place
from nightporter.model import MINUTE, Severity
from nightporter.rule import (
    ALWAYS,
    NEVER,
    Absence,
    All,
    AnyOf,
    Condition,
    FirstSeen,
    Rule,
    Sequence,
    SeverityStep,
    WindowSpec,
    within_of,
)
from nightporter.ruleset import values
from nightporter.ruleset.body import Body
from nightporter.ruleset.complaint import Complaint
from nightporter.ruleset.forms import kind_of
from nightporter.ruleset.messages import default_message, template_names, wrong_in_emit, wrong_in_message
from nightporter.ruleset.names import Scope


def wrong_in_whole(rule_id: str, body: Body, scope: Scope) -> Iterator[Complaint]:
    """Keys that do not go together, and names in its texts that nothing can fill."""
    yield from _wrong_keys(rule_id, body)
    available = template_names(body.window, body.lasts or 0)
    if body.message is not None:
        yield from wrong_in_message(body.spots["message"], body.message, available, scope)
    if "emit" in body.spots:
        yield from wrong_in_emit(body.spots["emit"], available, scope)


def _wrong_keys(rule_id: str, body: Body) -> Iterator[Complaint]:
    spots, window = body.spots, body.window
    rule = f"the rule '{rule_id}' has"
    if "for" in spots and body.lasts:
        yield from _wrong_lasting(rule, body)
    if "resolve" in spots and isinstance(window, Absence):
        found = f"{rule} 'resolve' beside 'absence'"
        fix = "take it out: an event ends a silence"
        yield Complaint(key="resolve", spot=spots["resolve"], found=found, fix=fix)
    if "resolve" in spots and body.subject and not body.by:
        found = f"{rule} 'resolve' and 'subject' and no 'by': one's end is everybody's"
        fix = f"add 'by: {body.subject}'"
        yield Complaint(key="resolve", spot=spots["resolve"], found=found, fix=fix, warning=True)
    if "waits" in spots and not body.subject:
        found = f"{rule} 'waits' and no 'subject', in whose incident it could wait"
        fix = "take it out, or add 'subject:'"
        yield Complaint(key="waits", spot=spots["waits"], found=found, fix=fix, warning=True)
    if "pollers" in spots and not body.by:
        found, fix = f"{rule} 'pollers' and no 'by'", "add 'by:', such as client_ip"
        yield Complaint(key="pollers", spot=spots["pollers"], found=found, fix=fix)
    if "pollers" in spots and within_of(window) > STEADY_FOR:
        found = f"{rule} 'pollers: skip' and a window over {values.duration_text(STEADY_FOR)}"
        fix = "take it out: who guesses at a steady beat becomes a poller before the window counts enough"
        yield Complaint(key="pollers", spot=spots["pollers"], found=found, fix=fix, warning=True)
    if "quiet" in spots and "resolve" in spots:
        found = f"{rule} 'quiet' beside 'resolve', which alone ends its episodes"
        yield Complaint(key="quiet", spot=spots["quiet"], found=found, fix="take it out", warning=True)


def _wrong_lasting(rule: str, body: Body) -> Iterator[Complaint]:
    """What `for` cannot be beside: with some keys nothing would ever last."""
    spot = body.spots["for"]
    if isinstance(body.window, FirstSeen | Absence | Sequence):
        found = f"{rule} 'for' beside '{kind_of(body.window)}', which does not last"
        yield Complaint(key="for", spot=spot, found=found, fix="take one of the two out")
    elif body.resolve is None and body.quiet == 0:
        found = f"{rule} 'for' beside 'quiet: 0s', with which each match is over at once"
        yield Complaint(key="for", spot=spot, found=found, fix="take one of the two out")
    elif body.resolve is None and body.quiet is None and body.window is None:
        found = f"{rule} 'for' and no 'resolve': what pauses for over a minute does not last"
        fix = "add 'resolve:', or a longer 'quiet:'"
        yield Complaint(key="for", spot=spot, found=found, fix=fix, warning=True)


def assemble(rule_id: str, body: Body, scope: Scope, place: Place) -> Rule:
    """The frozen rule; what nobody gave gets its default."""
    within, by, lasts = within_of(body.window) or MINUTE, body.by or (), body.lasts or 0
    message = body.message or default_message(by, body.window, lasts, scope)
    return Rule(
        id=rule_id,
        title=body.title or rule_id,
        sources=body.sources or (),
        when=_when(body.when or ALWAYS, body.window),
        unless=_any_of(body.unless),
        by=by,
        window=body.window,
        lasts=lasts,
        resolve=body.resolve,
        quiet=within if body.quiet is None else body.quiet,
        severity=body.severity or (SeverityStep(Severity.medium),),
        subject=body.subject or "",
        waits=body.waits is not False,
        skip_pollers=bool(body.skip_pollers),
        cooldown=body.cooldown,
        cooldown_max=body.cooldown_max,
        message=message,
        fix=body.fix or "",
        tags=body.tags,
        references=body.references or (),
        notify=body.notify or (),
        emit=body.emit,
        mode=body.mode or "alert",
        enabled=body.enabled is not False,
        version=body.version or 1,
        tests=body.tests,
        place=place,
    )


def _when(when: Condition, window: WindowSpec | None) -> Condition:
    """What the rule admits: of a sequence only events of some step, so that the scanner skips all others."""
    if not isinstance(window, Sequence):
        return when
    steps = AnyOf(tuple(step.when for step in window.steps))
    return steps if when == ALWAYS else All((when, steps))


def _any_of(conditions: tuple[Condition, ...]) -> Condition:
    if not conditions:
        return NEVER
    return conditions[0] if len(conditions) == 1 else AnyOf(conditions)
