"""Reading the demo's story, and which of its lines is due when. Pure, but for reading its one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from string import Template

import yaml

from nightporter.model import SECOND, Stamp, Value


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that an act must bring about."""

    rule: str
    key: Mapping[str, Value]

    def __str__(self) -> str:
        return f"{self.rule} ({', '.join(f'{name} {value}' for name, value in self.key.items())})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Some lines of one file, `every_s` seconds apart."""

    says: str
    file: str
    start_s: float
    every_s: float
    lines: tuple[Mapping[str, str], ...]
    """What to fill in, a line each."""
    expected: Expected | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One line that is due `at_s` seconds into the story."""

    at_s: float
    file: str
    values: Mapping[str, str]
    says: str = ""
    """What the first line of an act is announced with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All of it. `recorded`: file → the line as its program writes it."""

    recorded: Mapping[str, Template]
    acts: tuple[Act, ...]

    @property
    def expected(self) -> tuple[Expected, ...]:
        return tuple(act.expected for act in self.acts if act.expected is not None)

    def beats(self) -> list[Beat]:
        """Every line of every act, in the order in which they are due."""
        return sorted((beat for act in self.acts for beat in _beats(act)), key=lambda beat: beat.at_s)

    def line(self, beat: Beat, number: int, now: Stamp) -> str:
        """The beat's line, without its end, as written at `now`; `number` counts lines from 1."""
        return self.recorded[beat.file].substitute({**_stamps(now), "number": str(number), **beat.values})


def read_story() -> Story:
    """The story that ships with the package."""
    loaded = yaml.safe_load((files("nightporter.demo") / "acts.yaml").read_text(encoding="utf-8"))
    return Story(
        recorded={name: Template(text) for name, text in loaded["recorded"].items()},
        acts=tuple(_act(entry) for entry in loaded["acts"]),
    )


# What YAML gives is untyped; a story that does not fit fails its tests, and no person writes one.
def _act(entry: dict[str, object]) -> Act:
    fill, lines, expect = entry["fill"], entry.get("lines"), entry.get("expect")
    assert isinstance(fill, dict)
    each = lines if isinstance(lines, list) else [{}] * int(str(entry["times"]))
    return Act(
        says=str(entry["says"]),
        file=str(entry["file"]),
        start_s=float(str(entry["start"])),
        every_s=float(str(entry["every"])),
        lines=tuple({name: str(value) for name, value in {**fill, **line}.items()} for line in each),
        expected=Expected(expect["rule"], expect["key"]) if isinstance(expect, dict) else None,
    )


def _beats(act: Act) -> Iterable[Beat]:
    for n, values in enumerate(act.lines):
        yield Beat(
            at_s=act.start_s + n * act.every_s, file=act.file, values=values, says="" if n else act.says
        )


def _stamps(now: Stamp) -> dict[str, str]:
    """The same moment, as each program writes it; all in UTC."""
    at = datetime.fromtimestamp(now // SECOND, UTC)
    micros = now % SECOND // 1_000
    return {
        "rfc3339": f"{at:%Y-%m-%dT%H:%M:%S}.{micros // 1_000:03d}Z",
        "micros": f"{at:%Y-%m-%dT%H:%M:%S}.{micros:06d}Z",
        "seconds": f"{at:%Y-%m-%dT%H:%M:%S}Z",
        "spaced": f"{at:%Y-%m-%d %H:%M:%S}.{micros // 1_000:03d}",
        "tenths": f"{at:%Y-%m-%d %H:%M:%S}.{micros // 100_000}",
    }
