"""Whether a key does far more than it usually does: the window `spike`.

Time is cut into slots of a tenth of the window W, and ten slots make a block; the edges of both lie on
multiples of their length since the epoch, so that an answer does not depend on when the daemon started.

             usual: totals of whole blocks that can no longer change            may change    now
    ├────────┼────────┼──── … ───┼────────┼────────┼────────┤├┼┼┼┼┼┼┼┼┼┤├┼┼┼┼┼┼┼┼┼┤├┼┼▲
                                                                      └── the value ──┘

- The **value** is what lies in the ten slots that end with an event's: between 0.9 W and W. An event that
  comes late is judged in every such window that contains it (RULES §4.3).
- The **usual** is the median of the blocks of the baseline, whether anything came in them or not, without
  those in which a spike was found. With `same_hour` it is the median over the days of the baseline, each of
  which tells the busiest of its blocks that began within an hour of this time of day: so a burst of half an
  hour that comes every night is usual, when the clocks are changed too (days are counted in UTC).
- It is **over** if the value is `min` or more, and `factor` times the usual or more, and beyond the usual by
  more than `factor` times the spread. The spread estimates a standard deviation: the larger of
  1.4826 × the median and 1.2533 × the mean absolute deviation. A service that is used for an hour a week has
  a median deviation of 0, which is why the mean has its say (Iglewicz and Hoaglin, How to Detect and Handle
  Outliers, 1993, p. 12).
- **A level that lasts is the new usual**: the median of the last 24 hours (with `same_hour`: of the last 3
  days, at this time of day) is usual too, spike or not. The greater of the two counts. So what goes on for
  12 hours, or half the baseline if that is less, or comes on two evenings of three, is told no more.
- **Nothing is over before the baseline is full**: that many whole blocks since the key's first event.

For `distinct` a slot keeps the hashes of its first 200 values; beyond that it counts as 200.

A key's memory is a number a block, a run of empty blocks being one, and the slots of the last W and lateness.
Packed, 14 days of 10 minutes are at most 6 KB of events or 10 KB of bytes (fewer than 4 GiB a block), and a
few bytes for a key that is seldom seen; `distinct` adds 9 bytes a value and slot, at most 45 KB in a flood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Final

import msgspec

from nightporter.detect.outcome import APART, LATE, Outcome, Over
from nightporter.model import DAY, HOUR, Nanos, Stamp
from nightporter.rule import Spike

SLOTS: Final = 10
"""Slots in a block, and in the running window."""
DISTINCT_CAP: Final = 200
"""Values that a slot keeps of `distinct`."""
NEAR: Final = HOUR
"""How far from this time of day `same_hour` looks."""
LASTING: Final = DAY
LASTING_DAYS: Final = 3
"""A level that fills more than half of so long is usual: without `same_hour`, and with it."""
OF_MEDIAN: Final = 1.4826
OF_MEAN: Final = 1.2533
"""What turns a median or mean absolute deviation into a standard deviation, where values are normal."""


class Usual(msgspec.Struct, frozen=True):
    """What a key usually holds in a window, and how far it strays from that."""

    level: float
    spread: float


class SpikeMemory(msgspec.Struct):
    """One key's memory. A block is named by its number since the epoch, a slot by its own."""

    width: Nanos = 0
    """A slot's length. A key whose rule got another window begins anew; or another measure, as `distinct`."""
    distinct: bool = False
    newest: Stamp = 0
    """0: nothing has come yet."""
    begun: int = 0
    """The key's first whole block."""
    kept: int = 0
    """The first block whose slots are kept; those before it are totals."""
    slots: dict[int, int] = {}
    """Slot → what was added in it, from block `kept` on."""
    values: dict[int, set[int]] = {}
    """The same for `distinct`: the hashes of its values."""
    totals: list[int] = []
    """What each block before `kept` held, the oldest first; -n stands for n empty blocks in a row."""
    known: int = 0
    """How many blocks `totals` tells of, at most the baseline's."""
    spikes: list[int] = []
    """Blocks in which a spike was found, in the order of finding."""
    usual: Usual | None = None
    """The usual in block `usual_in`; None: to be worked out when it is asked for."""
    usual_in: int = 0


