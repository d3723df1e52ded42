"""What may be shown of a watched file's text: its lines, with everything that may open a door masked. Pure.

What is shown of a file leaves the house and stays in chats, and the file is at hand as a whole: so this hides
more than `safetext.mask_secrets` does, which it also asks. Names say what is a secret, then the place (below
`environment:`, in a list of users), then the look: a long word with digits in it is taken for a token. It
would rather hide an image's tag than show a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from nightporter import arguments
from nightporter.safetext import MASK, mask_secrets
from nightporter.sources.integrity.elements import Elements
from nightporter.sources.integrity.names import (
    SECRET_NAME,
    is_harmless,
    is_secret_name,
    looks_random,
    may_show,
)

MAX_LINES: Final = 4_000
LONGEST: Final = 1_000
"""Characters of a line that is shown: a longer one is a program's, not a person's."""
_LONG_JSON: Final = 200
"""A line that begins with a bracket and is longer holds a whole tree."""
HIDDEN_NAMES: Final = (
    *("acme*.json", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "*.age", "*.gpg", "id_*"),
    *(
        "*htpasswd*",
        "*passwd*",
        "*shadow*",
        "*secret*",
        "*password*",
        "*token*",
        "*credential*",
        "*netrc",
        "*pgpass*",
        "*htdigest*",
    ),
)
"""Files that hold little else than secrets: nothing of them is shown."""
ENV_NAMES: Final = (".env", "*.env", ".env.*", "*.envrc", "env")
_PRIVATE: Final = re.compile(r"PRIVATE KEY|BEGIN PGP|AGE-SECRET-KEY", re.IGNORECASE)

_PLACE: Final = re.compile(r"[\"']?https?://[\w.:\[\]-]+(?:/[a-z]{1,12}){0,4}/?[\"']?")
"""Whom a proxy asks for leave (`forwardAuth: {address: http://authelia:9091/api/verify}`)."""
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
    rf"""(?<![\w-])(--?(?P<name>[\w.-]{{2,64}})(?:["']?(?:\s*,\s*|\s+)|</string>\s*<string>))({_QUOTED}|[^\s,<\]]+)"""
)
"""`--name value` and `"--name", "value"` within a line."""
_CALLED: Final = re.compile(rf"""(["'](?P<name>[\w.]{{2,64}})["']\s*,\s*)({_QUOTED})""")
"""`define('DB_PASSWORD', 'value')`."""
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
_GOES_ON: Final = re.compile(r"""(?:^|.*[\s"'\[,>])--?(?P<name>[\w.-]{1,64})["']?\s*(?P<more>[,\\]?)\s*""")
"""A list or a shell's line that ends with an argument whose value is the first thing of the next line."""
_ASKED: Final = re.compile(r"\s*\?\s+[\"']?(?P<name>[\w. -]{1,200})[\"']?\s*")
"""YAML's long form of a key; its value stands below."""
_PAIR: Final = re.compile(
    r"""["']?\b(?:name|key|variable|env|parameter)["']?\s*[:=]\s*["']?(?P<name>[\w.-]{1,200})""",
    re.IGNORECASE,
)
_PAIRED: Final = re.compile(
    r"[\"']?\b(?:value|val|set|default|content|data)[\"']?\s*[:=]\s*(?P<value>\S.*)", re.IGNORECASE
)
"""`name: DB_PASSWORD` and `value: x`, on one line or on the next."""
_TABLE: Final = re.compile(r"\s*\[{1,2}(?P<name>[\w.\"'-]+)\]{1,2}\s*(?:#.*)?")
"""TOML's and INI's heading of a table."""
_OPENERS: Final = {"[": "]", "{": "}", '"""': '"""', "'''": "'''"}
_BLOCK: Final = re.compile(r"(?P<sign>[|>][+-]?\d?[+-]?)?(?P<more>[&!]\S+)?\s*(?P<comment>#.*)?")
"""Before a value that stands on the lines below; what looks like a tag or a comment may also be the value."""
_WITH_USERS: Final = (
    # What htpasswd writes; compose doubles the dollars
    re.compile(
        r"((?:[\w.@-]{0,100}:|(?<![\w$]))(?=[${]))(?:\$?\$(?:apr1|2[abxy]|5|6|7|y|argon2\w*)\$\S+|\{SHA\}\S+)"
    ),
    # An address of the web with a `@` and a question: nobody can say which of both is whose
    re.compile(r"(\bhttps?://)(?=[^\s\"']*@)(?=[^\s\"']*\?)[^\s\"']+", re.IGNORECASE),
    # user:password@host, in an address of the web and bare; `image:tag@sha256:…` is none
    re.compile(r"(\b(?:https?|tcp|udp|h2c)://)[^\s\"']+(?=@)", re.IGNORECASE),
    re.compile(r"((?<!:)//)[^\s\"']+(?=@)"),
    re.compile(r"((?<![\w/.+%-])[\w.+%-]{1,64}:)(?!//)[^\s\"']+(?=@(?!sha256:)[\w\[(])"),
)
"""Users with what they prove themselves by; first of all, or what is taken for a flag would cut them."""
_SHAPES: Final = (
    # An address that is no web page: the rest is a receiver's secret (discord://, mailto://, tgram://)
    re.compile(
        r"(\b(?!https?:|tcp:|udp:|h2c:|unix:|file:)[a-z][a-z0-9+.-]{1,20}://)[^\s\"']+", re.IGNORECASE
    ),
    re.compile(r"(\bhttps?://[^\s\"'?#]{1,500}\?)[^\s\"']+", re.IGNORECASE),
    # `name value`, as servers write their settings
    re.compile(
        r"((?<![\w.$/-])(?:[\w.-]{0,60}(?:passw(?:or)?d|passphrase|secret|token|(?:api|private|preshared|auth)[_-]?key"
        r"|authorization|psk|auth|claim)"
        r"|requirepass)\s+)(?![:=|>&)}\]]|\*\*\*)(?:\"[^\"]*\"?|'[^']*'?|[^\s\"']+)",
        re.IGNORECASE,
    ),
    re.compile(r"(^\s*user\s+\S+\s+).+"),
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
        self._next: Callable[[str], str] | None = None
        """What hides the next line, since it is a secret's value: an argument's."""
        self._loose: int | None = None
        """Indent of the line that ended with such an argument, if nothing but that says that it goes on."""
        self._pair = False
        """The line before named a secret, and this one may hold its `value`."""
        self._elements = Elements(is_secret_name)
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
        if self._next is not None and not self._is_other(line):
            if begins == "#":  # a remark between an argument and its value
                return _argument_hidden(line)
            hide, self._next = self._next, None
            return hide(line)
        if self._is_inside(line):
            return _value_hidden(line, self._names)
        if (shown := self._elements.line(line)) is not None:
            return shown
        if flag := _FLAG.fullmatch(line):
            self._next, self._loose = _hider(flag["name"]), None
            return _by_shape(line)
        if asked := _ASKED.fullmatch(line):
            self._next, self._loose = _hider(asked["name"]), None
            return line
        if flag := _GOES_ON.fullmatch(line):
            self._next = _hider(flag["name"])
            self._loose = None if flag["more"] else _indent(line)
        return self._of_setting(self._paired(line))

    def _is_other(self, line: str) -> bool:
        """Whether a line is the next setting, and no argument's value."""
        if self._loose is None or _indent(line) > self._loose or not _MAPPED.fullmatch(line):
            return False
        self._next = None
        return not line.lstrip().startswith("-")

    def _paired(self, line: str) -> str:
        """The line without the value of what it or the line before names as a secret."""
        named = _PAIR.search(line)
        before, self._pair = self._pair, named is not None and is_secret_name(named["name"])
        value = _PAIRED.search(line) if before or self._pair else None
        if value is None or is_harmless(value["value"].rstrip("}] ,"), named["name"] if named else ""):
            return line
        return line[: value.start("value")] + MASK

    def _of_setting(self, line: str) -> str:
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
        if "#" not in found["before"]:
            self._goes_on(value, found)
        for opener, closer in _OPENERS.items():
            if value.startswith(opener):
                rest = value.removeprefix(opener)
                self._brackets = (opener, closer)
                self._depth = max(0, 1 + (rest.count(opener) if opener != closer else 0) - rest.count(closer))
                self._below = len(found["before"].rstrip("\"'")) if self._depth else None
                break
        if may_show(found["name"], value) and not self._table:
            return _by_shape(line)
        return line if is_harmless(value, found["name"]) else line[: found.start("value")] + MASK

    def _goes_on(self, value: str, found: re.Match[str]) -> None:
        """Text may go on below, indented further, and to its closing quote."""
        self._below = len(found["before"].rstrip("\"'"))
        quote = value[:1]
        before = found["before"].strip()[-1:]
        if (
            quote in ("'", '"')
            and quote != before
            and value.count(quote) % 2
            and not value.startswith(quote * 3)
        ):
            self._brackets, self._depth = (quote, quote), 1


def _hider(name: str) -> Callable[[str], str] | None:
    """What hides the value of an argument or key of this name; None where it may be shown."""
    if name in ("user", "proxy-user", "userpwd", *arguments.USER_FLAGS):
        return _user_argument
    if name in ("H", "header"):
        return arguments.header_hidden
    if name in ("e", "env"):
        return _variable_hidden
    if len(name) == 1:
        return _flag_value if name in arguments.SECRET_FLAGS else None
    if name.endswith(("-stdin", "-file")):
        return None
    return _argument_hidden if is_secret_name(name.replace(" ", "_")) else None


def _flag_value(line: str) -> str:
    return (
        line if arguments.is_port(line.strip().removeprefix("- ").strip("\"',")) else _argument_hidden(line)
    )


def _variable_hidden(line: str) -> str:
    return _value_hidden(line, _LISTED)


def _user_argument(line: str) -> str:
    return _by_shape(arguments.user_hidden(line))


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
    if found is None or may_show(found["name"], found["value"]):
        return _by_shape(text)
    return text[: found.start("value")] + MASK


def _value_hidden(line: str, names: re.Pattern[str]) -> str:
    """A line of a secret's value: at most a name of its own is shown."""
    found = names.fullmatch(line)
    if found is None or looks_random(found["name"]):
        bare = line.strip().rstrip(",")
        return line if bare in ("]", "}", ")", "[", "{") else _argument_hidden(line)
    value = found["value"] or ""
    if is_harmless(value, found["name"]) or (found["name"] == "address" and _PLACE.fullmatch(value)):
        return line
    return line[: found.start("value")] + MASK


def _by_shape(line: str) -> str:
    """A line that is no secret as a whole, with what looks like one masked."""
    for shape in _WITH_USERS:
        line = shape.sub(rf"\g<1>{MASK}", line)
    line = _ARGUMENT.sub(_argument, _named_hidden(arguments.hidden(line)))
    line = _CALLED.sub(_second, line)
    for shape in _SHAPES:
        line = shape.sub(rf"\g<1>{MASK}", line)
    line = mask_secrets(line)
    digests = {found.start() for found in _DIGEST.finditer(line)}

    def token(found: re.Match[str]) -> str:
        if found.start() in digests:
            return found[0][:_DIGEST_SHOWN]
        return MASK if looks_random(found[0]) else found[0]

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
        if value is not None and not may_show(found["name"], value[0]):
            pieces.append(MASK)
            at = value.end()
    return "".join((*pieces, line[at:]))


def _second(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if SECRET_NAME.search(found["name"]) else found[0]


def _argument(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if is_secret_name(found["name"]) else found[0]
