"""What the doctor says: a finding, its state, and the order in which a person reads findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from nightporter.safetext import SafeTerminal, for_terminal

State = Literal["right", "wrong", "blind", "note"]
"""`wrong` has to be mended; `blind` is what nobody watches here; `note` is worth knowing; `right` is fine."""

STATES: Final[tuple[State, ...]] = ("wrong", "blind", "note", "right")
"""Worst first."""
_MARKS: Final[dict[State, str]] = {"wrong": "✗", "blind": "○", "note": "·", "right": "✓"}
_COLOURS: Final[dict[State, str]] = {"wrong": "31", "blind": "33", "note": "36", "right": "32"}
_WHAT: Final = 600
_MEND: Final = 4_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `mend` is ready to paste: a command, lines of a config, or a sentence
    where only a person's hand helps; empty where there is nothing to mend."""

    subject: str
    state: State
    what: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """JSON-able: `subject`, `state`, `what`, `mend`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Voice:
    """Makes the findings of one subject."""

    subject: str

    def right(self, what: str) -> Finding:
        return Finding(self.subject, "right", what)

    def wrong(self, what: str, mend: str) -> Finding:
        return Finding(self.subject, "wrong", what, mend)

    def blind(self, what: str, mend: str = "") -> Finding:
        return Finding(self.subject, "blind", what, mend)

    def note(self, what: str, mend: str = "") -> Finding:
        return Finding(self.subject, "note", what, mend)


def listed(names: Iterable[str], most: int = 6) -> str:
    """A few names in a sentence: `a, b and 3 more`."""
    found = list(names)
    if len(found) <= most:
        return ", ".join(found)
    return f"{', '.join(found[: most - 1])} and {len(found) - most + 1} more"


def exit_code(findings: Iterable[Finding]) -> int:
    """1 if anything is wrong; what is blind or noted is no failure."""
    return int(any(finding.state == "wrong" for finding in findings))


def page(findings: Sequence[Finding], *, colour: bool = False) -> Iterator[str]:
    """The lines for a person: subject by subject, worst first, mends indented; a line of counts ends it.

    All text is made safe for a terminal here: paths, names and errors in it may be an attacker's.
    """
    for subject in dict.fromkeys(finding.subject for finding in findings):
        yield f"\033[1m{subject}\033[0m" if colour else subject
        own = [finding for finding in findings if finding.subject == subject]
        for finding in sorted(own, key=lambda f: STATES.index(f.state)):
            yield f"  {_mark(finding.state, colour)} {for_terminal(finding.what, _WHAT)}"
            yield from (f"      {line}" for line in _mend_lines(finding.mend))
        yield ""
    yield counted(findings)


def counted(findings: Iterable[Finding]) -> str:
    """`2 wrong, 1 blind, 3 notes, 9 right`."""
    counts = Counter(finding.state for finding in findings)
    names = {"note": "notes" if counts["note"] != 1 else "note"}
    return ", ".join(f"{counts[state]} {names.get(state, state)}" for state in STATES)


def _mark(state: State, colour: bool) -> str:
    mark = _MARKS[state]
    return f"\033[{_COLOURS[state]}m{mark}\033[0m" if colour else mark


def _mend_lines(mend: str) -> list[SafeTerminal]:
    return [pasteable(line) for line in mend.splitlines()]


def pasteable(line: str) -> SafeTerminal:
    """One line of a mend. Addresses with a scheme stay whole, since they are pasted: ours alone are there,
    never a log's. The indent stays too."""
    blank = len(line) - len(line.lstrip(" "))
    parts = [for_terminal(part, _MEND) for part in line.strip(" ").split("://")]
    return SafeTerminal(" " * blank + "://".join(parts))
