"""What came of sending a message, and the seam that channels fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nightporter.notify.render import Message


@dataclass(frozen=True, slots=True)
class Delivered:
    """It was accepted. `remote` is the service's id for it; `pause_s` how long it asks us to be quiet now."""

    remote: str = ""
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Retry:
    """It was not accepted, and later may be. `after_s`: not earlier than that, where the receiver said so.

    `unreached`: nobody saw the message, so it says nothing about the message itself.
    """

    reason: str
    after_s: float | None = None
    unreached: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """This message will never be accepted as it is; others may be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Barred:
    """The destination refuses us as such (401, 403, 404, a wrong password): a person has to act."""

    reason: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It was sent whole and no answer came: it may have arrived, and will be sent again."""

    reason: str


Outcome = Delivered | Retry | Refused | Barred | Uncertain


class Channel(Protocol):
    """One destination's face and voice."""

    def send(self, message: Message, *, plain: bool = False) -> Outcome:
        """Say it; blocks, at most about a minute, and is called on a thread of the caller's. Raises nothing
        on purpose. `plain`: the message was refused once; say the least that still tells of it."""
        ...
