"""From a send to a message for people, before any face is given to it: pure.

Words are English and short, for a phone. Who, what, when, how many, what to do, and how to have it ignored.
Every text may hold an attacker's; it is `Untrusted`, and a channel makes it safe for its face.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Final, Literal

from nightporter.model import SECOND, IncidentPart, Severity, Stamp, Telling, Untrusted, Value, short_id
from nightporter.notify.ignoring import ignore_entry
from nightporter.notify.localtime import shown, span
from nightporter.notify.plan import Reason, Send, topic
from nightporter.store.outbox import OutboxRow

MessageKind = Literal["alert", "again", "resolved", "notice", "test", "review", "folded", "digest"]

TOP_VALUES: Final = 5
TOP_KEYS: Final = 10
SAMPLES: Final = 3
SYMPTOMS: Final = 8
COVERED_NAMES: Final = 8
DIGEST_TOPICS: Final = 20

_PLURALS: Final = {
    "client_ip": "addresses",
    "user": "users",
    "service": "services",
    "container": "containers",
    "host": "hosts",
    "path": "paths",
    "path_shape": "paths",
}
_DIGEST_WORDS: Final = {
    Reason.digest_time: "What was not urgent.",
    Reason.quiet_over: "What came in the quiet hours.",
    Reason.late: "What could not be told in time.",
    Reason.no_room: "More came than the cap of single messages allows.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A labelled piece of a message; `name` is ours, `text` is not.

    `code`: lines to be shown as they are. `exact`: to be pasted somewhere, so whole or not at all.
    """

    name: str
    text: Untrusted
    code: bool = False
    exact: bool = False
    short: bool = False
    """May stand beside others on a wide screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to show. `id` is the same for the same rows, however often they are rendered."""

    id: str
    kind: MessageKind
    severity: Severity
    title: Untrusted
    text: Untrusted
    parts: tuple[Part, ...]
    footer: Untrusted
    at: Stamp
    tellings: tuple[Telling, ...]
    weight: int = 1
    """How many tellings it stands for."""

    picture: bytes = b""
    """A PNG to go with it, where the face can show one; empty: none."""

    @property
    def word(self) -> str:
        """What stands before its title: how bad it is, or that it is over."""
        return "over" if self.kind == "resolved" else self.severity.name


def render(send: Send, zone: tzinfo | None, now: Stamp) -> Message:
    """The message that this send is."""
    if send.shape == "digest":
        return _digest(send, zone, now)
    if send.shape == "folded":
        return _ended_meanwhile(send, zone, now) or _folded(send, zone, now)
    return _single(send.rows[0], zone, now)


def _message_id(rows: Iterable[OutboxRow]) -> str:
    return short_id(*sorted(row.id for row in rows))


# --- one telling

_PREFIX: Final = {
    "alert": "",
    "again": "Still going on: ",
    "resolved": "Over: ",
    "notice": "",
    "test": "Test: ",
    "review": "",
}


def _single(row: OutboxRow, zone: tzinfo | None, now: Stamp) -> Message:
    telling = row.telling
    return Message(
        id=_message_id([row]),
        kind=telling.kind,
        severity=telling.severity,
        title=Untrusted(_prefix(telling) + _title(telling)),
        text=Untrusted(telling.message),
        parts=tuple(_single_parts(telling, zone, now)),
        footer=Untrusted(_footer(telling)),
        at=telling.at,
        tellings=(telling,),
        picture=telling.picture,
    )


def _title(telling: Telling) -> str:
    """Of a state the title names the subject: `It does not answer: plex`."""
    named = telling.subject in telling.title.lower() or not any(part.state for part in telling.parts)
    return telling.title if named else f"{telling.title}: {telling.subject}"


