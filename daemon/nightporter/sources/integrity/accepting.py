"""How a person accepts changes: a request to the source, and its answer, in the state folder.

A request names each path with the print of the state that the person accepts, as it was when he said so: what
is changed after that is told as ever, and so a request may wait for a daemon that does not run.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from nightporter import letterbox
from nightporter.errors import Denied, Unreachable

Verdict = Literal["accepted", "already", "changed", "unwatched"]
"""`already`: nothing was open. `changed`: it is not as it was when it was accepted. `unwatched`: the source
knows no such path."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is accepted: stream → print of the state."""

    id: str
    paths: dict[str, str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: stream → verdict."""

    id: str
    verdicts: dict[str, Verdict]


class Desk:
    """The two files of one source."""

    def __init__(self, state: Path, source: str) -> None:
        self.request = state / f"accept-{source}.json"
        self.answer = state / f"accept-{source}-answer.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """All that may lie in the state folder because of it."""
        drafts = (letterbox.draft_of(self.request), letterbox.draft_of(self.answer))
        return (self.request, self.answer, *drafts)

    def ask(self, request: Request) -> None:
        """Leave a request; one that still waits is taken along. Raises Denied, Unreachable."""
        waiting = letterbox.read(self.request, Request)
        paths = {**(waiting.paths if waiting else {}), **request.paths}
        letterbox.write(self.request, Request(id=request.id, paths=paths))

    def answered(self, request: Request) -> Answer | None:
        """The source's answer to this request, once it is there; it is taken away."""
        answer = letterbox.read(self.answer, Answer)
        if answer is None or answer.id != request.id:
            return None
        self.answer.unlink(missing_ok=True)
        return answer

    def take(self) -> Request | None:
        """The request that waits; whatever lies there is taken away."""
        request = letterbox.read(self.request, Request)
        with suppress(OSError):  # nothing there, or a folder of that name: not ours, and no request
            self.request.unlink()
        return request

    def reply(self, answer: Answer) -> None:
        """Say what became of it; if that cannot be written, the verdicts hold all the same."""
        with suppress(Denied, Unreachable):
            letterbox.write(self.answer, answer)
