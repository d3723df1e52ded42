"""The sections of the page, one function each: facts in, a verdict and a few lines out. Pure.

A verdict is one of three: `fine`; `look` (a person should look at this); `unknown` (nothing can be said, and
why). Silence is never `fine` by itself: what nobody watches is `unknown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from nightporter.history.rows import OTHERS, Account, Outage
from nightporter.model import DAY, SECOND, Incident, Nanos, Severity, Stamp
from nightporter.notify.localtime import span, stamp_of, wall
from nightporter.review import outages, standing
from nightporter.review.facts import Check, Facts, Source
from nightporter.wording import counted

Verdict = Literal["fine", "look", "unknown"]
LISTED: Final = 8
"""Lines of one list; how many more there are is said."""
LEARNING: Final[Nanos] = 7 * DAY
FEWEST_DAYS: Final = 3
STEADY: Final = 0.8
"""A source that wrote on this share of days, and on FEWEST_DAYS at least, is missed when it falls silent."""
SHORTEST_BLIND_S: Final = 600
"""Blindness below this is a restart, and not worth a line."""
UNWATCHED_SHARE: Final = 0.05
"""With more of the period unwatched than this, what it does not show may well have happened."""
AVAILABILITY: Final = 99.0
"""Percent; below, a service is worth a look even if every outage is long over."""
NOT_YET: Final = "Nothing has been counted yet: Nightporter has not run, or not long enough."
_BAD_CHECKS: Final = {
    "low": "is getting full",
    "high": "is nearly full",
    "unmounted": "is not mounted",
    "missing": "is not there",
    "read_only": "cannot be written to",
    "stuck": "does not answer",
    "too_old": "is too old",
    "too_small": "is too small",
    "unknown": "is not known",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, its verdict, and lines. `ticks`: the lines are things for the person to do and tick off."""

    name: str
    verdict: Verdict
    lines: tuple[str, ...]
    ticks: bool = False


def _unknown(name: str, why: str) -> Section:
    return Section(name=name, verdict="unknown", lines=(why,))


def _judged(name: str, lines: Iterable[str], *, looks: bool) -> Section:
    return Section(name=name, verdict="look" if looks else "fine", lines=tuple(lines))


def allow_list(facts: Facts) -> Section:
    """Whom Traefik lets in."""
    name = "Allow-list"
    listed = facts.allow_list
    if listed is None:
        why = "The config names no allow-list (allow_list:). If Traefik has one, look through it yourself."
        return _unknown(name, why)
    lines = list(listed.troubles)
    lines += [f"{text}: {why}" for text, why in list(listed.wrong.items())[:LISTED]]
    fine = [text for text in listed.entries if text not in listed.wrong]
    lines.append(f"Let in: {some(fine)}" if fine else "It holds no entry that lets anybody in.")
    lines.append("Does everybody on it still need to be?")
    return _judged(name, lines, looks=bool(listed.troubles or listed.wrong or not fine))


def certificates(facts: Facts) -> Section:
    """How long each is good for."""
    name = "Certificates"
    if not facts.certificates:
        why = "none has been seen yet" if facts.asks_certificates else "no probe asks for one (tls: or acme:)"
        return _unknown(name, f"Not known: {why}.")
    ordered = sorted(facts.certificates, key=lambda c: (c.days_left, c.name))
    lines = [
        f"{c.name}: {_days_left(c.days_left)}{' (' + c.issuer + ')' if c.issuer else ''}"
        for c in ordered[:LISTED]
    ]
    lines += more(len(ordered) - LISTED, "with more time")
    late = any(c.is_late for c in ordered)
    return _judged(name, lines, looks=late)


def _days_left(days: float) -> str:
    if days <= 0:
        return "expired"
    return f"{int(days)} days left" if days >= 2 else f"{int(days * 24)} hours left"


