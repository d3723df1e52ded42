"""`kind: integrity`: files and folders whose changes are told."""

from __future__ import annotations

import os
from typing import Final

from nightporter.config import IntegritySource
from nightporter.configfile.parts import Here, given
from nightporter.errors import nearest
from nightporter.yamltext.page import Node, Page, Scalar

_KEYS: Final = ("name", "kind", "paths")
_USUAL: Final = "default"
"""Stands among the paths for those that most homes have."""


def read_integrity(page: Page, node: Node, name: str, here: Here) -> IntegritySource:
    """An entry of `sources`; what it names must not be empty."""
    table = given(page.keyed(node, "an integrity source", _KEYS))
    texts = page.texts(table["paths"], "a path, or default") if "paths" in table else ()
    if "paths" not in table or page.items(table["paths"]) == ():
        page.tell(
            node,
            f"the source '{name}' has no paths",
            expected="paths: default, or a list such as [default, ~/docker/*.yml]",
        )
    for item in page.items(table["paths"]) if "paths" in table else ():
        if isinstance(item, Scalar) and item.text != _USUAL and nearest(item.text, [_USUAL], likeness=0.85):
            page.tell(item, f"'{item.text}'", near=_USUAL, fix=f"a file of that name is ./{item.text}")
    is_usual = _USUAL in texts
    # What we watch over must not be named by links that somebody may turn: paths stay as they are written.
    paths = (os.path.normpath(here.path(text)) for text in texts if text != _USUAL)
    return IntegritySource(name=name, paths=tuple(dict.fromkeys(paths)), usual=is_usual)