def _prefix(telling: Telling) -> str:
    """A drill (a test that names a rule) and an incident's recovery say in their titles what they are. What
    goes on may have become something else, and worse."""
    if telling.kind == "again" and telling.told_rules and telling.rule not in telling.told_rules:
        return "Worse: "
    says_it = (telling.kind == "test" and telling.rule) or (telling.kind == "resolved" and telling.incident)
    return "" if says_it else _PREFIX[telling.kind]


def _single_parts(telling: Telling, zone: tzinfo | None, now: Stamp) -> Iterable[Part]:
    if telling.key:
        yield Part(name="Who", text=Untrusted(_who(telling.key)), short=True)
    if telling.count:
        yield Part(name="How many", text=Untrusted(_how_many(telling)), short=True)
    if telling.first:
        when = _when(telling.first, telling.last, zone, now)
        yield Part(name="When", text=Untrusted(when), short=True)
    if telling.kind == "resolved" and telling.incident:
        yield Part(name="How long", text=Untrusted(span(telling.lasted)), short=True)
    if len(telling.parts) > 1:
        yield Part(name="What tells of it", text=Untrusted(_symptoms(telling, zone, now)))
    if telling.covers:
        yield Part(name="Covers", text=Untrusted(_covers(telling)))
    if telling.seen_late:
        yield Part(name="Seen late", text=Untrusted("It happened while Nightporter was not running."))
    yield from _top_parts(telling.top, skip=telling.key)
    if telling.fix and telling.kind != "resolved":
        yield Part(name="What to do", text=Untrusted(telling.fix))
    if telling.samples and telling.kind != "resolved":
        yield Part(name="Lines", text=Untrusted("\n".join(telling.samples[:SAMPLES])), code=True)
    entry = ignore_entry(telling) if telling.kind in ("alert", "again") else ""
    if entry:
        yield Part(name="To ignore this, in tune.yaml", text=Untrusted(entry), code=True, exact=True)
    for section in telling.sections:
        yield Part(name=section.name, text=Untrusted(section.text))
    if telling.references:
        yield Part(name="More", text=Untrusted("\n".join(telling.references[:3])))


def _symptoms(telling: Telling, zone: tzinfo | None, now: Stamp) -> str:
    """The parts of an incident, a line each, in the order in which they began."""
    shown_parts = sorted(telling.parts, key=lambda part: part.first)[:SYMPTOMS]
    lines = [_symptom(part, zone, now) for part in shown_parts]
    more = len(telling.parts) - len(shown_parts) + telling.unlisted
    return "\n".join([*lines, f"and {more:,} more"] if more else lines)


def _symptom(part: IncidentPart, zone: tzinfo | None, now: Stamp) -> str:
    count = f" ×{part.count:,}" if part.count > 1 else ""
    over = "" if part.open else ", over"
    return f"{shown(part.first, zone, now)} {part.title}{count}{over}"


def _covers(telling: Telling) -> str:
    """What is down with it, and not told of by itself: `2: ombi, sonarr`."""
    names = telling.covers[:COVERED_NAMES]
    more = ", …" if len(telling.covers) > len(names) else ""
    return f"{len(telling.covers):,}: {', '.join(names)}{more}"


def _who(key: Mapping[str, Value]) -> str:
    if len(key) == 1:
        return str(next(iter(key.values())))
    return "\n".join(f"{name} {value}" for name, value in key.items())


def _how_many(telling: Telling) -> str:
    total = f"{telling.count:,} event{'s' if telling.count != 1 else ''}"
    if telling.grew:
        total = f"{telling.grew:,} more, {total} in all"
    if telling.distinct is not None:
        total += f", {telling.distinct:,} different"
    return f"{total} (window {telling.window})" if telling.window else total


def _when(first: Stamp, last: Stamp, zone: tzinfo | None, now: Stamp) -> str:
    if last - first < SECOND:
        return shown(first, zone, now)
    return f"{shown(first, zone, now)} to {shown(last, zone, now)} ({span(last - first)})"


