"""How a drill is asked for and answered: two small files in the daemon's state folder.

    `nightporter drill` ── drill.json ──▶ daemon ──▶ judge ──▶ outbox ──▶ people
                        ◀─ drill-answer.json ─ (which tellings, or why none)

Whether the messages arrived is then read from the outbox. A request that has waited for a minute was meant
for another moment and is dropped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from nightporter import letterbox
from nightporter.clock import Clock, beat
from nightporter.config import Config
from nightporter.drill import tellings
from nightporter.errors import Denied, Unreachable, UserError
from nightporter.model import MINUTE, Nanos, Severity, Stamp, Telling
from nightporter.rule import Ruleset

REQUEST: Final = "drill.json"
ANSWER: Final = "drill-answer.json"
LOOK_EVERY_S: Final = 1.25
FRESH: Final[Nanos] = MINUTE


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `rule` empty: all. `config`: the asker's, by `config_file`."""

    id: str
    at: Stamp
    rule: str = ""
    config: str = ""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A telling that is on its way."""

    id: str
    title: str
    severity: Severity
    destinations: list[str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon made of a request. `mistake`: why it cannot be, for a person."""

    id: str
    mistake: str = ""
    tellings: list[Posted] = []
    notes: list[str] = []


def config_file(config: Config) -> str:
    """Which file a config comes from, whatever link or name it was read by."""
    return "" if config.path is None else os.path.realpath(config.path)


def ask(state: Path, request: Request) -> None:
    """Leave a request for the daemon. Raises Unreachable where another one waits, Denied where the folder
    cannot be written."""
    path = state / REQUEST
    waiting = letterbox.read(path, Request)
    if waiting is not None and 0 <= request.at - waiting.at < FRESH:
        raise Unreachable("another drill is under way; try again in a moment")
    letterbox.write(path, request)


def withdraw(state: Path, request: Request) -> None:
    """Take a request back that nobody took."""
    if letterbox.read(state / REQUEST, Request) == request:
        (state / REQUEST).unlink(missing_ok=True)


def answer_to(state: Path, request: Request) -> Answer | None:
    """The daemon's answer to this request, once it is there; it is taken away."""
    answer = letterbox.read(state / ANSWER, Answer)
    if answer is None or answer.id != request.id:
        return None
    (state / ANSWER).unlink(missing_ok=True)
    return answer


def take(state: Path, now: Stamp) -> Request | None:
    """The request that waits, if it is a fresh one; whatever lies there is taken away."""
    path = state / REQUEST
    if not os.path.lexists(path):
        return None
    request = letterbox.read(path, Request)
    with suppress(OSError):  # a folder of that name: not ours, and no request
        path.unlink()
    return request if request is not None and abs(now - request.at) < FRESH else None


class DrillDesk:
    """The daemon's part: takes requests, and answers."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        log: FilteringBoundLogger,
        ruleset: Callable[[], Ruleset],
        tell: Callable[[Telling], None],
    ) -> None:
        """`ruleset`: the rules in force."""
        self._config = config
        self._clock = clock
        self._log = log
        self._ruleset = ruleset
        self._tell = tell

    async def run(self) -> None:
        """Look for requests until cancelled."""
        while True:
            request = take(self._config.state, self._clock.now())
            if request is not None:
                await self._serve(request)
            await beat(self._clock, LOOK_EVERY_S)

    async def _serve(self, request: Request) -> None:
        self._log.info("drill.asked", rule=request.rule or "all")
        try:
            held = await asyncio.to_thread(self._held, request)
        except UserError as err:
            answer = Answer(id=request.id, mistake=str(err))
        else:
            for telling in held.tellings:
                self._tell(telling)
            answer = Answer(id=request.id, tellings=posted(held.tellings), notes=list(held.notes))
        with suppress(Denied, Unreachable):  # the messages go all the same
            letterbox.write(self._config.state / ANSWER, answer)

    def _held(self, request: Request) -> tellings.Drill:
        own = config_file(self._config)
        if request.config and request.config != own:
            raise UserError(
                f"the daemon that runs in {self._config.state} reads {own or 'no config file'}, not "
                f"{request.config}, so its destinations would be told, not those of that file; drill without "
                "--config, or with --here: by this process, to that file's own destinations"
            )
        now, ruleset = self._clock.now(), self._ruleset()
        if request.rule:
            return tellings.one(ruleset, request.rule, self._config, now, request.id)
        return tellings.every(ruleset, self._config, now, request.id)


def posted(tellings: tuple[Telling, ...]) -> list[Posted]:
    """What is said of tellings that are on their way."""
    return [Posted(id=t.id, title=t.title, severity=t.severity, destinations=t.notify) for t in tellings]
