"""How real programs write a line of each format: the other side of the parsers, written apart from them."""

from __future__ import annotations

import json
from typing import Final, Literal

from hypothesis import strategies as st

WORDS: Final = ("failed", "Login", "Admin", "KISS", "risk", "/wp-login.php", "4711", "1.5e3", "203.0.113.9")
TEXT: Final = st.lists(
    st.one_of(
        st.sampled_from(WORDS),
        st.text(
            st.sampled_from("abkKiIsS0149 /\\\"<>&=:.,-+[]{}()|*?%'éÉ\u212a\u0130\u0131ſ\u2028"), max_size=6
        ),
    ),
    max_size=4,
).map("".join)
"""Text that a visitor may have sent, without line ends; rich in what formats escape and cases that fold."""
NOISE: Final = st.sampled_from(("\t", "\x00", "\x1b[31m", "\x1b[0m", "\x1b", "\x7f", "\n"))


def go_json(text: str) -> str:
    """A string as Go's encoding/json writes it, quotes included."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in "\n\r\t":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char])
        elif char in "<>&\u2028\u2029" or char < " ":
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def any_json(text: str, escaped: frozenset[int], *, solidus: bool, ascii_only: bool) -> str:
    """A string as some writer of JSON may spell it: the characters at `escaped` as \\uXXXX."""
    out = []
    for index, char in enumerate(text):
        if index in escaped and char <= "\uffff":
            out.append(f"\\u{ord(char):04X}")
        elif char == "/" and solidus:
            out.append("\\/")
        else:
            out.append(json.dumps(char, ensure_ascii=ascii_only)[1:-1])
    return '"' + "".join(out) + '"'


def go_quote(text: str) -> str:
    """A value as Go's logfmt writers spell it: bare where it can be, else as strconv.Quote does."""
    if text and all("!" <= char <= "~" and char not in '"=\\' for char in text):
        return text
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in "\n\r\t":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char])
        elif char < " " or char == "\x7f":
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


@st.composite
def noisy(draw: st.DrawFn) -> str:
    """Text with controls and colours anywhere, within words too."""
    text = draw(TEXT)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(NOISE) + text[at:]
    return text


@st.composite
def traefik_json(draw: st.DrawFn) -> bytes:
    """An access line as v3 writes it."""
    keys = ["RequestMethod", "RequestHost", "ClientUsername", "RouterName", "ServiceName", "ServiceURL"]
    keys += ["request_User-Agent", "request_Referer", "TLSVersion", "entryPointName", "RequestProtocol"]
    row = [f'"{key}":{go_json(draw(noisy()))}' for key in keys if draw(st.booleans())]
    row.append(f'"RequestPath":{go_json("/" + draw(TEXT))}')
    row.append(f'"ClientHost":{go_json(draw(addresses()))}')
    blank = draw(st.sampled_from(("", " ")))
    row += [f'"DownstreamStatus":{blank}{draw(statuses())}', f'"OriginStatus":{draw(statuses())}']
    return ("{" + ",".join(draw(st.permutations(row))) + "}").encode()


@st.composite
def traefik_clf(draw: st.DrawFn) -> bytes:
    """An access line, or two where a user name tore it."""
    user = draw(noisy()).replace("\r", "") or "-"
    agent, referer = (draw(TEXT).replace('"', '\\"') or "-" for _ in range(2))
    target = "/" + draw(TEXT).replace('"', "%22").replace(" ", "%20")
    start = f'{draw(addresses())} - {user} [24/Nov/2026:10:25:10 +0000] "GET {target} HTTP/1.1" '
    start += f'{draw(statuses())} 17 "{referer}" "{agent}"'
    if draw(st.booleans()):
        return start.encode()
    router = draw(st.sampled_from(("-", "auth@file", "plex@docker")))
    return f'{start} 7 "{router}" "http://10.0.0.5:80" 12ms'.encode()


@st.composite
def traefik_service(draw: st.DrawFn) -> bytes:
    """A service line: zerolog's console or JSON."""
    message, error, user = draw(noisy()), draw(noisy()), draw(TEXT)
    if draw(st.booleans()):
        parts = [f'"level":"warn","error":{go_json(error)},"user":{go_json(user)}']
        if draw(st.booleans()):
            parts.append(f'"message":{go_json(message)}')
        return ("{" + ",".join(parts) + "}").encode()
    level = draw(st.sampled_from(("ERR", "\x1b[31mERR\x1b[0m", "E\x1b[0mRR", "DBG")))
    message = message.replace("\n", " ")
    pairs = f" error={go_quote(error)} user={go_quote(user)}" if draw(st.booleans()) else ""
    return f"2026-11-24T10:24:23Z {level} {message}{pairs}".encode()


