"""What one destination is sent now, as which messages, and when to look again: pure.

`plan` is given what waits for the destination, the messages it accepted lately, the owner's policy and the
wall clock. It keeps no state, so it says the same after a restart. How it decides, for `kind: apprise`:

1. Tests go at once and count for nothing.
2. Rows of one rule are one message. The first goes at once; while a rule keeps telling, the rest gathers for
   1, 2, 5 and then 15 minutes after the message before, until an hour's calm. A higher severity than the
   rule's last messages had does not wait; what was seen late waits half a minute for the rest of its kind.
3. A review goes when it comes, by itself, but waits for the end of quiet hours.
4. Low goes into the digest at the owner's hour. In quiet hours all below high waits for their end, and then
   goes as one digest.
5. What could have gone ten minutes ago (an outage, a sleep, a cap) is late; more than three late messages
   become a digest. Critical never does.
6. Caps: at most so many messages an hour and a day, critical and tests not counted; a fifth of each is kept
   for high. What has no room is folded: the last free place is a digest's, and the digest at the owner's
   hour passes.

Terminal and file destinations get every row, singly and at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import Enum
from typing import Final

from nightporter.config import Caps, QuietHours
from nightporter.model import DAY, HOUR, MINUTE, SECOND, Nanos, Severity, Stamp
from nightporter.notify.localtime import last_at, next_at, quiet_until
from nightporter.store.outbox import OutboxRow, SentMessage, Shape

GATHER: Final[tuple[Nanos, ...]] = (1 * MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE)
CALM: Final[Nanos] = HOUR
"""After so long without a message of its own, a rule's next one is a first one again."""
SEEN_LATE_GATHER: Final[Nanos] = 30 * SECOND
LATE: Final[Nanos] = 10 * MINUTE
LATE_SINGLES: Final = 3
HISTORY: Final[Nanos] = DAY + HOUR
"""How far back `history` must reach."""


class Reason(Enum):
    """Why a message goes, or a row waits."""

    direct = "this destination gets everything"
    test = "a test"
    first = "the first of its rule"
    gathered = "more of a rule that was told before"
    louder = "more severe than what was told before"
    review = "a review that was due"
    digest_time = "the hour of the digest"
    quiet_over = "the quiet hours are over"
    late = "it could not be told in time"
    no_room = "the cap leaves no room for single messages"
    gathering = "gathering more of its rule"
    waiting_for_digest = "low waits for the digest"
    quiet_hours = "quiet hours"
    capped = "the cap is reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The owner's wishes for one destination. `direct`: terminal and file, to which none of them applies."""

    caps: Caps = field(default_factory=Caps)
    quiet: QuietHours | None = None
    digest: int = 8 * 60
    zone: tzinfo | None = None
    direct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One message to be sent now."""

    rows: tuple[OutboxRow, ...]
    shape: Shape
    reason: Reason

    @property
    def severity(self) -> Severity:
        """The highest of its tellings."""
        return max(row.telling.severity for row in self.rows)

    @property
    def rule(self) -> str:
        """The rule it tells of; empty for a digest."""
        return "" if self.shape == "digest" else topic(self.rows[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Rows that wait."""

    rows: tuple[OutboxRow, ...]
    reason: Reason
    until: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now. `wake_at`: when the answer may be another; None: only new rows can change it."""

    sends: tuple[Send, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def wake_at(self) -> Stamp | None:
        return min((held.until for held in self.held), default=None)


def topic(row: OutboxRow) -> str:
    """What rows are folded by: their rule, or their title where no rule speaks."""
    return row.telling.rule or f"notice: {row.telling.title}"


def plan(rows: Sequence[OutboxRow], history: Sequence[SentMessage], policy: Policy, now: Stamp) -> Plan:
    """Decide about these pending rows of one destination. `history` reaches back `HISTORY`, oldest first;
    entries from the future (the clock was set back) count for nothing."""
    rows = sorted(rows, key=lambda row: (row.telling.at, row.id))
    if policy.direct:
        return Plan(sends=tuple(Send(rows=(row,), shape="single", reason=Reason.direct) for row in rows))
    past = [message for message in history if message.at <= now and message.shape != "test"]
    tests = [
        Send(rows=(row,), shape="test", reason=Reason.test) for row in rows if row.telling.kind == "test"
    ]
    desk = _Desk(policy, past, now)
    desk.sort(row for row in rows if row.telling.kind != "test")
    return Plan(sends=(*tests, *desk.sends()), held=tuple(desk.held))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A message that could go, and since when."""

    send: Send
    due: Stamp


