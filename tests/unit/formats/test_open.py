"""Text, JSON, logfmt, syslog and records, and the guess between them."""

from __future__ import annotations

import json

import pytest
from tests.unit.formats.origins import ARRIVED, origin, stamp

from nightporter.formats import make_format
from nightporter.formats.fields import CONTAINER
from nightporter.formats.open_fields import MOST_FIELDS
from nightporter.model import Fields

AT = stamp("2026-11-24T10:00:00+00:00")
T = "2026-11-24T10:00:00"

JSON_LINES: list[tuple[str, str, Fields, int | None]] = [
    (
        "CLEF",
        f'{{"@t":"{T}Z","@m":"Auth-Failure ip 1.2.3.4","@l":"Warn","Logger":"Auth"}}',
        {
            "@t": f"{T}Z",
            "@m": "Auth-Failure ip 1.2.3.4",
            "@l": "Warn",
            "Logger": "Auth",
            "message": "Auth-Failure ip 1.2.3.4",
            "level": "warning",
        },
        AT,
    ),
    (
        "nested, with a list and a null",
        '{"msg":"x","context":{"http":{"path":"/a"},"tags":["b"],"none":null},"n":1,"ok":true}',
        {"msg": "x", "message": "x", "context.http.path": "/a", "n": 1, "ok": True},
        None,
    ),
    (
        "what a line must not say of itself",
        '{"message":"x","event":"login","outcome":"failure","source":"s","time":"2026-11-24T10:00:00Z","raw":"r",'
        '"container":"c","image":"i","stream":"s","service":"s","started":1,"arrived":2,"user":"u"}',
        {"message": "x", "user": "u"},
        AT,
    ),
    (
        "an event as its message",
        '{"event":"user logged in","n":1}',
        {"message": "user logged in", "n": 1},
        None,
    ),
    ("no message", '{"n":1}', {"message": '{"n":1}', "n": 1}, None),
    (
        "an address",
        '{"msg":"x","client_ip":"::FFFF:1.2.3.4"}',
        {"msg": "x", "message": "x", "client_ip": "1.2.3.4"},
        None,
    ),
    ("no address", '{"msg":"x","client_ip":"nobody"}', {"msg": "x", "message": "x"}, None),
    (
        "others' addresses",
        '{"msg":"x","remote_ip":"::FFFF:1.2.3.4"}',
        {"msg": "x", "message": "x", "remote_ip": "::FFFF:1.2.3.4"},
        None,
    ),
    ("a status", '{"msg":"x","status":"404"}', {"msg": "x", "message": "x", "status": 404}, None),
    ("no status", '{"msg":"x","status":"ok"}', {"msg": "x", "message": "x"}, None),
    ("nothing", '{"message":"","user":"-"}', {"message": '{"message":"","user":"-"}'}, None),
    (
        "pino",
        '{"level":50,"time":1795514400000,"msg":"x"}',
        {"level": "error", "msg": "x", "message": "x"},
        AT,
    ),
    ("numbers of others", '{"level":2,"message":"x"}', {"level": 2, "message": "x"}, None),
    (
        "epoch seconds",
        '{"level":"debug","time":1795514400,"msg":"x"}',
        {"level": "debug", "msg": "x", "message": "x"},
        AT,
    ),
    ("colours", '{"msg":"\\u001b[31mred\\u001b[0m"}', {"msg": "\x1b[31mred\x1b[0m", "message": "red"}, None),
    ("the first of two names", '{"message":"x","a.b":1,"a":{"b":2}}', {"message": "x", "a.b": 1}, None),
    ("half an emoji", '{"msg":"x","user":"a\\ud83d"}', {"msg": "x", "message": "x", "user": "a�"}, None),
    (
        "a number beyond all",
        '{"msg":"x","n":1e999,"big":' + "9" * 40 + "}",
        {"msg": "x", "message": "x"},
        None,
    ),
]


@pytest.mark.parametrize("name", ["json", "auto"])
@pytest.mark.parametrize(
    ("line", "fields", "time"), [c[1:] for c in JSON_LINES], ids=[c[0] for c in JSON_LINES]
)
def test_json(name: str, line: str, fields: Fields, time: int | None) -> None:
    event = make_format(origin(name)).parse(line.encode(), ARRIVED)
    assert (event.format, event.fields, event.time) == ("json", fields, time)


