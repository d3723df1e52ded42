"""`destinations:` and `routes:`: who is told, and of what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nightporter.config import (
    AppriseDestination,
    Destination,
    FileDestination,
    Route,
    Secret,
    TerminalDestination,
)
from nightporter.configfile.parts import Here, entries, given, got, name_and_kind
from nightporter.configfile.secrets import NoSecret
from nightporter.model import Severity
from nightporter.ruleset.body import read_severity
from nightporter.yamltext.page import Items, Node, Page

_MENTION: Final = re.compile(r"<@[0-9]{1,25}>\Z")


def read_destinations(page: Page, node: Node, here: Here) -> tuple[Destination, ...]:
    """`destinations:`; an entry that is wrong is told and left out. One there must be: an empty list would
    find everything and tell nobody."""
    taken: dict[str, Node] = {}
    destinations: list[Destination] = []
    for item in entries(page, node, "destinations"):
        named = name_and_kind(page, item, ("apprise", "terminal", "file"), taken)
        if named is None:
            continue
        name, kind = named
        match kind:
            case "terminal":
                page.keyed(item, "a terminal", ("name", "kind"))
                destinations.append(TerminalDestination(name=name))
            case "file":
                table = given(page.keyed(item, "a file", ("name", "kind", "path")))
                path = got(table, "path", lambda n: page.text(n, "a path"), "")
                if "path" not in table:
                    page.tell(item, f"the destination '{name}' has no path", fix="add 'path:'")
                destinations.append(FileDestination(name=name, path=here.path(path)))
            case _:
                destinations.append(_apprise(page, item, name, here))
    if isinstance(node, Items) and not node.items:
        page.tell(node, "an empty list: nobody would be told", expected="at least one destination, or null")
    return tuple(destinations)


def _apprise(page: Page, node: Node, name: str, here: Here) -> AppriseDestination:
    table = given(page.keyed(node, "an apprise destination", ("name", "kind", "url", "mention")))
    if "url" not in table:
        page.tell(
            node,
            f"the destination '{name}' has no url",
            expected='url: "${DISCORD_URL}", file:PATH, keychain:NAME or a URL',
        )
    return AppriseDestination(
        name=name,
        url=got(table, "url", lambda n: _secret(page, n, here), Secret("")),
        mention=got(table, "mention", lambda n: _mentions(page, n), {}),
    )


def _secret(page: Page, node: Node, here: Here) -> Secret | None:
    text = page.text(node, "a URL")
    if text is None:
        return None
    try:
        return here.secret(text)
    except NoSecret as err:
        page.tell(node, err.found, fix=err.fix)
        return None


def _mentions(page: Page, node: Node) -> dict[Severity, str]:
    mentions = {}
    for key, value in page.entries(node, 'severities and mentions, such as {critical: "<@123456>"}'):
        severity = read_severity(page, key)
        text = page.text(value, "a mention")
        if text is not None and not _MENTION.match(text):
            page.tell(value, f"'{text}'", expected='one user\'s mention, such as "<@123456789>"')
        elif severity is not None and text is not None:
            mentions[severity] = text
    return mentions


def read_routes(page: Page, node: Node, destinations: Iterable[str]) -> tuple[Route, ...]:
    """`routes:`; each must name a destination that exists."""
    names = tuple(destinations)
    routes = []
    for item in entries(page, node, "routes"):
        table = given(page.keyed(item, "a route", ("to", "min_severity", "rules", "tags")))
        if "to" not in table:
            page.tell(item, "a route without 'to'", fix="name a destination")
            continue
        to = page.text(table["to"], "a destination's name")
        if to is not None and to not in names:
            page.unknown(table["to"], "destination", to, names)
        elif to is not None:
            routes.append(
                Route(
                    to=to,
                    min_severity=got(
                        table, "min_severity", lambda n: read_severity(page, n), Severity.medium
                    ),
                    rules=page.texts(table["rules"], "a rule's id or a glob") if "rules" in table else (),
                    tags=page.texts(table["tags"], "a tag") if "tags" in table else (),
                )
            )
    return tuple(routes)
