"""What was missed while nobody watched, and the one message that tells of it.

    Nothing was watched 03:12 to 08:40: this Mac was off, asleep or waiting for a login.
    9 of 11 containers are back; missing: sonarr, radarr.

Three things are known at a start: when the daemon was last alive (its last commit, or its status file, which
it writes every few seconds), when the machine booted, and what the clock says now. A boot after the last
sign of life means that the machine was gone; without one, only Nightporter was.

Which containers should come back is kept in the store too: those seen running within a quarter of an hour
before the last sign of life, since an orderly shutdown stops them before us. They get five minutes.

Every time without a watch is kept for reviews, a short one and a sleep as well: what was down before it was
not seen to be down in it.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec
from structlog.typing import FilteringBoundLogger

from nightporter.clock import Clock, beat
from nightporter.errors import Unreachable
from nightporter.history import Gap
from nightporter.history.tally import LONGEST_LOOK
from nightporter.judge import LAST_COMMIT
from nightporter.model import MINUTE, SECOND, Nanos, Severity, Stamp, Telling, short_id
from nightporter.notify.localtime import span, wall
from nightporter.store import history, state
from nightporter.store.database import Database

SHORTEST: Final[Nanos] = 10 * MINUTE
"""Less than this is not worth a word: a restart, an upgrade."""
GRACE: Final[Nanos] = 5 * MINUTE
"""How long Docker and its containers may take to come back before those that are missing are named."""
BEFORE: Final[Nanos] = 15 * MINUTE
"""Who was seen within this time before the last sign of life is expected back."""
KEEP_ROLL_EVERY: Final[Nanos] = 10 * MINUTE
LOOK_EVERY_S: Final = 10.0
SLEPT_S: Final = 60.0
"""The wall clock ran ahead of the monotonic one by more than this between two looks: the machine slept, or
somebody set its clock."""
BOOT_SLACK: Final[Nanos] = MINUTE
"""The boot time is the wall clock less the uptime, so it moves by what the clock is corrected."""
NAMED: Final = 10
"""How many missing containers a message names."""
ROLL: Final = "containers seen"
PENDING: Final = "away"
_STATUS_BYTES: Final = 4_000_000


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which nothing was watched."""

    since: Stamp
    until: Stamp
    off: bool
    """The machine itself was gone; else only Nightporter did not run."""
    asked: bool = False
    """Somebody had stopped it."""


def judged(*, last_seen: Stamp | None, asked: bool, boot: Stamp | None, now: Stamp) -> Away | None:
    """What a start has to tell. `last_seen` None: it never ran before. `asked`: the last end was orderly.

    An unknown boot time counts as none since: of the machine nothing is claimed that is not known.
    """
    if last_seen is None or now - last_seen < SHORTEST:
        return None
    off = boot is not None and last_seen + BOOT_SLACK < boot <= now + BOOT_SLACK
    return Away(since=last_seen, until=now, off=off, asked=asked and not off)


def expected(roll: Mapping[str, Stamp], since: Stamp) -> frozenset[str]:
    """The containers that ran when the last sign of life was given."""
    return frozenset(name for name, seen in roll.items() if seen >= since - BEFORE)


def due(started: Stamp, before: Collection[str], back: Collection[str], now: Stamp) -> bool:
    """Whether it is time to tell: all are back, or have had the time to be (or the clock was set back)."""
    return set(before) <= set(back) or not started <= now < started + GRACE


