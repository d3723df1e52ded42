"""What may be shown of a watched file's text: its lines, with everything that may open a door masked. Pure.

What is shown of a file leaves the house and stays in chats, and the file is at hand as a whole: so this hides
more than `safetext.mask_secrets` does, which it also asks. Names say what is a secret, then the place (below
`environment:`, in a list of users), then the look: a long word with digits in it is taken for a token. It
would rather hide an image's tag than show a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_network
from itertools import pairwise
from typing import Final

from nightporter.safetext import MASK, mask_secrets

MAX_LINES: Final = 4_000
LONGEST: Final = 1_000
"""Characters of a line that is shown: a longer one is a program's, not a person's."""
_LONG_JSON: Final = 200
"""A line that begins with a bracket and is longer holds a whole tree."""
HIDDEN_NAMES: Final = (
    *("acme*.json", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "*.age", "*.gpg", "id_*"),
    *("*htpasswd*", "*passwd*", "*shadow*", "*secret*", "*password*", "*token*", "*credential*", "*netrc"),
)
"""Files that hold little else than secrets: nothing of them is shown."""
ENV_NAMES: Final = (".env", "*.env", ".env.*", "*.envrc", "env")
_PRIVATE: Final = re.compile(r"PRIVATE KEY|BEGIN PGP|AGE-SECRET-KEY", re.IGNORECASE)

# A name that holds a secret, by its last part: `basicauth.users`, `dbPass`, `api_key`
_SECRET_NAME: Final = re.compile(
    r"pass|pwd|pw$|secret|token|key|auth$|authorization|cred|users$|hash|salt|cookie|session|webhook|dsn"
    r"|private|claim|jwt|pin$|otp|licen[cs]e|signature|bearer|seed|psk|environment|^env$|headers$|^urls?$",
    re.IGNORECASE,
)
_ADDRESS_NAME: Final = re.compile(r"urls?\Z", re.IGNORECASE)
_WEB: Final = re.compile(r"[\"']?(?:https?|tcp|udp|h2c)://[\w.:\[\]-]+/?[\"']?\Z")
"""Where a proxy sends its requests: a host and a port, and no path that could be a webhook's."""
_NETWORKS: Final = re.compile(r"ip|net|range|list|allow|addr|host|trust|prox|bind|server|dns", re.IGNORECASE)
_CAPITALS: Final = re.compile(r"[A-Z][A-Z0-9_]{2,}\Z")
"""How variables of an environment are written; what they hold may be anything."""
_SETTING: Final = re.compile(
    r"""(?P<before>\s*(?:[-#;]\s+|export\s+)*["']?)(?P<quote>["']?)(?P<name>-{0,2}[\w.@/-]{1,200})(?P=quote)"""
    r"(?P<is>\s*(?::(?=\s|$)|=)\s*)(?P<value>.*)"
)
"""`name: value`, `- NAME=value`, `- "NAME=value"`, `name = "value"`, `"name": "value"`, `- --name=value`."""
_NAMED: Final = re.compile(r"""(?<![\w.-])(?P<name>[\w.-]{1,200})["']?\s{0,4}[:=]\s{0,4}""")
_QUOTED: Final = r"""\$\{[^}]*\}|"(?:[^"\\]|\\.)*"?|'[^']*'?"""
_IN_BRACKETS: Final = re.compile(rf"{_QUOTED}|[\[{{].*|[^,}}\]]+")
_TO_THE_END: Final = re.compile(r".+")
"""The same within a line: `{name: value, name: [value]}`, and at the end of one: `run name=value`."""
_ARGUMENT: Final = re.compile(
    rf"""(?<![\w-])(--?(?P<name>[\w.-]{{2,64}})["']?(?:\s*,\s*|\s+))({_QUOTED}|[^\s,\]]+)"""
)
"""`--name value` and `"--name", "value"` within a line."""
_FLAG: Final = re.compile(r"\s*(?:-\s+)?(?:<string>)?[\"']?--?(?P<name>[\w-]{1,64})[\"']?(?:</string>)?,?\s*")
"""An argument whose value is the next one."""
_MAPPED: Final = re.compile(
    r"""\s*(?:-\s+)?["']?(?P<name>[A-Za-z_][\w.-]{0,63})["']?:(?:\s+(?P<value>.*))?"""
)
"""A name in the value of a secret one: `NAME: value`."""
_LISTED: Final = re.compile(
    r"""\s*(?:-\s+)?["']?(?P<name>[A-Za-z_][\w.-]{0,63})["']?(?:=|\s*:(?=\s|$))\s*(?P<value>.*)"""
)
"""In that of an environment also `- NAME=value`."""
_VARIABLE: Final = re.compile(r"(\s*(?:#\s*)?(?:export\s+)?[A-Za-z_][\w.]{0,100}\s*=)(.*)")
_STRING: Final = re.compile(r"(\s*<string>)(.*)(</string>\s*)")
_ELEMENT: Final = re.compile(r"(\s*<key>)(?P<name>[^<]*)(</key>)(?P<after>.*)")
"""A property list's key; its value is the next element."""
_TABLE: Final = re.compile(r"\s*\[{1,2}(?P<name>[\w.\"'-]+)\]{1,2}\s*(?:#.*)?")
"""TOML's and INI's heading of a table."""
_OPENERS: Final = {"[": "]", "{": "}", '"""': '"""', "'''": "'''"}
_BLOCK: Final = re.compile(r"(?P<sign>[|>][+-]?\d?[+-]?)?(?P<more>[&!]\S+)?\s*(?P<comment>#.*)?")
"""Before a value that stands on the lines below; what looks like a tag or a comment may also be the value."""
_SHAPES: Final = (
    # What htpasswd writes; compose doubles the dollars
    re.compile(r"([\w.@-]{0,100}:)(?:\$?\$(?:apr1|2[abxy]|5|6|y|argon2\w*)\$\S+|\{SHA\}\S+)"),
    # An address that is no web page: the rest is a receiver's secret (discord://, mailto://, tgram://)
    re.compile(
        r"(\b(?!https?:|tcp:|udp:|h2c:|unix:|file:)[a-z][a-z0-9+.-]{1,20}://)[^\s\"']+", re.IGNORECASE
    ),
    re.compile(r"(\bhttps?://[^\s\"'?#]{1,500}\?)[^\s\"']+", re.IGNORECASE),
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_=-]{40,}|[A-Za-z0-9+_=~-]{16,}")
_DIGEST: Final = re.compile(r"(?<=sha256:)[0-9a-f]{64}\b")
_DIGEST_SHOWN: Final = 12


