"""Regexes that a person wrote, run on text that an attacker wrote.

Two engines. google-re2 takes time linear in the text, whatever the pattern; it is optional, since its wheels
need macOS 13. What it lacks (looks around, backreferences, conditions, huge repeats) runs on `regex`, which
can take exponential time, so each match there has a time limit and a `Budget`. Both see at most `MATCH_CHARS`
characters, without the line end.

The language is Python's, with these choices, so that a pattern means the same on both:

- `\\d \\w \\s \\b` speak of ASCII; `$` is the end of the text; `.` is all but a newline.
- Flags stand at the start (`(?i)`) or in a group (`(?i:…)`).
- `(?i)` never takes U+212A for `k` or U+017F for `s`: a scanner that looks for ASCII letters would miss them.

Left as they are: under `(?i)` re2 folds letters outside ASCII (`É` is `é`) and `regex` does not; `\\s` holds
the vertical tab on `regex` only.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from nightporter.errors import UserError
from nightporter.model import MINUTE, SECOND, Nanos, Stamp

MATCH_CHARS: Final = 8_192
"""A text is cut to this many characters before a match (RULES §5)."""
MATCH_SECONDS: Final = 0.02
"""The longest that one match may take; `regex` may hold the GIL all the while (RULES §5)."""
OVERRUN: Final[Nanos] = 20_000_000
"""What a match that ran out of time is charged: the time limit, in nanoseconds."""
ALLOWANCE: Final[Nanos] = SECOND
"""Overruns that a rule may spend per source and `PERIOD` before it pauses there (RULES §5)."""
PERIOD: Final[Nanos] = MINUTE
PAUSE: Final[Nanos] = MINUTE
_RE2_MEMORY: Final = 4 << 20
"""Bytes that one pattern's automaton may take. Half of RE2's default: a home has hundreds of patterns, and
hostile text can fill the caches of all. A pattern that does not fit runs on `regex`."""

Engine = Literal["re2", "regex"]


class PatternError(UserError):
    """A regex that does not compile: what is wrong, and at which character of it (from 0)."""

    def __init__(self, message: str, position: int, pattern: str) -> None:
        self.message = message
        self.position = position
        self.pattern = pattern
        super().__init__(f"{message} at character {position + 1} of the regex {pattern!r}")


class Pattern(Protocol):
    """A compiled regex. Safe to share between threads."""

    @property
    def text(self) -> str:
        """As the person wrote it."""
        ...

    @property
    def engine(self) -> Engine: ...

    @property
    def note(self) -> str:
        """For `check`: why it runs on the slower engine; "" where there is nothing to say."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of its named groups, in order."""
        ...

    def search(self, text: str) -> Mapping[str, str] | None:
        """The named groups of the first match anywhere in `text`, None where there is no match.

        Groups that took no part or are empty are left out, as formats leave out empty fields. Raises
        TimeoutError (engine `regex` alone) after `MATCH_SECONDS`, and nothing else, whatever the text.
        """
        ...


def compile_pattern(text: str) -> Pattern:
    """Compile on re2 where that is installed and can do it, else on `regex`. Raises PatternError."""
    reading = _read(text)
    if reading.late_flags is not None:
        raise PatternError("flags must stand first, or in a group as (?i:…)", reading.late_flags, text)
    refusal = reading.only_regex
    if not refusal:
        try:
            return _Linear(text, reading)
        except ImportError:  # not installed, or built for a newer macOS: `doctor` says so once for all
            return _Backtracking(text, note="")
        except _Unsupported as err:
            refusal = str(err)
    return _Backtracking(text, note=f"runs on the slower engine because of {_reason(text) or refusal}")


class _Unsupported(Exception):
    """RE2 does not take this pattern; the text is its reason."""


