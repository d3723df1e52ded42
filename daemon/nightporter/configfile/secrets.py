"""Where a secret of the config may live, besides the config itself: a file, or the system's keychain.

`file:PATH` must be readable by its owner alone. `keychain:NAME` is asked of `security` on macOS; elsewhere of
the `keyring` package, an extra, for the password of the user `nightporter` at the service NAME. No error text
ever holds the secret.
"""

from __future__ import annotations

import importlib
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from nightporter.config import Secret
from nightporter.errors import UserError
from nightporter.plainfile import read_head

MAX_BYTES: Final = 64 * 1024
ACCOUNT: Final = "nightporter"
"""The account under which an item is looked for in a keyring, and made in a keychain."""
KEYCHAIN_SECONDS: Final = 30
"""A locked keychain asks the person; under launchd nobody may be there to answer."""
_NOT_FOUND: Final = 44
"""`security`'s exit code for an item that is not in the keychain (errSecItemNotFound; man security)."""


class NoSecret(UserError):
    """The secret could not be had; `fix` says what to do."""

    def __init__(self, found: str, fix: str) -> None:
        self.found = found
        self.fix = fix
        super().__init__(f"{found}; {fix}")


def resolve(text: str, folder: Path, home: Path, platform: str = sys.platform) -> Secret:
    """The secret that a value names (`file:PATH`, `keychain:NAME`), or the value itself.

    Relative paths are relative to `folder`, the config's own. Raises NoSecret.
    """
    if text.startswith("file:"):
        return _from_file(placed(text.removeprefix("file:").strip(), folder, home))
    if text.startswith("keychain:"):
        return _from_keychain(text.removeprefix("keychain:").strip(), platform)
    return Secret(text)


def placed(text: str, folder: Path, home: Path) -> Path:
    """A path as the config means it: `~` is the home, anything relative starts at the config's folder."""
    if text == "~" or text.startswith("~/"):
        return home / text[2:]
    return folder / text


def _from_file(path: Path) -> Secret:
    try:
        content, status = read_head(path, MAX_BYTES + 1)
    except OSError as err:
        reason = (err.strerror or type(err).__name__).lower()
        raise NoSecret(f"{path} cannot be read: {reason}", "check the path and its owner") from err
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise NoSecret(f"{path} can be read by others (mode {mode:04o})", f"run: chmod 600 '{path}'")
    text = content.decode("utf-8", "replace").strip()
    if not text or len(content) > MAX_BYTES or "\n" in text:
        raise NoSecret(f"{path} does not hold one line with the secret", "write the secret, and nothing else")
    return Secret(text)


def _from_keychain(name: str, platform: str) -> Secret:
    if not name:
        raise NoSecret("no name after 'keychain:'", "write keychain:NAME")
    return _from_security(name) if platform == "darwin" else _from_keyring(name)


def _from_security(name: str) -> Secret:
    add = f"add it: security add-generic-password -a {ACCOUNT} -s '{name}' -w"
    try:
        done = subprocess.run(
            ["security", "find-generic-password", "-w", "-s", name],
            capture_output=True,
            timeout=KEYCHAIN_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        found = f"the keychain did not answer for '{name}' ({type(err).__name__})"
        raise NoSecret(found, "unlock the keychain, and allow 'security' to read the item") from err
    if done.returncode == _NOT_FOUND:
        raise NoSecret(f"the keychain has no item '{name}'", add)
    secret = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0 or not secret:
        raise NoSecret(f"the keychain refuses '{name}' (security ended with {done.returncode})", add)
    return Secret(secret)


def _from_keyring(name: str) -> Secret:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError as err:
        raise NoSecret(
            "there is no keychain on this system without the package keyring",
            "install it (pip install 'nightporter[keyring]'), or use file:PATH (mode 0600) or ${VARIABLE}",
        ) from err
    # A locked keyring asks the person through its desktop, for as long as it takes, or nobody.
    answer: list[object] = []

    def ask() -> None:
        try:
            answer.append(keyring.get_password(name, ACCOUNT))
        except Exception as err:  # noqa: BLE001 - a backend's own errors, of any kind; told by their name
            answer.append(err)

    asking = threading.Thread(target=ask, name="keyring", daemon=True)
    asking.start()
    asking.join(KEYCHAIN_SECONDS)
    found = answer[0] if answer else TimeoutError()
    if isinstance(found, Exception):
        said = f"the keyring did not answer for '{name}' ({type(found).__name__})"
        raise NoSecret(said, "unlock it, or use file:PATH (mode 0600)")
    if not isinstance(found, str) or not found.strip():
        raise NoSecret(f"the keyring has no item '{name}'", f"add it: keyring set '{name}' {ACCOUNT}")
    return Secret(found.strip())
