"""The running Nightporter as it told of itself: alive, whole, and of this version."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from nightporter.doctor.finding import Finding, Voice, listed
from nightporter.model import SECOND, Nanos, Stamp
from nightporter.notify.localtime import span

_SAY: Final = Voice("daemon")
STALE: Final[Nanos] = 15 * SECOND
"""The daemon writes its status every 5 s; three times that without one, and it is gone."""
_ALIVE: Final = ("running", "starting")


class Part(msgspec.Struct, frozen=True):
    """A supervised part."""

    state: str = ""
    restarts: int = 0
    last_error: str = ""


class SourceStatus(msgspec.Struct, frozen=True):
    """A source of either kind. `blind`: texts (files) or container → reason (Docker)."""

    state: str = ""
    blind: list[str] | dict[str, str] = msgspec.field(default_factory=list)
    up: bool | None = None
    away_why: str = ""
    last_chunk: Stamp | None = None
    unaccepted: dict[str, str] = msgspec.field(default_factory=dict)
    """Of an integrity source: path → what is another since it was accepted."""


class RulesStatus(msgspec.Struct, frozen=True):
    """The rules in force."""

    in_force: int = 0
    kept: str = "files"
    problems: list[str] = msgspec.field(default_factory=list)


class JudgeStatus(msgspec.Struct, frozen=True):
    """What the judge counted since its start."""

    candidates: int = 0
    ahead: int = 0
    trouble: str = ""
    engine: dict[str, int] = msgspec.field(default_factory=dict)


class DestinationStatus(msgspec.Struct, frozen=True):
    """How a destination fares; stamps are 0 for never."""

    pending: int = 0
    sent: int = 0
    parked: int = 0
    failures: int = 0
    failing_since: Stamp = 0
    broken: bool = False
    last_error: str = ""
    last_sent: Stamp = 0


class StatusFile(msgspec.Struct, frozen=True):
    """The parts of status.json that are looked at; what an older daemon did not write has its default."""

    at: Stamp = 0
    running: bool = False
    pid: int = 0
    version: str = ""
    parts: dict[str, Part] = msgspec.field(default_factory=dict)
    sources: dict[str, SourceStatus] = msgspec.field(default_factory=dict)
    rules: RulesStatus = RulesStatus()
    judge: JudgeStatus = JudgeStatus()
    outbox: dict[str, DestinationStatus] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
    """The status file, and what it is measured against."""

    status: StatusFile | None
    """None: there is none, or none that can be read."""
    trouble: str = ""
    """Why there is none."""
    now: Stamp
    installed: str
    """The version of this program."""

    @property
    def alive(self) -> bool:
        status = self.status
        return status is not None and status.running and abs(self.now - status.at) <= STALE

    @property
    def said(self) -> StatusFile:
        """The status of a daemon that lives; an empty one otherwise."""
        return self.status if self.status is not None and self.alive else StatusFile()


def findings(facts: DaemonFacts) -> Iterator[Finding]:
    """All checks."""
    yield about_life(facts)
    yield from about_version(facts)
    yield from about_parts(facts.said.parts)
    yield from about_rules(facts.said.rules)
    yield from about_unaccepted(facts.said.sources)
    if trouble := facts.said.judge.trouble:
        yield _SAY.wrong(f"it cannot write down what it finds: {trouble}", "df -h    # make room, or mend it")


def about_life(facts: DaemonFacts) -> Finding:
    """Does it run, and does it still tell."""
    status = facts.status
    if status is None:
        return _SAY.wrong(f"no running Nightporter: {facts.trouble}", "nightporter install")
    if facts.alive:
        return _SAY.right(f"it runs, pid {status.pid}, and wrote its status a moment ago")
    age = facts.now - status.at
    if status.running and age < 0:
        return _SAY.wrong(
            f"its status is from {span(-age)} in the future: the clock was set back", "nightporter restart"
        )
    if status.running:
        return _SAY.wrong(
            f"it has not written its status for {span(age)}: it was killed, or hangs", "nightporter restart"
        )
    return _SAY.wrong(f"it was stopped {span(age)} ago, and nothing is watched", "nightporter restart")


def about_version(facts: DaemonFacts) -> Iterator[Finding]:
    """After an upgrade the old one runs on until it is restarted."""
    if not facts.alive:
        return
    running = facts.said.version or "an older one"
    if running != facts.installed:
        yield _SAY.wrong(
            f"the running version is {running}, the installed one {facts.installed}", "nightporter restart"
        )
    else:
        yield _SAY.right(f"the running version is the installed one, {running}")


def about_parts(parts: Mapping[str, Part]) -> Iterator[Finding]:
    """Parts that failed and wait, have ended, or fail again and again."""
    for name, part in parts.items():
        if part.state not in _ALIVE:
            yield _SAY.wrong(
                f"its part {name} is {part.state}, after {part.restarts} restarts: {part.last_error}",
                "nightporter restart    # if it stays so, its log says more",
            )
        elif part.restarts:
            yield _SAY.note(
                f"its part {name} was restarted {part.restarts} times, last for: {part.last_error}"
            )


def about_unaccepted(sources: Mapping[str, SourceStatus]) -> Iterator[Finding]:
    """Watched files that are not as they were when somebody last said that they are right."""
    for source in sources.values():
        for path, what in source.unaccepted.items():
            yield _SAY.note(f"{path}: {what}", f"nightporter accept {shlex.quote(path)}    # if it was you")


def about_rules(rules: RulesStatus) -> Iterator[Finding]:
    """Old rules in force, since the files have a mistake."""
    if rules.kept != "files":
        which = "the shipped ones alone" if rules.kept == "shipped" else "the last good ones"
        yield _SAY.wrong(
            f"the rules in force are {which}: {listed(rules.problems, 2)}",
            "nightporter check    # shows every mistake",
        )