def masked(name: str, text: str) -> list[str] | None:
    """The lines of a file called `name` as they may be shown; None where nothing of it may be."""
    folded = name.lower()
    if any(fnmatchcase(folded, pattern) for pattern in HIDDEN_NAMES) or _PRIVATE.search(text):
        return None
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        return None
    if any(fnmatchcase(folded, pattern) for pattern in ENV_NAMES):
        return list(_env_lines(lines))
    return list(_Reading().lines(lines))


def is_harmless(value: str, name: str = "") -> bool:
    """Whether a value can be no secret: nothing, yes or no, a reference to a variable. By a name that speaks
    of them also addresses and networks: who may come in is what an owner most wants to see change."""
    bare = value.strip().strip("\"'").strip()
    if bare.lower() in ("", "true", "false", "yes", "no", "on", "off", "null", "~"):
        return True
    if re.fullmatch(r"\$\{[A-Za-z_]\w*\}|\$[A-Za-z_]\w*", bare):
        return True
    return bool(_NETWORKS.search(name)) and all(_is_address(part) for part in re.split(r"[,\s]+", bare))


def _is_address(text: str) -> bool:
    if not re.search(r"[.:]", text):  # a bare number is an address to ipaddress, and a PIN to its owner
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name may be a secret."""
    last = re.split(r"[./]", name.strip("-"))[-1]
    return bool(_SECRET_NAME.search(last) or _CAPITALS.match(last))


def _may_show(name: str, value: str) -> bool:
    """Whether the value of this name may be shown as it stands."""
    if not is_secret_name(name) or is_harmless(value, name):
        return True
    return bool(_ADDRESS_NAME.search(name)) and bool(_WEB.match(value.strip()))


def _env_lines(lines: Iterable[str]) -> Iterator[str]:
    """The lines of an environment file: names, and nothing else. What has no name may go on with the value of
    the line before, and a comment may hold the last password."""
    quote = ""
    for line in lines:
        found = None if quote else _VARIABLE.match(line)
        if quote:
            quote = "" if line.count(quote) % 2 else quote
            yield MASK
        elif found:
            value = found[2].strip()
            opened = value[:1] if value[:1] in ("'", '"') else ""
            quote = opened if opened and value.count(opened) % 2 else ""
            yield line if not quote and is_harmless(value, found[1]) else f"{found[1]}{MASK}"
        elif not line.strip():
            yield ""
        else:
            yield f"# {MASK}" if line.lstrip().startswith("#") else MASK


class _Reading:
    """Goes through the lines of a config, and knows when it is inside of a secret's value."""

    def __init__(self) -> None:
        self._below: int | None = None
        """Indent of a secret's own line, while what is indented further is its value."""
        self._names = _MAPPED
        """How a name within the value looks that may be shown."""
        self._brackets = ("", "")
        self._depth = 0
        """How many brackets of such a value are still open."""
        self._next = False
        """The next line is a secret's value: an argument's, or a property list's."""
        self._table = False
        """In a TOML table whose name is a secret's."""

    def lines(self, lines: Sequence[str]) -> Iterator[str]:
        return map(self._line, lines)

    def _line(self, line: str) -> str:
        if not line.strip():
            return ""
        begins = line.lstrip()[0]
        if len(line) > LONGEST or (begins in "{[" and len(line) > _LONG_JSON):
            return f"{MASK} ({len(line):,} characters)"
        was_next, self._next = self._next, False
        if was_next:
            return _argument_hidden(line)
        if self._is_inside(line):
            return _value_hidden(line, self._names)
        if flag := _FLAG.fullmatch(line):
            self._next = is_secret_name(flag["name"])
            return line
        if element := _ELEMENT.fullmatch(line):
            return self._of_property_list(line, element)
        if table := _TABLE.fullmatch(line):
            self._table = is_secret_name(table["name"].strip("\"'"))
            return line
        if string := _STRING.fullmatch(line):
            return string[1] + _setting_hidden(string[2]) + string[3]
        found = _SETTING.fullmatch(line)
        if found is not None and (self._table or is_secret_name(found["name"])):
            return self._secret(line, found)
        return _by_shape(line)

    def _is_inside(self, line: str) -> bool:
        opener, closer = self._brackets
        if self._depth:
            many = line.count(opener) - line.count(closer) if opener != closer else -line.count(closer)
            self._depth = max(0, self._depth + many)
            return True
        if self._below is None:
            return False
        indent = _indent(line)
        if indent > self._below or (indent == self._below and line.lstrip().startswith("- ")):
            return True
        self._below = None
        # What closes a bracket stands at the indent of what opened it, and says nothing.
        return False

    def _secret(self, line: str, found: re.Match[str]) -> str:
        value = found["value"].strip()
        self._names = _LISTED if "env" in found["name"].lower() else _MAPPED
        if block := _BLOCK.fullmatch(value):
            # A list's own dash belongs to the indent: of `- users:` the items stand below the `u`.
            self._below = len(found["before"].rstrip("\"'"))
            if block["more"] or block["comment"]:
                return line[: found.start("value")] + (block["sign"] or MASK)
            return line
        for opener, closer in _OPENERS.items():
            if value.startswith(opener):
                rest = value.removeprefix(opener)
                self._brackets = (opener, closer)
                self._depth = max(0, 1 + (rest.count(opener) if opener != closer else 0) - rest.count(closer))
                self._below = len(found["before"].rstrip("\"'")) if self._depth else None
                break
        if _may_show(found["name"], value) and not self._table:
            return _by_shape(line)
        return line if is_harmless(value, found["name"]) else line[: found.start("value")] + MASK

    def _of_property_list(self, line: str, element: re.Match[str]) -> str:
        # The table of the environment is no secret itself: its own keys are judged.
        secret = is_secret_name(element["name"]) and element["name"] != "EnvironmentVariables"
        if not element["after"].strip():
            self._next = secret
            return line
        after = _argument_hidden(element["after"]) if secret else _by_shape(element["after"])
        return line[: element.start("after")] + after


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _argument_hidden(line: str) -> str:
    """A line that is a value alone: of its own it keeps the tags."""
    if "<" in line:
        return re.sub(r">[^<]+<", f">{MASK}<", line) if re.search(r">[^<]*<", line) else MASK
    return " " * _indent(line) + ("- " if line.lstrip().startswith("- ") else "") + MASK


