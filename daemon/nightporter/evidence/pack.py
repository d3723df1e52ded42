"""The archive: names that stay inside it, hashes, one file that is whole or not there.

The same evidence packed at the same moment gives the same bytes: members have a fixed date and order.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from nightporter.errors import Denied, Unreachable, UserError
from nightporter.evidence.bag import COPY_BYTES, Bag
from nightporter.evidence.story import Case, manifest, texts

DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest that the format knows."""
NAME_CHARS: Final = 80
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._@-]+")
_PRIVATE: Final = 0o100600 << 16


def safe_name(text: str) -> str:
    """A file's name made of a text that anyone may have written: no folder, no device, no option, nothing
    hidden."""
    name = _UNSAFE.sub("_", text)[-NAME_CHARS:].lstrip("._-")
    return name or "unnamed"


def member_names(bags: Sequence[Bag]) -> dict[tuple[int, int], str]:
    """Number of the bag and of its part → its name in the archive; no two are the same, whatever the case."""
    taken: set[str] = set()
    names: dict[tuple[int, int], str] = {}
    for number, bag in enumerate(bags):
        for index, part in enumerate(bag.parts):
            base = f"sources/{safe_name(bag.source)}/{safe_name(part.name)}"
            name, again = f"{base}.txt", 1
            while name.lower() in taken:
                again += 1
                name = f"{base}-{again}.txt"
            taken.add(name.lower())
            names[number, index] = name
    return names


def write(path: Path, case: Case, bags: Sequence[Bag], *, force: bool) -> str:
    """Write the archive, for the owner alone; gives its SHA-256. Raises UserError where there is a file of
    that name already (unless `force`), Denied, Unreachable."""
    with _draft(path, force=force) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=True) as archive:
            _fill(archive, case, bags)
        file.flush()
        file.seek(0)
        return _digest(file)


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while data := file.read(COPY_BYTES):
        digest.update(data)
    return digest.hexdigest()


def _fill(archive: zipfile.ZipFile, case: Case, bags: Sequence[Bag]) -> None:
    sums: list[tuple[str, str]] = []
    names = member_names(bags)
    documents = [*texts(case), ("manifest.json", manifest(case, bags, names))]
    for name, content in _distinct(documents):
        archive.writestr(_entry(name), content)
        sums.append((hashlib.sha256(content).hexdigest(), name))
    for number, bag in enumerate(bags):
        for index, part in enumerate(bag.parts):
            with archive.open(_entry(names[number, index]), "w", force_zip64=part.bytes > 1 << 30) as to:
                bag.copy(part, to)
            sums.append((part.sha256, names[number, index]))
    archive.writestr(_entry("SHA256SUMS"), "".join(f"{digest}  {name}\n" for digest, name in sums))


def _distinct(documents: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Documents under safe names; a name that is taken gets a number."""
    taken: set[str] = set()
    for path, content in documents:
        *folders, last = path.split("/")
        stem, dot, suffix = safe_name(last).rpartition(".")
        name, again = safe_name(last), 1
        while "/".join((*folders, name)).lower() in taken:
            again += 1
            name = f"{stem}-{again}{dot}{suffix}"
        taken.add("/".join((*folders, name)).lower())
        yield "/".join((*folders, name)), content


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is made: the mode would not count otherwise
    entry.external_attr = _PRIVATE
    return entry


@contextmanager
def _draft(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its name once it is whole."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        if not force and os.path.lexists(path):
            raise _taken(path)
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                os.fsync(file.fileno())
            _settle(draft, path, force=force)
        finally:
            draft.unlink(missing_ok=True)
    except PermissionError as err:
        raise Denied(f"{path}: cannot be written: {err.strerror}") from err
    except OSError as err:
        raise Unreachable(f"{path}: cannot be written: {err.strerror}") from err


def _settle(draft: Path, path: Path, *, force: bool) -> None:
    if force:
        draft.replace(path)
        return
    try:
        os.link(draft, path)
    except FileExistsError as err:
        raise _taken(path) from err
    except OSError as err:
        if err.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        # A file system without hard links (exFAT, SMB): for a moment another could take the name.
        if os.path.lexists(path):
            raise _taken(path) from err
        draft.rename(path)


def _taken(path: Path) -> UserError:
    return UserError(f"{path}: there is a file of that name; --out names another, --force replaces it")
