"""A whole file as chunks: for replay, explain and tests of rules."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, cast

from nightporter.errors import UserError
from nightporter.model import Chunk, Origin, Position, Stamp
from nightporter.sources.files.lines import LINE_CAP, Block, LineSplitter
from nightporter.sources.files.marks import HEAD_BYTES, FileMark, Mark, encode, head_of
from nightporter.sources.files.opened import unpacking

CHUNK_BYTES: Final = 256 * 1024
_GZIP: Final = b"\x1f\x8b"

Progress = Callable[[int, int | None], None]
"""Told now and then: bytes read of the file as it lies on the disk, and its size (None: not known)."""


def read_whole(
    path: Path | str,
    origin: Origin,
    arrived: Stamp,
    chunk_bytes: int = CHUNK_BYTES,
    *,
    progress: Progress | None = None,
    line_cap: int = LINE_CAP,
) -> Iterator[Chunk]:
    """The lines of a file, of a gzip file (known by its first bytes, not its name), or of standard input
    (`-`).

    Lines longer than `line_cap` are cut as in live reading; a last line without a newline is given one.
    Raises UserError, with the file's name, where it cannot be read or is broken; what came before has been
    given out.
    """
    name = str(path)
    with ExitStack() as stack:
        try:
            raw, total = _open(name, stack)
            packed = raw.peek(2)[:2] == _GZIP
            content = stack.enter_context(gzip.GzipFile(fileobj=raw)) if packed else raw
            for block, identity, mark in _blocks(content, name, chunk_bytes, line_cap):
                if progress is not None:
                    progress(raw.tell() if total is not None else block.end, total)
                end = Position(origin.source, origin.stream, encode(mark))
                yield Chunk(
                    origin=origin,
                    data=block.data,
                    start=block.start,
                    identity=identity,
                    end=end,
                    arrived=arrived,
                )
            if progress is not None and total is not None:
                progress(total, total)
        except OSError as err:
            raise UserError(f"{name}: {err.strerror or err}") from err


def _open(name: str, stack: ExitStack) -> tuple[io.BufferedReader[io.RawIOBase], int | None]:
    if name == "-":
        # A BufferedReader reads from anything with `readinto`; this one looks ahead where another may not.
        reader = io.BufferedReader(cast(io.RawIOBase, sys.stdin.buffer))
        stack.callback(reader.detach)  # or it would close standard input with itself
        return reader, None
    file: io.RawIOBase = stack.enter_context(io.FileIO(name, "rb"))
    seen = os.fstat(file.fileno())
    return io.BufferedReader(file), seen.st_size if stat.S_ISREG(seen.st_mode) else None


def _blocks(
    content: io.BufferedReader[io.RawIOBase] | gzip.GzipFile, name: str, chunk_bytes: int, line_cap: int
) -> Iterator[tuple[Block, str, Mark]]:
    lines = LineSplitter(cap=line_cap)
    buffer = bytearray(chunk_bytes)
    with unpacking(Path(name)):
        first = content.read(HEAD_BYTES)
        head = head_of(first)

        def named(blocks: Iterable[Block]) -> Iterator[tuple[Block, str, Mark]]:
            for block in blocks:
                mark = FileMark(identity=str(head), head=head, offset=block.end)
                yield block, str(head), Mark((mark,))

        yield from named(lines.feed(first, len(first)))
        while size := content.readinto(buffer):
            yield from named(lines.feed(buffer, size))
        last = lines.finish()
        yield from named([last] if last is not None else [])