def accounts(facts: Facts) -> Section:
    """Who has logged in, and who is new."""
    name = "Accounts"
    seen = [a for a in facts.accounts if a.last >= facts.period.since and a.first < facts.period.until]
    failures = facts.total("failures")
    if not facts.accounts and not failures:
        why = "No login was seen in any log. Services that write none of it cannot be told of."
        return _unknown(name, why)
    new = [a for a in seen if a.first >= _settled(facts)]
    lines = [f"New: {_account(a, facts)}" for a in new[:LISTED]]
    lines += more(len(new) - LISTED, "new")
    by_service: dict[str, list[str]] = {}
    for account in seen:
        by_service.setdefault(account.service, []).append(account.user)
    lines += [f"{service}: {some(users)}" for service, users in list(by_service.items())[:LISTED]]
    lines += more(len(by_service) - LISTED, "services")
    unused = [f"{a.user} ({a.service})" for a in facts.accounts if a.last < facts.period.since]
    if unused:
        lines.append(f"Not seen in this time: {some(unused)}. Are they still needed?")
    if failures:
        lines.append(f"Failed logins: {_counted(facts.by_name('failures'))}")
    return _judged(name, lines, looks=bool(new))


def _settled(facts: Facts) -> Stamp:
    """From when on an account that was never seen before is a new one: in its first week Nightporter gets to
    know the house."""
    return max(facts.period.since, _known_since(facts, LEARNING))


def _account(account: Account, facts: Facts) -> str:
    where = f" from {account.client}" if account.client else ""
    return f"{account.user} at {account.service}, since {wall(account.first, facts.zone):%-d %b}{where}"


def access(facts: Facts) -> Section:
    """Who was turned away at the door."""
    name = "At the door"
    if facts.began is None:
        return _unknown(name, NOT_YET)
    refused, unrouted = facts.total("refused"), facts.total("unrouted")
    if not (refused or unrouted or any(source.kind == "traefik" for source in facts.sources)):
        return _unknown(name, "No source reads Traefik's access log.")
    lines = []
    if refused:
        most = facts.most_refused
        lines.append(
            f"{counted(refused, 'request')} refused, from {counted(most, 'address')} on the busiest day"
        )
        lines += [f"{address}: {n:,}" for address, n in facts.refused[:5]]
    else:
        lines.append("Nobody was refused.")
    if unrouted:
        lines.append(f"{counted(unrouted, 'request')} for hosts and paths that are not yours")
    return _judged(name, lines, looks=False)


def found(facts: Facts) -> Section:
    """What the rules found, by rule."""
    name = "What was found"
    if not facts.incidents and facts.began is None:
        return _unknown(name, NOT_YET)
    by_rule: dict[str, list[Severity]] = {}
    titles: dict[str, str] = {}
    for incident in facts.incidents:
        by_rule.setdefault(incident.rule, []).append(incident.severity)
        titles[incident.rule] = incident.title.removesuffix(f": {incident.subject}")
    ordered = sorted(by_rule.items(), key=lambda each: (-max(each[1]), -len(each[1]), each[0]))
    lines = [
        f"{max(severities).name}: {titles[rule]} ×{len(severities)} ({rule})"
        for rule, severities in ordered[:LISTED]
    ]
    lines += more(len(ordered) - LISTED, "rules")
    open_now = sum(i.open and i.severity >= Severity.high for i in facts.incidents)
    if not lines:
        lines.append("Nothing.")
    if facts.period.since < facts.incidents_since:
        lines.append(
            f"Kept since {wall(facts.incidents_since, facts.zone):%-d %b}; older ones are forgotten."
        )
    if open_now:
        lines.append(f"Still going on: {open_now} of high severity or above")
    return _judged(name, lines, looks=any(_needs_a_look(incident) for incident in facts.incidents))


def _needs_a_look(incident: Incident) -> bool:
    """A state that is over (an outage, a disk that was full) has mended itself or been mended."""
    is_over = not incident.open and any(part.state for part in incident.parts)
    return incident.severity >= Severity.high and not is_over


def files(facts: Facts) -> Section:
    """Watched files that were changed."""
    name = "Changed files"
    if not facts.watches_files:
        return _unknown(name, "No files are watched (kind: integrity).")
    changed = facts.by_name("changed")
    lines = [f"Not accepted: {path}: {what}" for path, what in list(facts.unaccepted.items())[:LISTED]]
    lines += more(len(facts.unaccepted) - LISTED, "not accepted")
    if facts.unaccepted:
        lines.append("If it was you: nightporter accept PATH")
    lines.append(f"Changed: {_counted(changed)}" if changed else "None was changed.")
    return _judged(name, lines, looks=bool(facts.unaccepted))


