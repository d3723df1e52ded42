"""`allow_list` of config.yaml: where it stands who is let in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nightporter.allowlist.entries import DEFAULT_NAME, entry_of
from nightporter.config import ALLOW_LIST, AllowList, SourceConfig
from nightporter.configfile.parts import Here, given, got
from nightporter.yamltext.page import Node, Page, Scalar, Table

_KEYS: Final = ("env", "name", "file", "middleware", "static", "values")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_EXAMPLE: Final = "{env: ~/traefik/.env, name: IP_ALLOW_LIST}"


def read_allow_list(page: Page, node: Node, here: Here, sources: Iterable[SourceConfig]) -> AllowList | None:
    """The files and values; None for a mistake, which is told."""
    if any(source.name == ALLOW_LIST for source in sources):  # its place in the database would be the same
        page.tell(node, f"a source called '{ALLOW_LIST}' beside the allow-list", fix="rename that source")
    table = given(page.keyed(node, f"where the allow-list stands, such as {_EXAMPLE}", _KEYS))
    places = [key for key in ("env", "file", "values") if key in table]
    if not places:
        if isinstance(node, Table):
            page.tell(node, "an allow-list that stands nowhere", expected=f"env, file or values: {_EXAMPLE}")
        return None
    for key, needed in (("name", "env"), ("middleware", "file")):
        if key in table and needed not in table:
            page.tell(
                page.key(node, key), f"'{key}' without '{needed}'", fix=f"add '{needed}:', or take it out"
            )
    if "values" in table and "env" in table:
        page.tell(page.key(node, "values"), "'values' beside 'env'", fix="write them into that file")
    env, file, static = (
        page.text(table[key], "a path") if key in table else None for key in ("env", "file", "static")
    )
    return AllowList(
        env=here.path(env) if env else None,
        variable=got(table, "name", lambda n: _name(page, n), DEFAULT_NAME),
        file=here.path(file) if file else None,
        middleware=got(table, "middleware", lambda n: page.text(n, "a middleware's name"), ""),
        static=here.path(static) if static else None,
        values=_values(page, table["values"]) if "values" in table else (),
    )


def _name(page: Page, node: Node) -> str | None:
    text = page.text(node, "a variable's name")
    if text is not None and not _VARIABLE.match(text):
        page.tell(node, f"'{text}' as a variable's name", expected="letters, digits and '_'")
        return None
    return text


def _values(page: Page, node: Node) -> tuple[str, ...]:
    """Addresses, networks and names. A file's mistakes are told while it runs; these are the config's own."""
    found = []
    for item in page.items(node):
        text = item.text if isinstance(item, Scalar) else ""
        if entry_of(text).kind in ("network", "name"):
            found.append(text)
        else:
            page.wrong(item, "an address, a network or a host's name, such as 192.168.1.0/24")
    return tuple(found)
