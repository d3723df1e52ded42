"""Lines of files inside a container, which the engine sends as a tar archive."""

from __future__ import annotations

import posixpath
import tempfile
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from nightporter.config import ContainerFileSource
from nightporter.evidence.bag import Bag
from nightporter.evidence.containers import WAIT_S, engine_at
from nightporter.evidence.files import FileContent, take
from nightporter.evidence.span import Span
from nightporter.model import SECOND
from nightporter.sources.archive.source import CAP_BYTES, origin_of
from nightporter.sources.archive.tar import BadArchive, Entry, TarFiles
from nightporter.sources.docker.engine import Stream
from nightporter.sources.files.siblings import is_compressed, rotated_name

MOST_BYTES: Final = 4 * CAP_BYTES
"""What is taken from the engine; the rest of the archive is left out."""


async def collect(config: ContainerFileSource, span: Span, bag: Bag) -> None:
    """Put the span's lines of the files that the source reads, and of their rotated copies, into the bag.
    Raises Full, Unreachable, Denied, OSError."""
    folder, pattern = posixpath.split(config.path)
    # With "/." a link to the folder is followed.
    asked = f"{folder}/." if has_magic(pattern) else config.path
    address = f"/containers/{quote(config.container, safe='')}/archive"
    async with engine_at(config.host) as engine, engine.stream(address, {"path": asked}) as stream:
        if stream.status != 200:
            bag.trouble(f"{config.container}:{config.path}: the engine does not give it")
            return
        try:
            await _read(stream, config, pattern, span, bag)
        except BadArchive as err:
            bag.trouble(f"{config.container}: the engine sends what is no archive: {err}")


async def _read(stream: Stream, config: ContainerFileSource, pattern: str, span: Span, bag: Bag) -> None:
    files, taken = TarFiles(), 0
    entry: Entry | None = None
    with tempfile.TemporaryFile() as file:
        while data := await stream.read(WAIT_S):
            taken += len(data)
            for item in files.feed(data):
                if isinstance(item, Entry):
                    _take(entry, file, config, span, bag)
                    entry = item if _fits(item.name, pattern) else None
                elif entry is not None:
                    file.write(item)
            if taken > MOST_BYTES:
                bag.trouble(
                    f"{config.container}:{config.path}: only its first {MOST_BYTES >> 20} MiB were read"
                )
                break
        _take(entry, file, config, span, bag)


def _fits(name: str, pattern: str) -> bool:
    name = posixpath.normpath(name)
    rotated = rotated_name(name)
    return "/" not in name and any(fnmatchcase(n, pattern) for n in (name, rotated.live if rotated else name))


def _take(entry: Entry | None, file: IO[bytes], config: ContainerFileSource, span: Span, bag: Bag) -> None:
    """Take the file whose content was written, if any, and make room for the next."""
    if entry is not None:
        file.flush()
        path = Path(posixpath.normpath(entry.name))
        content = FileContent(file, path, compressed=is_compressed(path), modified=entry.modified_s * SECOND)
        where = posixpath.join(posixpath.dirname(config.path), path.name)
        try:
            take(content, path.name, f"{config.container}:{where}", origin_of(config), span, bag)
        except OSError as err:
            bag.trouble(f"{config.container}:{where}: {err.strerror or err}")
    file.seek(0)
    file.truncate()