def telling(
    away: Away,
    before: Collection[str],
    back: Collection[str],
    *,
    machine: str,
    zone: tzinfo | None,
    now: Stamp,
) -> Telling:
    """The message. A machine that was off matters at once, since its services may not be back; that only
    Nightporter did not run can wait for the digest, and that somebody had stopped it is no news to them."""
    missing = sorted(set(before) - set(back))
    severity = Severity.medium if away.off else Severity.info if away.asked else Severity.low
    said = f"Nothing was watched {_span(away, zone)} ({span(away.until - away.since)}). "
    if away.off:
        said += f"{machine} was off, asleep or waiting for a login."
    elif away.asked:
        said += f"{machine} was on; Nightporter had been stopped."
    else:
        said += f"{machine} was on, but Nightporter did not run."
    title = f"{machine} was away" if away.off else "Nightporter was not running"
    if before:
        title += f"; {len(before) - len(missing)} of {len(before)} containers are back"
        said += f" {_back(len(before), missing)}"
    return Telling(
        id=short_id("away", away.since, away.until),
        kind="notice",
        severity=severity,
        title=title,
        message=said,
        at=now,
        fix=_fix(away, missing),
    )


def _back(count: int, missing: list[str]) -> str:
    if not missing:
        return f"All {count} containers are back."
    names = ", ".join(missing[:NAMED]) + (f" and {len(missing) - NAMED} more" if len(missing) > NAMED else "")
    return f"{count - len(missing)} of {count} containers are back; missing: {names}."


def _fix(away: Away, missing: list[str]) -> str:
    steps = []
    if missing:
        steps.append(
            "See why with `docker ps -a`; `restart: unless-stopped` in the compose file brings one back."
        )
    if away.off:
        steps.append(
            "Lines that were written meanwhile are read now, and what they show is told as seen late."
        )
    elif not away.asked:
        steps.append("`nightporter status` and its log say more about the last end.")
    return " ".join(steps)


def _span(away: Away, zone: tzinfo | None) -> str:
    """`03:12 to 08:40`, with the days where they are two."""
    begin, end = wall(away.since, zone), wall(away.until, zone)
    if begin.date() == end.date():
        return f"{begin:%H:%M} to {end:%H:%M}"
    return f"{begin:%a %-d %b %H:%M} to {end:%a %-d %b %H:%M}"


# --- what the system and the last life say


def boot_time(platform: str = sys.platform, proc: Path = Path("/proc/stat")) -> Stamp | None:
    """When this machine was booted, to the second; None where it does not say. It may block."""
    if platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                ["sysctl", "-n", "kern.boottime"],
                capture_output=True,
                timeout=5,
                check=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
            )
            return read_boottime(done.stdout)
        return None
    with suppress(OSError):
        return read_btime(proc.read_text(errors="replace"))
    return None


def read_boottime(text: str) -> Stamp | None:
    """`{ sec = 1764504000, usec = 123456 } Sun Nov 30 13:00:00 2025`, as macOS's sysctl writes it."""
    found = re.search(r"\bsec = (\d{1,12})\b", text)
    return int(found[1]) * SECOND if found else None


def read_btime(text: str) -> Stamp | None:
    """The line `btime 1764504000` of /proc/stat (proc_stat(5)), seconds since the epoch."""
    found = re.search(r"^btime (\d{1,12})$", text, re.MULTILINE)
    return int(found[1]) * SECOND if found else None


def last_status(path: Path) -> tuple[Stamp | None, bool]:
    """When the daemon last wrote its status, and whether that was its orderly end. (None, False) where the
    file is missing or another's."""
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(_STATUS_BYTES))
    except (OSError, ValueError):
        return None, False
    at = facts.get("at") if isinstance(facts, dict) else None
    return (at, facts.get("running") is False) if isinstance(at, int) else (None, False)


def following(statuses: Collection[Mapping[str, Any]]) -> frozenset[str] | None:
    """The running containers, by the statuses of the Docker sources; None where no engine is up.

    `Any`: a source's status is its own affair, JSON-able.
    """
    engines = [status for status in statuses if status.get("up") is True]
    if not engines:
        return None
    return frozenset(str(name) for status in engines for name in status.get("following", ()))


