"""docs/logging.md lists every event that the code logs, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nightporter

PACKAGE = Path(nightporter.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "logging.md"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


def logged() -> set[str]:
    """First arguments of calls like `log.info("part.ended", …)`."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                found.add(node.args[0].value)
    return found | {"library.message"}  # logged by the bridge, whose method depends on the level


def listed() -> set[str]:
    return set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def test_names_are_fixed_and_greppable() -> None:
    assert {name for name in logged() if not EVENT.fullmatch(name)} == set()


def test_the_page_lists_every_event_and_no_other() -> None:
    assert logged() == listed()
