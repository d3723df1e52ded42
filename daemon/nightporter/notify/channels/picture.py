"""A picture as apprise's plugins take it: from memory, no file is written."""

from __future__ import annotations

from typing import Final

from apprise.attachment.base import AttachBase
from apprise.attachment.memory import AttachMemory

NAME: Final = "review.png"


def attached(png: bytes) -> list[AttachBase] | None:
    """What a plugin's `attach` takes; None for no picture."""
    if not png:
        return None
    return [AttachMemory(content=png, name=NAME, mimetype="image/png")]  # type: ignore[no-untyped-call]  # apprise types only some