def _top_parts(top: Mapping[str, Sequence[tuple[str, int]]], skip: Iterable[str] = ()) -> Iterable[Part]:
    hidden = set(skip)
    for name, values in top.items():
        if values and name not in hidden:
            lines = "\n".join(f"{value} ×{count:,}" for value, count in values[:TOP_VALUES])
            yield Part(name=f"Top {_PLURALS.get(name, name)}", text=Untrusted(lines))


def _footer(telling: Telling) -> str:
    word = "review" if telling.kind == "review" else telling.severity.name
    pieces = [word, telling.rule, telling.incident and f"incident {telling.incident}"]
    return " · ".join(piece for piece in pieces if piece)


# --- many tellings of one rule


def _ended_meanwhile(send: Send, zone: tzinfo | None, now: Stamp) -> Message | None:
    """Where an incident was over before it could be told, its end says it all; None: it was not."""
    newest = max(send.rows, key=lambda row: row.telling.at)
    alone = {row.telling.incident for row in send.rows} == {newest.telling.incident}
    if not (alone and newest.telling.incident and newest.telling.kind == "resolved"):
        return None
    tellings = tuple(row.telling for row in send.rows)
    weight = sum(row.weight for row in send.rows)
    return replace(_single(newest, zone, now), id=_message_id(send.rows), tellings=tellings, weight=weight)


def _folded(send: Send, zone: tzinfo | None, now: Stamp) -> Message:
    tellings = [row.telling for row in send.rows]
    loudest = max(tellings, key=lambda t: (t.kind != "resolved", t.severity, t.count))
    how_many = _keys(send.rows)
    more = "more " if send.reason in (Reason.gathered, Reason.louder) else ""
    title = f"{how_many:,} {more}{_noun(loudest, how_many)}: {loudest.title}"
    text = f"{_summary(send.rows)}. For one: {loudest.message}"
    over = loudest.kind == "resolved"
    if over:
        title, text = f"Over: {how_many:,} {_noun(loudest, how_many)}", _titles(tellings)
    return Message(
        id=_message_id(send.rows),
        kind="resolved" if over else "folded",
        severity=send.severity,
        title=Untrusted(title),
        text=Untrusted(text),
        parts=tuple(_folded_parts(send.rows, loudest, zone, now)),
        footer=Untrusted(" · ".join(p for p in (send.severity.name, loudest.rule) if p)),
        at=max(t.at for t in tellings),
        tellings=tuple(tellings),
        weight=sum(row.weight for row in send.rows),
    )


def _titles(tellings: Sequence[Telling]) -> str:
    lines = [telling.title for telling in tellings[:TOP_KEYS]]
    more = len(tellings) - len(lines)
    return "\n".join([*lines, f"and {more:,} more"] if more else lines)


def _folded_parts(
    rows: Sequence[OutboxRow], loudest: Telling, zone: tzinfo | None, now: Stamp
) -> Iterable[Part]:
    tellings = [row.telling for row in rows]
    busiest = _busiest(tellings, TOP_KEYS)
    if busiest:
        lines = "\n".join(f"{who} ×{count:,}" for who, count in busiest)
        yield Part(name="Most active", text=Untrusted(lines))
    first, last = _extent(tellings)
    yield Part(name="When", text=Untrusted(_when(first, last, zone, now)), short=True)
    yield from _top_parts(_merged_top(tellings), skip=loudest.key)
    if loudest.fix:
        yield Part(name="What to do", text=Untrusted(loudest.fix))
    samples = [sample for telling in tellings for sample in telling.samples[:1]]
    if samples:
        yield Part(name="Lines", text=Untrusted("\n".join(samples[:SAMPLES])), code=True)


def _keys(rows: Sequence[OutboxRow]) -> int:
    """How many different keys these rows tell of; a row that stands for many counts for as many."""
    single = {tuple(row.telling.key.items()) for row in rows if row.weight == 1}
    return len(single) + sum(row.weight for row in rows if row.weight > 1)


