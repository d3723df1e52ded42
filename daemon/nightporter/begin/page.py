"""config.yaml as `init` writes it: few keys, each with a comment that says why it is so. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from nightporter.begin.plan import Planned
from nightporter.begin.wish import Wish
from nightporter.config import (
    AllowList,
    ContainerFileSource,
    DockerSource,
    FileSource,
    FirewallProbe,
    IntegritySource,
    ProbeSource,
)
from nightporter.safetext import cleaned

_WIDTH: Final = 100
_LONGEST: Final = 600
"""Characters of a comment."""


def write(
    planned: Sequence[Planned], wish: Wish | None, day: str, allow_list: AllowList | None = None
) -> str:
    """The text of the file."""
    return "\n".join([*_head(day), *_sources(planned), *_allow_list(allow_list), *_destinations(wish), ""])


def _head(day: str) -> Iterator[str]:
    yield f"# Nightporter's config, written by 'nightporter init' on {day} from what it found here."
    yield "# It is yours now: nothing overwrites it. What is not said has its default; config.example.yaml"
    yield "# shows every key. After a change: nightporter check. A running daemon takes it up by itself."


def _sources(planned: Sequence[Planned]) -> Iterator[str]:
    yield "\n# What is followed. Each is read from its end on: what was written before is history."
    yield "sources:"
    for one in planned:
        for sentence in one.why:
            yield from comment(sentence, indent="  ")
        yield from (f"  {line}" for line in _entry(one))


def _entry(planned: Planned) -> Iterator[str]:
    source = planned.source
    yield f"- name: {quoted(source.name)}"
    if isinstance(source, DockerSource):
        yield "  kind: docker"
        if source.host:
            yield f"  host: {quoted(source.host)}"
        return
    if isinstance(source, IntegritySource):
        yield "  kind: integrity"
        yield f"  paths: {_list(('default', *source.paths)) if source.paths else 'default'}"
        return
    if isinstance(source, ProbeSource):
        yield "  kind: probe"
        names = (probe.name for probe in source.probes if isinstance(probe, FirewallProbe))
        yield f"  probes: [{', '.join(f'{{name: {quoted(name)}, firewall: true}}' for name in names)}]"
        return
    yield "  kind: file"
    match source:
        case FileSource(paths=paths):
            yield f"  paths: {_list(paths)}"
        case ContainerFileSource(container=container, path=path, host=host):
            at = f", host: {quoted(host)}" if host else ""
            yield f"  from_container: {{name: {quoted(container)}, path: {quoted(path)}{at}}}"
    if source.service:
        yield f"  service: {quoted(source.service)}"
    if source.format != "auto":
        yield f"  format: {source.format}"
    if source.trusted_proxies:
        yield f"  trusted_proxies: {_list(source.trusted_proxies)}"


def _allow_list(found: AllowList | None) -> Iterator[str]:
    if found is None:
        return
    yield "\n# Whom Traefik is to let in: who comes in past the list is told, and who of yours is refused."
    yield "allow_list:"
    yield f"  env: {quoted(str(found.env))}"
    yield f"  name: {found.variable}"


def _destinations(wish: Wish | None) -> Iterator[str]:
    yield "\n# Who is told. 'nightporter notify test' sends one message to each."
    yield "destinations:"
    if wish is None:
        yield "  - {name: terminal, kind: terminal}"
        yield '#  - {name: phone, kind: apprise, url: "${DISCORD_URL}"}'
        return
    yield f"  - {{name: {wish.name}, kind: apprise, url: {as_yaml(wish.url)}}}"
    yield "\n# What goes there at once: this severity and above; low goes into the digest at 08:00."
    yield "routes:"
    yield f"  - {{to: {wish.name}, min_severity: {wish.least.name}}}"


def comment(text: str, *, indent: str = "") -> Iterator[str]:
    """Text of anyone's as lines that YAML cannot read as anything but a comment."""
    for line in textwrap.wrap(cleaned(text)[:_LONGEST], _WIDTH):
        yield f"{indent}# {line}"


def quoted(text: str) -> str:
    """A text of the machine's as a value that means just itself: `${` is no variable."""
    return as_yaml(text.replace("${", "$${"))


def as_yaml(text: str) -> str:
    """A text in YAML's double quotes; what is not printable is escaped (YAML 1.1, 5.7; JSON's escapes for
    what is above U+FFFF are none of YAML's)."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() and ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(quoted, texts)) + "]"