class _Linear:
    """A pattern on google-re2, which works on UTF-8."""

    engine: Final = "re2"
    note: Final = ""

    def __init__(self, text: str, reading: _Reading) -> None:
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = _RE2_MEMORY
        try:
            compiled = re2.compile(reading.for_re2.encode("utf-8", "replace"), options)
        except re2.error as err:
            reason = err.args[0]
            raise _Unsupported(
                reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
            ) from err
        self.text = text
        self._search = compiled.search
        self._caseless = reading.caseless
        indexes = {name.decode(): index for name, index in compiled.groupindex.items()}
        self.groups = tuple(sorted(indexes, key=indexes.__getitem__))
        self._indexes = tuple((name, indexes[name]) for name in self.groups)

    def search(self, text: str) -> Mapping[str, str] | None:
        shown = _subject(text)
        try:
            data = shown.encode()
        except UnicodeEncodeError:  # lone surrogates, as JSON can write them
            data = shown.encode("utf-8", "replace")
        # The stand-ins take as many bytes as what they stand for, so that offsets stay true.
        match = self._search(_hide_false_ascii(shown, data) if self._caseless else data)
        if match is None:
            return None
        found = {}
        for name, index in self._indexes:
            start, stop = match.span(index)
            if start < stop:
                found[name] = data[start:stop].decode("utf-8", "replace")
        return found


class _Backtracking:
    """A pattern on `regex`, under a time limit."""

    engine: Final = "regex"

    def __init__(self, text: str, note: str) -> None:
        import regex

        try:
            # Any: the stubs' Pattern is generic over str, which says nothing here.
            compiled: Any = regex.compile(text, regex.VERSION0 | regex.ASCII)
        except regex.error as err:
            detail: Any = err  # the stubs leave out what the error carries
            raise PatternError(detail.msg, detail.pos or 0, text) from err
        except RecursionError as err:
            raise PatternError("nested too deeply", 0, text) from err
        except ValueError as err:  # flags that exclude each other, as (?u) does
            raise PatternError(str(err), 0, text) from err
        self.text = text
        self.note = note
        self._search = compiled.search
        self.groups = tuple(sorted(compiled.groupindex, key=compiled.groupindex.__getitem__))

    def search(self, text: str) -> Mapping[str, str] | None:
        match = self._search(_subject(text), timeout=MATCH_SECONDS)
        if match is None:
            return None
        return {name: value for name, value in match.groupdict().items() if value}


def _subject(text: str) -> str:
    """What a match gets to see: `$` differs between engines at a line end, so there is none."""
    return text[:MATCH_CHARS].rstrip("\r\n")


_KELVIN: Final = "\u212a"
_LONG_S: Final = "\u017f"


def _hide_false_ascii(text: str, data: bytes) -> bytes:
    """`data`, where the two characters that fold to an ASCII letter are replaced by ones that do not."""
    if text.isascii() or (_KELVIN not in text and _LONG_S not in text):
        return data
    return data.replace(_KELVIN.encode(), "\ufffd".encode()).replace(_LONG_S.encode(), "\u00d7".encode())


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a walk over a pattern's text finds out."""

    for_re2: str
    """The same pattern in RE2's spelling."""
    only_regex: str = ""
    """Why RE2 must not get it though it would compile it, to something else."""
    caseless: bool = False
    late_flags: int | None = None
    """Where flags for the whole pattern stand that are not at its start."""


