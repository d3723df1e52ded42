"""Who is told: is there somebody, does it arrive, what waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from nightporter.config import AppriseDestination, Config
from nightporter.doctor.daemon import DestinationStatus
from nightporter.doctor.finding import Finding, Voice
from nightporter.model import Stamp
from nightporter.notify.localtime import span

_SAY: Final = Voice("destinations")
_MANY: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationFacts:
    """The config's destinations, how they fare in the running daemon, and what came of a trial."""

    config: Config
    now: Stamp
    fares: Mapping[str, DestinationStatus] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Destination → why its channel cannot be built."""
    trials: Mapping[str, str] = field(default_factory=dict)
    """Destination → what came of a test message: "" for delivered. Empty: none was sent."""


def findings(facts: DestinationFacts) -> Iterator[Finding]:
    """All checks."""
    yield from about_nobody(facts.config)
    for entry in facts.config.destinations:
        if why := facts.unusable.get(entry.name):
            yield _SAY.wrong(
                f"{entry.name}: {why}",
                f"# mend its url in {facts.config.path}\nnightporter notify test {entry.name}",
            )
            continue
        yield from about_fare(entry.name, facts.fares.get(entry.name), facts.now)
        if entry.name in facts.trials:
            yield about_trial(entry.name, facts.trials[entry.name])


def about_nobody(config: Config) -> Iterator[Finding]:
    """An agent has no terminal that anyone looks at."""
    if not any(isinstance(entry, AppriseDestination) for entry in config.destinations):
        yield _SAY.wrong(
            "no destination leaves this machine: an agent's terminal is seen by nobody",
            'destinations:\n  - {name: phone, kind: apprise, url: "keychain:nightporter-phone"}\n'
            "# then: security add-generic-password -a nightporter -s nightporter-phone -w",
        )
    routed = {route.to for route in config.routes}
    for entry in config.destinations:
        if isinstance(entry, AppriseDestination) and entry.name not in routed:
            yield _SAY.wrong(
                f"{entry.name}: no route leads there, so nothing is sent to it",
                f"routes:\n  - {{to: {entry.name}, min_severity: medium}}",
            )


def about_fare(name: str, fare: DestinationStatus | None, now: Stamp) -> Iterator[Finding]:
    """Last error, what waits, what was given up."""
    if fare is None:
        return
    test = f"nightporter notify test {name}"
    if fare.broken:
        yield _SAY.wrong(f"{name} refuses us: {fare.last_error}", f"# mend its url in the config\n{test}")
    elif fare.failing_since:
        waiting = f", {fare.pending} waiting" if fare.pending else ""
        yield _SAY.wrong(
            f"{name} has failed for {span(now - fare.failing_since)}{waiting}: {fare.last_error}", test
        )
    elif fare.pending > _MANY:
        yield _SAY.note(f"{name}: {fare.pending} wait to be sent", "nightporter status")
    elif fare.sent:
        last = f", last {span(now - fare.last_sent)} ago" if fare.last_sent else ""
        yield _SAY.right(f"{name}: {fare.sent} sent{last}")
    else:
        yield _SAY.note(f"{name}: nothing was sent yet", test)
    if fare.parked:
        yield _SAY.wrong(
            f"{name}: {fare.parked} messages were given up, since it refused them: {fare.last_error}",
            "nightporter alerts    # what they said is all here",
        )


def about_trial(name: str, outcome: str) -> Finding:
    """What came of the test message."""
    if not outcome:
        return _SAY.right(f"{name}: a test message was taken")
    return _SAY.wrong(f"{name}: {outcome}", f"nightporter notify test {name}")
