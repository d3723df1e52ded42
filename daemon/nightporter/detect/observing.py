"""From an admitted event to its window's verdict: which number, value or step of it the window is shown.

rule, key's track, event ──▶ Late | Under | Over, or None where the event lacks the field that is counted
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from nightporter.detect import firstseen, sequences, spike, weighed, windows
from nightporter.detect.compiled import CompiledRule, key_value
from nightporter.detect.outcome import APART, UNDER, Outcome, Over
from nightporter.detect.pollers import PollerMemory, is_poller
from nightporter.detect.windows import Track
from nightporter.model import Event, Fields, Value
from nightporter.rule import Absence, Count, Distinct, FirstSeen, Ratio, Sequence, Spike, Sum

SIZES: Final = ("bytes", "free", "size")
"""Fields whose numbers a person reads as sizes."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What an episode's window measured, by the names that a message may ask for; of all its windows the one
    with the highest `peak` is kept."""

    peak: float
    named: Fields


def observed(rule: CompiledRule, track: Track, event: Event, fields: Fields) -> Outcome | None:
    """Show one admitted event to its key's window."""
    lateness, time = event.origin.lateness, event.time
    match rule.window:  # the windows that take in every ordinary line come first: each case is a question
        case Spike() as spikes:
            outcome = _spike(track, spikes, event, fields)
        case Sum() as sums:
            amount = number(fields.get(sums.field))
            track.weighed = track.weighed or weighed.Weighed()
            outcome = (
                None if amount is None else weighed.observe_sum(track.weighed, sums, lateness, time, amount)
            )
        case Ratio() as ratio:
            track.weighed = track.weighed or weighed.Weighed()
            fits = rule.of(fields, None)
            outcome = weighed.observe_ratio(track.weighed, ratio, lateness, time, fits)
        case None:
            return Over(time, 1)
        case Count() as count:
            return windows.observe(track, count, lateness, time)
        case Distinct() as distinct:
            seen = fields.get(distinct.field)
            hashed = value_hash(seen) if seen is not None else None
            return None if hashed is None else windows.observe(track, distinct, lateness, time, hashed)
        case Absence():
            track.newest = max(track.newest, event.arrived)
            return APART
        case Sequence() as sequence:
            track.steps = track.steps or sequences.Steps()
            steps = sum(1 << i for i, step in enumerate(rule.steps) if step(fields, None))
            outcome = sequences.observe(track.steps, sequence, lateness, time, steps)
        case FirstSeen() as first:
            outcome = _first_seen(track, first, event, fields)
    track.newest = max(track.newest, time)
    return outcome


def figures(rule: CompiledRule, track: Track, fields: Fields) -> Figures | None:
    """What the key's window measured at this event; None for windows that have no figures."""
    match rule.window:
        case Sum() as sums if track.weighed is not None:
            weight = weighed.at_end(track.weighed).weight
            return Figures(weight, {"sum": readable(weight, sums.field)})
        case Ratio() if track.weighed is not None:
            held = weighed.at_end(track.weighed)
            return Figures(held.weight / held.events, {"share": f"{held.weight / held.events:.0%}"})
        case FirstSeen(fields=parts):
            return Figures(0, {"new": ", ".join(str(key_value(part, fields)) for part in parts)})
        case Spike() as spikes if track.spike is not None:
            return _spike_figures(track.spike, spikes)
    return None


def _spike_figures(memory: spike.SpikeMemory, spec: Spike) -> Figures:
    value, usual = spike.describe(memory, spec)
    name = spec.field if spec.measure == "sum" else ""
    times = f"{value / usual:.0f}" if usual >= 1 else "many"
    return Figures(value, {"value": readable(value, name), "usual": readable(usual, name), "times": times})


def readable(amount: float, field: str) -> str:
    """A number as a person reads it: `1,234`, and sizes as `5.2 GB`."""
    if field not in SIZES:
        return f"{amount:,.0f}"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if amount >= 100 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def _first_seen(track: Track, spec: FirstSeen, event: Event, fields: Fields) -> Outcome | None:
    # What lacks the field is ordinary too: learning does not wait for the first stranger.
    track.seen = track.seen or firstseen.Seen(began=event.time)
    values = [key_value(part, fields) for part in spec.fields]
    if None in values:
        return APART
    combination = value_hash("\x1f".join(map(str, values)))
    return firstseen.observe(track.seen, spec, event.time, combination)


def _spike(track: Track, spec: Spike, event: Event, fields: Fields) -> Outcome | None:
    amount: int | None = 1
    if spec.measure != "events":
        seen = fields.get(spec.field)
        amount = number(seen) if spec.measure == "sum" or seen is None else value_hash(seen)
    if amount is None:
        return None
    track.spike = track.spike or spike.SpikeMemory()
    outcome = spike.observe(track.spike, spec, event.origin.lateness, event.time, amount)
    if spec.measure == "sum" and isinstance(outcome, Over):
        return Over(outcome.start, 1)  # it holds a total, not a number of events
    return APART if outcome == UNDER else outcome


def polls(track: Track, event: Event, fields: Fields) -> bool:
    """Whether the key is a program that asks the same few paths for hours (RULES §1, `pollers: skip`)."""
    track.poller = track.poller or PollerMemory()
    return is_poller(track.poller, event.time, value_hash(fields.get("path", "")))


def number(value: Value | None) -> int | None:
    """A field's value as a whole number, or None for what is no number (a log writes what it likes)."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if value is None or value != value or abs(value) > 2**62:
        return None
    return int(value)


def value_hash(value: Value) -> int:
    """64 bits of a value, the same in every run (Python's own hash of text is not)."""
    return int.from_bytes(blake2b(str(value).encode(errors="surrogatepass"), digest_size=8).digest(), "big")