LOGFMT_LINES: list[tuple[str, str, Fields, int | None]] = [
    (
        "grafana",
        f'logger=context userId=0 uname= t={T}Z level=eror msg="Request \\"x\\" done" status=401 ip=1.2.3.4',
        {
            "logger": "context",
            "userId": "0",
            "t": f"{T}Z",
            "msg": 'Request "x" done',
            "message": 'Request "x" done',
            "level": "error",
            "status": 401,
            "ip": "1.2.3.4",
        },
        AT,
    ),
    (
        "the first of two names",
        'level=info user=mario msg="x" user=luigi',
        {"level": "info", "user": "mario", "msg": "x", "message": "x"},
        None,
    ),
    (
        "what a line must not say of itself",
        f'time="{T}Z" level=warning event=login outcome=failure service=s msg=y',
        {"level": "warning", "msg": "y", "message": "y"},
        AT,
    ),
    ("no message", "level=info a=b", {"level": "info", "a": "b", "message": "level=info a=b"}, None),
    (
        "letters that Go never escapes",
        'level=info msg="\\x41\\u0042\\n\\u00e9\\ud83d"',
        {"level": "info", "msg": "\\x41\\u0042\né�", "message": "\\x41\\u0042\né�"},
        None,
    ),
]


@pytest.mark.parametrize("name", ["logfmt", "auto"])
@pytest.mark.parametrize(
    ("line", "fields", "time"), [c[1:] for c in LOGFMT_LINES], ids=[c[0] for c in LOGFMT_LINES]
)
def test_logfmt(name: str, line: str, fields: Fields, time: int | None) -> None:
    event = make_format(origin(name)).parse(line.encode(), ARRIVED)
    assert (event.format, event.fields, event.time) == ("logfmt", fields, time)


SYSLOG_LINES: list[tuple[str, str, Fields]] = [
    (
        "sshd",
        "Nov 24 10:00:00 nas sshd-session[85255]: Failed password for x: y",
        {"host": "nas", "program": "sshd-session", "pid": 85255, "message": "Failed password for x: y"},
    ),
    ("no pid", "Nov 24 10:00:00 nas kernel: x", {"host": "nas", "program": "kernel", "message": "x"}),
    (
        "with its priority",
        "<34>Nov 24 10:00:00 nas su: ERROR: x",
        {"host": "nas", "program": "su", "message": "ERROR: x", "level": "error"},
    ),
    (
        "rsyslog's own stamp",
        "2026-11-24T10:00:00.000000+00:00 nas sshd[1]: x",
        {"host": "nas", "program": "sshd", "pid": 1, "message": "x"},
    ),
]


@pytest.mark.parametrize("name", ["syslog", "auto"])
@pytest.mark.parametrize(("line", "fields"), [c[1:] for c in SYSLOG_LINES], ids=[c[0] for c in SYSLOG_LINES])
def test_syslog(name: str, line: str, fields: Fields) -> None:
    event = make_format(origin(name)).parse(line.encode(), ARRIVED)
    assert (event.format, event.fields, event.time) == ("syslog", fields, AT)


TEXT_LINES = [
    (f"{T}.2|Warn|Auth|Auth-Failure ip 1.2.3.4", "warning"),
    (f"{T}.201 Warn Server: AUTH-ERROR: 1.2.3.4 - Invalid", "warning"),
    (f"[{T}.334 +02:00] [INF] [239] Jellyfin.Server: Authentication request", "info"),
    (f"{T} +00:00 [WRN] Failed login attempt by IP: 1.2.3.4", "warning"),
    (f"{T}Z [\x1b[33mwarn\x1b[39m][API]: Failed sign-in attempt", "warning"),
    (f"\x1b[33m{T} WARNING (MainThread) [homeassistant] Login attempt\x1b[0m", "warning"),
    ("[Warn] Auth: Auth-Failure ip 1.2.3.4 username 'x'", "warning"),
    (f"(W) {T} - WebAPI login failure.", "warning"),
    (f"[W {T} ServerApp] 401 POST /login", "warning"),
    ("2026/11/24 10:00:00 ...ers/web/auth.go:218:SignInPost() [I] Failed authentication attempt", "info"),
    (f"{T}Z [AUTH] WARN: Incorrect username or password", "warning"),
    (f"{T} 67172 [Warning] Access denied for user 'x'@'y'", "warning"),
    (f"{T}Z 1 [Note] [MY-010926] [Server] Access denied for user", "info"),
    (f"{T} UTC [28775] FATAL:  password authentication failed", "critical"),
    (f"{T} - DEBUG   :: CP Server Thread-9 : Tautulli WebAuth", "debug"),
    (f"{T}|INFO    |root                  |Failed authentication", "info"),
    ("database is locked", None),
    ("an error in a sentence", None),
    ("the log level was information", None),
    ("", None),
]


