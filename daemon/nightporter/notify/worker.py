"""One destination's loop: load what waits, ask the plan, send, record, rest.

Order of things: a send is noted (`begin`), made, and its outcome recorded, each in its own transaction. So a
crash in between leaves a mark, the message is sent again, and that possible repeat is counted. When the store
cannot be written (a full disk), what is under way is sent, and the outcome is held in memory until it can be
recorded; nothing further is sent before that, so nothing is told twice. A vanished network is a `Retry`. A
clock that is set back lengthens no wait beyond what it was when it began.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

import structlog

from nightporter.clock import Clock
from nightporter.errors import Unreachable
from nightporter.model import SECOND, Stamp
from nightporter.notify.backoff import BROKEN_S, asked_s, wait_s
from nightporter.notify.outcome import Barred, Channel, Delivered, Outcome, Refused, Retry, Uncertain
from nightporter.notify.plan import HISTORY, Policy, Send, plan
from nightporter.notify.render import Message, render
from nightporter.notify.threads import in_daemon_thread
from nightporter.safetext import mask_secrets
from nightporter.store import outbox as store
from nightporter.store.database import Database
from nightporter.store.outbox import Counts, DestinationState, OutboxRow, SentMessage

SEND_DEADLINE_S: Final = 90.0
"""When a send is given up as stuck. Channels have shorter timeouts of their own; a name lookup has none."""
MOST_STUCK: Final = 3
"""Threads that may hang in one destination's sends at a time."""
MOST_WAITING: Final = 2000
"""Rows that may wait for one destination; more are folded into counts, the least severe first."""
BATCH: Final = 200
"""Rows that a terminal or file is given in one round."""
PACE_S: Final = 0.25
"""At least this long between two looks, however often new rows come: a look reads all that waits."""
GLANCE_S: Final = 30.0
"""Longest sleep without a look at the wall clock: the monotonic one may stand still while a Mac sleeps."""
SLEPT_S: Final = 60.0
"""The wall clock ran ahead of the monotonic one by more than this between two looks: the machine slept."""
LAST_CHANCE: Final = 8
"""A message that failed so often while others got through is parked."""
STORE_WAIT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the store knows of a destination."""

    rows: list[OutboxRow]
    history: list[SentMessage]
    state: DestinationState
    counts: Counts


class Worker:
    """Sends what one destination is due. `run` never ends; `wake` and `settled` belong to its loop."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        *,
        database: Database,
        policy: Policy,
        clock: Clock,
        chance: Callable[[], float],
        log: structlog.typing.FilteringBoundLogger,
        back: Callable[[], None],
    ) -> None:
        """`back` is called when a destination away from this machine is reached again after failures."""
        self.name = name
        self.state = DestinationState()
        self.counts = Counts()
        self._channel = channel
        self._database = database
        self._policy = policy
        self._clock = clock
        self._chance = chance
        self._log = log.bind(destination=name)
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._back = back
        self._stuck = 0
        self._counted = False
        self._own_wait = False
        """Whether it rests for as long as we think right, and nobody asked for it."""
        self._at_once = False
        self._lag_seen = self._lag()

    def wake(self) -> None:
        """There may be new rows."""
        self._idle.clear()
        self._wake.set()

    def network_is_back(self) -> None:
        """What could not be reached may be now: no wait of our own is sat out, and waits begin small again.
        What a receiver asked for, and what only a person can mend, stays as it is."""
        if self._own_wait and not self._policy.direct:
            self._at_once = True
            self.wake()

    async def settled(self) -> None:
        """Return once nothing can be sent now."""
        await self._idle.wait()

    async def run(self) -> None:
        while True:
            self._heed_sleep()
            self._wake.clear()
            started = self._clock.monotonic()
            try:
                wait = await self._round()
            except Unreachable as err:
                self._log.warning("outbox.store_unavailable", error=str(err))
                wait = STORE_WAIT_S
            if not self._wake.is_set():
                if wait != 0.0:
                    self._idle.set()
            elif (elapsed := self._clock.monotonic() - started) < PACE_S:
                await self._clock.sleep(PACE_S - elapsed)
            await self._rest(wait)

    # --- one round

    async def _round(self) -> float | None:
        """Send what is due; seconds until there may be more, or None: only new rows can change it."""
        loaded = await self._database.call(self._load)
        self.state, self.counts, self._counted = loaded.state, loaded.counts, True
        held = self._held_s()
        if held > 0:
            return held
        now = self._clock.now()
        decided = plan(loaded.rows, loaded.history, self._policy, now)
        # What failed several times goes last, so that it cannot stand in the way of the rest.
        for send in sorted(decided.sends, key=_often_failed):
            await self._deliver(send)
            held = self._held_s()
            if held > 0:
                return held
        if self._policy.direct and len(loaded.rows) == BATCH:
            return 0.0
        return None if decided.wake_at is None else max(0.0, (decided.wake_at - now) / SECOND)

    def _load(self, connection: sqlite3.Connection) -> Loaded:
        now = self._clock.now()
        limit = BATCH if self._policy.direct else MOST_WAITING
        if not self._policy.direct:
            store.fold_oldest(connection, self.name, MOST_WAITING)
        return Loaded(
            rows=store.pending(connection, self.name, limit),
            history=store.history(connection, self.name, now - HISTORY),
            state=self._load_state(connection, now),
            counts=replace(self.counts, pending=store.waiting(connection, self.name))
            if self._counted
            else store.counts(connection, self.name),
        )

    def _load_state(self, connection: sqlite3.Connection, now: Stamp) -> DestinationState:
        """How the destination fares. A rest that began in the future (the clock was set back) begins now."""
        known = state = store.destination_state(connection, self.name)
        if state.set_at > now:
            state = replace(state, set_at=now, not_before=now + state.not_before - state.set_at)
        if self._at_once:
            state = replace(state, set_at=now, not_before=now, failures=0)
        if state != known:
            store.save_state(connection, self.name, state)
        self._at_once = False
        return state

    def _held_s(self) -> float:
        """How long the destination must still rest."""
        return (self.state.not_before - self._clock.now()) / SECOND

    # --- one send

    async def _deliver(self, send: Send) -> None:
        ids = [row.id for row in send.rows]
        if not self._policy.direct:
            await self._note(ids)
        message = render(send, self._policy.zone, self._clock.now())
        outcome = await self._say(message, plain=False)
        if isinstance(outcome, Refused):
            self._log.warning("delivery.refused", reason=mask_secrets(outcome.reason), message=message.id)
            outcome = await self._say(message, plain=True)
        await self._record(send, self._last_chance(send, outcome))

    async def _note(self, ids: Sequence[str]) -> None:
        now = self._clock.now()
        try:
            await self._database.call(lambda connection: store.begin(connection, self.name, ids, now))
        except Unreachable as err:  # telling matters more than the mark
            self._log.warning("outbox.store_unavailable", error=str(err))

    async def _say(self, message: Message, *, plain: bool) -> Outcome:
        if self._stuck >= MOST_STUCK:
            return Retry("earlier sends still hang")
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                return await in_daemon_thread(lambda: self._sent(message, plain), f"send-{self.name}")
        except TimeoutError:
            self._stuck += 1
            return Uncertain(f"no end within {SEND_DEADLINE_S:.0f} s")

    def _sent(self, message: Message, plain: bool) -> Outcome:
        """On the sending thread."""
        try:
            return self._channel.send(message, plain=plain)
        except Exception as err:  # noqa: BLE001  # the edge to others' code: a bug must not stop the telling
            self._log.error("delivery.bug", error=type(err).__name__, exc_info=True)
            return Retry(f"a bug: {type(err).__name__}")

    def _last_chance(self, send: Send, outcome: Outcome) -> Outcome:
        """A message that fails again and again, while others get through, is refused in all but name."""
        row = send.rows[0]
        if not isinstance(outcome, Retry) or outcome.unreached or row.attempts + 1 < LAST_CHANCE:
            return outcome
        if self.state.last_sent <= row.tried_at:
            return outcome
        return Refused(f"{outcome.reason}, {row.attempts + 1} times, while others got through")

    # --- what came of it

    async def _record(self, send: Send, outcome: Outcome) -> None:
        """Keep the outcome, however long the store takes: without it the message would go again."""
        now = self._clock.now()
        back = isinstance(outcome, Delivered) and self._own_wait and not self._policy.direct
        self.state = self._state_after(outcome, now)
        self._own_wait = _waits_unasked(outcome)
        if back:
            self._back()
        while True:
            try:
                await self._database.call(lambda c: self._write(c, send, outcome, now))
            except Unreachable as err:
                self._log.warning("outbox.store_unavailable", error=str(err))
                await self._clock.sleep(STORE_WAIT_S)
            else:
                break
        self.counts = _counts_after(self.counts, send, outcome)
        self._tell_log(send, outcome)

    def _write(self, connection: sqlite3.Connection, send: Send, outcome: Outcome, now: Stamp) -> None:
        ids = [row.id for row in send.rows]
        match outcome:
            case Delivered(remote=remote):
                message = _sent_message(send, now, remote)
                store.mark_sent(connection, self.name, ids, message)
                if not self._policy.direct:  # to which no cap applies, so that nothing need be known later
                    store.remember(connection, self.name, message)
            case Refused(reason=reason):
                store.park(connection, self.name, ids, now, mask_secrets(reason))
            case Retry(reason=reason) | Barred(reason=reason) | Uncertain(reason=reason):
                unreached = isinstance(outcome, Retry) and outcome.unreached
                store.settle(connection, self.name, ids, mask_secrets(reason), unreached=unreached)
            case _:
                assert_never(outcome)
        store.save_state(connection, self.name, self.state)

    def _state_after(self, outcome: Outcome, now: Stamp) -> DestinationState:
        state = self.state
        match outcome:
            case Delivered(pause_s=pause_s):
                return DestinationState(
                    repeats=state.repeats,
                    last_sent=now,
                    set_at=now,
                    not_before=_after(now, asked_s(pause_s) or 0.0),
                )
            case Refused(reason=reason):
                return replace(state, error=mask_secrets(reason))
            case Barred(reason=reason):
                wait = BROKEN_S * (1 - 0.25 * self._chance())
            case Retry(reason=reason, after_s=after_s):
                wait = self._retry_wait_s(asked_s(after_s))
            case Uncertain(reason=reason):
                wait = self._retry_wait_s(None)
            case _:
                assert_never(outcome)
        return replace(
            state,
            failures=state.failures + 1,
            failing_since=state.failing_since or now,
            set_at=now,
            not_before=_after(now, wait),
            broken=isinstance(outcome, Barred),
            error=mask_secrets(reason),
            repeats=state.repeats + isinstance(outcome, Uncertain),
        )

    def _retry_wait_s(self, asked: float | None) -> float:
        """What the receiver asked for, to the letter; our own wait where it asks for next to nothing."""
        own = wait_s(self.state.failures + 1, self._chance())
        if asked is None:
            return own
        return asked if asked >= 1.0 else max(asked, own)

    def _tell_log(self, send: Send, outcome: Outcome) -> None:
        facts: dict[str, Any] = {"shape": send.shape, "tellings": len(send.rows), "why": send.reason.name}
        match outcome:
            case Delivered():
                self._log.info("delivery.sent", **facts)
            case Refused():
                self._log.error("delivery.parked", error=self.state.error, **facts)
            case Barred():
                self._log.error("delivery.barred", error=self.state.error, **facts)
            case Retry() | Uncertain():
                wait = round(self._held_s(), 1)
                uncertain = isinstance(outcome, Uncertain)
                self._log.warning(
                    "delivery.retry_scheduled",
                    error=self.state.error,
                    wait_s=wait,
                    uncertain=uncertain,
                    **facts,
                )
            case _:
                assert_never(outcome)

    # --- rest

    async def _rest(self, seconds: float | None) -> None:
        """Until woken, or until `seconds` have passed on either clock."""
        started, wall = self._clock.monotonic(), self._clock.now()
        while not self._wake.is_set():
            self._heed_sleep()
            left = _longest(seconds, self._clock.monotonic() - started, (self._clock.now() - wall) / SECOND)
            if left is None:
                await self._wake.wait()
            elif left <= 0:
                return
            else:
                await self._woken_or(min(left, GLANCE_S))

    def _heed_sleep(self) -> None:
        """What could not be reached before the machine slept may be now."""
        lag = self._lag()
        if lag - self._lag_seen > SLEPT_S:
            self.network_is_back()
        self._lag_seen = lag

    def _lag(self) -> float:
        """By how much the wall clock is ahead of the monotonic one, which stands still in a sleep."""
        return self._clock.now() / SECOND - self._clock.monotonic()

    async def _woken_or(self, seconds: float) -> None:
        waits = [
            asyncio.ensure_future(self._wake.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def _often_failed(send: Send) -> bool:
    return min(row.attempts for row in send.rows) >= LAST_CHANCE // 2


def _waits_unasked(outcome: Outcome) -> bool:
    """Whether what came of a send makes it wait, by our own counting."""
    return isinstance(outcome, Uncertain) or (isinstance(outcome, Retry) and asked_s(outcome.after_s) is None)


def _longest(seconds: float | None, by_monotonic: float, by_wall: float) -> float | None:
    return None if seconds is None else seconds - max(by_monotonic, by_wall)


def _after(now: Stamp, seconds: float) -> Stamp:
    """Rounded up: never earlier than asked."""
    return now + -int(-seconds * SECOND // 1)


def _counts_after(counts: Counts, send: Send, outcome: Outcome) -> Counts:
    weight = sum(row.weight for row in send.rows)
    if isinstance(outcome, Delivered):
        return replace(counts, pending=counts.pending - weight, sent=counts.sent + weight)
    if isinstance(outcome, Refused):
        return replace(counts, pending=counts.pending - weight, parked=counts.parked + weight)
    return counts


def _sent_message(send: Send, now: Stamp, remote: str) -> SentMessage:
    return SentMessage(
        at=now,
        shape=send.shape,
        rule=send.rule,
        severity=send.severity,
        tellings=sum(row.weight for row in send.rows),
        remote=remote,
    )
