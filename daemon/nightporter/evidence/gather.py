"""All of a config's sources asked for one span of time, one after the other, each into a bag of its own."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, assert_never

from nightporter.config import (
    CommandSource,
    ContainerFileSource,
    DiskSource,
    DockerSource,
    FileSource,
    IntegritySource,
    ProbeSource,
    SourceConfig,
)
from nightporter.errors import WorldError
from nightporter.evidence import containers, files, programs, volumes
from nightporter.evidence.bag import Bag, Full
from nightporter.evidence.span import Span, exactly

SOURCE_BYTES: Final = 50_000_000
"""Masked text that one source may give; packed it is a tenth of that, mostly. Masking that much takes a
minute (0.8 ms a line of Traefik's, 2026-11)."""
ALL_BYTES: Final = 200_000_000
"""The same for all sources together."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `close` is what is taken instead of `whole` where that is too much."""

    whole: Span
    close: Span


async def gather(
    sources: tuple[SourceConfig, ...],
    wanted: Wanted,
    stack: ExitStack,
    *,
    source_bytes: int = SOURCE_BYTES,
    all_bytes: int = ALL_BYTES,
) -> list[Bag]:
    """A bag for each source, in the config's order; `stack` closes them. What fails is said in its bag."""
    bags: list[Bag] = []
    left = all_bytes
    for source in sources:
        bag = stack.enter_context(Bag(source.name, kind_of(source), min(source_bytes, left)))
        bags.append(bag)
        await _fill(source, wanted, bag)
        left -= bag.used
    return bags


async def _fill(source: SourceConfig, wanted: Wanted, bag: Bag) -> None:
    for span, bag.final in ((wanted.whole, False), (wanted.close, True)):
        bag.empty()
        try:
            await _collect(source, span, bag)
        except Full:
            pass
        except (WorldError, OSError) as err:
            bag.trouble(str(err))
        if not bag.is_full:
            break
    if bag.final:
        bag.note(f"there is too much of it: only {exactly(span.first)} to {exactly(span.last)} is here")
    if bag.is_full:
        bag.note(f"what goes beyond {bag.room / 1e6:,.0f} MB is left out")


async def _collect(source: SourceConfig, span: Span, bag: Bag) -> None:
    match source:
        case FileSource():
            await asyncio.to_thread(files.collect, source, span, bag)
        case ContainerFileSource():
            await volumes.collect(source, span, bag)
        case DockerSource():
            await containers.collect(source, span, bag)
        case CommandSource():
            await programs.collect(source, span, bag)
        case DiskSource() | ProbeSource() | IntegritySource():
            bag.note("it reads no lines; what it found is among the incidents of that time")
        case _:
            assert_never(source)


def kind_of(source: SourceConfig) -> str:
    """A source's `kind:` in the config."""
    match source:
        case FileSource() | ContainerFileSource():
            return "file"
        case DockerSource():
            return "docker"
        case CommandSource():
            return "command"
        case DiskSource():
            return "disk"
        case ProbeSource():
            return "probe"
        case IntegritySource():
            return "integrity"
        case _:
            assert_never(source)
