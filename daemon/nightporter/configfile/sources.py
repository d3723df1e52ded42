"""`sources:`: what is read. A kind of source is one module beside this one, and one line in KINDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from nightporter.config import SourceConfig
from nightporter.configfile.canaries import check_canaries
from nightporter.configfile.commands import read_command
from nightporter.configfile.disks import read_disk
from nightporter.configfile.docker import read_docker
from nightporter.configfile.files import read_files
from nightporter.configfile.integrity import read_integrity
from nightporter.configfile.parts import Here, entries, name_and_kind
from nightporter.configfile.probes import read_probes
from nightporter.yamltext.page import Node, Page

ReadSource = Callable[[Page, Node, str, Here], SourceConfig]

KINDS: Final[Mapping[str, ReadSource]] = MappingProxyType(
    {
        "file": read_files,
        "docker": read_docker,
        "command": read_command,
        "disk": read_disk,
        "probe": read_probes,
        "integrity": read_integrity,
    }
)
"""Kind → what reads an entry of it, given its name."""


def read_sources(page: Page, node: Node, here: Here) -> tuple[SourceConfig, ...]:
    """`sources:`; an entry that is wrong is told and left out."""
    taken: dict[str, Node] = {}
    sources = []
    for item in entries(page, node, "sources"):
        named = name_and_kind(page, item, KINDS, taken)
        if named is not None:
            name, kind = named
            sources.append(KINDS[kind](page, item, name, here))
    check_canaries(page, page.items(node), sources)
    return tuple(sources)