@st.composite
def open_json(draw: st.DrawFn) -> bytes:
    """A JSON line of some application."""

    def spelled(text: str) -> str:
        escaped = draw(st.frozensets(st.integers(0, 12), max_size=2))
        return any_json(text, escaped, solidus=draw(st.booleans()), ascii_only=draw(st.booleans()))

    names = ("message", "msg", "user", "path", "error", "host", "client_ip", "action")
    row = [f"{spelled(name)}:{spelled(draw(noisy()))}" for name in names if draw(st.booleans())]
    row.append(f'"level":{draw(levels())}')
    row.append(f'"status":{draw(st.sampled_from(("404", "404.0", "4.04e2", chr(34) + "404" + chr(34))))}')
    row.append(f'"code":{draw(st.sampled_from(("1000", "1e3", "1000.0", "0.10", "true", "1E+16")))}')
    blank = draw(st.sampled_from(("", " ")))
    return ("{" + f",{blank}".join(draw(st.permutations(row))) + "}").encode()


@st.composite
def macos(draw: st.DrawFn) -> bytes:
    """A line of macOS's log: slashes escaped."""

    def spelled(text: str) -> str:
        return any_json(text, frozenset(), solidus=True, ascii_only=draw(st.booleans()))

    row = [
        f'"processImagePath":{spelled("/usr/libexec/" + draw(TEXT))}',
        f'"subsystem":{spelled(draw(TEXT))}',
        f'"category":{spelled(draw(TEXT))}',
        f'"eventMessage":{spelled(draw(noisy()))}',
        f'"messageType":"{draw(st.sampled_from(("Default", "Info", "Error", "Fault")))}"',
        f'"userID":{draw(st.sampled_from((0, 501)))}',
        '"timestamp":"2026-11-24 10:00:00.123456+0100"',
    ]
    return ("{" + ",".join(draw(st.permutations(row))) + "}").encode()


@st.composite
def journald(draw: st.DrawFn) -> bytes:
    """An entry of systemd's journal: what is not printable, or no UTF-8, is a list of bytes."""

    def spelled(text: str) -> str:
        match draw(st.integers(0, 3)):
            case 0:
                return json.dumps(list(text.encode() + draw(st.sampled_from((b"", b"\xff")))))
            case 1:
                return json.dumps([text, "another"])
            case _:
                return json.dumps(text, ensure_ascii=draw(st.booleans()))

    names = ("MESSAGE", "SYSLOG_IDENTIFIER", "_COMM", "_HOSTNAME", "_SYSTEMD_UNIT")
    row = [f'"{name}":{spelled(draw(noisy()))}' for name in names if draw(st.booleans())]
    row += [f'"PRIORITY":"{draw(st.integers(0, 7))}"', '"_PID":"4711"', '"__CURSOR":"s=1"']
    blank = draw(st.sampled_from(("", " ")))
    return ("{" + f",{blank}".join(draw(st.permutations(row))) + "}").encode()


@st.composite
def logfmt(draw: st.DrawFn) -> bytes:
    """A line of Go's loggers, coloured or not."""
    names = ("msg", "user", "path", "error", "status", "client_ip", "x")
    row = [f"{name}={go_quote(draw(noisy()))}" for name in names if draw(st.booleans())]
    colour = draw(st.sampled_from(("", "\x1b[33m")))
    return f"level={colour}{draw(st.sampled_from(('warn', 'eror', 'info')))} {' '.join(row)} msg=end".encode()


@st.composite
def plain(draw: st.DrawFn) -> bytes:
    """Free text, with a head or without, with bytes that are no UTF-8."""
    head = draw(st.sampled_from(("", "2026-11-24 10:00:00 [ERR] ", "[E 2026-11-24 10:00:00 x] ", "(W) ")))
    head = draw(st.sampled_from((head, "Nov 24 10:00:00 nas sshd[7]: ", "\x1b[31mERR", "ER\x1b[1mROR ")))
    line = (head + draw(noisy()).replace("\n", " ")).encode()
    cut = draw(st.integers(0, len(line)))
    return line[:cut] + draw(st.sampled_from((b"", b"", b"\xff", b"\xe2\x84", b"\xc3"))) + line[cut:]


def addresses() -> st.SearchStrategy[str]:
    return st.sampled_from(
        (
            "203.0.113.9",
            "::ffff:203.0.113.9",
            "::ffff:cb00:7109",
            "2001:db8::1",
            "1.2.3.4, 203.0.113.9",
            "unknown",
        )
    )


def statuses() -> st.SearchStrategy[int]:
    return st.sampled_from((200, 204, 401, 404, 499, 500, 503))


def levels() -> st.SearchStrategy[str]:
    return st.sampled_from(('"warn"', '"ERROR"', '"eror"', '"E"', "50", "2", '"Fatal"'))


Name = Literal[
    "traefik", "traefik_service", "json", "logfmt", "syslog", "text", "auto", "record", "macos", "journald"
]
LINES: Final[dict[Name, st.SearchStrategy[bytes]]] = {
    "traefik": st.one_of(traefik_json(), traefik_clf(), traefik_service()),
    "traefik_service": traefik_service(),
    "json": st.one_of(open_json(), plain()),
    "logfmt": st.one_of(logfmt(), plain()),
    "syslog": plain(),
    "text": plain(),
    "auto": st.one_of(open_json(), logfmt(), plain()),
    "record": open_json(),
    "macos": st.one_of(macos(), plain()),
    "journald": st.one_of(journald(), plain()),
}