class _Desk:
    """One run of the decision: `sort` puts rows into trays, `sends` takes out what goes."""

    def __init__(self, policy: Policy, past: Sequence[SentMessage], now: Stamp) -> None:
        self._policy = policy
        self._past = past
        self._now = now
        self._quiet_end = quiet_until(now, policy.quiet, policy.zone)
        self._last_digest = last_at(now, policy.digest, policy.zone)
        self._ready: list[_Ready] = []
        self._digest: list[OutboxRow] = []
        self._digest_reason = Reason.digest_time
        self.held: list[Held] = []

    # --- rows into trays

    def sort(self, rows: Iterable[OutboxRow]) -> None:
        groups: dict[str, list[OutboxRow]] = {}
        for row in rows:
            if row.telling.kind == "review":
                self._sort_review(row)
            elif row.telling.severity <= Severity.low:
                self._sort_low(row)
            elif row.telling.severity < Severity.high and self._waits_for_quiet(row):
                continue
            else:
                groups.setdefault(topic(row), []).append(row)
        for group in groups.values():
            self._sort_group(group)

    def _sort_review(self, row: OutboxRow) -> None:
        """It is read when there is time: late does not fold it into a digest."""
        if self._quiet_end is not None:
            self._hold([row], Reason.quiet_hours, self._quiet_end)
        else:
            self._ready.append(_Ready(send=_message([row], Reason.review), due=self._now))

    def _sort_low(self, row: OutboxRow) -> None:
        # A stamp from the future (the clock was set back) would wait for ever: it is taken for now.
        due = next_at(min(row.telling.at, self._now), self._policy.digest, self._policy.zone)
        if due > self._now:
            self._hold([row], Reason.waiting_for_digest, due)
        elif self._quiet_end is not None:
            self._hold([row], Reason.quiet_hours, self._quiet_end)
        else:
            self._digest.append(row)

    def _waits_for_quiet(self, row: OutboxRow) -> bool:
        if self._quiet_end is not None:
            self._hold([row], Reason.quiet_hours, self._quiet_end)
            return True
        came_in_quiet = quiet_until(row.telling.at, self._policy.quiet, self._policy.zone) is not None
        if came_in_quiet:
            self._digest.append(row)
            self._digest_reason = Reason.quiet_over
        return came_in_quiet

    def _sort_group(self, group: list[OutboxRow]) -> None:
        due, reason = self._due(group)
        if due > self._now:
            self._hold(group, Reason.gathering, due)
        else:
            self._ready.append(_Ready(send=_message(group, reason), due=due))

    def _due(self, group: Sequence[OutboxRow]) -> tuple[Stamp, Reason]:
        told_before = self._run(topic(group[0]))
        first = min(group[0].telling.at, self._now)
        if told_before:
            loudest = max(message.severity for message in told_before)
            louder = [row.telling.at for row in group if row.telling.severity > loudest]
            if louder:
                return min(louder[0], self._now), Reason.louder
            gather = GATHER[min(len(told_before), len(GATHER)) - 1]
            return max(first, told_before[-1].at + gather), Reason.gathered
        if all(row.telling.seen_late and row.telling.severity < Severity.critical for row in group):
            return first + SEEN_LATE_GATHER, Reason.first
        return first, Reason.first

    def _run(self, rule: str) -> list[SentMessage]:
        """The latest messages of this rule that followed each other without an hour's calm, oldest first."""
        run: list[SentMessage] = []
        since = self._now
        for message in reversed(self._past):
            if message.rule != rule or message.shape == "digest":
                continue
            if since - message.at > CALM:
                break
            run.append(message)
            since = message.at
        return run[::-1]

    def _hold(self, rows: Sequence[OutboxRow], reason: Reason, until: Stamp) -> None:
        self.held.append(Held(rows=tuple(rows), reason=reason, until=until))

    # --- trays into messages

    def sends(self) -> list[Send]:
        critical = [r for r in self._ready if r.send.severity == Severity.critical]
        others = sorted(
            (r for r in self._ready if r.send.severity < Severity.critical),
            key=lambda r: (-r.send.severity, r.due),
        )
        singles, digest = self._within_caps(*self._fold_late(others))
        return [r.send for r in critical] + [r.send for r in singles] + digest

    def _fold_late(self, ready: list[_Ready]) -> tuple[list[_Ready], list[_Ready]]:
        """Messages that stay single, and those that the digest takes since they are late."""
        late = [r for r in ready if self._now - r.due > LATE]
        if len(late) <= LATE_SINGLES and not self._digest:
            return ready, []
        return [r for r in ready if r not in late], late

    def _within_caps(self, singles: list[_Ready], late: list[_Ready]) -> tuple[list[_Ready], list[Send]]:
        loud = [r for r in singles if _is_loud(r)]
        others = [r for r in singles if not _is_loud(r)]
        if self._digest or any(r.due < self._last_digest for r in (*singles, *late)):
            # The digest at the owner's hour passes, so whatever has no room goes in it.
            loud_go = self._room()[0]
            others_go = self._room(beside=min(len(loud), loud_go), loud=False)[0]
            folded = [*loud[loud_go:], *others[others_go:]]
            reason = Reason.no_room if folded else Reason.late
            return [*loud[:loud_go], *others[:others_go]], self._digest_of([*folded, *late], reason)
        late_is_loud = any(_is_loud(r) for r in late)
        if len(loud) + late_is_loud > (room := self._room())[0]:
            return self._fit(singles, late, *room)
        if late_is_loud:
            others_go = self._room(beside=len(loud) + 1, loud=False)[0]
            reason = Reason.no_room if others[others_go:] else Reason.late
            return [*loud, *others[:others_go]], self._digest_of([*others[others_go:], *late], reason)
        fit, digest = self._fit(others, late, *self._room(beside=len(loud), loud=False))
        return [*loud, *fit], digest

    def _fit(
        self, singles: list[_Ready], late: list[_Ready], room: int, opens: Stamp
    ) -> tuple[list[_Ready], list[Send]]:
        """These into so much room: all of them, else the first ones and a digest of the rest, else none."""
        if len(singles) + bool(late) <= room:
            return singles, self._digest_of(late, Reason.late)
        if room == 0:
            for r in (*singles, *late):
                self._hold(r.send.rows, Reason.capped, opens)
            return [], []
        return singles[: room - 1], self._digest_of([*singles[room - 1 :], *late], Reason.no_room)

    def _digest_of(self, folded: Sequence[_Ready], reason: Reason) -> list[Send]:
        rows = [*self._digest, *(row for r in folded for row in r.send.rows)]
        if not rows:
            return []
        if not self._digest and len(folded) == 1:
            return [folded[0].send]
        if self._digest:
            reason = self._digest_reason
        if len(rows) == 1 and rows[0].telling.severity > Severity.low:
            return [Send(rows=tuple(rows), shape="single", reason=reason)]
        return [Send(rows=tuple(rows), shape="digest", reason=reason)]

    def _room(self, *, beside: int = 0, loud: bool = True) -> tuple[int, Stamp]:
        """How many messages the caps allow now, and when there is room if there is none.

        `beside` more are sent now before them. Not `loud`: below high, for which not all room is there.
        """
        caps = self._policy.caps
        counted = [m for m in self._past if m.severity < Severity.critical]
        every = [*(m.at for m in counted), *[self._now] * beside]
        next_digest = next_at(self._now, self._policy.digest, self._policy.zone)
        tiers = [(caps.per_hour, HOUR, every), (caps.per_day, DAY, every)]
        if not loud:
            low = [m.at for m in counted if m.severity < Severity.high]
            tiers += [(below_high(most), length, low) for most, length, _ in tiers]
        room, opens = caps.per_day, self._now
        for most, length, stamps in tiers:
            inside = [at for at in stamps if at > self._now - length]
            room = min(room, most - len(inside))
            if len(inside) >= most:
                opens = max(opens, inside[-most] + length if most > 0 else next_digest)
        return max(room, 0), min(opens, next_digest)


def below_high(cap: int) -> int:
    """How many of a cap's messages may be below high: all but a fifth, rounded up, so that someone who
    scans all day cannot use up what a worse alert needs. Of a cap of one: that one."""
    return max(cap - -(-cap // 5), min(cap, 1))


def _is_loud(ready: _Ready) -> bool:
    return ready.send.severity >= Severity.high


def _message(group: Sequence[OutboxRow], reason: Reason) -> Send:
    alone = len(group) == 1 and group[0].weight == 1
    return Send(rows=tuple(group), shape="single" if alone else "folded", reason=reason)
