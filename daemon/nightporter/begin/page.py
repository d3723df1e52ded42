"""config.yaml as `init` writes it: few keys, each with a comment that says why it is so. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nightporter.begin.entries import entry
from nightporter.begin.planned import Planned
from nightporter.begin.text import as_yaml, comment, quoted, quoted_list
from nightporter.begin.wish import Wish
from nightporter.config import AllowList


def write(
    planned: Sequence[Planned],
    wish: Wish | None,
    day: str,
    allow_list: AllowList | None = None,
    depends_on: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The text of the file."""
    parts = (_sources(planned), _allow_list(allow_list), _depends_on(depends_on or {}), _destinations(wish))
    return "\n".join([*_head(day), *(line for part in parts for line in part), ""])


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
        yield from (f"  {line}" for line in entry(one.source))


def _allow_list(found: AllowList | None) -> Iterator[str]:
    if found is None:
        return
    yield "\n# Whom Traefik is to let in: who comes in past the list is told, and who of yours is refused."
    yield "allow_list:"
    if found.env is not None:
        yield f"  env: {quoted(str(found.env))}"
        yield f"  name: {found.variable}"
    if found.file is not None:
        behind = "the routers behind it" if found.env is not None else "the list, and the routers behind it"
        yield f"  file: {quoted(str(found.file))}    # {behind}"
    if found.static is not None:
        yield f"  static: {quoted(str(found.static))}    # middlewares of whole entry points"


def _depends_on(found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if not found:
        return
    yield "\n# What cannot answer without what: while that is down, it alone is told, and what it covers."
    yield "depends_on:"
    for child, parents in found.items():
        yield f"  {quoted(child)}: {quoted_list(parents)}"
    yield "# Nothing outside is asked unless you say so. To be told once of a lost Internet, add the probe"
    yield '# {name: internet, tcp: "1.1.1.1:443"} above, and internet here to what cannot do without it.'


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
