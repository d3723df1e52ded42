"""Words for numbers, the same on every face."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 line`, `41,200 lines`, `2 addresses`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