_ESCAPE: Final = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\x\{|\\."
_TOKEN: Final = re.compile(
    rf"""
    (?P<escape> {_ESCAPE} )
    | (?P<set> \[\^?\]? (?: {_ESCAPE} | \[:\^?\w+:\] | [^\]\\] )* \] )
    | (?P<name> \(\?P?<(?P<named>[^\W\d]\w*)> )
    | (?P<flags> \(\? (?P<letters>[A-Za-z]+(?:-[A-Za-z]+)?) (?P<close>[:)]) )
    | (?P<repeat> \{{,(?P<most>\d+)\}} )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_FOREIGN: Final = frozenset({r"\Q", r"\E", r"\C", r"\x{"})
"""Escapes of RE2's that are none of Python's: `regex` gets them, and tells the person."""


def _read(text: str) -> _Reading:
    """Spell the pattern for RE2, and find what the two engines would read differently."""
    written: list[str] = []
    names: list[str] = []
    refusals: list[str] = []
    caseless, started, late = False, False, None
    for token in _TOKEN.finditer(text):
        part = token.group()
        leading = False
        match token.lastgroup:
            case "escape":
                part = _escape_for_re2(part, refusals)
            case "set":
                part = re.sub(
                    _ESCAPE, lambda m: _escape_for_re2(m.group(), refusals, in_set=True), part, flags=re.S
                )
            case "name":
                names.append(token["named"])
            case "flags":
                caseless = caseless or "i" in token["letters"].partition("-")[0]
                if "U" in token["letters"]:
                    refusals.append("the flag U")
                leading = token["close"] == ")"
                if leading and started and late is None:
                    late = token.start()
            case "repeat":
                part = f"{{0,{token['most']}}}"
        started = started or not leading
        written.append(part)
    if len(set(names)) < len(names):
        refusals.append("two groups of one name")
    return _Reading("".join(written), refusals[0] if refusals else "", caseless, late)


def _escape_for_re2(escape: str, refusals: list[str], *, in_set: bool = False) -> str:
    """One escape of Python's in RE2's spelling; adds to `refusals` what RE2 would read as something else."""
    if escape in _FOREIGN:
        refusals.append(f"the escape {escape}")
    if escape[1] in "uU" and len(escape) > 2:
        return f"\\x{{{escape[2:]}}}"
    return r"\z" if escape == r"\Z" and not in_set else escape


_REASONS: Final = (
    (re.compile(r"\(\?<[=!]"), "a look behind, (?<=…) or (?<!…)"),
    (re.compile(r"\(\?[=!]"), "a look ahead, (?=…) or (?!…)"),
    (re.compile(r"\(\?\("), "a condition, (?(…)…)"),
    (re.compile(r"\(\?P=|\\[1-9]"), "a backreference"),
    (re.compile(r"\(\?>|[*+?}]\+"), "an atomic group or a possessive repeat"),
    (re.compile(r"\{\d*,?\d{4,}\}"), "a repeat of more than 1000"),
    (re.compile(r"\(\?[A-Za-z]*x"), "the flag x"),
)
"""The first that fits is told. A hint for a person: an escaped look-alike may mislead it."""


def _reason(text: str) -> str:
    return next((reason for found, reason in _REASONS if found.search(text)), "")


@dataclass(slots=True)
class Budget:
    """What one rule's overruns may cost in one source, so that a crafted line costs time, not the house.

    Over `ALLOWANCE` in `PERIOD` the rule's slow patterns pause in that source for `PAUSE`, then are tried
    again. Pure: `now` is the event's arrival. A clock that is set back ends a pause early, never late.
    """

    overruns: int = 0
    """Matches that ran out of time; each counts as no match."""
    skipped: int = 0
    """Matches that were not tried, since the pattern paused."""
    cut: int = 0
    """Texts longer than `MATCH_CHARS`, of which the rest was not looked at."""
    pauses: int = 0
    """How often a pause began: when this grows, people are told (critical)."""
    paused_from: Stamp | None = None
    _spent: deque[tuple[Stamp, Nanos]] = field(default_factory=deque)

    def allows(self, now: Stamp) -> bool:
        """Whether a slow pattern may run; counts it where it may not."""
        if self.paused_from is None:
            return True
        if self.paused_from <= now < self.paused_from + PAUSE:
            self.skipped += 1
            return False
        self.paused_from = None
        return True

    def overran(self, now: Stamp, cost: Nanos = OVERRUN) -> bool:
        """Charge one overrun. True if a pause begins with it."""
        self.overruns += 1
        self._spent.append((now, cost))
        while self._spent and not now - PERIOD < self._spent[0][0] <= now:
            self._spent.popleft()
        if sum(spent for _, spent in self._spent) <= ALLOWANCE:
            return False
        self._spent.clear()
        self.paused_from = now
        self.pauses += 1
        return True


_SOURCES_CAP: Final = 1_024
"""Sources are named by the config, not by lines: far more than any has."""


class Budgets:
    """A rule's budgets, one a source: a pause in one never reaches another."""

    def __init__(self) -> None:
        self._by_source: dict[str, Budget] = {}

    def of(self, source: str) -> Budget:
        """The budget for a source, made when first asked for."""
        budget = self._by_source.get(source)
        if budget is None:
            if len(self._by_source) >= _SOURCES_CAP:
                source = ""  # the rest share one
            budget = self._by_source.setdefault(source, Budget())
        return budget

    def items(self) -> tuple[tuple[str, Budget], ...]:
        """Every source that was asked for, with its budget."""
        return tuple(self._by_source.items())
