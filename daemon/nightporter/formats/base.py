"""What a format is: it turns a line's bytes into fields, and knows how a field is spelled in the raw line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from nightporter.model import Fields, Stamp, Value
from nightporter.rule import Test

FieldType = Literal["text", "address", "path", "name", "message", "status", "number", "flag", "time"]
"""`name` (host, container, image, service) and `path` take globs as plain values, `message` (and raw) a
contained text, `address` networks, `status` classes; the rest are compared as they are (RULES §1)."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field as the docs list it."""

    type: FieldType
    doc: str
    unit: str = ""


@dataclass(slots=True)
class Parsed:
    """What a format made of one line. `time` is when the thing ended, None where the line does not say."""

    format: str
    fields: Fields
    time: Stamp | None = None
    started: Stamp | None = None


class Format(Protocol):
    """One per lane: built for an Origin, whose zone and trusted proxies it knows."""

    @property
    def produces(self) -> tuple[str, ...]:
        """The names that `Parsed.format` may have; rules name these in `from`."""
        ...

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """The fields it can give."""
        ...

    @property
    def open(self) -> bool:
        """Whether lines may carry fields that `fields` does not list (JSON, logfmt)."""
        ...

    def parse(self, line: bytes, arrived: Stamp) -> Parsed:
        """The fields of one line (without its line end). Never raises: what cannot be read is a `message`."""
        ...

    def literals(self, test: Test, values: Sequence[Value]) -> frozenset[bytes] | None:
        """Lower-case byte strings of which one at least stands, ASCII case aside, in every raw line whose
        field passes `test` (its list references already looked up in `values`).

        None: no promise can be made, every line must be judged. Empty: no line of this format can pass.
        """
        ...


@runtime_checkable
class LooksBack(Protocol):
    """A format that needs to see what stands before a line, because a line may have been torn or forged
    (Traefik's CLF). A lane that skips lines calls `parse_after` in place of `parse`."""

    look_back: int
    """Bytes before the line that are worth handing over, and with them the rest of the line they begin in."""

    def parse_after(self, before: bytes, line: bytes, arrived: Stamp) -> Parsed:
        """As `parse`, for a line that follows on `before`: what `stands_before` it in its stream; empty, or
        ending in a line end."""
        ...


LONGEST_LINE: Final = 1 << 20
"""Bytes of a line beyond which its beginning is not looked for: sources read no more of one."""


def stands_before(data: bytes, at: int, look_back: int) -> bytes:
    """The last `look_back` bytes of `data[:at]` and what the line that they begin in has before them, with
    the line end before that line: fewer bytes, and no such line end, only at the start of `data`.

    Whole lines, because a long one must not hide whose the next one is: every client chooses how long its
    requests are.
    """
    start = at - look_back
    if start <= 0:
        return data[:at]
    furthest = max(0, start - LONGEST_LINE)
    return data[max(data.rfind(b"\n", furthest, start), furthest) : at]
