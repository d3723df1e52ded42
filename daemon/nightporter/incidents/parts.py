"""The parts of an incident: what each rule says of its subject. Pure functions on them.

A part is one rule and key over its episodes, so that a probe that fails thirty times is one line of a
message. Ended parts stay: they say how it came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from nightporter.model import Episode, IncidentPart, Stamp
from nightporter.rule import Rule
from nightporter.rule import Sequence as InOrder

PARTS_CAP: Final = 50
"""Parts that one incident keeps."""
THINGS: Final = frozenset({"service", "container", "host", "source", "job"})
"""Subjects that go away and come back; of others people say that they are well again."""


class Entered(NamedTuple):
    """The parts after an episode was entered."""

    parts: list[IncidentPart]
    grew: int
    """Events that are new in it."""
    opened: bool
    """The episode is a new one."""
    unlisted: int
    """Parts that had to go, or could not come."""


def began(rule: Rule, episode: Episode) -> Stamp:
    """When what an episode tells of began for its incident. A thing was well during the first steps of a
    sequence (an update): it is bad since the last one. What somebody did in an order began with the first."""
    is_fall = isinstance(rule.window, InOrder) and rule.subject in THINGS
    return episode.crossed if is_fall else episode.first


def find(parts: Sequence[IncidentPart], episode: Episode) -> IncidentPart | None:
    """The part that this episode belongs to."""
    return next((p for p in parts if p.rule == episode.rule and p.key == episode.key), None)


def is_known(part: IncidentPart | None, episode: Episode) -> bool:
    """Whether the part counts this episode already, as its newest or as an older one."""
    return part is not None and (episode.id == part.episode or episode.crossed < part.crossed)


def enter(parts: Sequence[IncidentPart], rule: Rule, episode: Episode) -> Entered:
    """Enter the newest state of an episode."""
    known = find(parts, episode)
    if known is None:
        return _added(parts, rule, episode)
    same = episode.id == known.episode
    if not same and episode.crossed < known.crossed:
        return Entered(list(parts), 0, False, 0)  # an older episode's end; its events are in the count
    grown = _grown(known, rule, episode)
    return Entered([grown if p is known else p for p in parts], grown.count - known.count, not same, 0)


def _added(parts: Sequence[IncidentPart], rule: Rule, episode: Episode) -> Entered:
    """One part more. Where there is no room, what ended first goes first, then what has no end to wait for;
    fifty open states make no room."""
    kept = list(parts)
    full = len(parts) >= PARTS_CAP
    if full:
        led = lead(parts)
        others = [p for p in parts if p is not led]
        spare = [p for p in others if not p.open] or [p for p in others if episode.state and not p.state]
        if not spare:
            return Entered(kept, episode.count, True, 1)
        kept.remove(min(spare, key=lambda p: p.last))
    return Entered([*kept, _new(rule, episode)], episode.count, True, int(full))


def _new(rule: Rule, episode: Episode) -> IncidentPart:
    return IncidentPart(
        rule=rule.id,
        title=rule.title,
        key=episode.key,
        severity=episode.severity,
        first=began(rule, episode),
        last=episode.last,
        count=episode.count,
        message=episode.message,
        open=not episode.ended,
        state=episode.state,
        episode=episode.id,
        crossed=episode.crossed,
        episode_count=episode.count,
        unwatched=episode.unwatched,
        waits=rule.waits,
        unsaid=not rule.waits,
    )


def _grown(known: IncidentPart, rule: Rule, episode: Episode) -> IncidentPart:
    same = episode.id == known.episode
    newest = _new(rule, episode)
    return IncidentPart(
        rule=newest.rule,
        title=newest.title,
        key=newest.key,
        severity=max(known.severity, newest.severity),
        first=min(known.first, newest.first),
        last=max(known.last, newest.last),
        count=known.count + newest.count - (known.episode_count if same else 0),
        message=newest.message,
        open=newest.open,
        state=newest.state,
        episode=newest.episode,
        crossed=newest.crossed,
        episode_count=newest.episode_count,
        episodes=known.episodes + (not same),
        unwatched=newest.unwatched,
        waits=newest.waits,
        unsaid=known.unsaid if same else known.unsaid or newest.unsaid,
    )


def lead(parts: Sequence[IncidentPart]) -> IncidentPart:
    """The part whose words stand for the incident: the most severe, of these one that does not wait (who got
    in, not what he tried before), and of these the one that began first."""
    return min(parts, key=lambda p: (-p.severity, p.waits, p.first, p.rule))


def said(parts: Sequence[IncidentPart]) -> list[IncidentPart]:
    """The parts after all of them were told."""
    return [msgspec.structs.replace(p, unsaid=False) if p.unsaid else p for p in parts]


def is_unwatched(parts: Sequence[IncidentPart]) -> bool:
    """Whether no state of it has an end that anybody saw, since what was left of them is not watched."""
    return any(p.unwatched for p in parts) and not any(p.state for p in parts)


def in_a_bad_state(parts: Sequence[IncidentPart]) -> bool:
    """Whether a state of it goes on."""
    return any(p.open and p.state for p in parts)
