"""The `ignore:` entry that a message offers: what to paste so that this is not told again. Pure."""

from __future__ import annotations

import re
from typing import Final

from nightporter.model import Telling, Value
from nightporter.safetext import mask_secrets

LONGEST_IGNORE: Final = 700
_PLAIN_YAML: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?")
_YAML_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ESCAPED_INSIDE: Final = re.compile(r"[^ !#-;=>?A-\[\]^_a-~]|:(?=//)")
"""What a double-quoted scalar writes as a code: quotes, backslashes, all that is not ASCII, and what a face
would have to change (`<`, `@`, backticks, `://`)."""


def ignore_entry(telling: Telling) -> str:
    """The `ignore:` entry that leaves this telling's key uncounted, ready to paste; "" where there is none.

    No value, whatever its characters, can say more YAML than itself, and no face has to change it.
    """
    if not telling.rule or not telling.key:
        return ""
    pairs = [f"rule: {yaml_scalar(telling.rule)}"]
    for name, value in telling.key.items():
        globbing = isinstance(value, str) and re.search(r"[*?$]", value)
        pairs.append(f"{name}{'|exact' if globbing else ''}: {yaml_scalar(value)}")
    entry = f"ignore:\n  - {{{', '.join(pairs)}}}"
    return entry if len(entry) <= LONGEST_IGNORE and mask_secrets(entry) == entry else ""


def yaml_scalar(value: Value) -> str:
    """This value as a YAML flow scalar; text is bare only where it cannot be taken for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    if _PLAIN_YAML.fullmatch(value) and value.lower() not in _YAML_WORDS:
        return value
    return '"' + _ESCAPED_INSIDE.sub(_yaml_code, value) + '"'


def _yaml_code(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