def _setting_hidden(text: str) -> str:
    """A setting on a line of its own, or what else stands there."""
    found = _SETTING.fullmatch(text)
    if found is None or _may_show(found["name"], found["value"]):
        return _by_shape(text)
    return text[: found.start("value")] + MASK


def _value_hidden(line: str, names: re.Pattern[str]) -> str:
    """A line of a secret's value: at most a name of its own is shown."""
    found = names.fullmatch(line)
    if found is None or _looks_random(found["name"]):
        bare = line.strip().rstrip(",")
        return line if bare in ("]", "}", ")", "[", "{") else _argument_hidden(line)
    if is_harmless(found["value"] or "", found["name"]):
        return line
    return line[: found.start("value")] + MASK


def _by_shape(line: str) -> str:
    """A line that is no secret as a whole, with what looks like one masked."""
    line = _ARGUMENT.sub(_argument, _named_hidden(line))
    for shape in _SHAPES:
        line = shape.sub(rf"\g<1>{MASK}", line)
    line = mask_secrets(line)
    digests = {found.start() for found in _DIGEST.finditer(line)}

    def token(found: re.Match[str]) -> str:
        if found.start() in digests:
            return found[0][:_DIGEST_SHOWN]
        return MASK if _looks_random(found[0]) else found[0]

    return _TOKEN.sub(token, line)


