"""`kind: command`: a program whose lines are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nightporter.config import CommandSource, Secret
from nightporter.configfile.parts import LINE_FORMATS, Here, given, got, read_choice, read_lateness, read_zone
from nightporter.configfile.secrets import NoSecret
from nightporter.yamltext.page import Node, Page, Scalar

PRESETS: Final = ("macos", "journald")
_KEYS: Final = (
    "name",
    "kind",
    "command",
    "preset",
    "args",
    "predicate",
    "env",
    "format",
    "service",
    "tz",
    "lateness",
)
_UNFIT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "": ("args", "predicate"),
        "macos": ("command", "format"),
        "journald": ("command", "format", "predicate"),
    }
)
"""Preset → keys that say nothing beside it."""
_NOTHING: Final[tuple[str, ...]] = ()
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")


def read_command(page: Page, node: Node, name: str, here: Here) -> CommandSource:
    """`kind: command`, with a command or a preset."""
    table = given(page.keyed(node, "a command", _KEYS))
    preset = got(table, "preset", lambda n: read_choice(page, n, "preset", PRESETS), "")
    command = got(table, "command", lambda n: _command(page, n, here), _NOTHING)
    if "preset" not in table and "command" not in table:
        page.tell(
            node,
            f"the source '{name}' has no command",
            expected="command: [/usr/local/bin/program, argument], or preset: " + " or ".join(PRESETS),
        )
    _refuse_mixtures(page, node, table, preset)
    return CommandSource(
        name=name,
        command=command,
        preset=preset,
        args=page.texts(table["args"], "an argument") if "args" in table else (),
        predicate=got(table, "predicate", lambda n: page.text(n, "an NSPredicate"), ""),
        env=_variables(page, table["env"], here) if "env" in table else (),
        format=preset or got(table, "format", lambda n: read_choice(page, n, "format", LINE_FORMATS), "auto"),
        service=got(table, "service", page.text, ""),
        tz=got(table, "tz", lambda n: read_zone(page, n), "local"),
        lateness_s=read_lateness(page, table),
    )


def _command(page: Page, node: Node, here: Here) -> tuple[str, ...] | None:
    """The program and its arguments. A program's path may begin with `~`; one without a slash is looked for
    in PATH. Arguments stay as they are: no shell will read them."""
    if isinstance(node, Scalar):
        text = page.text(node, "a list: [program, argument]")
        if text is not None:
            pieces = ", ".join(text.split())
            page.tell(node, "a command in one piece", expected=f"a list, since no shell reads it: [{pieces}]")
        return None
    words = page.texts(node, "a program or an argument")
    if not words or not words[0]:
        page.tell(node, "a command without a program", expected="[/usr/local/bin/program, argument]")
        return None
    program = str(here.path(words[0])) if "/" in words[0] else words[0]
    return (program, *words[1:])


def _refuse_mixtures(page: Page, node: Node, table: Mapping[str, Node], preset: str) -> None:
    """Keys that say nothing, or two things, together."""
    for key in _UNFIT[preset]:
        if key in table:
            beside = f"beside 'preset: {preset}'" if preset else "without a preset"
            page.tell(page.key(node, key), f"'{key}' {beside}", fix="take it out")


def _variables(page: Page, node: Node, here: Here) -> tuple[tuple[str, Secret], ...]:
    """`env`: a value may be a secret by its name, as a destination's url."""
    variables: list[tuple[str, Secret]] = []
    for key, value in page.entries(node, "a map of variables, such as {TOKEN: file:~/.token}"):
        text = page.text(value, "a value")
        if not _VARIABLE.match(key.text):
            page.tell(key, f"'{key.text}' as a variable", expected="letters, digits and '_'")
        elif text is not None:
            try:
                variables.append((key.text, here.secret(text)))
            except NoSecret as err:
                page.tell(value, err.found, fix=err.fix)
    return tuple(variables)
