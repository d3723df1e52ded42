"""The clock: lines from the future, and a clock that nobody keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from nightporter.doctor.finding import Finding, Voice
from nightporter.model import MINUTE, Nanos, Stamp
from nightporter.notify.localtime import span

_SAY: Final = Voice("clock")
_AHEAD: Final[Nanos] = MINUTE
_MOST_AHEAD: Final = 20
"""Lines that may come from the future before it is worth a word: one daemon's start may see a few."""
_NTP: Final = {
    "darwin": "sudo sntp -sS time.apple.com\nsudo systemsetup -setusingnetworktime on",
    "linux": "sudo timedatectl set-ntp true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """This machine's clock against what has happened."""

    now: Stamp
    platform: str
    newest: Mapping[str, Stamp]
    """What → the newest stamp it bears: the last commit, the status file, a log's last line."""
    ahead: int = 0
    """Lines that the daemon set back to their arrival."""
    synchronized: bool | None = None
    """Whether a time server keeps it (Linux: timedatectl); None: not known."""


def findings(facts: ClockFacts) -> Iterator[Finding]:
    """All checks."""
    mend = _NTP.get(facts.platform, "set the clock by a time server")
    wrong = False
    for what, stamp in facts.newest.items():
        if stamp - facts.now > _AHEAD:
            wrong = True
            yield _SAY.wrong(
                f"{what} is from {span(stamp - facts.now)} in the future: this machine's clock was set back, "
                "or the writer's is ahead",
                mend,
            )
    if facts.ahead > _MOST_AHEAD:
        wrong = True
        yield _SAY.wrong(
            f"{facts.ahead} lines were stamped in the future, and counted when they came: the clock of their "
            "writer is ahead, or the source's tz is not the writer's",
            "tz: Europe/Berlin    # in the source: the zone in which the service writes\n" + mend,
        )
    if facts.synchronized is False:
        wrong = True
        yield _SAY.wrong("no time server keeps this machine's clock", mend)
    if not wrong:
        yield _SAY.right("nothing here is from the future")
