"""Which source must show a canary's line: of two logs of Traefik, one that speaks must not hide the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from nightporter.config import CommandSource, ContainerFileSource, DockerSource, FileSource, SourceConfig
from nightporter.configfile.parts import given
from nightporter.yamltext.page import Items, Node, Page, Scalar, Table


def check_canaries(page: Page, items: Iterable[Node], sources: Sequence[SourceConfig]) -> None:
    """Tell of a canary whose source cannot show it, and warn of one that two logs may show. `items`: the
    entries of `sources:`."""
    logs = [source.name for source in sources if _format(source) == "traefik"]
    may_show = [*logs, *(source.name for source in sources if isinstance(source, DockerSource))]
    for canary in _canaries(items):
        wanted = canary.get("source")
        if isinstance(wanted, Scalar) and wanted.text not in may_show:
            page.unknown(wanted, "source of Traefik's log", wanted.text, may_show)
        elif wanted is None and len(logs) > 1:
            page.tell(
                canary["canary"],
                f"a canary that {logs[0]} or {logs[1]} may show: if one is silent, the other hides it",
                fix=f"add a canary for each, the first with 'source: {logs[0]}'",
                warning=True,
            )


def _format(source: SourceConfig) -> str:
    return source.format if isinstance(source, FileSource | ContainerFileSource | CommandSource) else ""


def _canaries(items: Iterable[Node]) -> Iterator[Mapping[str, Node]]:
    """The tables of all canaries of all entries."""
    for item in items:
        probes = _table(item).get("probes")
        for probe in probes.items if isinstance(probes, Items) else ():
            if "canary" in (table := _table(probe)):
                yield table


def _table(node: Node) -> dict[str, Node]:
    return given({key.text: value for key, value in node.entries} if isinstance(node, Table) else None)
