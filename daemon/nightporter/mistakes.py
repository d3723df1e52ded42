"""Mistakes in a person's files, told to people: each once, for each way in which a file is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from nightporter.clock import Clock
from nightporter.errors import Problem
from nightporter.model import Severity, Telling, short_id

MOST_TEXT: Final = 2_000
"""Characters of mistakes in one message; `nightporter check` shows them all."""


@dataclass(slots=True)
class Mistakes:
    """What is wrong with the files of this life of the daemon."""

    clock: Clock
    tell: Callable[[Telling], None]
    told: dict[str, str] = field(default_factory=dict)
    """What kind of mistake was told last, and how it read."""

    def are(self, title: str, problems: Iterable[Problem]) -> None:
        """These are all the mistakes of one kind now. Warnings are left to `check`; with none but these, what
        was told may be told again."""
        text = "\n\n".join(str(problem) for problem in problems if not problem.warning)
        if text and text != self.told.get(title):
            now = self.clock.now()
            self.tell(
                Telling(
                    id=short_id(title, text, now),
                    kind="notice",
                    severity=Severity.medium,
                    title=title,
                    message=text[:MOST_TEXT],
                    at=now,
                    fix="Mend the file; 'nightporter check' shows every mistake.",
                )
            )
        self.told[title] = text
