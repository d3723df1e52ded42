"""`depends_on:` of config.yaml: which subjects (services, hosts) cannot do without which others.

Subjects are not known ahead: any name may be a service's. So a name is only doubted where it is nearly
another one of the same map. A circle would let two outages hide each other, and is a mistake.

What is asked for at Traefik's own door depends on Traefik, whether that is written or not (`at_doors`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from nightporter.config import CanaryProbe, HttpProbe, ProbeSource, SourceConfig, TcpProbe, TlsProbe
from nightporter.yamltext.page import Node, Page, Scalar

NEAR: Final = 0.8
"""How alike two names must be to doubt one: `traefic` and `traefik`, but not `sonarr` and `radarr`."""
TRAEFIK: Final = "traefik"
"""The name or service of probes that ask for Traefik itself."""
Asked = HttpProbe | TcpProbe | TlsProbe
_WHAT: Final = "names and what they depend on, such as {ombi: [traefik], traefik: [docker, internet]}"


def read_depends_on(page: Page, node: Node) -> dict[str, tuple[str, ...]]:
    """Subject → its parents, in lower case; what is wrong is told at its place."""
    found: dict[str, tuple[str, ...]] = {}
    places: dict[tuple[str, str], Scalar] = {}
    for key, value in page.entries(node, _WHAT):
        child = key.text.strip().lower()
        for item in page.items(value):
            parent = page.text(item, "the name of what it depends on")
            if parent is not None and isinstance(item, Scalar):
                name = parent.strip().lower()
                found[child] = tuple(dict.fromkeys([*found.get(child, ()), name]))
                places.setdefault((child, name), item)
    _tell_circles(page, found, places)
    _tell_near_names(page, found, places)
    return found


def at_doors(
    written: Mapping[str, tuple[str, ...]], sources: Iterable[SourceConfig]
) -> dict[str, tuple[str, ...]]:
    """`written`, and what the probes themselves say: a service that is asked for at the address and port at
    which Traefik is asked for cannot answer without it. Not where Traefik is said to need that service."""
    probes = [probe for one in sources if isinstance(one, ProbeSource) for probe in one.probes]
    asked = [probe for probe in probes if isinstance(probe, Asked)]
    doors = {(probe.host, probe.port): TRAEFIK for probe in probes if isinstance(probe, CanaryProbe)}
    doors |= {(probe.host, probe.port): _subject(probe) for probe in asked if _is_traefik(probe)}
    found = dict(written)
    for probe in asked:
        child, parent = _subject(probe), doors.get((probe.host, probe.port))
        if parent is None or parent == child or _is_traefik(probe):
            continue
        longer = found | {child: tuple(dict.fromkeys([*found.get(child, ()), parent]))}
        if not any(circles(longer)):
            found = longer
    return found


def _subject(probe: Asked) -> str:
    return (probe.service or probe.name).lower()


def _is_traefik(probe: Asked) -> bool:
    """Its container may be called otherwise, which is the probe's service then."""
    return TRAEFIK in (probe.name.lower(), probe.service.lower())


def circles(depends_on: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Every circle once, as the names along it; the last one depends on the first."""
    done: set[str] = set()
    for start in depends_on:
        path: list[str] = []
        todo = [(start, iter(depends_on[start]))] if start not in done else []
        while todo:
            name, parents = todo[-1]
            if len(path) < len(todo):
                path.append(name)
            parent = next(parents, None)
            if parent is None:
                done.add(name)
                todo.pop()
                path.pop()
            elif parent in path:
                yield tuple(path[path.index(parent) :])
            elif parent not in done:
                todo.append((parent, iter(depends_on.get(parent, ()))))


def _tell_circles(
    page: Page, found: Mapping[str, tuple[str, ...]], places: Mapping[tuple[str, str], Scalar]
) -> None:
    for circle in circles(found):
        chain = " → ".join([*circle, circle[0]])
        page.tell(
            places[(circle[-1], circle[0])],
            f"a circle: {chain}",
            expected="names of which none depends on itself",
            fix=f"take '{circle[0]}' out of what '{circle[-1]}' depends on, or another link",
        )


def _tell_near_names(
    page: Page, found: Mapping[str, tuple[str, ...]], places: Mapping[tuple[str, str], Scalar]
) -> None:
    """A parent that stands nowhere else and is nearly one that does is likely misspelt."""
    used = [*found, *(parent for parents in found.values() for parent in parents)]
    for (_, parent), at in places.items():
        near = get_close_matches(parent, [name for name in used if name != parent], n=1, cutoff=NEAR)
        if near and used.count(parent) == 1:
            page.tell(at, f"'{parent}' stands nowhere else in depends_on", near=near[0], warning=True)
