"""Secrets among the arguments of programs, in a shell's line or a list of words: what may be shown of them.

Pure, and one list for every face: `known_hidden` knows the programs that take a password behind a short flag,
and serves any text (a log's, too: sudo and cron write whole commands). `hidden` is for what is shown of a
file: it hides behind such a flag whatever the program, since that may stand on another line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

MASK: Final = "***"
SECRET_FLAGS: Final = "pPaAwWkK"  # noqa: S105 - letters
"""Short flags whose value is a secret for some program."""
USER_FLAGS: Final = "uU"
"""Short flags of a user's name, behind which a password may stand: `-u ada:secret`, `-U ada%secret`."""
_PROGRAMS: Final = (
    # What they take as a secret, by their manuals: behind which short flags
    (r"(?:mysql|mariadb)[\w-]*", "p"),
    (r"(?:redis|valkey|keydb)-cli", "a"),
    (
        r"sshpass|7z\w*|(?:un)?rar|mongo\w*|(?:docker|podman|nerdctl|helm|oras|skopeo)[ ]+(?:\w+[ ]+)?login",
        "p",
    ),
    (r"mosquitto_\w+|zip|ipmitool", "P"),
    (r"ldap\w+", "w"),
    (r"snmp\w+", "cAX"),
    (r"curl", "b"),
    (r"openssl", "kK"),
)
_USERS: Final = re.compile(r"(?<![\w.-])(?:curl|wget|smb\w+|rpcclient|lftp|mount\.cifs)(?![\w.-])")
_HINTS: Final = re.compile(
    r"mysql|mariadb|-cli|sshpass|7z|rar|mongo|mosquitto|zip|ipmi|ldap|snmp|curl|wget|openssl|smb|rpcclient"
    r"|lftp|login|cifs"
)

_QUOTED: Final = r"""\\"(?:(?!\\").)*\\"|"(?:[^"\\]|\\.)*"|'[^']*'"""
_WORD: Final = rf"""(?:{_QUOTED}|\\.|[^\s"'\\])+"""
"""A word as a shell takes it: quoted parts belong to it."""
_ITEM: Final = rf"""(?:{_QUOTED}|[^\s,\]]+)"""
"""One of a list between brackets."""
_BETWEEN: Final = r"""["']?(?:\s*,\s*|</string>\s*<string>)"""
"""Between two arguments of a list."""


class _Forms(NamedTuple):
    """How a flag and its value stand: in one quoted word, in one bare one, in two."""

    quoted: re.Pattern[str]
    bare: re.Pattern[str]
    two: re.Pattern[str]


def _forms(attached: str, apart: str) -> _Forms:
    """Of the flags of these letters, with their value in the same word, and in the next one."""
    return _Forms(
        re.compile(
            rf"""(?P<q>["'])(?P<flag>-[{attached}])(?P<value>(?:(?!(?P=q))[^\\]|\\.)+)(?=(?P=q)|\\?$)"""
        ),
        re.compile(rf"""(?<![\w"'./-])(?P<q>)(?P<flag>-[{attached}])(?!,)(?P<value>{_WORD})"""),
        re.compile(
            rf"""(?<![\w./-])(?<!mkdir )(?<!\bcp )(?P<flag>-[{apart}](?:{_BETWEEN}(?={_ITEM})|["']?\s+))"""
            rf"""(?P<value>(?<=,)\s*{_ITEM}|(?<=[\s>]){_WORD}|{_ITEM})"""
        ),
    )


_KNOWN: Final = tuple(
    (re.compile(rf"(?<![\w.-])(?:{program})(?![\w.-])"), _forms(letters, letters))
    for program, letters in _PROGRAMS
)
_ANY: Final = _forms("pP", SECRET_FLAGS)
_PORTS: Final = re.compile(r"(?:[\d.]{1,15}:)?\d{1,5}(?:[-:]\d{1,5})*(?:/(?:tcp|udp))?")
_WORDS: Final = re.compile(
    r"p(?:[a-z]{1,2}|a?th|rint0?|rune|erm|orts?|ublish|rofile|roject|rox(?:y|ies)|reset|ix_fmt|rotocol|thread)"
)
"""`-print`, `-path`, `-prune`: flags of one dash that begin like `-p`."""
_VARIABLE: Final = re.compile(r"\$\w+|\$\{\w+\}")
_HEADER: Final = re.compile(
    rf"""((?<![\w-])(?:-H|--header)(?:{_BETWEEN}|["']?=?\s*)\\?["']?(?P<name>[\w-]{{1,64}}):\s*)[^"'\\]+"""
)
_OPEN_HEADERS: Final = frozenset(
    ("accept", "accept-encoding", "accept-language", "cache-control", "content-type", "host", "user-agent")
)
_LONG_USER: Final = re.compile(
    rf"""((?<![\w-])--(?:proxy-)?user(?:pwd)?(?:=|{_BETWEEN}|\s+))({_WORD})""", re.IGNORECASE
)
_OTHERS: Final = (
    # docker run -e name=value
    re.compile(rf"((?<![\w-])(?:-e|--env)(?:{_BETWEEN}|[=\s]*)[\"']?[\w.]{{1,100}}=)({_WORD})"),
    # what is piped into a program is its standard input, where passwords go
    re.compile(r"(\b(?:echo|printf)\s+)([^|]{1,1000}?)(?=\s*\|(?!\|))"),
    re.compile(r"(\bhtpasswd\s+-\w*b\w*\s+)(.+)"),
    re.compile(rf"(\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?)({_WORD})", re.IGNORECASE),
    re.compile(rf"(\b-?pass(?:in|out)?[ :]pass:)({_WORD})"),
    re.compile(rf"((?<!\S)/p:)({_WORD})"),
    re.compile(rf"(<<<\s*)({_WORD})"),
    re.compile(r"(\s-passwd\s+)(.+)"),
    # a shell's variable, and a Dockerfile's
    re.compile(r"(\b(?:set\s+-\w+|setenv|ENV)\s+[A-Za-z_]\w{0,100}\s+)([^-\s].*)"),
)


