"""The allow-list in `.env`: whom Traefik lets in. A left-over placeholder breaks it; a wide network lets in
more than was meant; and without `allow_list:` in the config nobody sees who is let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nightporter.allowlist import dotenv
from nightporter.allowlist.entries import entry_of, of_variable
from nightporter.allowlist.judging import ADVISED, fault_of, words
from nightporter.config import Config
from nightporter.doctor.finding import Finding, Voice

_SAY: Final = Voice("allow-list")
_NAME: Final = re.compile(r"[A-Z_]*(?:ALLOW_?LIST|WHITE_?LIST|SOURCE_?RANGE)[A-Z_]*\Z")


@dataclass(frozen=True, slots=True)
class AllowList:
    """One variable of an `.env` file."""

    file: str
    name: str
    entries: tuple[str, ...]


def read_env(file: str, text: str) -> tuple[AllowList, ...]:
    """The variables of an `.env` file's text that sound like an allow-list."""
    return tuple(
        AllowList(file, name, tuple(entry.text for entry in of_variable(variable)))
        for name, variable in dotenv.read(text).items()
        if _NAME.match(name)
    )


def findings(lists: tuple[AllowList, ...]) -> Iterator[Finding]:
    """What is wrong with the lists; nothing where there is none."""
    for entry in lists:
        verdicts = {text: verdict(text) for text in entry.entries}
        kept = [text for text, said in verdicts.items() if not said]
        for text, said in verdicts.items():
            if said:
                yield _SAY.wrong(f"{entry.file}: {entry.name} holds {text}: {said}", mend_of(entry, kept))
        if not entry.entries:
            yield _SAY.wrong(f"{entry.file}: {entry.name} is empty", mend_of(entry, kept))
        elif len(kept) == len(verdicts):
            yield _SAY.right(f"{entry.file}: {entry.name} names {', '.join(kept)}")


def about_config(lists: tuple[AllowList, ...], config: Config) -> Iterator[Finding]:
    """Whether the config says where the list stands."""
    if lists and config.allow_list is None:
        yield _SAY.blind(
            "nobody sees who is let in: the config does not say where the allow-list stands, and rules about "
            "an open door are off",
            f"allow_list:    # in config.yaml\n  env: {lists[0].file}\n  name: {lists[0].name}",
        )


def verdict(text: str) -> str:
    """What is wrong with one entry; empty if nothing is."""
    entry = entry_of(text)
    fault = fault_of(entry, limits=ADVISED)
    return words(fault, entry) if fault is not None else ""


def mend_of(entry: AllowList, kept: list[str]) -> str:
    """The line to paste: what is right of the list, and what to add by hand."""
    right = kept or ["127.0.0.1/32", "192.168.1.0/24"]
    return (
        f"# in {entry.file}; add your own networks, as narrow as they are\n"
        "# (your address outside: curl -4 https://ifconfig.me)\n"
        f"{entry.name}={','.join(right)}"
    )
