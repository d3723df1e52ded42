"""The tree of errors.

    NightporterError
    ├── UserError            something a person wrote or asked for: told with place and mend, exit code 2
    │   └── BadFiles         one or more mistakes in rule or config files, all told at once
    └── WorldError           something outside failed; healing it may only need time
        ├── Unreachable      not there now: may be retried
        └── Denied           there, but we may not: a person has to act

Everything else that is raised is a bug of ours and is not caught, except at the edge of a supervised part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class NightporterError(Exception):
    """The root of all errors that Nightporter raises on purpose."""


class UserError(NightporterError):
    """A mistake of the person's; its text says where, what was found, what was expected and what to do."""


class WorldError(NightporterError):
    """Something outside this process failed."""


class Unreachable(WorldError):
    """Not there at the moment; trying again later may help."""


class Denied(WorldError):
    """There, but the system refuses us; trying again will not help until a person acts."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A spot in a text file: 1-based line and column, as editors count."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a file, for a person.

    `found` says what stands there, `expected` what may stand there, `nearest` the likeliest valid name,
    `fix` what to do, `shown` the line of the file itself. Warnings are told but change nothing.
    """

    place: Place
    found: str
    expected: str = ""
    nearest: str = ""
    fix: str = ""
    shown: str = ""
    warning: bool = False

    def __str__(self) -> str:
        text = f"{self.place}: {'warning: ' if self.warning else ''}{self.found}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest:
            text += f"; did you mean '{self.nearest}'?"
        if self.fix:
            text += f"; {self.fix}"
        if self.shown:
            text += f"\n    {self.shown}\n    {' ' * (self.place.column - 1)}^"
        return text


class BadFiles(UserError):
    """Files that cannot be used, with every mistake in them, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.place))
        super().__init__("\n".join(str(p) for p in self.problems))


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """The known name that is likeliest meant by `word`, or "" when none is near (`likeness` 1: the same)."""
    names = list(known)
    close = get_close_matches(word.lower(), [n.lower() for n in names], n=1, cutoff=likeness)
    return next((n for n in names if close and n.lower() == close[0]), "")