class Presence:
    """Tells of the time away once, keeps the roll of containers, and notes when the machine slept."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        log: FilteringBoundLogger,
        running: Callable[[], frozenset[str] | None],
        tell: Callable[[Telling], None],
        zone: tzinfo | None,
        machine: str = "This Mac" if sys.platform == "darwin" else "This machine",
    ) -> None:
        """`running`: the containers that run now; None while no engine answers."""
        self._database = database
        self._clock = clock
        self._log = log
        self._running = running
        self._tell = tell
        self._zone = zone
        self._machine = machine
        self._away: Away | None = None
        self._before: frozenset[str] = frozenset()
        self._roll: dict[str, Stamp] = {}
        self._kept_at: Stamp = 0
        self._started = clock.now()
        self._looked = (clock.now(), clock.monotonic())

    async def open(self, status: Path, boot: Callable[[], Stamp | None] = boot_time) -> None:
        """Judge what the last life left. Call it before this one commits anything or writes its status."""
        now = self._clock.now()
        written, asked = await asyncio.to_thread(last_status, status)
        booted = await asyncio.to_thread(boot)
        commit, roll, pending = await self._database.call(
            lambda connection: tuple(
                state.load_text(connection, name) for name in (LAST_COMMIT, ROLL, PENDING)
            )
        )
        signs = [stamp for stamp in (written, int(commit) if commit else None) if stamp is not None]
        last_seen = max(signs, default=None)
        if last_seen is not None and now - last_seen > LONGEST_LOOK:
            await self._keep_gap(Gap(last_seen, now))
        found = judged(last_seen=last_seen, asked=asked, boot=booted, now=now)
        self._roll = msgspec.json.decode(roll, type=dict[str, int]) if roll else {}
        if found is None and pending:  # the last life ended before it could tell
            found = msgspec.json.decode(pending, type=Away)
        if found is None:
            return
        self._away, self._before = found, expected(self._roll, found.since)
        self._log.info("daemon.was_away", since=found.since, until=found.until, off=found.off)
        await self._keep(PENDING, msgspec.json.encode(found).decode())

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await beat(self._clock, LOOK_EVERY_S)

    async def look(self) -> None:
        """One look at the clocks and the containers."""
        now = self._clock.now()
        await self._note_sleep(now)
        names = self._running()
        if self._away is not None and due(self._started, self._before, names or (), now):
            away, self._away = self._away, None
            said = telling(away, self._before, names or (), machine=self._machine, zone=self._zone, now=now)
            self._tell(said)
            await self._keep(PENDING, "")
        if names is not None:
            await self._call_the_roll(names, now)

    async def _note_sleep(self, now: Stamp) -> None:
        wall_before, mono_before = self._looked
        self._looked = now, self._clock.monotonic()
        ahead_s = (now - wall_before) / SECOND - (self._looked[1] - mono_before)
        if ahead_s > SLEPT_S:
            self._log.info("machine.slept", seconds=round(ahead_s))
            await self._keep_gap(Gap(wall_before, now))

    async def _call_the_roll(self, names: frozenset[str], now: Stamp) -> None:
        """Remember who runs. While some are still awaited their names stay as they were: a second power cut
        in the morning must not make us forget them."""
        new = bool(names - self._roll.keys())
        self._roll |= dict.fromkeys(names, now)
        if not new and 0 <= now - self._kept_at < KEEP_ROLL_EVERY:
            return
        self._kept_at = now
        self._roll = {
            name: seen for name, seen in self._roll.items() if seen >= now - 2 * BEFORE or self._away
        }
        await self._keep(ROLL, msgspec.json.encode(self._roll).decode())

    async def _keep_gap(self, gap: Gap) -> None:
        with suppress(Unreachable):  # as below
            await self._database.call(lambda connection: history.add_gap(connection, gap))

    async def _keep(self, name: str, text: str) -> None:
        with suppress(Unreachable):  # a full disk: the judge says so, and this is a convenience
            await self._database.call(lambda connection: state.save_text(connection, name, text))
