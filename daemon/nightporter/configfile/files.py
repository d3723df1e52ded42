"""`kind: file`: logs on this machine's disk, or inside a container."""

from __future__ import annotations

import glob
import posixpath
from typing import Final

from nightporter.config import ContainerFileSource, FileSource
from nightporter.configfile.parts import (
    LINE_FORMATS,
    Here,
    given,
    got,
    read_choice,
    read_engine,
    read_lateness,
    read_proxies,
    read_zone,
)
from nightporter.yamltext.page import Node, Page

STARTS: Final = ("end", "beginning")
_KEYS: Final = (
    "name",
    "kind",
    "paths",
    "from_container",
    "format",
    "service",
    "tz",
    "trusted_proxies",
    "start",
    "lateness",
)


def read_files(page: Page, node: Node, name: str, here: Here) -> FileSource | ContainerFileSource:
    """An entry of `sources`, with `paths` or `from_container`."""
    table = given(page.keyed(node, "a file source", _KEYS))
    form = got(table, "format", lambda n: read_choice(page, n, "format", LINE_FORMATS), "auto")
    service = got(table, "service", page.text, "")
    tz = got(table, "tz", lambda n: read_zone(page, n), "local")
    proxies = read_proxies(page, table)
    start = got(table, "start", lambda n: read_choice(page, n, "start", STARTS), "end")
    lateness_s = read_lateness(page, table)
    if "from_container" in table:
        if "paths" in table:
            page.tell(page.key(node, "paths"), "both 'paths' and 'from_container'", fix="keep one of them")
        container, path, host = _from_container(page, table["from_container"])
        return ContainerFileSource(
            name=name,
            container=container,
            path=path,
            host=host,
            format=form,
            service=service,
            tz=tz,
            trusted_proxies=proxies,
            start=start,
            lateness_s=lateness_s,
        )
    return FileSource(
        name=name,
        paths=_paths(page, node, table, name, here),
        format=form,
        service=service,
        tz=tz,
        trusted_proxies=proxies,
        start=start,
        lateness_s=lateness_s,
    )


def _paths(page: Page, node: Node, table: dict[str, Node], name: str, here: Here) -> tuple[str, ...]:
    if "paths" not in table or page.items(table["paths"]) == ():
        page.tell(node, f"the source '{name}' has no paths", expected="paths: [/var/log/traefik.log]")
        return ()
    return tuple(str(here.path(text)) for text in page.texts(table["paths"], "a path"))


def _from_container(page: Page, node: Node) -> tuple[str, str, str]:
    """The container's name, the path in it, and the engine's address (empty: found)."""
    shape = "a map such as {name: ombi, path: /config/Logs/log-*.txt}"
    table = given(page.keyed(node, shape, ("name", "path", "host")))
    for key in ("name", "path"):
        if table and key not in table:
            page.tell(node, f"'from_container' without '{key}'", expected=shape)
    path = got(table, "path", lambda n: _inside(page, n), "")
    host = got(table, "host", lambda n: read_engine(page, n), "")
    return got(table, "name", lambda n: page.text(n, "a container's name"), ""), path, host


def _inside(page: Page, node: Node) -> str | None:
    """A path in a container: absolute, with a pattern in its last part at most."""
    text = page.text(node, "a path in the container")
    if text is None:
        return None
    folder, _, last = text.rpartition("/")
    if not text.startswith("/") or not last:
        page.tell(node, f"'{text}'", expected="a file's full path in the container, from '/' on")
        return None
    if glob.has_magic(folder):
        page.tell(node, f"'{text}'", expected="'*', '?' and '[' after the last '/' only")
        return None
    return posixpath.normpath(text)