def known_hidden(text: str) -> str:
    """The text without what a known program takes as a secret behind a short flag."""
    if not _HINTS.search(text):
        return text
    for program, forms in _KNOWN:
        if found := program.search(text):
            text = text[: found.end()] + _flags_hidden(text[found.end() :], forms, _nothing)
    if found := _USERS.search(text):
        text = text[: found.end()] + _users_hidden(text[found.end() :])
    return text


def hidden(line: str) -> str:
    """A file's line without what may be a secret argument; ports and variables behind `-p` are shown."""
    for form in _OTHERS:
        line = form.sub(rf"\g<1>{MASK}", line)
    line = _HEADER.sub(lambda m: m[0] if m["name"].lower() in _OPEN_HEADERS else f"{m[1]}{MASK}", line)
    return _flags_hidden(_users_hidden(known_hidden(line)), _ANY, _is_harmless)


def header_hidden(text: str) -> str:
    """`Name: ***` of a header of which not everybody may know the value."""
    found = re.fullmatch(r"""(\s*(?:-\s+)?["']?(?P<name>[\w-]{1,64})\s*:\s*).*""", text)
    if found is None:
        return MASK
    return text if found["name"].lower() in _OPEN_HEADERS else f"{found[1]}{MASK}"


def user_hidden(value: str) -> str:
    """`ada:***` of a user with a password; a user's and a group's numbers are shown."""
    found = re.match(r"([^:%,]{0,64}[:%,])(.+)", value, re.DOTALL)
    if (
        found is None
        or re.fullmatch(r"\d{1,5}[\"']?", found[2])
        or _VARIABLE.fullmatch(found[2].strip("\"'"))
    ):
        return value
    return f"{found[1]}{MASK}"


def is_port(value: str) -> bool:
    """Whether a value is a port, or what of ours is published as which."""
    return bool(_PORTS.fullmatch(value))


def _nothing(letter: str, value: str) -> bool:
    return not value.strip("\"'")


def _is_harmless(letter: str, value: str) -> bool:
    """Whether the value behind a flag of any program says nothing; `letter`: that it is one word with."""
    bare = value.strip("\\\"'")
    if not bare or bare.startswith(MASK) or _VARIABLE.fullmatch(bare):
        return True
    if letter and _WORDS.fullmatch(letter.lower() + value):
        return True
    return is_port(bare) or bool(re.match(r"https?://", bare))


def _flags_hidden(text: str, forms: _Forms, harmless: Callable[[str, str], bool]) -> str:
    """`harmless` says of a flag's letter and its value whether they may be shown."""

    def one_word(found: re.Match[str]) -> str:
        flag, value = found["flag"], found["value"]
        return found[0] if harmless(flag[1], value) else f"{found['q']}{flag}{MASK}"

    def two_words(found: re.Match[str]) -> str:
        return found[0] if harmless("", found["value"]) else f"{found['flag']}{MASK}"

    return forms.two.sub(two_words, forms.bare.sub(one_word, forms.quoted.sub(one_word, text)))


_SHORT_USER: Final = re.compile(
    rf"""((?<![\w./-])(?P<in>(?<!\\)["'])?-[A-Za-z]{{0,5}}[{USER_FLAGS}]"""
    rf"""(?:{_BETWEEN}|["']?\s+|(?=[^\s"',<]))(?P<open>\\?["'])?)"""
    rf"""((?(in)[^"'\\]+|(?(open)[^"'\\]+|{_WORD})))"""
)


def _users_hidden(text: str) -> str:
    def user(found: re.Match[str]) -> str:
        return found[1] + user_hidden(found[found.re.groups])

    return _LONG_USER.sub(user, _SHORT_USER.sub(user, text))
