"""What the commit remembers of a watched path, and of the watch list."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from nightporter.model import Stamp
from nightporter.sources.integrity.difference import masked_anew
from nightporter.sources.integrity.state import ABSENT, State

PATTERNS: Final = "patterns"
"""The stream whose mark lists the patterns whose first sight is over; all others are paths."""
_BYTES: Final = "bytes:"


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a path: how it stood when it was last told of, and when it was last accepted."""

    told: State
    """What the next look is compared with, so that each change is told once."""
    accepted: State | None = None
    """Without its text; None: it is as it was accepted."""
    since: Stamp = 0
    """When the first change happened that nobody has accepted yet."""

    def seen(self, now: State, at: Stamp) -> Baseline:
        """After a change was told."""
        before = self.told if self.accepted is None else self.accepted
        if now.is_like(before):
            return Baseline(told=now)
        accepted = msgspec.structs.replace(before, text=None)
        return Baseline(told=now, accepted=accepted, since=self.since or at)

    def masked_anew(self, name: str) -> Baseline:
        """With the text of the file, which is called `name`, as today's rules let it be shown."""
        if self.told.text is None:
            return self
        text = masked_anew(name, self.told.text)
        return msgspec.structs.replace(self, told=msgspec.structs.replace(self.told, text=text))

    @property
    def is_worth_keeping(self) -> bool:
        """An absent path of which nothing is open is as if it had never been there."""
        return self.told != ABSENT or self.accepted is not None


UNKNOWN: Final = Baseline(told=ABSENT)


def encode(what: Baseline | list[str]) -> bytes:
    return msgspec.json.encode(what)


def baseline(mark: bytes) -> Baseline | None:
    """The baseline that a mark holds; None where it is none of ours."""
    try:
        return msgspec.json.decode(mark, type=Baseline)
    except msgspec.MsgspecError:
        return None


def patterns(mark: bytes) -> frozenset[str]:
    """The patterns that a mark lists."""
    try:
        return frozenset(msgspec.json.decode(mark, type=list[str]))
    except msgspec.MsgspecError:
        return frozenset()


def stream_of(path: str) -> str:
    """A path's stream: itself, or, where it is no UTF-8, its bytes written out."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _BYTES + os.fsencode(path).hex()
    return path


def path_of(stream: str) -> str:
    """The path of a stream."""
    if not stream.startswith(_BYTES):
        return stream
    return os.fsdecode(bytes.fromhex(stream.removeprefix(_BYTES)))