def availability(facts: Facts) -> Section:
    """Outages in minutes, service by service; up is only what was seen up."""
    name = "Outages"
    if not facts.outages and not facts.asked:
        return _unknown(name, "No service is asked for (kind: probe), and no container was seen to fail.")
    begun = _known_since(facts)
    watched = outages.length([Outage("", begun, facts.period.until)], facts.unwatched)
    down = {service: outages.length(each, facts.unwatched) for service, each in facts.outages.items()}
    shares = {s: 100 * max(0.0, 1 - lost / watched) if watched > 0 else 100.0 for s, lost in down.items()}
    ordered = sorted(down, key=lambda s: (-down[s], s))
    lines = [*standing.down_now(facts)]
    lines += [
        f"{service}: {minutes(down[service])} in {counted(len(facts.outages[service]), 'outage')}"
        f"{standing.unwatched(service, facts)}, up {percent(shares[service])}"
        for service in ordered[:LISTED]
    ]
    lines += more(len(ordered) - LISTED, "services")
    blocked, unknown = standing.unasked(facts)
    for word, named in (
        ("Up whenever asked", standing.seen_up(facts)),
        ("Away, but no outage (somebody stopped it, or no rule told of it)", [*standing.excused(facts)]),
        ("Could not be asked", blocked),
        ("No answer yet that says anything", unknown),
    ):
        lines += [f"{word}: {some(named)}"] if named else []
    if facts.down or min(shares.values(), default=100.0) < AVAILABILITY:
        return _judged(name, lines, looks=True)
    return Section(name=name, verdict="unknown" if blocked or unknown else "fine", lines=tuple(lines))


def _known_since(facts: Facts, after: Nanos = 0) -> Stamp:
    """The stamp in the period from which on things would have been seen; or so long after the beginning.

    Of the first day it is not kept when the watch began: its last watched seconds are taken for all of it.
    """
    if facts.began is None:
        return facts.period.since
    first = date.fromisoformat(facts.began)
    begin = stamp_of(first, 0, facts.zone)
    if facts.began in facts.period.days:
        end = min(stamp_of(first + timedelta(days=1), 0, facts.zone), facts.period.until)
        begin = max(begin, end - facts.counts.get((facts.began, "watched_s", ""), 0) * SECOND)
    return max(facts.period.since, begin + after)


def storage(facts: Facts) -> Section:
    """Disks and backups."""
    name = "Backups and disks"
    lines = [_check(check) for check in sorted(facts.checks, key=lambda c: (c.state == "ok", c.name))]
    lines = [*lines[: 2 * LISTED], *more(len(lines) - 2 * LISTED)]
    has_backup = any(check.probe != "disk" for check in facts.checks)
    if not has_backup:
        lines.append("No backup is named in the config (kind: disk, newest: or time_machine:).")
    if any(check.state not in ("ok", "unknown") for check in facts.checks):
        return _judged(name, lines, looks=True)
    known = has_backup and all(check.state == "ok" for check in facts.checks)
    return Section(name=name, verdict="fine" if known else "unknown", lines=tuple(lines))


def _check(check: Check) -> str:
    kind = "" if check.probe == "disk" else "newest backup "
    if check.state != "ok":
        return f"{kind}{check.name} {_BAD_CHECKS.get(check.state, check.state)}{_figures(check)}"
    return f"{kind}{check.name}{_figures(check) or ': well'}"


def _figures(check: Check) -> str:
    if check.age_s is not None:
        return f": {span(round(check.age_s) * SECOND)} old"
    if check.free is not None and check.free_percent is not None:
        return f": {check.free / 1e9:,.0f} GB free ({check.free_percent:.0f} %)"
    return ""


