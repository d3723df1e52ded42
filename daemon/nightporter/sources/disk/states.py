"""What a look at a disk or a backup means: a state, by the config's limits. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from nightporter.config import DiskPath, NewestFile
from nightporter.model import SECOND, Fields, Stamp

State = Literal[
    "ok", "low", "high", "unmounted", "missing", "read_only", "stuck", "too_old", "too_small", "unknown"
]
MARGIN: Final = 1.1
"""What is free must exceed a limit by a tenth before the state is better again: a disk that hovers at its
limit would tell all day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What the system says of a path. `exists` False: nothing else is known."""

    exists: bool = True
    mounted: bool = False
    writable: bool = False
    """Also by us."""
    read_only: bool = False
    """It is mounted to be read, by anybody."""
    free: int = 0
    """Bytes that we may use."""
    total: int = 0

    @property
    def percent(self) -> float:
        return 100 * self.free / self.total if self.total else 100.0


@dataclass(frozen=True, slots=True)
class File:
    """A file of a backup: `stamp` is when it was last written."""

    path: str
    stamp: Stamp
    size: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A state, and what the record of its change says besides."""

    state: State
    message: str
    facts: Fields = field(default_factory=dict)


def of_space(asked: DiskPath, space: Space, was: str) -> Judged:
    """The state of a path; `was` is the one before, from which a disk at its limit has to get away."""
    if asked.mounted and not space.mounted:
        return Judged("unmounted", f"{asked.path} is not mounted")
    if not space.exists:
        return Judged("missing", f"{asked.path} is not there")
    percent = round(space.percent, 1)
    facts: Fields = {"free": space.free, "free_percent": percent}
    text = f"{bytes_text(space.free)} ({percent:g} %) of {asked.path} are free"
    if asked.writable and not space.writable:
        return Judged("read_only", f"{asked.path} cannot be written to", facts)
    return Judged(_fullness(asked, space, was), text, facts)


def _fullness(asked: DiskPath, space: Space, was: str) -> State:
    high = MARGIN if was == "high" else 1.0
    if space.percent < asked.high_percent * high or space.free < asked.high_bytes * high:
        return "high"
    low = MARGIN if was in ("low", "high") else 1.0
    return "low" if space.percent < asked.low_percent * low else "ok"


def of_newest(asked: NewestFile, files: list[File], now: Stamp) -> Judged:
    """The state of a backup: the newest file that is large enough counts, so that one that is being written
    is no news while the one before it is young enough."""
    if not files:
        return Judged("missing", f"there is no {asked.pattern}")
    large = [file for file in files if file.size >= asked.min_bytes]
    newest = max(files, key=lambda file: file.stamp)
    counted = max(large, key=lambda file: file.stamp, default=None)
    if counted is not None and _age(counted.stamp, now) <= asked.within_s:
        return Judged("ok", _told(counted, now), _facts(counted, now))
    if newest.size < asked.min_bytes and _age(newest.stamp, now) <= asked.within_s:
        text = f"the newest backup, {newest.path}, has {bytes_text(newest.size)} only"
        return Judged("too_small", text, _facts(newest, now))
    counted = counted or newest
    return Judged("too_old", _told(counted, now), _facts(counted, now))


def of_time_machine(last: Stamp, within_s: float, now: Stamp, why: str) -> Judged:
    """The state of Time Machine: `last` is its newest backup that we have heard of, 0 for none."""
    if not last:
        return Judged("unknown", f"Time Machine names no backup{why and ': '}{why}")
    age = _age(last, now)
    text = f"Time Machine's last backup is {age_text(age)} old" + (f"; tmutil says: {why}" if why else "")
    return Judged("ok" if age <= within_s else "too_old", text, {"age": round(age)})


def _age(stamp: Stamp, now: Stamp) -> float:
    """Seconds; a file from the future (a clock was set) is new."""
    return max(0, now - stamp) / SECOND


def _told(file: File, now: Stamp) -> str:
    return f"the newest backup, {file.path}, is {age_text(_age(file.stamp, now))} old"


def _facts(file: File, now: Stamp) -> Fields:
    return {"age": round(_age(file.stamp, now)), "size": file.size}


def age_text(seconds: float) -> str:
    """`3 days`, `27 h`, `12 min`."""
    if seconds >= 3 * 86_400:
        return f"{seconds / 86_400:.0f} days"
    return f"{seconds / 3600:.0f} h" if seconds >= 2 * 3600 else f"{seconds / 60:.0f} min"


def bytes_text(size: int) -> str:
    """`4.1 GB`; a GB is 10⁹ bytes, as Finder and disk makers count."""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
