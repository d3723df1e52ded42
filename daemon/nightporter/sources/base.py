"""What a source is: something that yields chunks of whole lines, for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, runtime_checkable

from nightporter.model import Chunk

Sink = Callable[[Chunk], Awaitable[None]]
"""Takes one chunk; waits while the judge is behind, which stops the reader (backpressure)."""

Marks = Mapping[str, bytes]
"""Stream → the mark that the last commit holds for it: where to go on reading."""


@runtime_checkable
class Labelled(Protocol):
    """A source that knows containers."""

    def labels(self) -> tuple[Mapping[str, str], ...]:
        """The labels of each that runs."""
        ...


class Source(Protocol):
    """One entry of the config's `sources:`."""

    @property
    def name(self) -> str: ...

    async def run(self, marks: Marks, sink: Sink) -> None:
        """Read from the committed marks on until cancelled. What heals by itself is healed inside (with
        backoff); what raises is restarted by the supervisor."""
        ...

    def status(self) -> Mapping[str, object]:
        """For `status` and `doctor`: counters and what it is blind to, JSON-able."""
        ...