def _noun(telling: Telling, how_many: int) -> str:
    if how_many == 1:
        return "case"
    name = "client_ip" if "client_ip" in telling.key else next(iter(telling.key), "")
    return _PLURALS.get(name, "cases")


def _summary(rows: Sequence[OutboxRow]) -> str:
    """`299 addresses, 6,120 events; 3 over`."""
    tellings = [row.telling for row in rows]
    kinds = Counter(t.kind for t in tellings)
    how_many = _keys(rows)
    text = f"{how_many:,} {_noun(tellings[0], how_many)}"
    events = sum(t.grew or t.count for t in tellings if t.kind != "resolved")
    if events:
        text += f", {events:,} event{'s' if events != 1 else ''}"
    told = [(kinds["again"], "told before"), (kinds["resolved"], "over")]
    words = [f"{number:,} {word}" for number, word in told if number]
    return text + (f"; {', '.join(words)}" if words else "")


def _busiest(tellings: Sequence[Telling], most: int) -> list[tuple[str, int]]:
    totals: Counter[str] = Counter()
    for telling in tellings:
        if telling.key:
            totals[" ".join(str(v) for v in telling.key.values())] += telling.grew or telling.count
    return totals.most_common(most)


def _merged_top(tellings: Sequence[Telling]) -> dict[str, list[tuple[str, int]]]:
    merged: dict[str, Counter[str]] = {}
    for telling in tellings:
        for name, values in telling.top.items():
            counter = merged.setdefault(name, Counter())
            for value, count in values:
                counter[value] += count
    return {name: counter.most_common(TOP_VALUES) for name, counter in merged.items()}


def _extent(tellings: Sequence[Telling]) -> tuple[Stamp, Stamp]:
    return min(t.first or t.at for t in tellings), max(t.last or t.at for t in tellings)


# --- a digest


def _digest(send: Send, zone: tzinfo | None, now: Stamp) -> Message:
    groups: dict[str, list[OutboxRow]] = {}
    for row in send.rows:
        groups.setdefault(topic(row), []).append(row)
    ordered = sorted(
        groups.values(), key=lambda g: (-max(r.telling.severity for r in g), -sum(r.weight for r in g))
    )
    total = sum(row.weight for row in send.rows)
    text = _DIGEST_WORDS[send.reason]
    if len(ordered) > DIGEST_TOPICS:
        rest = sum(r.weight for group in ordered[DIGEST_TOPICS:] for r in group)
        text += f" Not shown: {rest:,} of {len(ordered) - DIGEST_TOPICS} further rules; see the page."
    return Message(
        id=_message_id(send.rows),
        kind="digest",
        severity=send.severity,
        title=Untrusted(f"Digest: {total:,} thing{'s' if total != 1 else ''} to know"),
        text=Untrusted(text),
        parts=tuple(_digest_part(group, zone, now) for group in ordered[:DIGEST_TOPICS]),
        footer=Untrusted(f"digest · highest: {send.severity.name}"),
        at=max(row.telling.at for row in send.rows),
        tellings=tuple(row.telling for row in send.rows),
        weight=total,
    )


def _digest_part(group: Sequence[OutboxRow], zone: tzinfo | None, now: Stamp) -> Part:
    tellings = [row.telling for row in group]
    loudest = max(tellings, key=lambda t: (t.severity, t.count))
    lines = [loudest.title, f"{_summary(group)}, {_when(*_extent(tellings), zone, now)}"]
    if len(group) == 1:
        lines.append(loudest.message)
    elif busiest := _busiest(tellings, 3):
        lines.append("Most active: " + ", ".join(f"{who} ({count:,})" for who, count in busiest))
    name = f"{loudest.severity.name} · {loudest.rule}" if loudest.rule else loudest.severity.name
    return Part(name=name, text=Untrusted("\n".join(lines)))
