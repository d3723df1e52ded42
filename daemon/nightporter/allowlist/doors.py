"""Which routers stand behind the allow-list: by files, by labels of containers, and by entry points. Pure.

Each provider has its own names: `lan` in a container's label is `lan@docker`, and `lan@file` there is the
file's (https://doc.traefik.io/traefik/providers/overview/, "provider namespace", 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Final

from nightporter.allowlist.entries import network_of
from nightporter.traefikconfig import Dynamic, EntryPoint, Tree, dynamic, read_labels

FILE: Final = "file"
DOCKER: Final = "docker"
MOST_CONTAINERS: Final = 500
INTERNAL: Final = "traefik"
"""The entry point of Traefik's own pages: no router is behind it that does not name it."""

Trusted = Callable[[str, tuple[str, ...]], bool]
"""Whether a guard of this provider, with these ranges, lets in nobody but those of the allow-list."""


def of_labels(containers: Iterable[Mapping[str, str]]) -> Dynamic:
    """What Traefik's Docker provider makes of the labels of all containers together."""
    found = Dynamic({}, {}, {})
    for _, labels in zip(range(MOST_CONTAINERS), containers, strict=False):
        tree: Tree = read_labels(labels)
        enable = tree.get("enable")
        if str(enable).lower() == "false":
            continue
        one = dynamic(tree)
        found = Dynamic(
            {**found.routes, **one.routes}, {**found.ranges, **one.ranges}, {**found.chains, **one.chains}
        )
    return found


def behind(
    providers: Mapping[str, Dynamic], points: Sequence[EntryPoint], trusted: Trusted
) -> tuple[str, ...]:
    """The routers, without their provider, that let in nobody but those of the list whichever way they are
    asked. Of a name that two providers have, both must."""
    guards = {
        f"{name}@{provider}"
        for provider, said in providers.items()
        for name, ranges in said.ranges.items()
        if ranges and trusted(provider, ranges)
    }
    chains = {
        f"{name}@{provider}": [_whole(link, provider) for link in links]
        for provider, said in providers.items()
        for name, links in said.chains.items()
    }
    ways = {point.name: _passes(point.middlewares, chains, guards) for point in points}
    leading = [point for point in points if not point.redirects and point.name != INTERNAL]
    usual = [point.name for point in leading if point.chosen] or [point.name for point in leading]
    redirecting = {point.name for point in points if point.redirects}
    verdicts: dict[str, bool] = {}
    for provider, said in providers.items():
        for name, route in said.routes.items():
            by_itself = _passes((_whole(text, provider) for text in route.middlewares), chains, guards)
            verdicts[name] = verdicts.get(name, True) and (
                by_itself or _are_guarded([n for n in route.points or usual if n not in redirecting], ways)
            )
    return tuple(name for name, guarded in verdicts.items() if guarded)


def _are_guarded(points: Sequence[str], ways: Mapping[str, bool]) -> bool:
    """Whether each of these entry points is; of one that the static config does not have nothing is known."""
    return bool(points) and all(ways.get(name, False) for name in points)


def _passes(names: Iterable[str], chains: Mapping[str, Sequence[str]], guards: Collection[str]) -> bool:
    """Whether one of these middlewares, or of their chains, is a guard."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in guards:
            return True
        if name not in seen:
            seen.add(name)
            waiting += chains.get(name, ())
    return False


def _whole(name: str, provider: str) -> str:
    return name if "@" in name else f"{name}@{provider}"


def within(ranges: Iterable[str], networks: Collection[str]) -> bool:
    """Whether each of these lies in one of the networks. What is no network does not."""
    return all(any(_is_in(network_of(inner), outer) for outer in networks) for inner in ranges)


def _is_in(inner: str | None, outer: str) -> bool:
    if inner is None:
        return False
    one, other = ip_network(inner), ip_network(outer)
    return one.version == other.version and one.prefixlen >= other.prefixlen and one[0] in other