def watching(facts: Facts) -> Section:
    """What was read, and when nothing was."""
    if facts.began is None:
        return _unknown("What was watched", NOT_YET)
    lines = [f"{name}: cannot be read now: {why}" for name, why in _blind_now(facts)]
    stale = [source.name for source in facts.sources if is_stale(source, facts)]
    lines += [f"{name}: no line since {_last(name, facts)}" for name in stale]
    writing = [s.name for s in facts.sources if s.writes and not facts.wrote(s.name)]
    if writing:
        lines.append(f"Not a line in all this time: {some(writing)}")
    lines += [f"{name}: nothing gets there: {why}" for name, why in facts.undelivered.items()]
    lines += _counted_lines(facts)
    blind = [(n, s) for n, s in facts.by_name("blind_s").items() if s >= SHORTEST_BLIND_S]
    lines += [f"{name}: could not be read for {span(s * SECOND)}" for name, s in sorted(blind)]
    unwatched = facts.period.until - _known_since(facts) - facts.total("watched_s") * SECOND
    length = max(facts.period.until - _known_since(facts), 1)
    if unwatched >= SHORTEST_BLIND_S * SECOND:
        lines.append(f"Nothing was watched for {span(unwatched)}: off, asleep, or Nightporter did not run")
    if facts.began is not None and facts.began > facts.period.days[0]:
        lines.append(f"Nightporter has counted since {facts.began}; of the days before nothing is known.")
    looks = bool(_blind_now(facts) or stale or writing or facts.undelivered)
    looks = looks or unwatched / length > UNWATCHED_SHARE
    return _judged("What was watched", lines, looks=looks)


def _counted_lines(facts: Facts) -> Iterator[str]:
    """The lines of the busiest sources; what our own probes caused is nobody's visit, and told apart."""
    others, own = facts.by_name("lines"), facts.by_name("own_lines")
    totals = Counter({name: others[name] for name in {*others, *own}})
    for name, n in totals.most_common(LISTED):
        mine = f", and {own[name]:,} of our own probes" if own[name] else ""
        yield f"{name}: {counted(n, 'line')}{mine}"


def _blind_now(facts: Facts) -> list[tuple[str, str]]:
    return [(source.name, source.blind) for source in facts.sources if source.blind]


def is_stale(source: Source, facts: Facts) -> bool:
    """It wrote day after day, and nothing for more than a day at the end. Of one that writes now and then
    silence says nothing."""
    days = facts.period.days
    wrote = facts.wrote(source.name)
    if not source.writes or len(wrote) < FEWEST_DAYS or max(wrote) not in days[:-2]:
        return False
    until_then = [day for day in days if (facts.began or day) <= day <= max(wrote)]
    return len(wrote) >= STEADY * len(until_then)


def _last(name: str, facts: Facts) -> str:
    return max(facts.wrote(name), default="")


def ticks(facts: Facts) -> Section:
    """What no log says, for the person to see to."""
    lines = [
        "Passwords: when each was last changed stands in no log. Change old and shared ones.",
        "Second factor: is it on wherever it can be?",
        "Updates: of this machine, the router, the containers.",
        "A backup counts once you have restored a file from it.",
    ]
    services = sorted({account.service for account in facts.accounts})
    if services:
        lines.insert(1, f"Accounts nobody needs any more, above all at {some(services)}.")
    return Section(name="What only you can know", verdict="unknown", lines=tuple(lines), ticks=True)


# --- words


def some(names: Sequence[str], most: int = 2 * LISTED) -> str:
    """`a, b, c and 4 more`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def more(rest: int, what: str = "") -> list[str]:
    """The line that says how many are not shown; none where all are."""
    return [f"… and {rest:,} more {what}".rstrip()] if rest > 0 else []


def _counted(counts: Counter[str], most: int = 5) -> str:
    named = [(name or OTHERS, n) for name, n in counts.most_common()]
    return some([f"{name} ×{n:,}" for name, n in named], most)


def minutes(length: int) -> str:
    """`under a minute`, `14 min`, `3 h 5 min`."""
    return span(length) if length >= 60 * SECOND else "under a minute"


def percent(share: float) -> str:
    """`99.97 %`; never 100 for what was down, never more digits than it takes to see it."""
    text = f"{min(share, 99.99):.2f}".rstrip("0").rstrip(".")
    return f"{text} %"


Maker = Callable[[Facts], Section]

SECTIONS: Final[tuple[Maker, ...]] = (
    allow_list,
    certificates,
    accounts,
    access,
    found,
    files,
    availability,
    storage,
    watching,
    ticks,
)
"""In the order of the owner's guide."""


def all_of(facts: Facts) -> Iterable[Section]:
    """Every section of the page."""
    return (section(facts) for section in SECTIONS)
