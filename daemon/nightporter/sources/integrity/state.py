"""How a watched path stands: what it is, what is in it, who may touch it.

A look never waits: pipes and devices are not opened, and a file is read in pieces up to a cap. It is not
atomic either; the watcher only believes what two looks say alike.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import PurePath
from typing import Final, Literal

import msgspec

from nightporter.model import Stamp
from nightporter.sources.integrity.difference import MAX_BYTES, Text, text_of

Kind = Literal["absent", "file", "folder", "link", "other"]
MOST_BYTES: Final = 64 << 20
"""Of a file that are hashed; of a longer one also its length counts, and when it was written."""
_PIECE: Final = 256 * 1024
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One path at one time. All but `kind` is empty for what is absent.

    A link is told by its target, and is otherwise as the file that it leads to.
    """

    kind: Kind = "absent"
    target: str = ""
    sha256: str = ""
    """Hex. Empty: it has no content (a folder, a link that leads nowhere), or none that we may read."""
    mode: int = 0
    """Permission bits, with set-user-id and their like."""
    uid: int = 0
    gid: int = 0
    """Numbers: the names may be those of a directory service, which may be away."""
    text: Text | None = None

    @property
    def octal(self) -> str:
        """The mode as people write it: `0600`."""
        return f"{self.mode:04o}"

    @property
    def print(self) -> str:
        """The same for the same state, whoever looks."""
        parts = (self.kind, self.target, self.sha256, self.octal, self.uid, self.gid)
        return blake2b("\0".join(map(str, parts)).encode(errors="surrogatepass"), digest_size=16).hexdigest()

    def is_like(self, other: State) -> bool:
        """Whether nothing tells them apart; a content that could not be read is like any."""
        unread = self.kind == other.kind and "" in (self.sha256, other.sha256)
        return (
            (self.kind, self.target, self.mode, self.uid, self.gid)
            == (other.kind, other.target, other.mode, other.uid, other.gid)
        ) and (unread or self.sha256 == other.sha256)

    def over(self, before: State) -> State:
        """This state, with what could not be read now as it was `before`."""
        if self.kind != before.kind or self.sha256 or self.kind == "absent":
            return self
        return msgspec.structs.replace(self, sha256=before.sha256, text=before.text)


ABSENT: Final = State()


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a path."""

    state: State
    changed: Stamp
    """When the system says that it last changed in any way (ctime). Of what is gone, when something last came
    to its folder or went; 0: not known."""
    stat: tuple[int, ...]
    """What tells without reading that it is as it was."""
    trouble: str = ""
    """Why its content could not be read."""


def fingerprint(path: str) -> tuple[int, ...]:
    """What tells without reading that a path is as it was: of itself, and of where a link leads. Raises
    OSError where it cannot even be asked."""
    here = _lstat(path)
    if here is None:
        return ()
    parts = _of(here)
    if stat.S_ISLNK(here.st_mode):
        with suppress(OSError):
            parts += _of(os.stat(path))  # noqa: PTH116 - a hundred of these every few seconds
    return parts


def _of(found: os.stat_result) -> tuple[int, ...]:
    return (
        *(found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_size),
        *(found.st_mtime_ns, found.st_ctime_ns),
    )


def look(path: str, salt: bytes = b"") -> Seen:
    """How a path stands. `salt`: that of the text it will be compared with. Raises OSError where it cannot
    even be asked (a folder above it is closed to us, a network disk is away): that is not "gone"."""
    before = fingerprint(path)
    here = _lstat(path)
    if here is None:
        return Seen(ABSENT, _written(PurePath(path).parent), before)
    target = ""
    if stat.S_ISLNK(here.st_mode):
        target = readable(os.readlink(path))  # noqa: PTH115 - may be no UTF-8
    try:
        there = os.stat(path)  # noqa: PTH116
    except OSError as err:
        if err.errno not in _GONE:
            raise
        return Seen(_state("link", here, f"{target} (nothing there)"), here.st_ctime_ns, before)
    changed = max(here.st_ctime_ns, there.st_ctime_ns)
    if not stat.S_ISREG(there.st_mode):
        kind: Kind = "folder" if stat.S_ISDIR(there.st_mode) else "other"
        return Seen(_state("link" if target else kind, there, target), changed, before)
    kind = "link" if target else "file"
    try:
        digest, text = _content(path, salt)
    except OSError as err:
        why = f"{readable(path)}: its content cannot be read: {err.strerror or err}"
        return Seen(_state(kind, there, target), changed, before, why)
    return Seen(_state(kind, there, target, digest, text), changed, before)


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError as err:
        if err.errno in _GONE:
            return None
        raise


def _written(folder: PurePath) -> Stamp:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return 0


def _content(path: str, salt: bytes) -> tuple[str, Text | None]:
    """The hash of a file's content, and its lines where they can be shown. Raises OSError."""
    # Without waiting: a pipe may have taken the file's place since we asked what it is.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(errno.EINVAL, "it is no plain file any more")
        digest, head, length = sha256(), b"", 0
        while length < MOST_BYTES and (piece := file.read(_PIECE)):
            digest.update(piece)
            length += len(piece)
            head = piece if length == len(piece) else b""
        if length >= MOST_BYTES:
            digest.update(f"{seen.st_size} {seen.st_mtime_ns}".encode())
    shown = text_of(PurePath(path).name, head, salt) if length < MAX_BYTES and length == len(head) else None
    return digest.hexdigest(), shown


def _state(
    kind: Kind, found: os.stat_result, target: str, digest: str = "", text: Text | None = None
) -> State:
    return State(
        kind=kind,
        target=target,
        sha256=digest,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        text=text,
    )


def readable(path: str) -> str:
    """A path as text; what is no UTF-8 is written out."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
