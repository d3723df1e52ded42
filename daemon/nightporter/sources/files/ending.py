"""The last lines of a source's files, and the marks that a source goes on from after them.

For a person who looks at a log: nothing is remembered, and a line that is written between the look back and
the following is neither lost nor shown twice, since both speak of the same place in the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nightporter.config import FileSource
from nightporter.model import Chunk, Position
from nightporter.sources.files.group import Members, is_glob, origin_of, stream_of
from nightporter.sources.files.marks import FileMark, Mark, encode
from nightporter.sources.files.opened import OpenFile
from nightporter.sources.files.siblings import is_compressed

FIRST_BYTES: Final = 256 * 1024
GROWTH: Final = 4


@dataclass(frozen=True, slots=True)
class Ending:
    """A file and the end of its last whole line."""

    path: Path
    stream: str
    mark: FileMark


def endings(config: FileSource) -> list[Ending]:
    """The files that the source would follow now, the newest last. What is not there, or is refused, is left
    out: the source itself says so."""
    files: dict[str, Path] = {}
    for pattern in config.paths:
        if not is_glob(pattern):
            files.setdefault(stream_of(Path(pattern)), Path(pattern))
            continue
        with suppress(OSError):
            files |= {str(member): member for member in Members(pattern, known=True).list()}
    found = []
    for stream, path in files.items():
        if is_compressed(path):
            continue
        with suppress(OSError), closing(OpenFile.open(path)) as file:
            file.to_last_line()
            found.append(Ending(path, stream, file.mark()))
    return sorted(found, key=lambda ending: ending.mark.modified)


def marks_after(config: FileSource, found: Iterable[Ending]) -> dict[str, bytes]:
    """The marks with which the source goes on after these endings."""
    patterns = {path: encode(Mark()) for path in config.paths if is_glob(path)}
    return patterns | {ending.stream: encode(Mark((ending.mark,))) for ending in found}


def pieces(config: FileSource, ending: Ending, most: int) -> Iterator[Chunk]:
    """The file's end as one chunk, in growing versions, until the whole file or `most` bytes of it are seen.

    Each begins at a line's beginning and ends with the last whole line. Nothing, where the file was replaced
    meanwhile.
    """
    end, size = ending.mark.offset, min(FIRST_BYTES, most)
    with suppress(OSError), ending.path.open("rb") as file:
        seen = os.fstat(file.fileno())
        if (seen.st_dev, seen.st_ino) != (ending.mark.device, ending.mark.inode):
            return
        while True:
            start = max(0, end - size)
            file.seek(start)
            data = file.read(end - start)
            cut = 0 if start == 0 else data.find(b"\n") + 1
            yield Chunk(
                origin=origin_of(config, ending.stream),
                data=data[cut:],
                start=start + cut,
                identity=str(ending.mark.head),
                end=Position(config.name, ending.stream, b""),
                arrived=seen.st_mtime_ns,
            )
            if start == 0 or size >= most:
                return
            size = min(size * GROWTH, most)