def _named_hidden(line: str) -> str:
    """The line with the values of secret names in it masked, however deep they stand."""
    pieces: list[str] = []
    at = 0
    while found := _NAMED.search(line, at):
        begin = found.end()
        before = line[:begin]
        inside = sum(map(before.count, "{[")) > sum(map(before.count, "}]"))
        value = (_IN_BRACKETS if inside else _TO_THE_END).match(line, begin)
        pieces.append(line[at:begin])
        at = begin
        if value is not None and not _may_show(found["name"], value[0]):
            pieces.append(MASK)
            at = value.end()
    return "".join((*pieces, line[at:]))


def _argument(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if is_secret_name(found["name"]) else found[0]


def _looks_random(word: str) -> bool:
    """Letters and digits mixed as no person names a thing: `media-server-2` is a name, `a8f3kq01x` none."""
    parts = [part for part in re.split(r"[-_=+/~]", word) if part]
    if any(part.isdigit() and len(part) >= 10 for part in parts):
        return True
    mixed = [part for part in parts if re.search(r"[A-Za-z]\d|\d[A-Za-z]", part)]
    if any(len(part) >= 8 for part in mixed) or sum(map(len, mixed)) >= 12:
        return True
    changes = sum(a.islower() and b.isupper() for a, b in pairwise(word))
    return changes >= 4 or (len(word) >= 40 and len(parts) < 4)
