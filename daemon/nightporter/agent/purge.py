"""Everything that Nightporter ever wrote for this user, and what only a person can take back: pure lists.

Removed whole are the folders that carry its name at their usual places. Where the config names another place
(a state folder, a log, a file of alerts), exactly the files that the daemon makes there are removed, since
the rest of that folder is not its own. Folders of rules elsewhere are the person's, and stay.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from nightporter.agent.actions import Action, RemoveFile, RemoveFolder
from nightporter.config import AppriseDestination, Config, FileDestination, IntegritySource
from nightporter.evidence.keeping import FOLDER, archives
from nightporter.ownfiles import watching
from nightporter.sources.integrity.accepting import Desk
from nightporter.store.lock import LOCK

STATE_FILES: Final = (
    LOCK,
    *("nightporter.db", "nightporter.db-wal", "nightporter.db-shm", "nightporter.db-journal"),
    *(
        "status.json",
        "status.new",
        "drill.json",
        ".drill.json.new",
        "drill-answer.json",
        ".drill-answer.json.new",
    ),
)
"""What the daemon makes in its state folder."""
LOG_COPIES: Final = 9
"""Rotated copies of a log are looked for up to this number."""
_KEYCHAIN: Final = re.compile(r"keychain:([^\s\"'#,}\]]+)")


def belongings(config: Config, usual: Iterable[Path]) -> list[Action]:
    """How to remove all that is there. `usual`: the folders of our own name at their usual places."""
    folders = [path for path in dict.fromkeys(usual) if os.path.lexists(path)]
    apart = [
        path
        for path in dict.fromkeys(_elsewhere(config))
        if os.path.lexists(path) and not any(folder in path.parents for folder in folders)
    ]
    # These folders were made by us; each goes with its last file, if nothing else is in it.
    made = (config.state, config.state / FOLDER)
    last = {path.parent: path for path in apart if path.parent in made}
    files = [RemoveFile(path, int(last.get(path.parent) == path)) for path in apart]
    return [*files, *(RemoveFolder(folder) for folder in folders)]


def _elsewhere(config: Config) -> Iterator[Path]:
    yield from archives(config.state / FOLDER)
    for name in STATE_FILES:
        yield config.state / name
    for source in watching(config):
        if isinstance(source, IntegritySource):
            yield from Desk(config.state, source.name).files
    if config.log.path is not None:
        yield from filter(_may_be_ours, _with_copies(config.log.path))
    for destination in config.destinations:
        if isinstance(destination, FileDestination) and _may_be_ours(destination.path):
            yield destination.path


def _may_be_ours(path: Path) -> bool:
    """Not a device or a pipe, such as /dev/stderr (which leads to a plain file where that is redirected): it
    was there before us."""
    return Path("/dev") not in path.parents and (path.is_file() or not path.exists())


def _with_copies(log: Path) -> Iterator[Path]:
    yield log
    for number in range(1, LOG_COPIES + 1):
        yield log.with_name(f"{log.name}.{number}")


def stays(config: Config, folder: Path) -> list[str]:
    """What is the person's own and is left, a sentence each. `folder`: the config's usual one."""
    kept = [path for path in config.rule_dirs if folder not in path.parents and path.exists()]
    if config.path is not None and config.path.exists() and folder not in config.path.absolute().parents:
        kept.append(config.path)
    return [f"{path} stays: it is yours, at a place that you chose." for path in kept]


def by_hand(platform: str, program: Path, config: Config, text: str) -> list[str]:
    """What only the person can do, a sentence each. The config's `text` tells which items the keychain may
    hold; it need not be valid."""
    steps = [_program(program)]
    names = dict.fromkeys(_KEYCHAIN.findall(text))
    if platform == "darwin":
        steps += [f"In the keychain: security delete-generic-password -s '{name}'" for name in names]
        steps += [
            "System Settings → Privacy & Security → Full Disk Access, and Local Network: take out the Python "
            "that you allowed there for Nightporter.",
            "System Settings → General → Login Items & Extensions: if Nightporter is still listed under "
            "'Allow in the Background', switch it off; it goes with the next login.",
            "A line of yours in /etc/newsyslog.d and Traefik's accessLog setting stay as they are.",
        ]
    else:
        steps += [f"In the keyring: keyring del '{name}' nightporter" for name in names]
        steps.append(
            "Its lines in the journal go as the journal ages; 'loginctl disable-linger' takes lingering back."
        )
    urls = (d.url.reveal() for d in config.destinations if isinstance(d, AppriseDestination))
    if any("discord" in url.lower() for url in urls):
        steps.append("The webhook in Discord lives on: Server Settings → Integrations → Webhooks deletes it.")
    return steps


def _program(program: Path) -> str:
    parts = program.parts
    if "uv" in parts and "tools" in parts:
        return "The program itself: uv tool uninstall nightporter"
    if "pipx" in parts:
        return "The program itself: pipx uninstall nightporter"
    return f"The program itself, {program}: remove it as you installed it."
