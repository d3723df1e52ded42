"""Where alerts shall go, as a person says it, and how a secret in it is kept."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nightporter.config import AppriseDestination, Secret
from nightporter.errors import UserError
from nightporter.model import Severity
from nightporter.plainfile import read_head

NOBODY: Final = frozenset({"", "none", "no", "terminal", "-"})
_ELSEWHERE: Final = re.compile(r"(?:file:|keychain:|\$\{[A-Za-z_]\w*\}\Z)")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+\Z")
_DISCORD: Final = re.compile(r"(?i)discord://|https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/")
_MOST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who is to be told, as the config says it."""

    name: str
    url: str
    """`file:NAME`, `keychain:NAME` or `${VARIABLE}`, never the secret itself."""
    least: Severity = Severity.medium


def wished(text: str, folder: Path, *, write: bool = True) -> Wish | None:
    """What a person's answer means. None: nobody but the terminal.

    A URL goes into a new file of mode 0600 in the config's `folder` (without `write`, it is only said which).
    Raises UserError for what is no URL; its text does not hold it.
    """
    text = text.strip()
    if text.lower() in NOBODY:
        return None
    if _ELSEWHERE.match(text):
        return Wish(name="phone", url=text)
    if not _URL.match(text):
        raise UserError(
            "that is no URL; expected https://discord.com/api/webhooks/…, mailtos://…, another URL that "
            "apprise knows, file:PATH, keychain:NAME, ${VARIABLE}, or none"
        )
    name = kind_of(text)
    file = _write_secret(folder, name, text).name if write else f"{name}-url"
    return Wish(name=name, url=f"file:{file}")


def pasted(text: str) -> tuple[AppriseDestination, ...]:
    """The destination whose URL stands in a person's answer itself; none where it is kept elsewhere."""
    text = text.strip()
    if _ELSEWHERE.match(text) or not _URL.match(text):
        return ()
    return (AppriseDestination(name=kind_of(text), url=Secret(text)),)


def kind_of(url: str) -> str:
    """What the destination of a URL is called."""
    if _DISCORD.match(url):
        return "discord"
    return "mail" if url.lower().startswith(("mailto://", "mailtos://")) else "phone"


def _write_secret(folder: Path, name: str, text: str) -> Path:
    """Write a secret to a new file; one that holds it already is taken as it is. Raises UserError."""
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in range(1, _MOST + 1):
            path = folder / (f"{name}-url" if number == 1 else f"{name}-url-{number}")
            try:
                write_new(path, text + "\n")
            except FileExistsError:
                if not _holds_alone(path, f"{text}\n".encode()):
                    continue
            return path
    except OSError as err:
        raise UserError(f"{path} cannot be written: {err.strerror or err}") from err
    raise UserError(f"{folder} holds {_MOST} files such as {name}-url; remove those that are not needed")


def _holds_alone(path: Path, content: bytes) -> bool:
    """Whether a file is this secret's, and nobody else can read it. Raises UserError for what is no file."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise UserError(f"{path} is no file, and the URL was to go there; move it away, and run this again")
    found, status = read_head(path, len(content) + 1)
    return found == content and not status.st_mode & 0o077


def write_new(path: Path, text: str) -> None:
    """Write a new file that only its owner can read. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:  # a full disk: half a file must not be taken for a whole one at the next try
        path.unlink()
        raise


def usual(environ: Mapping[str, str]) -> str:
    """What is taken where nobody is asked and nothing was said: the variable of the docs, if it is set."""
    return "${DISCORD_URL}" if environ.get("DISCORD_URL") else ""
