"""What does not go together in a rule that was read key by key, before it is known who is to be told."""

from __future__ import annotations

from dataclasses import dataclass

from nightporter.errors import Place
from nightporter.yamltext.page import Node, Page


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a key's value stands."""

    page: Page
    node: Node

    @property
    def place(self) -> Place:
        return self.page.place(self.node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One mistake: which key of the rule cannot be as it is, and the words of `Page.tell`."""

    key: str
    spot: Spot
    found: str
    expected: str = ""
    near: str = ""
    fix: str = ""
    warning: bool = False

    def tell(self) -> None:
        """Note it where it stands."""
        self.spot.page.tell(
            self.spot.node,
            self.found,
            expected=self.expected,
            near=self.near,
            fix=self.fix,
            warning=self.warning,
        )