@pytest.mark.parametrize("name", ["text", "auto"])
@pytest.mark.parametrize(("line", "level"), TEXT_LINES, ids=[line[:40] for line, _ in TEXT_LINES])
def test_text(name: str, line: str, level: str | None) -> None:
    event = make_format(origin(name)).parse(line.encode() + b"\r", ARRIVED)
    assert event.format == "text"
    assert event.fields.get("level") == level
    assert "\x1b" not in str(event.fields.get("message", ""))
    assert ("message" in event.fields) == bool(line)
    assert (event.time is not None) == ("2026" in line)


@pytest.mark.parametrize(
    "line",
    [
        "The key is a=b and c=d",
        "HTTP error | error=Unauthorized status_code=422",
        "x=1",
        "x=1 y=2",
        "{not json} level=info msg=x",
        '["a"]',
        '"a"',
    ],
)
def test_what_only_looks_like_another_form_is_text(line: str) -> None:
    event = make_format(origin("auto")).parse(line.encode(), ARRIVED)
    assert (event.format, event.fields["message"]) == ("text", line)


@pytest.mark.parametrize("name", ["json", "logfmt", "syslog", "record", "text"])
def test_a_line_of_another_form_is_a_message(name: str) -> None:
    event = make_format(origin(name)).parse(f"{T} ERROR what is this".encode(), ARRIVED)
    assert event.fields == {"message": f"{T} ERROR what is this", "level": "error"}
    assert (event.format, event.time) == (name, AT)


def test_a_record_says_all_it_says() -> None:
    record = {
        "time": AT + 5,
        "action": "die",
        "container": "ombi",
        "image": "linuxserver/ombi",
        "service": "ombi",
        "exit_code": 137,
        "by_hand": False,
        "health": "",
    }
    event = make_format(origin("record")).parse(json.dumps(record).encode(), ARRIVED)
    assert event.format == "record"
    assert event.time == AT + 5
    assert event.fields == {k: v for k, v in record.items() if k not in ("time", "health")}


def test_what_is_too_much_is_dropped_from_the_end_and_from_the_depths() -> None:
    deep: dict[str, object] = {"leaf": 1}
    for _ in range(50):
        deep = {"d": deep}
    many = {f"k{i}": i for i in range(5_000)}
    line = json.dumps({"msg": "x", "n" * 500: 1, "deep": deep, **many}).encode()
    fields = make_format(origin("json")).parse(line, ARRIVED).fields
    assert fields["msg"] == "x"
    assert "k0" in fields
    assert len(fields) <= MOST_FIELDS + 2
    assert not any("leaf" in name or len(name) > 100 for name in fields)


@pytest.mark.parametrize("name", ["json", "logfmt", "auto", "text", "syslog"])
def test_no_line_can_name_its_container(name: str) -> None:
    told = ("event", "outcome", *CONTAINER)
    lines = [
        json.dumps({"msg": "x", **dict.fromkeys(told, "forged")}),
        "level=info msg=x " + " ".join(f"{field}=forged" for field in told),
    ]
    for line in lines:
        fields = make_format(origin(name)).parse(line.encode(), ARRIVED).fields
        assert not fields.keys() & set(told)


@pytest.mark.parametrize("level", ["123456789012345678901234567890", "1e999", "Infinity", "-1e400"])
def test_a_level_that_is_no_number_of_64_bits_is_no_field(level: str) -> None:
    line = f'{{"level":{level},"message":"boom"}}'.encode()
    assert "level" not in make_format(origin("json")).parse(line, ARRIVED).fields