def observe(memory: SpikeMemory, spec: Spike, lateness: Nanos, stamp: Stamp, amount: int) -> Outcome:
    """Enter one admitted event and judge every running window that contains it.

    `amount`: 1 for events, the field's number for `sum` (below 0 counts as 0), the hash of the field's value
    for `distinct`. The outcome's `start` is the edge of the first slot that holds anything, `held` the value.
    """
    width = _width(spec)
    slot = stamp // width
    horizon = max(stamp, memory.newest) - spec.within - lateness
    kept = horizon // (width * SLOTS)
    if (memory.width, memory.distinct) != (width, spec.measure == "distinct"):
        _begin(memory, spec, slot, kept)
    elif stamp < horizon or slot < memory.kept * SLOTS:
        return LATE
    if stamp > memory.newest:
        _fold(memory, spec, kept)
        memory.newest = stamp
    _enter(memory, slot, amount)
    if memory.known < _baseline_blocks(spec):
        return APART  # what is usual is not known yet
    last, value = slot, -1
    for end in range(slot, min(slot + SLOTS - 1, memory.newest // width) + 1):
        most = _at_most(memory, end - SLOTS + 1, end)
        if most < spec.least or most < spec.factor * _usual(memory, spec).level:
            continue
        held = _held(memory, end - SLOTS + 1, end) if memory.distinct else most
        if held > value:
            last, value = end, held
    if not _is_over(memory, spec, value):
        return APART
    first = last - SLOTS + 1
    for block in {first // SLOTS, last // SLOTS}.difference(memory.spikes):
        if block >= memory.kept:
            memory.spikes.append(block)
    filled = memory.values if memory.distinct else memory.slots
    return Over(next(s for s in range(first, last + 1) if s in filled) * width, value)


def describe(memory: SpikeMemory, spec: Spike) -> tuple[int, float]:
    """The value of the window that ends at the newest event, and the usual; for the message."""
    if memory.newest == 0:
        return 0, 0.0
    slot = memory.newest // memory.width
    return _held(memory, slot - SLOTS + 1, slot), _usual(memory, spec).level


def _width(spec: Spike) -> Nanos:
    return max(1, spec.within // SLOTS)


def _baseline_blocks(spec: Spike) -> int:
    return max(1, spec.baseline // (_width(spec) * SLOTS))


def _is_over(memory: SpikeMemory, spec: Spike, value: int) -> bool:
    if value < spec.least:
        return False
    usual = _usual(memory, spec)
    return value >= spec.factor * usual.level and value > usual.level + spec.factor * usual.spread


# --- slots and blocks ------------------------------------------------------------------------------------


def _begin(memory: SpikeMemory, spec: Spike, slot: int, kept: int) -> None:
    blank = SpikeMemory(
        width=_width(spec), distinct=spec.measure == "distinct", begun=slot // SLOTS + 1, kept=kept
    )
    for name in SpikeMemory.__struct_fields__:
        setattr(memory, name, getattr(blank, name))


def _enter(memory: SpikeMemory, slot: int, amount: int) -> None:
    if not memory.distinct:
        memory.slots[slot] = memory.slots.get(slot, 0) + max(0, amount)
        return
    values = memory.values.setdefault(slot, set())
    if len(values) < DISTINCT_CAP:
        values.add(amount)


def _held(memory: SpikeMemory, first: int, last: int) -> int:
    """What the slots from `first` to `last` hold together."""
    if memory.distinct:
        return len(set[int]().union(*(memory.values.get(s, ()) for s in range(first, last + 1))))
    return sum([memory.slots.get(s, 0) for s in range(first, last + 1)])  # a generator costs twice as much


def _at_most(memory: SpikeMemory, first: int, last: int) -> int:
    """No less than what these slots hold together, and cheap: a value counts in every slot that has it."""
    if not memory.distinct:
        return _held(memory, first, last)
    return sum([len(memory.values.get(s, ())) for s in range(first, last + 1)])


def _fold(memory: SpikeMemory, spec: Spike, kept: int) -> None:
    """Blocks before `kept` become totals: no event may enter them any more. Costs nothing for empty ones."""
    if kept <= memory.kept:
        return
    after_newest = memory.newest // (memory.width * SLOTS) + 1
    for block in range(max(memory.kept, memory.begun), min(kept, after_newest)):
        first = block * SLOTS
        _add_block(memory, _held(memory, first, first + SLOTS - 1))
    _add_empty(memory, kept - max(memory.kept, memory.begun, after_newest))
    _forget(memory, _baseline_blocks(spec))
    memory.kept = kept
    memory.slots = {s: n for s, n in memory.slots.items() if s >= kept * SLOTS}
    memory.values = {s: held for s, held in memory.values.items() if s >= kept * SLOTS}
    memory.spikes = [block for block in memory.spikes if block >= kept - memory.known]
    memory.usual = None


def _add_block(memory: SpikeMemory, total: int) -> None:
    if total == 0:
        _add_empty(memory, 1)
        return
    memory.totals.append(total)
    memory.known += 1


def _add_empty(memory: SpikeMemory, blocks: int) -> None:
    if blocks <= 0:
        return
    if memory.totals and memory.totals[-1] < 0:
        memory.totals[-1] -= blocks
    else:
        memory.totals.append(-blocks)
    memory.known += blocks


def _forget(memory: SpikeMemory, baseline: int) -> None:
    """Let go of what lies before the baseline."""
    excess = memory.known - baseline
    gone = 0
    while excess > 0:
        run = max(1, -memory.totals[gone])
        if run > excess:
            memory.totals[gone] += excess
            memory.known -= excess
            break
        gone, excess = gone + 1, excess - run
        memory.known -= run
    del memory.totals[:gone]


# --- the usual -------------------------------------------------------------------------------------------


def _usual(memory: SpikeMemory, spec: Spike) -> Usual:
    """The usual at the newest event; worked out once a block."""
    block = memory.newest // (memory.width * SLOTS)
    if memory.usual is None or (spec.same_hour and memory.usual_in != block):
        memory.usual, memory.usual_in = _worked_out(memory, spec, block), block
    return memory.usual


def _worked_out(memory: SpikeMemory, spec: Spike, now: int) -> Usual:
    totals = _unrolled(memory.totals)
    oldest = memory.kept - len(totals)
    length = memory.width * SLOTS
    if spec.same_hour:
        lasting, spans = LASTING_DAYS, _same_hour(range(oldest, memory.kept), now, length)
    else:
        lasting, spans = LASTING // length, [(block,) for block in range(memory.kept - 1, oldest - 1, -1)]
    spikes = set(memory.spikes)
    calm = [
        max(totals[block - oldest] for block in span if block not in spikes)
        for span in spans
        if not spikes.issuperset(span)
    ]
    recent = [max(totals[block - oldest] for block in span) for span in spans[:lasting]]
    usuals = [_of(held) for held in (calm, recent) if held]
    return max(usuals, key=lambda usual: usual.level, default=Usual(0.0, 0.0))


def _same_hour(known: range, now: int, length: Nanos) -> list[Sequence[int]]:
    """Of each earlier day, the newest first, the known blocks that began within an hour of this time."""
    near = NEAR // length
    spans = list[Sequence[int]]()
    for day in range(1, (now - known.start) * length // DAY + 2):
        centre = (now * length - day * DAY) // length
        first, last = max(centre - near, known.start), min(centre + near, known.stop - 1)
        if first <= last:
            spans.append(range(first, last + 1))
    return spans


def _of(totals: list[int]) -> Usual:
    level = median(totals)
    deviations = [abs(total - level) for total in totals]
    return Usual(level, max(OF_MEDIAN * median(deviations), OF_MEAN * fmean(deviations)))


def _unrolled(totals: Iterable[int]) -> list[int]:
    """A number a block."""
    blocks = list[int]()
    for total in totals:
        if total < 0:
            blocks.extend([0] * -total)
        else:
            blocks.append(total)
    return blocks
