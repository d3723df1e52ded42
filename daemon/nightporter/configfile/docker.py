"""`kind: docker`: the logs and events of an engine's containers."""

from __future__ import annotations

import re
from typing import Final

from nightporter.config import DockerSource
from nightporter.configfile.parts import Here, given, got, read_engine, read_lateness, read_proxies
from nightporter.yamltext.page import Node, Page

_KEYS: Final = ("name", "kind", "containers", "exclude", "host", "trusted_proxies", "lateness")
_SELECTOR: Final = re.compile(r"(?:(?:service|image|label):)?[^\s:][^\s]*\Z")


def read_docker(page: Page, node: Node, name: str, _here: Here) -> DockerSource:
    """An entry of `sources`; without `containers`, all of them."""
    table = given(page.keyed(node, "a docker source", _KEYS))
    return DockerSource(
        name=name,
        containers=got(table, "containers", lambda n: _selectors(page, n), ("*",)),
        exclude=got(table, "exclude", lambda n: _selectors(page, n), ()),
        host=got(table, "host", lambda n: read_engine(page, n), ""),
        trusted_proxies=read_proxies(page, table),
        lateness_s=read_lateness(page, table),
    )


def _selectors(page: Page, node: Node) -> tuple[str, ...]:
    selectors = []
    for item in page.items(node):
        text = page.text(item, "all, a container's name, service:NAME, image:NAME or label:KEY=VALUE")
        if text == "all":
            selectors.append("*")
        elif text is not None and not _SELECTOR.match(text):
            page.tell(item, f"'{text}'", expected="all, a name, service:NAME, image:NAME or label:KEY=VALUE")
        elif text is not None:
            selectors.append(text)
    return tuple(dict.fromkeys(selectors))
