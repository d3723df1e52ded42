"""A drill: a rule's own test lines, found, told and sent as in earnest, marked DRILL.

The lines go through an engine and a ledger of their own, with the rules in force, so that no window, no
incident and no cooldown of the real ones hears of it. What comes out is a telling of kind `test` for those
destinations that the real alert would go to; from the outbox on it travels with everything else. Tests pass
caps, quiet hours and digests: a drill asks whether a message arrives, so it is not held back.

The lines' own stamps judge (a rule may ask for the hour); only the finished episode is moved to now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from nightporter import ruletest
from nightporter.config import AppriseDestination, Config
from nightporter.errors import UserError, nearest
from nightporter.incidents.ledger import Ledger
from nightporter.model import Episode, Severity, Stamp, Telling, short_id
from nightporter.notify.routing import destinations_for
from nightporter.rule import Rule, Ruleset

EVERY_RULE: Final = "drill"
"""Stands as the rule of a message that drills many."""
LISTED: Final = 12
"""Rules of one severity whose message is shown."""
LINE: Final = 140


@dataclass(frozen=True, slots=True)
class Drill:
    """What a drill sends, and what it has to say about what it does not send."""

    tellings: tuple[Telling, ...]
    notes: tuple[str, ...] = ()


def one(ruleset: Ruleset, rule_id: str, config: Config, now: Stamp, nonce: str) -> Drill:
    """The drill of one rule. `nonce` makes the ids of this drill its own.

    Raises UserError where the rule does not exist, is off, or has no test that finds something.
    """
    rule = next((rule for rule in ruleset.rules if rule.id == rule_id), None)
    if rule is None:
        raise UserError(f"there is no rule '{rule_id}'; {_near(rule_id, [r.id for r in ruleset.rules])}")
    if not rule.enabled:
        raise UserError(f"the rule {rule_id} is off (enabled: false), so nothing would be told")
    alert = alert_of(rule, ruleset, now)
    if alert is None:
        raise UserError(
            f"the rule {rule_id} has no test that finds something (fires: 1 or more); add one to its tests"
        )
    if rule.mode == "dry-run":
        return Drill(
            (), (f"{rule_id} is a dry run: it is listed by 'nightporter alerts' and told to nobody.",)
        )
    names = destinations_for(alert, config.destinations, config.routes)
    if not names:
        return Drill((), (f"{rule_id}: {_nowhere(alert.severity)}",))
    telling = msgspec.structs.replace(
        alert,
        id=short_id("drill", nonce, rule_id),
        kind="test",
        title=f"DRILL: {alert.title}",
        message=f"{alert.message}\nA drill: the lines are the rule's own test. Nothing has happened.",
        incident="",
        notify=names,
    )
    return Drill((telling,), tuple(_waits(alert.severity, names, config)))


def every(ruleset: Ruleset, config: Config, now: Stamp, nonce: str) -> Drill:
    """The drill of all rules that would tell somebody: one message a severity."""
    rules = [rule for rule in ruleset.rules if rule.enabled and rule.mode != "dry-run"]
    found = [(rule, alert_of(rule, ruleset, now)) for rule in rules]
    untested = [rule.id for rule, alert in found if alert is None]
    alerts = [alert for _, alert in found if alert is not None]
    tellings: list[Telling] = []
    notes: list[str] = []
    for severity in sorted(Severity, reverse=True):
        some = [alert for alert in alerts if alert.severity == severity]
        names = _destinations(some, config)
        if not names:
            notes += [f"{_many(some)} of severity {severity.name}: {_nowhere(severity)}"] if some else []
            continue
        tellings.append(_folded(severity, some, names, now, nonce))
        notes += _waits(severity, names, config)
    if untested:
        notes.append(f"Without a test that finds something: {', '.join(untested)}.")
    return Drill(tuple(tellings), tuple(notes))


def alert_of(rule: Rule, ruleset: Ruleset, now: Stamp) -> Telling | None:
    """The alert that the rule would tell of its first test that finds something, as if it happened now.

    The test judges the rule as `nightporter test` does (as its own file wrote it, unless the test is a
    tune's); title, routing and fix are those in force.
    """
    for test in rule.tests:
        if not test.fires:
            continue
        judged = rule if test.tuned or rule.untuned is None else rule.untuned
        found = ruletest.episodes(judged, test, ruleset)
        if found:
            told = Ledger({rule.id: replace(rule, mode="alert")}).take([_moved(found[-1], now)], now)
            return told.tellings[0]
    return None


def _moved(episode: Episode, now: Stamp) -> Episode:
    by = now - episode.last
    return msgspec.structs.replace(
        episode,
        first=episode.first + by,
        last=now,
        crossed=episode.crossed + by,
        seen_late=False,
        ended=False,
    )


def _folded(
    severity: Severity, alerts: Sequence[Telling], names: list[str], now: Stamp, nonce: str
) -> Telling:
    lines = [f"{alert.rule}: {alert.message}" for alert in alerts[:LISTED]]
    lines = [line if len(line) <= LINE else line[: LINE - 1] + "…" for line in lines]
    if len(alerts) > LISTED:
        lines.append(f"and {len(alerts) - LISTED} more")
    return Telling(
        id=short_id("drill", nonce, severity.name),
        kind="test",
        severity=severity,
        title=f"DRILL: {_many(alerts)} of severity {severity.name}",
        message="\n".join(("The lines are the rules' own tests. Nothing has happened.", *lines)),
        at=now,
        rule=EVERY_RULE,
        notify=names,
    )


def _many(alerts: Sequence[Telling]) -> str:
    return f"{len(alerts)} rules" if len(alerts) > 1 else "a rule"


def _destinations(alerts: Iterable[Telling], config: Config) -> list[str]:
    reached: set[str] = set()
    for alert in alerts:
        reached.update(destinations_for(alert, config.destinations, config.routes))
    return [destination.name for destination in config.destinations if destination.name in reached]


def _nowhere(severity: Severity) -> str:
    if severity == Severity.info:
        return "info is not sent; 'nightporter alerts' lists it."
    return "no route of the config leads anywhere, so nothing is sent."


def _waits(severity: Severity, names: Collection[str], config: Config) -> Iterable[str]:
    """What would come later in earnest."""
    sent = [d.name for d in config.destinations if isinstance(d, AppriseDestination) and d.name in names]
    if severity == Severity.low and sent:
        at = f"{config.digest // 60:02}:{config.digest % 60:02}"
        yield f"In earnest, low waits for the digest at {at}."


def _near(word: str, known: Sequence[str]) -> str:
    close = nearest(word, known)
    return f"did you mean '{close}'?" if close else "'nightporter drill' without a name drills all"
